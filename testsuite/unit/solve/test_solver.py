"""The paper's worked example, the edges of the contract, and what large figures do."""

import subprocess
import sys
from dataclasses import replace

import pytest

from agentc.plan.placement import Deadline, Hop, Objective, Option, PlacementEdge, PlacementProblem, PlacementTask, Pool
from agentc.solve import baselines, brute_force, evaluate, explain, solve


def paper(sla: float = 0.120) -> PlacementProblem:
    """Table 3 of arXiv 2507.19635: 1,000 input and 500 output tokens, priced per token."""

    def hosted(device: str, seconds: float, usd: float) -> Option:
        return Option(device, None, device, device, "disaggregated", seconds=seconds, usd=usd)

    prefill = PlacementTask("prefill", (hosted("HP", 0.080, 0.08), hosted("CO", 0.130, 0.05)))
    decode = PlacementTask("decode", (hosted("HP", 0.025, 0.03), hosted("CO", 0.030, 0.01)))
    stay, carry = Hop(0.0), Hop(0.010, 0.005)
    hops = {("HP", "HP"): stay, ("CO", "CO"): stay, ("HP", "CO"): carry, ("CO", "HP"): carry}
    edge = PlacementEdge("prefill", "decode", hops)
    return PlacementProblem((prefill, decode), (edge,), {}, (Deadline("end_to_end", sla),))


def test_the_papers_optimum_is_option_b():
    answer = solve(paper())
    assert answer.status == "optimal"
    assert answer.choice == {"prefill": "HP", "decode": "CO"}
    assert answer.end_to_end_seconds == pytest.approx(0.120, abs=1e-12)
    assert answer.usd_per_request == pytest.approx(0.095, abs=1e-12)


def test_the_papers_other_options():
    a = evaluate(paper(), {"prefill": "HP", "decode": "HP"})
    c = evaluate(paper(), {"prefill": "CO", "decode": "CO"})
    assert (a.end_to_end_seconds, a.usd_per_request) == (pytest.approx(0.105), pytest.approx(0.11))
    assert (c.end_to_end_seconds, c.usd_per_request) == (pytest.approx(0.160), pytest.approx(0.06))
    assert a.feasible
    assert not c.feasible


@pytest.mark.parametrize(("sla", "choice"), [(0.119, ("HP", "HP")), (0.160, ("CO", "CO"))])
def test_the_papers_optimum_moves_with_the_sla(sla: float, choice: tuple[str, str]):
    assert tuple(solve(paper(sla)).choice.values()) == choice


def test_the_paper_below_every_option_names_the_limit_that_would_do():
    conflict = explain(paper(0.100))
    assert [(r.name, r.current, r.needed) for r in conflict.relaxations] == [("sla.end_to_end_ms", 100.0, 105.0)]
    assert "sla.end_to_end_ms: 100 -> 105 would do" in solve(paper(0.100)).conflict


@pytest.mark.parametrize(("objective", "choice"), [("latency", ("HP", "HP")), ("cost", ("HP", "CO"))])
def test_objectives(objective: Objective, choice: tuple[str, str]):
    assert tuple(solve(replace(paper(), objective=objective)).choice.values()) == choice


def test_no_tasks_is_an_empty_plan():
    answer = solve(PlacementProblem((), (), {}))
    assert (answer.status, answer.choice, answer.objective) == ("optimal", {}, 0.0)


def test_a_task_without_options_is_told():
    answer = solve(PlacementProblem((PlacementTask("lonely", ()),), (), {}))
    assert answer.status == "infeasible"
    assert answer.conflict == ("`lonely` has no option: nothing in the fleet can run it",)


def pooled(busy: float = 0.9, stock: int | None = None, tasks: int = 2) -> PlacementProblem:
    pools = {"big": Pool("big", "h100", 4, 12.0), "small": Pool("small", "l4", 1, 1.0)}
    options = (
        Option("big", "big", "h100", "h100", "single", seconds=0.1, busy_seconds=busy / 4),
        Option("small", "small", "l4", "l4", "single", seconds=0.3, busy_seconds=busy),
    )
    rows = tuple(PlacementTask(f"t{i}", options) for i in range(tasks))
    return PlacementProblem(rows, (), pools, stock={} if stock is None else {"l4": stock, "h100": stock})


def test_a_stock_of_zero_is_told_with_what_would_do():
    answer = solve(pooled(stock=0))
    assert answer.status == "infeasible"
    assert "the fleet has 0 of `h100`" in answer.conflict
    assert "the fleet has 0 of `l4`" in answer.conflict
    assert "fleet h100: 0 -> 4 would do" in answer.conflict
    assert "fleet l4: 0 -> 2 would do" in answer.conflict


def test_pools_are_shared_and_replicas_whole():
    answer = solve(pooled(busy=0.5, tasks=3))
    assert answer.replicas == {"small": 2}
    assert answer.usd_per_hour == 2.0


def test_the_first_option_wins_a_tie():
    twins = tuple(Option(f"o{i}", None, "hosted", "hosted", "hosted", seconds=0.1, usd=0.5) for i in range(3))
    assert solve(PlacementProblem((PlacementTask("t", twins),), (), {})).choice == {"t": "o0"}


def test_the_shorter_path_wins_a_tie_of_cost():
    pools = {name: Pool(name, name, 1, 3.0) for name in ("slow", "quick")}
    options = tuple(
        Option(name, name, name, name, "single", seconds=s, busy_seconds=0.1)
        for name, s in (("slow", 0.9), ("quick", 0.2))
    )
    assert solve(PlacementProblem((PlacementTask("t", options),), (), pools)).choice == {"t": "quick"}


