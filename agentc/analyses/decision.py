"""From a solution back to what the IR says of it: an assignment per task, and the summary of the plan."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from agentc.analyses.contraction import Contraction, contract
from agentc.analyses.placement_problem import Posed, restricted
from agentc.analyses.shortlist import Shortened, solve_large
from agentc.plan.graph import Task
from agentc.plan.money import grams_co2e, power
from agentc.plan.placement import (
    Alternative,
    Assignment,
    Baseline,
    Deadline,
    Objective,
    Option,
    PlacementProblem,
    PlacementSolution,
    PlanSummary,
    PoolPlan,
)
from agentc.solve.evaluate import Evaluation, evaluate
from agentc.support.record import record

SECONDS_PER_HOUR = 3600.0

WORTH = 0.01
"""Part of a plan's cost that steps have to save which go several ways: each further route is one pool more to run."""

NOTHING: Mapping[str, frozenset[str]] = {}
"""No task is bound to some of its options."""


@record
class Decision:
    """A solved problem."""

    posed: Posed
    problem: PlacementProblem
    solution: PlacementSolution
    smaller: Contraction
    """What the solver was given: groups as one."""
    short: Shortened
    """Its answer to that, and the problem in which alternatives and baselines are looked for."""

    @cached_property
    def options(self) -> Mapping[str, Option]:
        """Task -> option."""
        choice = self.solution.choice
        return {t.name: next(o for o in t.options if o.name == choice[t.name]) for t in self.problem.tasks}


def solved(
    posed: Posed,
    allowed: Mapping[str, frozenset[str]] = NOTHING,
    *,
    time_limit: float = 60.0,
    then: Sequence[Objective] = (),
) -> Decision:
    """The answer to the problem that was posed, with only the ``allowed`` options of the tasks that are named there.

    Among answers that are as good, the objectives that come ``then`` decide, one after the other.
    Steps go several ways (see ``agentc.analyses.routes``) where nothing fits otherwise, and where that is worth it.
    An infeasible one has a solution without a choice; it carries a ``conflict`` where that is not proven.
    """
    whole = _solved(posed, allowed, time_limit, then)
    if whole.solution.status != "infeasible" and posed.problem.objective != "cost":
        return whole
    from agentc.analyses.routes import of_routes, split

    best = whole

    def most() -> float:
        found = best.solution
        return math.inf if found.status == "infeasible" else (1 - WORTH) * found.objective

    for routes, bound in split(posed, whole.smaller.problem, allowed, most, time_limit=time_limit):
        found = _solved(routes, of_routes(allowed, routes.graph), time_limit, then)
        if found.solution.status != "infeasible" and found.solution.objective <= most():
            best = replace(found, solution=_unproven(found.solution, bound, posed.problem.objective))
            if posed.problem.objective != "cost":
                break
    return best


def _unproven(solution: PlacementSolution, bound: float, objective: Objective) -> PlacementSolution:
    """An answer for some shares: the best of any only as far as ``bound`` says, in $/hour."""
    if objective != "cost":
        return replace(solution, status="feasible")
    bound = min(bound, solution.objective)
    gap = (solution.objective - bound) / solution.objective if solution.objective > 0 else 0.0
    return replace(solution, status="feasible", bound=bound, gap=gap)


def _solved(
    posed: Posed, allowed: Mapping[str, frozenset[str]], time_limit: float, then: Sequence[Objective]
) -> Decision:
    """The answer without further routes."""
    from agentc.solve import solve

    problem = restricted(posed.problem, allowed)
    smaller = contract(problem, posed.graph)
    found = solve_large(smaller.problem, lambda each, gap: solve(each, time_limit=time_limit, gap=gap, reasons=False))
    if then and found.solution.status != "infeasible":
        from agentc.solve.front import in_order

        found = replace(found, solution=in_order(smaller.problem, found.solution, then, time_limit=time_limit))
    return Decision(posed, problem, smaller.expand(found.solution), smaller, found)


