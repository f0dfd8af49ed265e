"""``solve``: presolve, a first choice by heuristic, the proof by MILP, and the figures by the evaluator.

The road: drop what cannot or need not be chosen; where the rest falls apart, decide each part by itself and be done
(see ``parts``); else find a good choice and give it to HiGHS. What HiGHS
answers is evaluated in plain arithmetic. Where rounding made the two differ the choice is cut off and
HiGHS runs again, so that the reported figures, and the proof, are the evaluator's. Large problems go by a
relaxation first, which leaves out what seldom binds: where its choice keeps everything, that is the answer.
"""

import math
import time

from agentc.plan.placement import Objective, PlacementProblem, PlacementSolution
from agentc.solve import parts, presolve
from agentc.solve.carbon import weighed
from agentc.solve.evaluate import evaluate
from agentc.solve.heuristic import hasten, heuristic, improve
from agentc.solve.milp import Model, Shape, build, share, typical_cost
from agentc.solve.presolve import Reduced
from agentc.solve.search import Search, aim, near, path_can_bind, within
from agentc.solve.state import Score, State
from agentc.solve.tables import Tables, tabulate

CUTS = 20
"""Choices that are cut off for rounding before the proof is left open."""

HEURISTIC_SHARE = 0.4
"""Of the time limit, for the first choice; only problems of thousands of options take so long."""

RELAXED_SHARE = 0.3
"""Of the time limit, for the relaxation."""

OUTLINE_SHARE = 0.8
"""The same of an outline, which does little else."""

REPAIRS = 3
"""Sweeps over what the relaxation leaves, where its choice breaks a demand."""

LAZY_TASKS = 60
"""From so many tasks the end-to-end deadline is first left out: where it is loose, that already is the answer."""

CORE_TASKS = 30
"""From so many tasks a linear program tells first which options matter."""

CORE_OPTIONS = 60_000
"""Options in all, above which linear programs take too long."""

PACES = 8
"""Prices of time that are tried for a problem that is too large for linear programs."""

EXACT_TASKS = 400
"""Above so many tasks transfers on a binding path are bounded from below only, which keeps the program small."""

POLISH_TASKS = 200
"""Up to so many tasks ties are broken: by cost where something else is minimized, by end-to-end time, by the order of
the options."""

TIE = 1e-7
"""Relative slack of the first objective while cost is minimized within it."""


def solve(
    problem: PlacementProblem, *, time_limit: float = 60.0, gap: float = 1e-6, reasons: bool = True
) -> PlacementSolution:
    """The best placement, with a proven gap, or the demands that conflict.

    ``time_limit`` in seconds; ``gap`` is relative. Status ``optimal`` is proven within ``gap``,
    ``feasible`` keeps every hard demand within the gap that is reported, ``infeasible`` carries its
    reasons unless ``reasons`` is false. Soft deadlines are priced in dollars: they weigh with objective
    ``cost``, and break ties else.
    Raises ValueError for a problem that breaks the contract of its types.
    """
    tables = tabulate(weighed(problem))
    return solve_among(tables, presolve.everything(tables), time_limit=time_limit, gap=gap, reasons=reasons)


def solve_among(
    tables: Tables, among: Reduced, *, time_limit: float = 60.0, gap: float = 1e-6, reasons: bool = True
) -> PlacementSolution:
    """As ``solve``, with the options that are ``among`` some; reasons are those of the whole problem."""
    started, problem = time.perf_counter(), tables.problem
    left = presolve.possible(tables, among)
    if any(not row for row in left.alive):
        return _infeasible(problem, started, proven=True, reasons=reasons)
    whole = parts.decide(tables, left)
    bound = max(whole.bound, _plain_bound(tables, left, problem.objective))
    search = Search(tables, left, problem.objective, whole.state, bound, gap, started + time_limit, time_limit)
    if whole.state is not None:
        search.bound = math.inf
        return _answer(search, started)
    if problem.objective != "latency" and tables.size >= LAZY_TASKS and not (_has_core(search) and _all_differ(tables)):
        _relax(search, RELAXED_SHARE, repair=not _has_core(search))
    proven = search.bound == math.inf or search.closed() or _seek(search)
    if search.best is None:
        return _infeasible(problem, started, proven=proven, reasons=reasons)
    if problem.objective != "cost" and tables.size <= POLISH_TASKS:
        _least_cost(search)
    _polish(search, among)
    return _answer(search, started)


def _relax(search: Search, share_of_time: float, *, repair: bool = True) -> None:
    """Bound the cost by a relaxation, and take its choice, made faster where that costs nothing, if it keeps the rest;
    with ``repair`` also where that takes other options.

    A bound of infinity says that nothing is feasible.
    """
    from agentc.solve.pace import pace  # for large problems only
    from agentc.solve.relaxation import relax
    from agentc.solve.tolls import tolled

    tables, left = search.tables, search.left
    until = time.perf_counter() + share_of_time * search.seconds_left
    found = relax(tables, left, gap=search.gap, until=until)
    search.bound = max(search.bound, found.bound)
    if found.picked is None:
        return
    state = search.offer(found.picked)
    state.until = min(search.deadline, time.perf_counter() + share_of_time * search.seconds_left)
    if state.score().violation > 0:
        if not repair:
            return
        if search.objective == "cost":
            if state.late_links():
                search.offer(pace(tables, within(tables, left, state.totals.users.keys()), tries=PACES))
            search.offer(tolled(tables, left, until=state.until))
        if search.best is not None:
            return
        near = within(tables, left, found.pools)
        hasten(state, near)
        improve(state, near, passes=REPAIRS)
    improve(state, within(tables, left, state.totals.users.keys()), passes=1)
    search.offer(state.picked)


