"""Steps by several routes, as graphs."""

import math

import pytest

from agentc.analyses.routes import of_routes, routed, splittable
from agentc.dialects.provenance import both
from agentc.plan.graph import Company, Hosted, Neighbor, PlacementRule, Task, TaskEdge, TaskGraph, step_of
from agentc.plan.models import ModelShape
from agentc.plan.work import Work

MIND = ModelShape("m8b", "decoder", 32, 4096, 32, 8, 128, 14336, 128256)
EARS = ModelShape("ears", "stt", 2, 64, 2, 2, 32, 128, 100)


def call(name: str, visits: float = 1.0, **more: object) -> list[Task]:
    prefill, decode = f"{name}.prefill", f"{name}.decode"
    return [
        Task(prefill, "llm.prefill", "", Work(), model=MIND, visits=visits, pair=decode, **more),  # pyright: ignore[reportArgumentType]
        Task(decode, "llm.decode", "", Work(), model=MIND, visits=visits, pair=prefill, **more),  # pyright: ignore[reportArgumentType]
    ]


def graph(*extra: TaskEdge) -> TaskGraph:
    tasks = (Task("hear", "stt.run", "", Work(), model=EARS), *call("think", 2.0), Task("tidy", "b", "", Work()))
    edges = (
        TaskEdge("hear", "think.prefill"),
        TaskEdge("think.prefill", "think.decode", streams=True),
        TaskEdge("think.decode", "tidy"),
        *extra,
    )
    rule = Neighbor("hear", True, "zone")
    return TaskGraph("a", tasks, edges, company=(Company(("think.prefill", "think.decode"), ("hear",), rule),))


THINK = ("think.prefill", "think.decode")


def test_calls_and_models_can_go_several_ways_and_tools_cannot():
    assert splittable(graph()) == [("hear",), THINK]


def test_a_cache_that_others_read_keeps_a_step_whole():
    shared = TaskEdge("think.prefill", "tidy", streams=True)
    assert splittable(graph(shared)) == [("hear",)]


def test_what_is_hosted_elsewhere_has_no_routes():
    tasks = call("far", hosted=Hosted())
    assert splittable(TaskGraph("a", tuple(tasks), ())) == []


def test_the_tasks_of_a_group_go_together():
    tasks = [
        Task(f"{stage}.{part}", f"llm.{stage}", "", Work(), model=MIND, pair=f"{other}.{part}", group=stage)
        for stage, other in (("prefill", "decode"), ("decode", "prefill"))
        for part in ("gate", "merge")
    ]
    whole = TaskGraph("a", tuple(tasks), ())
    assert splittable(whole) == [("prefill.gate", "prefill.merge", "decode.gate", "decode.merge")]
    split = routed(whole, {splittable(whole)[0]: (0.6, 0.4)})
    assert {task.group for task in split.tasks} == {"prefill", "decode", "prefill~2", "decode~2"}


def test_routes_serve_all_visits_and_keep_to_themselves():
    split = routed(graph(), {THINK: (0.7, 0.2, 0.1)})
    for step in THINK:
        routes = [task for task in split.tasks if step_of(task.name) == step]
        assert [task.share for task in routes] == [0.7, 0.2, 0.1]
        assert math.fsum(task.visits for task in routes) == pytest.approx(2.0)
    names = {task.name for task in split.tasks}
    assert all(task.pair is None or task.pair in names for task in split.tasks)
    ends = {(edge.src, edge.dst) for edge in split.edges}
    inside = {(src, dst) for src, dst in ends if step_of(src) == "think.prefill" and step_of(dst) == "think.decode"}
    assert inside == {(f"think.prefill{n}", f"think.decode{n}") for n in ("", "~2", "~3")}
    assert {src for src, dst in ends if dst == "tidy"} == {"think.decode", "think.decode~2", "think.decode~3"}
    order = {task.name: number for number, task in enumerate(split.tasks)}
    assert all(order[src] < order[dst] for src, dst in ends)


def test_steps_between_which_data_flows_meet_on_every_way():
    split = routed(graph(), {("hear",): (0.5, 0.5), THINK: (0.9, 0.1)})
    met = {(edge.src, edge.dst) for edge in split.edges if step_of(edge.dst) == "think.prefill"}
    assert len(met) == 4


def test_rules_hold_on_every_route():
    split = routed(graph(), {THINK: (0.7, 0.3)})
    assert set(split.company[0].ones) == {"think.prefill", "think.prefill~2", "think.decode", "think.decode~2"}
    allowed = of_routes({"think.decode": frozenset(("x",))}, split)
    assert allowed == {"think.decode": {"x"}, "think.decode~2": {"x"}}


def test_one_route_is_the_graph_as_it_was():
    assert routed(graph(), {THINK: (1.0,)}) == graph()


def test_rules_of_two_keep_their_places_and_neighbors():
    one = PlacementRule(sites=("a", "b"), zones=("eu",), neighbors=(Neighbor("x"),))
    two = PlacementRule(sites=("b", "c"), neighbors=(Neighbor("y", False, "site"), Neighbor("x")))
    merged = both(one, two)
    assert merged.sites == ("b",) and merged.zones == ("eu",)
    assert merged.neighbors == (Neighbor("x"), Neighbor("y", False, "site"))
    assert both(PlacementRule(zones=("eu",)), PlacementRule(zones=("us",))).zones == ("eu and us",)
