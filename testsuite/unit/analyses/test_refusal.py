"""What would help is true: with the change that is named there is a placement, and just short of it there is none."""

from dataclasses import replace

import pytest
from harness.ir import parse, run
from xdsl.dialects.builtin import ModuleOp

from agentc import catalog
from agentc.analyses import task_graph
from agentc.analyses.placement_problem import pose
from agentc.analyses.refusal import change, refusal
from agentc.analyses.task_graph import entry_graph
from agentc.plan.fleet import Fleet, Stock
from agentc.plan.graph import Limit, Metric, TaskGraph
from agentc.solve import Relaxation, explain, solve
from agentc.support.diagnostics import Diagnostic

MIND = (
    '<{name = "m8b", kind = "decoder", layers = 32 : i64, hidden = 4096 : i64, heads = 32 : i64, kv_heads = 8 : i64, '
    'head_dim = 128 : i64, intermediate = 14336 : i64, vocab = 128256 : i64}> precision "fp8"'
)
PASSES = ("inline-agents", "split-llm", "split-experts", "split-tools", "fuse-compute", "annotate-work")
TEXT = """
  model.spec @mind MODEL
  agent.graph entry @a {
    %q = agent.input "question" : !agent.text
    %r = llm.call @mind(%q) shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<100.0>}
      {agent.node = "think", agent.source = "agent.yaml:12:3"RULE} : (!agent.text) -> !agent.text
    agent.output ["r"](%r) : !agent.text
  } {load = #agent.load<{requests_per_second = 200.0 : f64}>}"""

METRICS: tuple[Metric, ...] = ("ttft", "tbt", "end_to_end")


def fleet(**counts: int) -> Fleet:
    stocks = [(catalog.device(name), count) for name, count in counts.items()]
    return Fleet("few", tuple(Stock(device, count, 1.0) for device, count in stocks))


def module(rule: str = "", model: str = MIND) -> ModuleOp:
    return run(parse(TEXT.replace("RULE", rule).replace("MODEL", model)), *PASSES)


def asked(**limits: float) -> TaskGraph:
    graph = task_graph(module())
    return replace(graph, limits=tuple(Limit(metric, limits[metric]) for metric in METRICS if metric in limits))


def told(graph: TaskGraph, stocks: Fleet) -> Diagnostic:
    return refusal(pose(graph, stocks), {}, entry_graph(module()), proven=True)


def changes(graph: TaskGraph, stocks: Fleet) -> tuple[Relaxation, ...]:
    """What the refusal tells, as data; and its sentence names each."""
    found = explain(
        pose(graph, stocks, lenient=True).problem, changed=lambda each: pose(*change(graph, stocks, each)).problem
    )
    cures = found.relaxations or found.jointly
    help_ = told(graph, stocks).help or ""
    assert all(cure.change in help_ for cure in cures)
    return cures


def fits(graph: TaskGraph, stocks: Fleet, *made: Relaxation) -> bool:
    posed = pose(*change(graph, stocks, made))
    return solve(posed.problem, gap=0.5, reasons=False).status != "infeasible"


def short_of(cure: Relaxation) -> Relaxation:
    if cure.kind == "deadline":
        return replace(cure, needed=cure.needed * 0.997)
    return replace(cure, needed=cure.needed - 1 if cure.kind == "stock" else cure.needed * 1.02)


@pytest.mark.parametrize(
    ("limits", "counts", "kinds"),
    [
        ({"ttft": 0.001}, {"h100-sxm": 8, "l40s": 8}, {"sla.ttft_ms"}),
        ({"tbt": 0.0001}, {"h100-sxm": 8, "l40s": 8}, {"sla.tbt_ms"}),
        ({"end_to_end": 0.01}, {"h100-sxm": 8, "l40s": 8}, {"sla.end_to_end_ms"}),
        ({"ttft": 0.25, "tbt": 0.05}, {"l40s": 1}, {"fleet l40s", "load.requests_per_second"}),
        ({"ttft": 0.25, "tbt": 0.05}, {"h100-sxm": 0, "l40s": 0}, {"fleet h100-sxm", "fleet l40s"}),
        ({"tbt": 0.006}, {"h100-sxm": 1, "l40s": 16}, {"sla.tbt_ms", "fleet h100-sxm", "load.requests_per_second"}),
    ],
)
def test_one_change_that_is_named_is_enough_and_less_is_not(
    limits: dict[str, float], counts: dict[str, int], kinds: set[str]
) -> None:
    graph, stocks = asked(**limits), fleet(**counts)
    assert not fits(graph, stocks)
    cures = changes(graph, stocks)
    assert {cure.name for cure in cures} == kinds
    for cure in cures:
        assert fits(graph, stocks, cure)
        assert not fits(graph, stocks, short_of(cure))


def test_where_no_single_change_is_enough_several_are_and_each_is_needed() -> None:
    graph, stocks = asked(ttft=0.001, tbt=0.0001), fleet(**{"h100-sxm": 8})
    cures = changes(graph, stocks)
    assert [cure.name for cure in cures] == ["sla.ttft_ms", "sla.tbt_ms"]
    assert "would do together" in (told(graph, stocks).help or "")
    assert fits(graph, stocks, *cures)
    for cure in cures:
        assert not fits(graph, stocks, *(short_of(each) if each is cure else each for each in cures))


def test_a_model_that_fits_nowhere_is_told_once_with_what_each_device_lacks() -> None:
    found = told(task_graph(module(model=MIND.replace("layers = 32", "layers = 3200"))), fleet(l40s=4))
    assert found.notes[0] == "`think.prefill`, `think.decode` fit no device of the fleet"
    assert len(found.notes) == 2
    assert found.notes[1].startswith("l40s: it needs ")
    assert "more memory" in (found.help or "")
    assert str(found.span) == "agent.yaml:12:3"


def test_a_pin_to_what_the_fleet_lacks_is_told_as_such() -> None:
    rule = ', agent.placement = #agent.placement<{pin = "b200"}>'
    found = told(task_graph(module(rule)), fleet(l40s=4, **{"h100-sxm": 1}))
    assert found.notes[1] == "l40s, h100-sxm: the definition pins it to `b200`"
    assert "`placement`" in (found.help or "")


def test_devices_are_counted_by_options_that_are_on_time() -> None:
    """Fewer replicas with larger batches would carry the load, too late."""

    def least(limit: float, **counts: int) -> int:
        notes = told(asked(tbt=limit), fleet(**counts)).notes
        return next(int(note.rpartition("takes at least ")[2].split()[0]) for note in notes if "at least" in note)

    tight, loose = least(0.008, **{"h100-sxm": 1, "l40s": 16}), least(0.012, **{"h100-sxm": 1})
    assert tight > loose > 1
