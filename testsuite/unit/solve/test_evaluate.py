"""The evaluator by hand-made figures: it is the definition that all else is held against."""

import math
from dataclasses import replace

import pytest

from agentc.plan.placement import Deadline, Hop, Option, PlacementEdge, PlacementProblem, PlacementTask, Pool
from agentc.solve import evaluate
from agentc.solve.evaluate import over, replicas_for

POOLS = {"gpu": Pool("gpu", "h100", 2, 10.0, capacity=0.5)}


def option(
    name: str,
    pool: str | None = "gpu",
    *,
    seconds: float = 0.0,
    busy_seconds: float = 0.0,
    usd: float = 0.0,
    metrics: dict[str, float] | None = None,
) -> Option:
    device = "h100" if pool else "hosted"
    return Option(
        name, pool, name, device, "single", seconds=seconds, busy_seconds=busy_seconds, usd=usd, metrics=metrics or {}
    )


def chain(*tasks: PlacementTask, hop: Hop | None = None) -> PlacementProblem:
    hops = {(a.place, b.place): hop or Hop(0.0) for t in tasks for a in t.options for u in tasks for b in u.options}
    pairs = zip(tasks, tasks[1:], strict=False)
    return PlacementProblem(tasks, tuple(PlacementEdge(a.name, b.name, hops) for a, b in pairs), POOLS)


@pytest.mark.parametrize(
    ("load", "replicas"), [(0.0, 1), (0.2, 1), (1.0, 1), (1.0 + 1e-12, 1), (1.001, 2), (0.1 + 0.2 + 2.7, 3)]
)
def test_replicas_round_up_but_not_for_rounding(load: float, replicas: int):
    assert replicas_for(load) == replicas


def test_a_limit_is_met_exactly_by_decimal_fractions():
    assert not over(0.08 + 0.01 + 0.03, 0.12)
    assert over(0.1201, 0.12)


def test_replicas_follow_rate_visits_and_headroom():
    task = PlacementTask("t", (option("o", busy_seconds=0.3),), visits=2.0)
    figures = evaluate(replace(chain(task), requests_per_second=3.0), {"t": "o"})
    # 3/s x 2 visits x 0.3 s = 1.8 busy replicas, of which each may be busy half the time.
    assert figures.replicas == {"gpu": 4}
    assert figures.devices == {"h100": 8}
    assert figures.usd_per_hour == 40.0
    assert figures.usd_per_request == pytest.approx(40.0 / 3600 / 3)


def test_a_pool_is_shared_by_all_who_name_it():
    tasks = [PlacementTask(f"t{i}", (option("o", busy_seconds=0.1),)) for i in range(3)]
    assert evaluate(chain(*tasks), {f"t{i}": "o" for i in range(3)}).replicas == {"gpu": 1}


def test_options_and_hops_charge_by_visits():
    a = PlacementTask("a", (option("x", None, usd=0.01),), visits=2.0)
    b = PlacementTask("b", (option("y", None),), visits=3.0)
    figures = evaluate(chain(a, b, hop=Hop(0.0, 0.001)), {"a": "x", "b": "y"})
    assert figures.usd_per_request == pytest.approx(2 * 0.01 + 3 * 0.001)


def test_longest_path_weighs_visits_and_skips_what_is_asynchronous():
    a = PlacementTask("a", (option("x", None, seconds=1.0),))
    b = PlacementTask("b", (option("y", None, seconds=2.0),), visits=1.5)
    log = PlacementTask("log", (option("z", None, seconds=99.0),), asynchronous=True)
    figures = evaluate(chain(a, b, log, hop=Hop(0.1)), {"a": "x", "b": "y", "log": "z"})
    assert figures.end_to_end_seconds == pytest.approx(1.0 + 1.5 * 0.1 + 3.0)
    assert figures.critical_path == ("a", "b")


def test_an_asynchronous_edge_is_not_waited_for_but_paid():
    a, b = (PlacementTask(n, (option(n, None, seconds=1.0),)) for n in "ab")
    problem = chain(a, b, hop=Hop(5.0, 0.5))
    aside = replace(problem, edges=tuple(replace(e, asynchronous=True) for e in problem.edges))
    figures = evaluate(aside, {"a": "a", "b": "b"})
    assert figures.end_to_end_seconds == 1.0
    assert figures.usd_per_request == pytest.approx(0.5)


def test_ttft_adds_metrics_and_the_transfer_between_once():
    prefill = PlacementTask("p", (option("x", None, metrics={"ttft": 0.08}),), visits=3.0)
    decode = PlacementTask("d", (option("y", None, metrics={"ttft": 0.03, "tbt": 0.02}),))
    deadlines = (Deadline("ttft", math.inf, ("p", "d")), Deadline("tbt", 0.01, ("d",)))
    figures = evaluate(replace(chain(prefill, decode, hop=Hop(0.01)), deadlines=deadlines), {"p": "x", "d": "y"})
    assert figures.ttft_seconds == pytest.approx(0.12)
    assert [(v.kind, v.name, v.value, v.limit) for v in figures.violations] == [("deadline", "tbt", 0.02, 0.01)]


def test_a_soft_deadline_is_priced_not_broken():
    task = PlacementTask("t", (option("o", None, seconds=3.0),))
    problem = replace(chain(task), deadlines=(Deadline("end_to_end", 1.0, (), 0.25),), requests_per_second=2.0)
    figures = evaluate(problem, {"t": "o"})
    assert figures.feasible
    assert figures.penalty_usd_per_hour == pytest.approx(3600 * 2 * 0.25 * 2.0)
    assert figures.usd_per_hour == 0.0


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"stock": {"h100": 1}}, "stock"),
        ({"together": (frozenset({("a", "x"), ("b", "other")}),)}, "together"),
        ({"deadlines": (Deadline("end_to_end", 0.5),)}, "deadline"),
        ({"edges": (PlacementEdge("a", "b", {}),)}, "link"),
    ],
)
def test_each_kind_of_violation_is_seen(change: dict[str, object], kind: str):
    a = PlacementTask("a", (option("x", seconds=1.0),))
    b = PlacementTask("b", (option("y", None), option("other", None)))
    problem = replace(chain(a, b), **change)  # pyright: ignore[reportArgumentType]
    assert [v.kind for v in evaluate(problem, {"a": "x", "b": "y"}).violations] == [kind]


def test_a_task_without_a_choice_is_a_violation():
    task = PlacementTask("t", (option("o"),))
    assert [(v.kind, v.name) for v in evaluate(chain(task), {}).violations] == [("choice", "t")]
