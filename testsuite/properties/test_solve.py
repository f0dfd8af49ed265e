"""The solver against brute force, and laws that hold for every placement problem."""

import importlib
import math
from contextlib import ExitStack
from dataclasses import replace
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problem_sample import DEVICES, PLACES, QUICK, one_of, problems

from agentc.plan.placement import Hop, Option, PlacementProblem
from agentc.solve import Demand, alternatives, brute_force, dive, evaluate, explain, parts, solve
from agentc.solve.floors import floors
from agentc.solve.heuristic import heuristic
from agentc.solve.milp import Shape, build, typical_cost
from agentc.solve.presolve import everything, reduce
from agentc.solve.state import State
from agentc.solve.tables import tabulate

solver, linear = (importlib.import_module(f"agentc.solve.{name}") for name in ("solver", "core"))


@settings(QUICK, max_examples=1000)
@given(problems())
def test_milp_equals_brute_force(problem: PlacementProblem):
    best, answer = brute_force(problem), solve(problem)
    if best is None:
        assert answer.status == "infeasible"
        assert answer.conflict
        return
    figures = evaluate(problem, answer.choice)
    assert answer.status == "optimal"
    assert figures.feasible
    assert answer.objective == pytest.approx(best[1].objective(problem.objective), rel=2e-6)
    assert figures.cost == pytest.approx(best[1].cost, rel=2e-6)
    assert answer.bound <= answer.objective


@settings(QUICK, max_examples=250)
@given(problems())
def test_the_road_without_parts_equals_brute_force(problem: PlacementProblem):
    with patch.object(parts, "CHOICES", 0):
        best, answer = brute_force(problem), solve(problem, reasons=False)
    assert answer.status == ("infeasible" if best is None else "optimal")
    if best is not None:
        assert evaluate(problem, answer.choice).feasible
        assert answer.objective == pytest.approx(best[1].objective(problem.objective), rel=2e-6)


@settings(QUICK, max_examples=150)
@given(problems(), st.booleans())
def test_the_road_by_linear_programs_equals_brute_force(problem: PlacementProblem, few: bool):
    """As for problems of many tasks: linear program, first placement (by one program, or a dive and a pace), windows of
    two tasks, and the proof."""
    problem = replace(problem, objective="cost")
    with ExitStack() as stack:
        for module, name, value in (
            (parts, "CHOICES", 0),
            (solver, "CORE_TASKS", 0),
            (linear, "FEW", 100 if few else 0),
            (linear, "LONE", 0),
            (dive, "WINDOW", 2),
            (dive, "FREE", 0),
        ):
            stack.enter_context(patch.object(module, name, value))
        best, answer = brute_force(problem), solve(problem, reasons=False)
    assert answer.status == ("infeasible" if best is None else "optimal")
    if best is not None:
        assert evaluate(problem, answer.choice).feasible
        assert answer.objective == pytest.approx(best[1].objective(problem.objective), rel=2e-6)
        assert answer.bound <= answer.objective


@settings(QUICK, max_examples=150)
@given(problems(5))
def test_the_program_alone_equals_brute_force(problem: PlacementProblem):
    """Without presolve, heuristic or cuts: the MILP is the problem itself."""
    problem = replace(problem, objective="cost")
    tables = tabulate(problem)
    left = everything(tables)
    model = build(tables, left, Shape(), typical_cost(tables, left))
    model.minimize_cost()
    result = model.program.run()
    best = brute_force(problem)
    assert (best is None) == (result.outcome == "infeasible")
    if best is not None:
        figures = evaluate(problem, tables.choice(model.decode(result.values)))
        assert figures.feasible
        assert figures.cost == pytest.approx(best[1].cost, rel=2e-6)
        assert result.objective * model.cost_unit == pytest.approx(best[1].cost, rel=2e-6)