def assignments(decision: Decision) -> dict[str, Assignment]:
    """Where each task was put and what it comes to there."""
    options = decision.options
    load = pool_load(decision, options)
    return {task.name: _assignment(decision, task, options[task.name], load) for task in decision.posed.graph.tasks}


def pool_load(decision: Decision, options: Mapping[str, Option]) -> dict[str, float]:
    """Replica seconds of each pool per request."""
    load: dict[str, float] = {}
    for task in decision.problem.tasks:
        option = options[task.name]
        if option.pool is not None:
            load[option.pool] = load.get(option.pool, 0.0) + task.visits * option.busy_seconds
    return load


def _assignment(decision: Decision, task: Task, option: Option, load: Mapping[str, float]) -> Assignment:
    replicas = decision.solution.replicas.get(option.pool, 0) if option.pool is not None else 0
    pool = decision.problem.pools[option.pool] if option.pool is not None else None
    return Assignment(
        option.device,
        option.mode,
        option.pool,
        option.tp,
        option.pp,
        option.batch,
        replicas,
        replicas * pool.devices if pool is not None else 0,
        option.seconds * task.concurrency,
        _usd_per_request(decision, task, option, replicas, load),
        option.bottleneck,
        option.memory_bytes,
        option.metrics,
        *_interval(option, task.concurrency),
        dp=option.dp,
        cache=option.cache,
        host_bytes=option.host_bytes,
        share=task.share,
    )


def _interval(option: Option, concurrency: float) -> tuple[float, float]:
    seconds = option.seconds * concurrency
    return (seconds * option.low, seconds * option.high) if option.low < option.high else (0.0, 0.0)


def _usd_per_request(decision: Decision, task: Task, option: Option, replicas: int, load: Mapping[str, float]) -> float:
    """The task's part of its pool's rent, by busy time, and what its option charges."""
    own = task.visits * option.usd
    rate = decision.problem.requests_per_second
    if option.pool is None or rate <= 0:
        return own
    rent = decision.problem.pools[option.pool].usd_per_hour * replicas / (SECONDS_PER_HOUR * rate)
    total = load[option.pool]
    return own + (rent * task.visits * option.busy_seconds / total if total > 0 else 0.0)


def summary(
    decision: Decision,
    baselines: tuple[Baseline, ...],
    assumptions: tuple[str, ...],
    then: tuple[Objective, ...] = (),
) -> PlanSummary:
    """The plan as a whole; ``then`` as for ``solved``."""
    solution = decision.solution
    measured = measure(decision)
    held, rate = pools(decision), decision.problem.requests_per_second
    watts, grams = sum(pool.watts for pool in held), sum(pool.grams_per_hour for pool in held)
    known = bool(held) and rate > 0
    return PlanSummary(
        solution.status,
        decision.problem.objective,
        solution.gap,
        solution.usd_per_hour,
        solution.usd_per_request,
        measured.ttft_seconds if measured.ttft_seconds > 0 else None,
        measured.tbt_seconds if measured.tbt_seconds > 0 else None,
        solution.end_to_end_seconds,
        solution.critical_path,
        held,
        baselines,
        (),
        assumptions,
        watts if known else None,
        watts / rate / SECONDS_PER_HOUR if known else None,
        grams if known else None,
        grams / (rate * SECONDS_PER_HOUR) if known else None,
        sum(pool.sunk_usd_per_hour for pool in held),
        measured.penalty_usd_per_hour,
        then,
    )


def measure(decision: Decision) -> Evaluation:
    """The figures of the choice, with the latency of every call measured, also where no limit binds it.

    Between two tokens only the decode counts: the cache was there before the first.
    """
    found = calls(decision.posed.graph.tasks)
    decodes = [tuple(name for name in names if "tbt" in decision.options[name].metrics) for names in found]
    unbound = (
        *(Deadline("ttft", math.inf, names) for names in found),
        *(Deadline("tbt", math.inf, names) for names in decodes if names),
    )
    problem = replace(decision.problem, deadlines=(*decision.problem.deadlines, *unbound))
    return evaluate(problem, decision.solution.choice)


