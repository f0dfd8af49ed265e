"""Placement in the IR: figures agree with the solver's, refusals tell why, decisions keep to what the user says."""

import pytest
from harness.ir import ROUTED, TINY, parse, run
from xdsl.dialects.builtin import ModuleOp

from agentc.analyses import critical_path, task_graph
from agentc.dialects.expert import PrefillOp
from agentc.dialects.place import PlanOp, alternatives, assignment
from agentc.plan.placement import Assignment, PlanSummary
from agentc.support.diagnostics import Refused

LLAMA = (
    '<{name = "m8b", kind = "decoder", layers = 32 : i64, hidden = 4096 : i64, heads = 32 : i64, kv_heads = 8 : i64, '
    'head_dim = 128 : i64, intermediate = 14336 : i64, vocab = 128256 : i64}> precision "fp8"'
)
PREPARE = ("inline-agents", "split-llm", "split-experts", "split-tools", "fuse-compute", "annotate-work")


def module(limits: str = "", rate: float = 2.0, rule: str = "", model: str = LLAMA) -> ModuleOp:
    node = 'agent.node = "think", agent.source = "agent.yaml:12:3"'
    rule = f", agent.placement = #agent.placement<{rule}>" if rule else ""
    sizes = "shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<100.0, assumed>}"
    text = f"""
      model.spec @mind {model}
      tool.spec @search latency <0.18> cpu <0.002> {{python = "tools.py:search"}}
      agent.graph entry @a {{
        %q = agent.input "question" : !agent.text
        %r = llm.call @mind(%q) {sizes} {{{node}{rule}}} : (!agent.text) -> !agent.text
        %l = agent.none : !agent.list<!agent.text>
        %m = agent.map %l width <8.0> concurrency 4 : !agent.list<!agent.text> -> !agent.list<!agent.text> {{
        ^bb0(%item: !agent.text):
          %p = tool.invoke @search(%item) {{agent.node = "find"}} : (!agent.text) -> !agent.text
          agent.yield %p : !agent.text
        }}
        agent.output ["r", "m"](%r, %m) : !agent.text, !agent.list<!agent.text>
      }} {{limits = [{limits}], load = #agent.load<{{requests_per_second = {rate!r} : f64}}>}}"""
    return run(parse(text), *PREPARE)


def place(found: ModuleOp, fleet: str = "mixed-2026", **options: object) -> ModuleOp:
    run(found, "attach-fleet", fleet=fleet)
    return run(found, "search-parallelism", "place", **options)


def limit(metric: str, seconds: float) -> str:
    return f'#agent.limit<{{metric = "{metric}", seconds = {seconds:.9f} : f64}}>'


def assignments(found: ModuleOp) -> dict[str, Assignment]:
    return {
        str(op.attributes["agent.task"]).strip('"'): on for op in found.walk() if (on := assignment(op)) is not None
    }


def summary(found: ModuleOp) -> PlanSummary:
    return next(op.summary.data for op in found.ops if isinstance(op, PlanOp))


def test_every_task_has_a_place_and_the_plan_adds_up() -> None:
    found = place(module(limit("ttft", 0.25) + ", " + limit("tbt", 0.05)))
    placed, plan = assignments(found), summary(found)
    assert set(placed) == {task.name for task in task_graph(found).tasks}
    assert plan.status == "optimal"
    assert plan.usd_per_hour == pytest.approx(sum(pool.usd_per_hour for pool in plan.pools))
    assert plan.usd_per_request == pytest.approx(sum(on.usd_per_request for on in placed.values()))
    assert plan.ttft_seconds is not None
    assert plan.ttft_seconds <= 0.25
    assert plan.tbt_seconds == placed["think.decode"].metrics["tbt"]


def test_what_was_not_stated_is_listed() -> None:
    plan = summary(place(module()))
    assert any("output_tokens = 100" in line and "think.decode" in line for line in plan.assumptions)


def test_latency_is_told_also_where_no_limit_binds_it() -> None:
    plan = summary(place(module()))
    assert plan.ttft_seconds is not None
    assert plan.tbt_seconds is not None
    assert plan.end_to_end_seconds is not None


def test_steps_of_a_map_run_side_by_side() -> None:
    found = place(module())
    finding = assignments(found)["find.compute"]
    assert finding.seconds == pytest.approx(0.182, abs=0.01), "one visit, whatever runs beside it"
    path = critical_path(run(found, "insert-transfers"))
    assert summary(found).end_to_end_seconds == pytest.approx(path.seconds, rel=0.01)


def test_a_pin_is_kept_and_others_are_ruled_out() -> None:
    found = place(module(rule='{pin = "h100-sxm"}'))
    assert {assignments(found)[f"think.{half}"].device for half in ("prefill", "decode")} == {"h100-sxm"}
    prefill = next(op for op in found.walk() if op.name == "llm.prefill")
    assert {row.verdict for row in alternatives(prefill)} == {"infeasible"}
    assert all("pins it" in row.why for row in alternatives(prefill))


def test_the_experts_get_the_parallelism_that_was_chosen() -> None:
    found = place(module(model=ROUTED))
    experts = next(op for op in found.walk() if isinstance(op, PrefillOp))
    on = assignment(experts)
    assert on is not None
    assert experts.tp.value.data == on.tp
    pools = {on.pool for name, on in assignments(found).items() if name.startswith("think.prefill.")}
    assert len(pools) == 1, "the parts of a step share a pool"


def test_an_option_that_is_taken_away_is_not_chosen() -> None:
    found = module()
    run(found, "attach-fleet", fleet="mixed-2026")
    run(found, "search-parallelism")
    chosen = assignments(run(found.clone(), "place"))["think.prefill"].device
    for op in found.walk():
        if op.name in ("llm.prefill", "llm.decode"):
            options = [o for o in op.attributes["place.options"] if o.data.device != chosen]  # pyright: ignore
            op.attributes["place.options"] = type(op.attributes["place.options"])(options)  # pyright: ignore
    assert assignments(run(found, "place"))["think.prefill"].device != chosen


def test_an_impossible_limit_is_refused_with_a_proof() -> None:
    with pytest.raises(Refused) as refused:
        place(module(limit("ttft", 1e-6)))
    (told,) = refused.value.diagnostics
    assert told.slug == "infeasible-placement"
    assert str(told.span) == "agent.yaml:12:3"
    assert any("ttft" in note for note in told.notes)


def test_a_fleet_without_room_says_what_each_device_lacks() -> None:
    with pytest.raises(Refused) as refused:
        place(module(model=LLAMA.replace("layers = 32", "layers = 3200")), fleet="local-cpu")
    (told,) = refused.value.diagnostics
    assert "`think.prefill`" in told.notes[0]
    assert told.notes[1].startswith("cpu-local: it needs ")


def test_a_module_without_a_fleet_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        run(module(), "place")
    assert refused.value.diagnostics[0].slug == "no-fleet"


def test_objectives_differ() -> None:
    cheap = summary(place(module(), objective="cost"))
    fast = summary(place(module(), objective="latency"))
    assert cheap.usd_per_hour < fast.usd_per_hour
    assert (fast.end_to_end_seconds or 0) < (cheap.end_to_end_seconds or 0)


def test_a_tiny_model_goes_to_one_machine() -> None:
    assert {on.device for on in assignments(place(module(model=TINY), fleet="local-cpu")).values()} == {"cpu-local"}