@settings(QUICK, max_examples=80)
@given(problems(5))
def test_the_program_alone_counts_energy_as_brute_force_does(problem: PlacementProblem):
    problem = replace(problem, objective="energy")
    tables = tabulate(problem)
    model = build(tables, everything(tables), Shape(), typical_cost(tables, everything(tables)))
    model.minimize_energy(1.0)
    result, best = model.program.run(), brute_force(problem)
    assert (best is None) == (result.outcome == "infeasible")
    if best is not None:
        assert result.objective == pytest.approx(best[1].joules_per_request, rel=2e-6)


@QUICK
@given(problems(5))
def test_reported_figures_are_the_evaluators(problem: PlacementProblem):
    answer = solve(problem)
    if answer.status == "infeasible":
        return
    figures = evaluate(problem, answer.choice)
    assert answer.objective == figures.objective(problem.objective)
    assert answer.replicas == figures.replicas
    assert answer.critical_path == figures.critical_path
    assert (answer.usd_per_hour, answer.ttft_seconds) == (figures.usd_per_hour, figures.ttft_seconds)


@QUICK
@given(problems(5))
def test_presolve_keeps_the_optimum(problem: PlacementProblem):
    tables = tabulate(problem)
    left = reduce(tables)
    rows = zip(problem.tasks, left.alive, strict=True)
    tasks = tuple(replace(t, options=tuple(t.options[o] for o in row)) for t, row in rows)
    alive = {(t.name, o.name) for t in tasks for o in t.options}
    small = replace(problem, tasks=tasks, together=tuple(g for g in problem.together if g <= alive))
    best, reduced = brute_force(problem), brute_force(small)
    assert (best is None) == (reduced is None)
    if best is not None and reduced is not None:
        kind = problem.objective
        assert reduced[1].objective(kind) == pytest.approx(best[1].objective(kind), rel=1e-9)
        assert reduced[1].cost == pytest.approx(best[1].cost, rel=1e-6)


@QUICK
@given(problems(6), st.randoms(use_true_random=False))
def test_state_agrees_with_the_evaluator_after_moves(problem: PlacementProblem, rng: Random):
    tables = tabulate(problem)
    pick = rng.randrange
    state = State(tables, [0] * tables.size, problem.objective)
    for _ in range(6):
        t = pick(tables.size)
        moves = {t: pick(len(tables.cells[t]))}
        foreseen = state.score_after(moves)
        state.apply(moves)
        if problem.objective == "energy" or (problem.objective == "cost" and not tables.path_bounds()):
            assert foreseen.objective == pytest.approx(state.score().objective, rel=1e-9, abs=1e-12)
    figures = evaluate(problem, tables.choice(state.picked))
    assert state.score().objective == pytest.approx(figures.objective(problem.objective), rel=1e-9, abs=1e-12)
    groups = any(v.kind == "together" for v in figures.violations)
    assert (state.score().violation == 0) == figures.feasible or groups


@QUICK
@given(problems(6), st.randoms(use_true_random=False))
def test_moves_are_refused_only_where_the_score_says_so(problem: PlacementProblem, rng: Random):
    tables = tabulate(problem)
    state = State(tables, [0] * tables.size, problem.objective)
    for _ in range(8):
        state.smooth = rng.random() < 0.5
        moves = {t: rng.randrange(len(tables.cells[t])) for t in {rng.randrange(tables.size) for _ in range(2)}}
        after = State(tables, [moves.get(t, o) for t, o in enumerate(state.picked)], problem.objective)
        after.smooth = state.smooth
        before, picked = state.score(), list(state.picked)
        foreseen = state.score_after(moves)
        assert state.better_after(moves, before) == (foreseen if foreseen.beats(before) else None)
        if problem.objective != "latency":
            assert state.least_objective(moves) <= after.score().objective * (1 + 1e-9) + 1e-12
        assert state.try_(moves) == after.score().beats(before)
        assert state.picked == (after.picked if after.score().beats(before) else picked)
        fresh = State(tables, state.picked, problem.objective)
        fresh.smooth = state.smooth
        assert state.score().objective == pytest.approx(fresh.score().objective, rel=1e-9, abs=1e-12)
        assert (state.heads, state.tails) == (fresh.heads, fresh.tails)