def _all_differ(tables: Tables) -> bool:
    """Few tasks share their options with others, so that to count them gains little."""
    return len({id(task.options) for task in tables.problem.tasks}) > tables.size / 2


def _has_core(search: Search) -> bool:
    """Linear programs come first: where tasks are many, and not too many."""
    options = sum(map(len, search.left.alive))
    return search.objective == "cost" and search.tables.size >= CORE_TASKS and options <= CORE_OPTIONS


def _seek(search: Search) -> bool:
    """The road for what the relaxation has not settled. True where the question is settled now."""
    tables, left = search.tables, search.left
    presolve.drop_dominated(tables, left)
    if _has_core(search):
        from agentc.solve.core import refine  # for large problems only

        settled = refine(search)
        if settled or search.best is not None:
            return settled
    if search.best is None and tables.size >= CORE_TASKS and search.objective == "cost" and tables.path_bounds():
        from agentc.solve.pace import pace  # likewise

        search.offer(pace(tables, left, tries=PACES))
    if sum(map(len, left.alive)) > CORE_OPTIONS and search.best is not None:
        return False
    until = time.perf_counter() + HEURISTIC_SHARE * search.seconds_left
    search.offer(heuristic(tables, left, search.objective, until=until).picked)
    return search.closed() or _prove(search)


def outline(
    problem: PlacementProblem, *, time_limit: float = 60.0, gap: float = 1e-6, enough: float = 0.0
) -> tuple[PlacementSolution | None, float]:
    """What the relaxation of ``solve`` finds by itself, with a bound of the objective that holds in any case; where
    that is not within ``enough`` (relative) of each other, what prices of seconds and devices find (see ``trade``).

    No answer where its choice breaks a demand and nothing near it keeps all; a bound of infinity where no placement is
    feasible. Latency is not relaxed: no answer, and a bound of minus infinity. It is quick for thousands of options
    that ``solve`` would look through one by one.
    """
    started = time.perf_counter()
    problem = weighed(problem)
    if problem.objective == "latency":
        return None, -math.inf
    tables = tabulate(problem)
    left = presolve.possible(tables)
    if any(not row for row in left.alive):
        return None, math.inf
    bound = _plain_bound(tables, left, problem.objective)
    search = Search(tables, left, problem.objective, None, bound, gap, started + time_limit, time_limit)
    _relax(search, RELAXED_SHARE, repair=problem.objective != "cost")
    if problem.objective == "cost" and search.bound < math.inf and not near(search, enough):
        from agentc.solve.trade import trade  # for large problems only

        trade(search, search.deadline, enough)
    if search.best is None and search.bound < math.inf and problem.objective == "cost":
        _relax(search, OUTLINE_SHARE)
    return (None if search.best is None else _answer(search, started)), search.bound


def _plain_bound(tables: Tables, left: Reduced, objective: Objective) -> float:
    """A lower bound without any search: every task by itself."""
    rows = list(enumerate(left.alive))
    if objective == "energy":
        return math.fsum(min(tables.cells[t][o].joules for o in row) for t, row in rows)
    if objective == "cost":
        return math.fsum(min(share(tables, t, o) for o in row) for t, row in rows)
    least = [min(tables.cells[t][o].seconds for o in row) for t, row in rows]
    hops = [presolve.least_hop(tables, left, link, path=True) for link in tables.links]
    heads, _ = presolve.heads_and_tails(tables, least, hops)
    return max((head + own for head, own in zip(heads, least, strict=True)), default=0.0)


def _prove(search: Search) -> bool:
    """Run the MILP. True where it settled the question: the best is optimal, or nothing is feasible."""
    tables, left = search.tables, search.left
    if search.objective == "cost":
        unit = search.value if math.isfinite(search.value) and search.value > 0 else typical_cost(tables, left)
        if search.best is not None:
            presolve.drop_costly(tables, left, search.value, search.best.picked)
        if not path_can_bind(tables, left):
            return _run(search, build(tables, left, Shape(path=False), unit), share_of_time=1.0)
        if tables.size >= LAZY_TASKS and all(bound.usd is None for bound in tables.path_bounds()):
            settled = _run(search, build(tables, left, Shape(path=False), unit), share_of_time=0.4, relaxed=True)
            if settled:
                return True
        exact = tables.size <= EXACT_TASKS
        return _run(search, build(tables, left, Shape(exact_hops=exact), unit), share_of_time=1.0)
    needs_path = search.objective == "latency" or path_can_bind(tables, left)
    model = build(tables, left, Shape(path=needs_path), typical_cost(tables, left))
    return _run(search, model, share_of_time=0.7)