def calls(tasks: tuple[Task, ...]) -> list[tuple[str, ...]]:
    """The tasks of each call of a language model: prefill and decode with all their parts, or the hosted call."""
    by_name = {task.name: task for task in tasks}
    found: dict[str, list[str]] = {}
    for task in tasks:
        if task.pair in by_name:
            other = by_name[task.pair]
            ends = sorted((task.group or task.name, other.group or other.name))
            found.setdefault(" ".join(ends), []).append(task.name)
        elif task.hosted is not None:
            found[task.name] = [task.name]
    return [tuple(names) for names in found.values()]


def pools(decision: Decision) -> tuple[PoolPlan, ...]:
    """The pools that are used, in the order of the problem."""
    load, rate = pool_load(decision, decision.options), decision.problem.requests_per_second
    drawn, charged = pool_watts(decision), _charges(decision)
    stocks = {stock.device.name: stock for stock in decision.posed.fleet.stocks}
    financing = decision.posed.fleet.financing
    return tuple(
        PoolPlan(
            name,
            pool.device,
            replicas := decision.solution.replicas[name],
            replicas * pool.devices,
            replicas * pool.usd_per_hour + charged.get(name, 0.0),
            rate * load.get(name, 0.0) / replicas,
            drawn[name],
            grams_co2e(drawn[name] * SECONDS_PER_HOUR, power(stocks[pool.device], financing).kg_co2_per_kwh),
            replicas * pool.devices * stocks[pool.device].sunk_usd_per_hour,
        )
        for name, pool in decision.problem.pools.items()
        if decision.solution.replicas.get(name)
    )


def _charges(decision: Decision) -> dict[str, float]:
    """$/hour that the work in each pool costs beside the rate of its devices: electricity beyond idle power."""
    charged: dict[str, float] = {}
    for task in decision.problem.tasks:
        option = decision.options[task.name]
        if option.pool is not None and option.usd:
            hourly = SECONDS_PER_HOUR * decision.problem.requests_per_second * task.visits * option.usd
            charged[option.pool] = charged.get(option.pool, 0.0) + hourly
    return charged


def pool_watts(decision: Decision) -> dict[str, float]:
    """What each pool that is used draws: all its replicas idle, and what the work takes beyond that."""
    rate, held = decision.problem.requests_per_second, decision.problem.pools
    watts = {name: count * held[name].watts for name, count in decision.solution.replicas.items()}
    for task in decision.problem.tasks:
        option = decision.options[task.name]
        if option.pool is not None:
            watts[option.pool] += rate * task.visits * option.joules
    return watts


def others(decision: Decision, found: Mapping[str, tuple[Alternative, ...]]) -> dict[str, tuple[Alternative, ...]]:
    """Each task's other devices: what the solver found, then those that the cost model ruled out.

    Devices of a kind that cannot run the op at all (a tool on a GPU) are not worth a word.
    """
    by_task: dict[str, dict[str, Alternative]] = {
        task: {alternative.device: alternative for alternative in rows} for task, rows in found.items()
    }
    chosen = decision.options
    kinds = {stock.device.name: stock.device.kind for stock in decision.posed.fleet.stocks}
    able = {task.name: task.kinds for task in decision.posed.graph.tasks}
    for rejected in decision.posed.table.rejected:
        rows = by_task.setdefault(rejected.task, {})
        fitting = not able[rejected.task] or kinds[rejected.device] in able[rejected.task]
        if fitting and rejected.device != chosen[rejected.task].device:
            rows.setdefault(rejected.device, Alternative(rejected.device, "", "infeasible", rejected.why))
    return {task: tuple(rows.values()) for task, rows in by_task.items()}
