"""Others that place: the cheapest fit of each task, Mélange's program, and OR-tools CP-SAT on the same model."""

import importlib.util
import math
import time

from agentc.plan.placement import PlacementProblem
from agentc.solve import evaluate
from agentc.solve.evaluate import SECONDS_PER_HOUR
from agentc.solve.highs import Program

SCALE = 1_000_000
"""CP-SAT counts in whole numbers: microdollars per hour, microseconds, and millionths of a replica."""


def greedy(problem: PlacementProblem) -> float | None:
    """$/hour if each task takes the option that costs least by its time; ``None`` where that breaks a demand."""
    choice: dict[str, str] = {}
    for task in problem.tasks:
        bills = {
            o.name: o.usd * SECONDS_PER_HOUR
            + (0.0 if o.pool is None else problem.pools[o.pool].usd_per_hour * o.busy_seconds)
            for o in task.options
        }
        choice[task.name] = min(bills, key=lambda name, bills=bills: bills[name])
    figures = evaluate(problem, choice)
    return figures.cost if figures.feasible else None


def melange(problem: PlacementProblem, seconds: float) -> str:
    """What Mélange's program (arXiv:2404.14527, section 5.3) comes to on HiGHS: a binary for each task and option, a
    whole number of replicas for each pool that carry its load, and nothing that would tighten it. It knows no deadline,
    no stock and no set; ``-`` where the problem has one."""
    if problem.deadlines or problem.stock or problem.together:
        return "-"
    program, bill, carried = Program(), list[tuple[int, float]](), dict[str, list[tuple[int, float]]]()
    rate = problem.requests_per_second
    for task in problem.tasks:
        columns = [program.column(0.0, 1.0, integer=True) for _ in task.options]
        program.row(1.0, 1.0, [(column, 1.0) for column in columns])
        for column, option in zip(columns, task.options, strict=True):
            bill.append((column, SECONDS_PER_HOUR * rate * task.visits * option.usd))
            if option.pool is not None:
                load = rate * task.visits * option.busy_seconds / problem.pools[option.pool].capacity
                carried.setdefault(option.pool, []).append((column, -load))
    for name, terms in carried.items():
        replicas = program.column(integer=True)
        program.row(0.0, math.inf, [(replicas, 1.0), *terms])
        bill.append((replicas, problem.pools[name].usd_per_hour))
    program.costs(bill)
    started = time.perf_counter()
    found = program.run(time_limit=seconds, gap=1e-6)
    took = time.perf_counter() - started
    gap = (found.objective - found.bound) / max(1e-12, abs(found.objective)) if found.values else math.inf
    return f"{found.objective:.4f} {gap:.1%} {took:.1f} s" if found.values else f"none in {took:.0f} s"


def constraints(problem: PlacementProblem, seconds: float) -> str:
    """What CP-SAT finds in this time, with its own gap; by a process of its own, as it cannot share one with HiGHS."""
    if importlib.util.find_spec("ortools") is None:
        return "not installed"
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_solve, (problem, seconds))


def _solve(problem: PlacementProblem, seconds: float) -> str:
    from ortools.sat.python import cp_model  # pyright: ignore

    model = cp_model.CpModel()
    rate = problem.requests_per_second
    x = {(t.name, o.name): model.new_bool_var("") for t in problem.tasks for o in t.options}
    bill, load, lying = [], {}, {}
    for task in problem.tasks:
        model.add_exactly_one(x[task.name, o.name] for o in task.options)
        for o in task.options:
            chosen = x[task.name, o.name]
            bill.append((chosen, SECONDS_PER_HOUR * rate * task.visits * o.usd))
            if o.pool is not None:
                part = rate * task.visits * o.busy_seconds / problem.pools[o.pool].capacity
                load.setdefault(o.pool, []).append((chosen, math.floor(part * SCALE)))
                lying.setdefault(o.pool, []).append((chosen, math.ceil(o.memory_bytes / 1e6)))
    for name, terms in load.items():
        pool = problem.pools[name]
        replicas = model.new_int_var(0, 1 + sum(w for _, w in terms) // SCALE, "")
        model.add(replicas * SCALE >= sum(c * w for c, w in terms))
        for c, _ in terms:
            model.add(replicas >= c)
        bill.append((replicas, pool.usd_per_hour))
        if math.isfinite(pool.memory_bytes):
            model.add(sum(c * w for c, w in lying[name]) <= math.floor(pool.memory_bytes / 1e6))
    _path(model, problem, x)
    model.minimize(sum(c * round(usd * SCALE) for c, usd in bill))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds, solver.parameters.num_workers = seconds, 2
    started = time.perf_counter()
    status = solver.solve(model)
    took = time.perf_counter() - started
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return f"none in {took:.0f} s"
    gap = (solver.objective_value - solver.best_objective_bound) / max(1.0, abs(solver.objective_value))
    return f"{solver.objective_value / SCALE:.4f} {gap:.1%} {took:.0f} s"


def _path(model, problem, x) -> None:  # pyright: ignore
    limits = [d.seconds for d in problem.deadlines if d.metric == "end_to_end"]
    if not limits:
        return
    most = math.floor(min(limits) * SCALE)
    own = {
        t.name: sum(x[t.name, o.name] * round(t.visits * o.seconds * SCALE) for o in t.options) for t in problem.tasks
    }
    start = {t.name: model.new_int_var(0, most, "") for t in problem.tasks}
    at = {}
    for task in problem.tasks:
        model.add(start[task.name] + own[task.name] <= most)
        for place in {o.place for o in task.options}:
            at[task.name, place] = sum(x[task.name, o.name] for o in task.options if o.place == place)
    visits = {task.name: task.visits for task in problem.tasks}
    for edge in problem.edges:
        hop = model.new_int_var(0, most, "")
        for (a, b), carry in edge.hops.items():
            if carry.seconds and (edge.src, a) in at and (edge.dst, b) in at:
                micro = round(visits[edge.dst] * carry.seconds * SCALE)
                model.add(hop >= micro * (at[edge.src, a] + at[edge.dst, b] - 1))
        model.add(start[edge.dst] >= start[edge.src] + own[edge.src] + hop)