def _run(search: Search, model: Model, *, share_of_time: float, relaxed: bool = False) -> bool:
    """Solve ``model`` until its answer and the evaluator agree.

    ``relaxed``: a demand is missing from the program, so an answer that breaks it leaves only its bound.
    """
    unit = aim(search, model)
    until = time.perf_counter() + share_of_time * search.seconds_left
    _warm_start(search, model)
    for _ in range(CUTS):
        result = model.program.run(time_limit=max(0.01, until - time.perf_counter()), gap=search.gap / 2)
        if result.outcome == "infeasible":
            search.bound = max(search.bound, search.value) if search.best is not None else search.bound
            return True
        rest = result.bound * unit
        if not result.values:
            search.bound = max(search.bound, min(search.value, rest))
            return search.closed()
        picked = model.decode(result.values)
        state = search.offer(picked)
        search.bound = max(search.bound, min(search.value, rest))
        if search.closed():
            return True
        if result.outcome == "limit" or relaxed:
            state.until = search.deadline + HEURISTIC_SHARE * search.seconds_given
            hasten(state, search.left)
            improve(state, search.left)
            search.offer(state.picked)
            return search.closed()
        model.exclude(picked)
    return False


def _warm_start(search: Search, model: Model) -> None:
    if search.best is not None:
        replicas = evaluate(search.tables.problem, search.tables.choice(search.best.picked)).replicas
        model.program.start_from(model.start(search.best.picked, dict(replicas)))


def _least_cost(search: Search) -> None:
    """Among the choices that are best for latency or energy, the cheapest."""
    assert search.best is not None
    tables = search.tables
    bill = search.best.score().tie
    model = build(tables, search.left, Shape(), bill if bill > 0 else typical_cost(tables, search.left))
    most = search.value * (1 + TIE / 2)
    if search.objective == "latency":
        model.program.row(0.0, most / model.time_unit, [(model.end, 1.0)])
    else:
        unit = search.value or 1.0
        model.program.row(0.0, most / unit, model.joules(unit))
    model.minimize_cost()
    _warm_start(search, model)
    for _ in range(CUTS):
        result = model.program.run(time_limit=max(0.01, search.seconds_left), gap=search.gap / 2)
        if result.outcome == "infeasible" or not result.values:
            break
        picked = model.decode(result.values)
        score = State(tables, picked, search.objective).score()
        if score.violation == 0 and score.objective <= search.value * (1 + TIE):
            best = search.best.score()
            if Score(0.0, score.tie, 0.0).beats(Score(0.0, best.tie, 0.0)):
                search.best = State(tables, picked, search.objective)
            if score.tie - result.bound * model.cost_unit <= search.gap * abs(score.tie):
                break
        model.exclude(picked)


def _polish(search: Search, among: Reduced) -> None:
    """Break ties: the shorter end-to-end time, then the option that was named first."""
    state = search.best
    if state is None or search.tables.size > POLISH_TASKS:
        return
    left = presolve.possible(search.tables, among)
    if search.objective == "cost" and search.tables.size <= LAZY_TASKS:
        improve(state, left, passes=3)
    for t, row in enumerate(left.alive):
        if search.tables.size > LAZY_TASKS and search.seconds_left <= 0:
            return
        for o in row:
            _prefer_earlier(state, t, o)


def _prefer_earlier(state: State, t: int, o: int) -> None:
    """Take option ``o`` if it was named before the chosen one and nothing is worse for it."""
    old, groups = state.picked[t], state.tables.group_of
    if o >= old or (t, o) in groups or (t, old) in groups:
        return
    before = state.score()
    if before.beats(state.score_after({t: o})):
        return
    state.apply({t: o})
    if before.beats(state.score()):
        state.apply({t: old})


def _answer(search: Search, started: float) -> PlacementSolution:
    assert search.best is not None
    choice = search.tables.choice(search.best.picked)
    figures = evaluate(search.tables.problem, choice)
    value = figures.objective(search.objective)
    bound = min(value, search.bound)
    gap = (value - bound) / abs(value) if value else 0.0
    return PlacementSolution(
        status="optimal" if gap <= search.gap else "feasible",
        choice=choice,
        replicas=figures.replicas,
        objective=value,
        bound=bound,
        gap=gap,
        usd_per_hour=figures.usd_per_hour,
        usd_per_request=figures.usd_per_request,
        end_to_end_seconds=figures.end_to_end_seconds,
        ttft_seconds=figures.ttft_seconds,
        tbt_seconds=figures.tbt_seconds,
        critical_path=figures.critical_path,
        solve_seconds=time.perf_counter() - started,
    )


def _infeasible(problem: PlacementProblem, started: float, *, proven: bool, reasons: bool) -> PlacementSolution:
    if proven and reasons:
        from agentc.solve.conflict import explain

        sentences = explain(problem).sentences
    elif proven:
        sentences = ()
    else:
        sentences = ("no placement was found within the time limit, and none is proven to be impossible",)
    return PlacementSolution(status="infeasible", conflict=sentences, solve_seconds=time.perf_counter() - started)