@QUICK
@given(problems(6), st.randoms(use_true_random=False))
def test_no_choice_is_below_the_floors_of_what_it_holds(problem: PlacementProblem, rng: Random):
    tables = tabulate(problem)
    left = reduce(tables)
    if not all(left.alive):
        return
    bounds = floors(tables, left, problem.objective)
    for _ in range(12):
        picked = [rng.choice(row) for row in left.alive]
        value = evaluate(problem, tables.choice(picked)).objective(problem.objective)
        for t, o in enumerate(picked):
            assert bounds.options[t][o] <= value
            if (pool := tables.cells[t][o].pool) >= 0:
                assert bounds.pools[pool] <= value


@QUICK
@given(problems(6))
def test_heuristic_never_claims_what_is_not_feasible(problem: PlacementProblem):
    tables = tabulate(problem)
    state = heuristic(tables, everything(tables), problem.objective)
    figures = evaluate(problem, tables.choice(state.picked))
    together = any(v.kind == "together" for v in figures.violations)
    assert together or figures.feasible == (state.score().violation == 0)


@QUICK
@given(problems(5), one_of(*DEVICES))
def test_more_stock_never_costs_more(problem: PlacementProblem, device: str):
    problem = replace(problem, objective="cost")
    before = solve(problem)
    after = solve(replace(problem, stock={**problem.stock, device: problem.stock.get(device, 100) + 2}))
    if before.status != "infeasible" and device in problem.stock:
        assert after.status == "optimal"
        assert after.objective <= before.objective * (1 + 2e-6)


@QUICK
@given(problems(5), one_of(1.2, 2.0))
def test_looser_sla_never_costs_more(problem: PlacementProblem, factor: float):
    problem = replace(problem, objective="cost")
    before = solve(problem)
    after = solve(replace(problem, deadlines=tuple(replace(d, seconds=d.seconds * factor) for d in problem.deadlines)))
    if before.status != "infeasible":
        assert after.status == "optimal"
        assert after.objective <= before.objective * (1 + 2e-6)


@QUICK
@given(problems(5), st.booleans(), one_of(1.0, 1.001, 3.0))
def test_limits_at_what_a_plan_takes_or_looser_cost_no_more_than_it(
    problem: PlacementProblem, by_program: bool, factor: float
):
    """Limits bind wherever they can: each is what the best plan for looser ones just takes."""
    problem = replace(problem, objective="cost")
    before = solve(problem)
    if before.status == "infeasible":
        return
    taken = evaluate(problem, before.choice).deadline_seconds
    tight = tuple(
        replace(d, seconds=max(value, d.seconds * 1e-3) * factor, usd_per_second=None)
        for d, value in zip(problem.deadlines, taken, strict=True)
        if d.usd_per_second is None
    )
    with patch.object(parts, "CHOICES", 0 if by_program else parts.CHOICES):
        after = solve(replace(problem, deadlines=tight))
    assert after.status == "optimal"
    assert after.objective <= before.objective * (1 + 2e-6)


@QUICK
@given(problems(4))
def test_alternatives_are_forced_plans(problem: PlacementProblem):
    """An alternative is called infeasible just where brute force cannot place it, and forcing it costs what it says."""
    answer = solve(problem)
    if answer.status == "infeasible":
        assert not alternatives(problem, answer)
        return
    for task, found in alternatives(problem, answer).items():
        for other in found:
            forced = tuple(
                replace(t, options=tuple(o for o in t.options if o.device == other.device)) if t.name == task else t
                for t in problem.tasks
            )
            alive = {(t.name, o.name) for t in forced for o in t.options}
            lost = {member for g in problem.together if not g <= alive for member in g}
            forced = tuple(
                replace(t, options=tuple(o for o in t.options if (t.name, o.name) not in lost)) for t in forced
            )
            groups = tuple(g for g in problem.together if g <= alive)
            best = brute_force(replace(problem, tasks=forced, together=groups))
            device = {t.name: {o.name: o.device for o in t.options} for t in problem.tasks}[task][other.option]
            assert device == other.device
            assert other.why
            assert (best is None) == (other.verdict == "infeasible")
            if best is not None and problem.objective == "cost":
                delta = best[1].usd_per_hour - answer.usd_per_hour
                assert other.usd_per_hour_delta >= delta - 1e-5 * max(1.0, abs(delta)) or best[1].penalty_usd_per_hour
                if "at most" not in other.why and not best[1].penalty_usd_per_hour:
                    assert other.usd_per_hour_delta <= delta + 2e-3 * max(1e-3, best[1].cost)


