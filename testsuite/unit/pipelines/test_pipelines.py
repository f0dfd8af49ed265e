"""Phases, their rules, the standard pipeline, overrides, places."""

from io import StringIO
from pathlib import Path

import pytest
from harness.ir import TINY, parse, run
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.printer import Printer

from agentc.analyses.task_graph import entry_graph
from agentc.passes import PASSES
from agentc.pipelines import sources
from agentc.pipelines.legality import LEGAL, check_legality
from agentc.pipelines.overrides import limits, override
from agentc.pipelines.phases import PHASES
from agentc.pipelines.runner import Compilation, text
from agentc.pipelines.runner import run as take
from agentc.pipelines.standard import STANDARD, UPSTREAM_PASSES, Settings, passes
from agentc.plan.graph import Limit, Load
from agentc.support.diagnostics import Diagnostic, Label, Refused, Span

SIZES = "shape {input_tokens = #agent.quantity<64.0>, output_tokens = #agent.quantity<16.0>}"


def module() -> ModuleOp:
    node = '{agent.node = "think", agent.source = "agent.yaml:7:3"}'
    return parse(
        f"""
        model.spec @mind {TINY}
        agent.graph entry @a {{
          %q = agent.input "q" : !agent.text
          %r = llm.call @mind(%q) {SIZES} {node} : (!agent.text) -> !agent.text
          agent.output ["r"](%r) : !agent.text
        }} {{limits = [#agent.limit<{{metric = "tbt", seconds = 0.5 : f64}}>]}}"""
    )


def test_every_phase_with_ir_has_passes_and_rules() -> None:
    names = [phase.name for phase in PHASES]
    assert set(STANDARD) <= set(names)
    assert set(LEGAL) == set(names) - {"source", "artifacts"}
    steps = [step for row in STANDARD.values() for step in row]
    assert all(step.name in PASSES or step.name in UPSTREAM_PASSES for step in steps)
    assert all(step.why for step in steps)


def test_settings_reach_the_passes_that_take_them() -> None:
    made = {step.name: step for step in passes("placed", Settings("paper", "latency", 7.0))}
    assert made["attach-fleet"].fleet == "paper"  # pyright: ignore[reportAttributeAccessIssue]
    assert made["place"].objective == "latency"  # pyright: ignore[reportAttributeAccessIssue]
    assert made["place"].time_limit == 7.0  # pyright: ignore[reportAttributeAccessIssue]


def test_the_road_yields_each_phase_and_keeps_text_that_reads_back() -> None:
    compilation = Compilation(module(), Settings("local-cpu"))
    assert list(take(compilation, "kernel")) == ["agent", "task", "placed", "kernel"]
    assert list(compilation.texts) == ["agent", "task", "placed", "kernel"]
    assert compilation.solve_seconds is not None
    for phase, ir in compilation.texts.items():
        assert text(parse(ir)) == ir
        check_legality(parse(ir), phase)


def test_stopping_early_does_not_go_on() -> None:
    compilation = Compilation(module(), Settings("no such fleet"))
    assert list(take(compilation, "task", keep=lambda phase: phase == "task")) == ["agent", "task"]
    assert list(compilation.texts) == ["task"]


def refused(found: ModuleOp, phase: str) -> list[tuple[str, str]]:
    with pytest.raises(Refused) as caught:
        check_legality(found, phase)
    return [(told.message, str(told.span)) for told in caught.value.diagnostics]


def test_an_op_of_another_phase_is_named_with_its_line() -> None:
    assert refused(module(), "task") == [
        ("`llm.call` may not stand in phase `task`", "agent.yaml:7:3"),
        ("`llm.call` has no `agent.task` in phase `task`", "agent.yaml:7:3"),
        ("`llm.call` has no `agent.work` in phase `task`", "agent.yaml:7:3"),
    ]
    split = run(module(), "split-llm")
    assert ("`llm.prefill` may not stand in phase `agent`", "agent.yaml:7:3") in refused(split, "agent")


def test_what_is_missing_is_told() -> None:
    annotated = run(module(), "split-llm", "annotate-work")
    check_legality(annotated, "task")
    told = [message for message, _ in refused(annotated, "placed")]
    assert "phase `placed` wants a `place.plan`, and the module has none" in told
    assert "`llm.decode` has no `place.on` in phase `placed`" in told


def test_a_hosted_call_may_stay_whole() -> None:
    written = str(module()).replace('precision "bf16"', 'precision "bf16" {hosted = {ttft_seconds = 0.5 : f64}}')
    hosted = run(parse(written), "split-llm", "annotate-work")
    assert "llm.call" in str(hosted)
    check_legality(hosted, "task")


def test_overrides_take_the_place_of_all_limits_of_their_metric() -> None:
    graph = entry_graph(module())
    override(graph, ("ttft_ms=250", "tbt_ms.p99=20"), 12.5)
    assert [attr.data for attr in graph.limits or ()] == [Limit("ttft", 0.25), Limit("tbt", 0.02, "p99")]
    assert graph.load is not None
    assert graph.load.data == Load(12.5)
    override(graph, {"end_to_end_ms": 4000}, None)
    assert len(graph.limits or ()) == 3


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("tfft_ms=1", "there is no limit `tfft_ms`"),
        ("ttft_ms.p42=1", "`ttft_ms.p42` names no percentile"),
        ("ttft_ms=fast", "`ttft_ms` is `fast`, not a positive number of milliseconds"),
        ("ttft_ms=-1", "`ttft_ms` is `-1`, not a positive number of milliseconds"),
        ("ttft_ms", "`ttft_ms` is ``, not a positive number of milliseconds"),
    ],
)
def test_bad_overrides_are_refused(stated: str, message: str) -> None:
    with pytest.raises(Refused) as caught:
        limits([stated])
    assert [(d.slug, d.message) for d in caught.value.diagnostics] == [("bad-override", message)]


def test_a_bad_load_is_refused() -> None:
    with pytest.raises(Refused):
        override(entry_graph(module()), (), 0.0)


@pytest.mark.parametrize(
    ("source", "name"),
    [("examples/voice/agent.yaml", "voice"), ("x/bot.yaml", "bot"), ("x/bot.py:helper", "helper"), ("a.mlir", "a")],
)
def test_builds_are_called_after_their_source(source: str, name: str) -> None:
    assert sources.build_name(source) == name


def test_places_are_relative_in_the_ir_and_as_given_in_diagnostics(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text("x")
    found = parse(str(module()).replace("agent.yaml:7:3", f"{tmp_path}/agent.yaml:7:3"))
    sources.make_relative(found, tmp_path)
    assert str(tmp_path) not in str(found)
    assert "agent.yaml:7:3" in str(found)
    label = Label(Span("elsewhere.yaml", 1, 1), "there")
    with pytest.raises(Refused) as caught, sources.shown_from(tmp_path):
        raise Refused(Diagnostic("illegal-op", "no", Span("agent.yaml", 7, 3), labels=(label,)))
    (told,) = caught.value.diagnostics
    assert told.span == Span(f"{tmp_path}/agent.yaml", 7, 3)
    assert told.labels == (label,)


def test_texts_are_written_as_xdsl_writes_them() -> None:
    samples = [*map(chr, range(1, 256)), "plain text, with {braces}", 'a "quote"\n and \\ more', "größer", ""]
    odd = ModuleOp([], {f"t{i}": StringAttr(sample) for i, sample in enumerate(samples)})
    out = StringIO()
    Printer(out).print_op(odd)
    assert text(odd) == out.getvalue() + "\n"
