"""Nodes that are apart or together: the solver against brute force without the edges that say so."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from agentc.analyses.company import accompanied
from agentc.plan.fleet import Fleet
from agentc.plan.graph import Company, Domain, Neighbor, Task, TaskGraph
from agentc.plan.placement import Hop, Option, PlacementEdge, PlacementProblem, PlacementTask, Pool
from agentc.plan.work import Work
from agentc.solve import evaluate, explain, solve
from agentc.solve.brute_force import choices

SITES = {"a": "one", "b": "one", "c": "two", "d": "three"}
ZONES = {"a": "eu", "b": "eu", "c": "us", "d": ""}
FLEET = Fleet(
    "four",
    cast(
        Any,
        tuple(SimpleNamespace(device=SimpleNamespace(name=name), site=SITES[name], zone=ZONES[name]) for name in SITES),
    ),
)
LABELS: dict[Domain, dict[str, str]] = {"device": {name: name for name in SITES}, "site": SITES, "zone": ZONES}


@st.composite
def cases(draw: st.DrawFn) -> tuple[PlacementProblem, TaskGraph]:
    size = draw(st.integers(2, 5))
    pools = {
        f"{t}/{d}": Pool(f"{t}/{d}", d, 1, draw(st.sampled_from((1.0, 2.0, 3.5)))) for t in range(2) for d in SITES
    }
    tasks: list[PlacementTask] = []
    for t in range(size):
        rows = [
            Option(
                p,
                p,
                p[-1],
                p[-1],
                "single",
                seconds=draw(st.sampled_from((0.1, 0.3))),
                busy_seconds=draw(st.sampled_from((0.3, 0.7))),
            )
            for p in pools
            if p[0] == str(t % 2)
        ]
        if draw(st.integers(0, 3)) == 0:
            rows.append(
                Option("api", None, "hosted", "hosted", "hosted", seconds=0.2, usd=draw(st.sampled_from((1e-4, 1e-3))))
            )
        tasks.append(PlacementTask(f"t{t}", tuple(rows)))
    hops = {(a, b): Hop(0.0 if a == b else 0.01) for a in (*SITES, "hosted") for b in (*SITES, "hosted")}
    edges = tuple(PlacementEdge(f"t{t - 1}", f"t{t}", hops) for t in range(1, size))
    stock = {d: draw(st.integers(0, 3)) for d in SITES if draw(st.booleans())}
    problem = PlacementProblem(tuple(tasks), edges, pools, stock=stock, requests_per_second=1.0)
    company: list[Company] = []
    for _ in range(draw(st.integers(1, 3))):
        one, other = draw(st.permutations(range(size)))[:2]
        rule = Neighbor("node", draw(st.booleans()), draw(st.sampled_from(("device", "site", "zone"))))
        company.append(Company((f"t{one}",), (f"t{other}",), rule))
    named = tuple(Task(task.name, "op", "", Work()) for task in tasks)
    return problem, TaskGraph("agent", named, (), company=tuple(company))


def kept(problem: PlacementProblem, graph: TaskGraph, choice: dict[str, str]) -> bool:
    """The rules as they are meant."""
    device = {task.name: next(o.device for o in task.options if o.name == choice[task.name]) for task in problem.tasks}
    for company in graph.company:
        labels = LABELS[company.rule.domain]
        one, other = (labels.get(device[name], "") for name in (company.ones[0], company.others[0]))
        same = bool(one) and one == other
        if same == company.rule.apart:
            return False
    return True


@settings(max_examples=120, deadline=None, derandomize=True)
@given(cases())
def test_the_cheapest_plan_that_keeps_the_rules(case: tuple[PlacementProblem, TaskGraph]) -> None:
    problem, graph = case
    asked = accompanied(problem, graph, FLEET)
    found = solve(asked)
    tried = [evaluate(problem, choice) for choice in choices(problem) if kept(problem, graph, choice)]
    best = min((each.cost for each in tried if each.feasible), default=None)
    if best is None:
        assert found.status == "infeasible" and found.conflict
        return
    assert found.status == "optimal" and kept(problem, graph, dict(found.choice))
    assert abs(found.usd_per_hour - best) <= 1e-6 * max(best, 1.0)
    assert evaluate(asked, found.choice).feasible


@settings(max_examples=40, deadline=None, derandomize=True)
@given(cases())
def test_a_conflict_over_rules_needs_each_of_its_demands(case: tuple[PlacementProblem, TaskGraph]) -> None:
    problem, graph = case
    asked = accompanied(problem, graph, FLEET)
    if solve(asked).status != "infeasible":
        return
    if solve(problem).status == "infeasible":
        return
    told = explain(asked)
    rules = [each for each in told.demands if each.kind == "rule"]
    assert rules
    for each in rules:
        src, dst = each.name.split(" -> ")
        without = tuple(e for e in asked.edges if not (e.rule and (e.src, e.dst) == (src, dst)))
        inside = [e for e in without if e.rule and f"{e.src} -> {e.dst}" in {r.name for r in rules}]
        other = [e for e in asked.edges if not e.rule]
        assert solve(replace(asked, edges=(*other, *inside))).status != "infeasible"