def complete(problem: PlacementProblem) -> bool:
    """Every edge has a hop for every pair: what a transfer over a missing link would take is nowhere defined."""
    return all(len(edge.hops) == len(PLACES) ** 2 for edge in problem.edges)


def core(problem: PlacementProblem, demands: tuple[Demand, ...]) -> PlacementProblem:
    """The problem with nothing but ``demands``: other tasks do nothing, other limits are gone."""
    names = {(d.kind, d.name) for d in demands}
    free = Option("free", None, "free", "free", "single")
    tasks = tuple(t if ("task", t.name) in names else replace(t, options=(free,)) for t in problem.tasks)
    stay = Hop(0.0)
    into = {("free", p): stay for p in PLACES} | {(p, "free"): stay for p in PLACES} | {("free", "free"): stay}
    alive = {(t.name, o.name) for t in tasks for o in t.options}
    groups = {", ".join(sorted(t for t, _ in g)): g for g in problem.together}
    return replace(
        problem,
        tasks=tasks,
        edges=tuple(replace(e, hops={**e.hops, **into}) for e in problem.edges),
        deadlines=tuple(
            d for d in problem.deadlines if d.usd_per_second is not None or ("deadline", f"sla.{d.metric}_ms") in names
        ),
        pools={p: q if ("memory", p) in names else replace(q, memory_bytes=math.inf) for p, q in problem.pools.items()},
        stock={device: n for device, n in problem.stock.items() if ("stock", device) in names},
        together=tuple(g for name, g in groups.items() if ("together", name) in names and g <= alive),
    )


@settings(QUICK, max_examples=250)
@given(problems(5, whole=True) | problems(5))
def test_conflicts_are_minimal_and_relaxations_suffice(problem: PlacementProblem):
    if brute_force(problem) is not None:
        with pytest.raises(ValueError, match="feasible"):
            explain(problem)
        return
    conflict = explain(problem)
    assert conflict.demands
    assert conflict.minimal
    if complete(problem):
        assert brute_force(core(problem, conflict.demands)) is None
        for spared in conflict.demands:
            assert brute_force(core(problem, tuple(d for d in conflict.demands if d is not spared))) is not None
    for cure in conflict.relaxations:
        if cure.kind == "load":
            assert brute_force(replace(problem, requests_per_second=cure.needed)) is not None
        elif cure.kind == "stock":
            device = cure.name.removeprefix("fleet ")
            assert brute_force(replace(problem, stock={**problem.stock, device: int(cure.needed)})) is not None
            assert brute_force(replace(problem, stock={**problem.stock, device: int(cure.needed) - 1})) is None
        else:
            metric = cure.name.removeprefix("sla.").removesuffix("_ms")
            for seconds, enough in ((cure.needed / 1e3, True), (cure.needed / 1e3 * 0.995, False)):
                relaxed = tuple(
                    replace(d, seconds=seconds) if d.metric == metric and d.usd_per_second is None else d
                    for d in problem.deadlines
                )
                assert (brute_force(replace(problem, deadlines=relaxed)) is not None) == enough


@QUICK
@given(problems(5))
def test_the_same_problem_gets_the_same_answer(problem: PlacementProblem):
    once, twice = solve(problem), solve(problem)
    assert replace(once, solve_seconds=0.0) == replace(twice, solve_seconds=0.0)