@pytest.mark.parametrize("factor", [1e-9, 1e-3, 1e3, 1e9])
def test_rates_of_every_size(factor: float):
    problem = replace(pooled(), requests_per_second=factor)
    best, answer = brute_force(problem), solve(problem)
    assert best is not None
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(best[1].cost, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"requests_per_second": 0.0}, "requests_per_second is 0.0"),
        ({"deadlines": (Deadline("ttft", 1.0, ("nobody",)),)}, "unknown task nobody"),
        ({"edges": (PlacementEdge("t1", "t0", {}),)}, "not between tasks in topological order"),
        ({"stock": {"h100": -1}}, "stock of h100: count is -1"),
        ({"together": (frozenset({("t0", "none")}),)}, "unknown option none"),
        ({"pools": {}}, "unknown pool big"),
    ],
)
def test_what_is_no_problem_is_refused(change: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        solve(replace(pooled(), **change))  # pyright: ignore[reportArgumentType]


def test_large_problems_without_a_binding_deadline_need_no_path():
    """A thousand tasks in a chain: the loose deadline is checked after, not searched with."""
    problem = pooled(busy=0.5, tasks=1000)
    hops = {(a, b): Hop(0.0 if a == b else 0.01) for a in ("h100", "l4") for b in ("h100", "l4")}
    edges = tuple(PlacementEdge(f"t{i}", f"t{i + 1}", hops) for i in range(999))
    answer = solve(replace(problem, edges=edges, deadlines=(Deadline("end_to_end", 320.0),)), time_limit=30)
    assert answer.status == "optimal"
    assert answer.usd_per_hour == 500.0


def test_a_time_limit_still_gives_a_plan_and_its_gap():
    problem = pooled(busy=0.37, tasks=40)
    answer = solve(problem, time_limit=0.0)
    assert answer.status in ("optimal", "feasible")
    assert answer.bound <= answer.objective
    assert answer.gap == pytest.approx((answer.objective - answer.bound) / answer.objective)
    assert evaluate(problem, answer.choice).feasible


def test_importing_the_package_loads_no_solver():
    code = "import sys, agentc.solve; print([m for m in ('highspy', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_baselines_are_the_same_problem_on_one_class():
    best, worst, apart = baselines(pooled(busy=0.5, tasks=3))
    assert (best.usd_per_hour, best.devices) == (2.0, ("l4",))
    assert (worst.usd_per_hour, worst.devices) == (12.0, ("h100",))
    assert apart.devices == ("l4",)


def test_a_baseline_that_cannot_keep_the_demands_has_no_price():
    late = replace(pooled(), deadlines=(Deadline("end_to_end", 0.01),))
    assert [b.usd_per_hour for b in baselines(late)] == [None, None, None]


def test_an_option_that_takes_more_memory_does_not_rule_out_one_that_takes_less():
    """The larger batch is cheaper by time; only the smaller one leaves room for the other task."""
    pools = {"s": Pool("s", "d", 1, 1.0, memory_bytes=10e9), "own": Pool("own", "d", 1, 5.0)}

    def way(name: str, busy: float, gigabytes: float, pool: str = "s") -> Option:
        return Option(name, pool, "d", "d", "single", busy_seconds=busy, memory_bytes=gigabytes * 1e9)

    tasks = (
        PlacementTask("a", (way("large", 0.1, 8), way("small", 0.2, 4))),
        PlacementTask("b", (way("b", 0.1, 5), way("alone", 0.1, 5, "own"))),
    )
    answer = solve(PlacementProblem(tasks, (), pools))
    assert answer.choice == {"a": "small", "b": "b"}
    tight = PlacementProblem((tasks[0], PlacementTask("b", (way("b", 0.1, 7),))), (), pools)
    assert "a `d` has 10 GB for all that shares it" in solve(tight).conflict


@pytest.mark.parametrize("seconds", [0.1, 5.0])
def test_large_problems_are_explained_by_few_of_their_tasks(seconds: float):
    """A chain of a hundred tasks; one call in it is too slow, or the whole chain is."""
    names = [f"t{i}" for i in range(100)]
    slow = Option("o", "p", "d", "d", "single", seconds=0.06, busy_seconds=0.01, metrics={"ttft": 0.08})
    fast = replace(slow, metrics={"ttft": 0.01})
    tasks = tuple(PlacementTask(name, (slow if name == "t50" else fast,)) for name in names)
    edges = tuple(PlacementEdge(a, b, {("d", "d"): Hop(0.0)}) for a, b in zip(names, names[1:], strict=False))
    limits = (*(Deadline("ttft", 0.05, (name,)) for name in names),) if seconds < 1 else (Deadline("end_to_end", 5.0),)
    conflict = explain(PlacementProblem(tasks, edges, {"p": Pool("p", "d", 1, 1.0)}, limits))
    assert conflict.minimal
    (cure,) = conflict.relaxations
    if seconds < 1:
        assert [(d.kind, d.name) for d in conflict.demands] == [("deadline", "sla.ttft_ms"), ("task", "t50")]
        assert cure.needed == pytest.approx(80.0)
    else:
        assert sum(d.kind == "task" for d in conflict.demands) == 84, "of 0.06 s each, so many are over 5 s"
        assert cure.needed == pytest.approx(6000.0)
