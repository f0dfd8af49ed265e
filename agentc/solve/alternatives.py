"""For each task, what the next best option on every other device class would cost, or why there is none.

The task is forced there and the rest of the plan may follow: by local search from the plan, with a
bound from one linear program whose bounds are changed, and by the MILP where the two are apart. All
budgets are counts, so that the same plan gives the same alternatives.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from agentc.plan.placement import Alternative, PlacementProblem, PlacementSolution, Verdict
from agentc.solve import parts, presolve
from agentc.solve.carbon import weighed
from agentc.solve.demands import sla_name
from agentc.solve.evaluate import Violation, evaluate
from agentc.solve.heuristic import closure, improve
from agentc.solve.highs import Result
from agentc.solve.milp import Model, Shape, build, share, typical_cost
from agentc.solve.presolve import Reduced
from agentc.solve.state import Moves, Score, State
from agentc.solve.tables import Tables, tabulate
from agentc.support.units import format_usd

EXACT_TASKS = 30
"""Up to so many tasks the rest of the plan is optimized around the forced task; beyond, it stays as it is, but for what
is chosen together with the task, and the difference is told as the most that it would be."""

PROOFS = 10
"""Runs of the MILP, those without any placement first, then the widest gaps."""

PROOF_SECONDS = 2.0
"""One run; small problems take a hundredth of it."""

CLOSE = 1e-3
"""A relative gap between a plan and its bound that needs no proof."""

SAME = 1e-7
"""Relative difference of objectives below which two plans cost the same."""


@dataclass
class _Forced:
    """One task on one device class."""

    task: int
    device: str
    options: list[int]
    """Possible there; empty where presolve ruled all of them out."""
    option: int = -1
    """The best of them; -1 where none can be chosen."""
    score: Score | None = None
    """Of the best placement found."""
    state: State | None = None
    """That placement; none where it is the plan with some moves."""
    moves: Moves = field(default_factory=dict[int, int])
    bound: float = -math.inf
    """Proven, of the objective; infinite: proven to be infeasible."""

    def offer(self, score: Score, moves: Moves, state: State | None = None) -> None:
        """Keep a placement, by ``moves`` from the plan or as a ``state`` of its own, if none is better."""
        if self.score is None or score.beats(self.score):
            self.score, self.moves, self.state = score, moves, state
            self.option = moves[self.task] if state is None else state.picked[self.task]

    @property
    def value(self) -> float:
        return math.inf if self.score is None or self.score.violation > 0 else self.score.objective

    @property
    def gap(self) -> float:
        if math.isinf(self.value):
            return 0.0 if self.bound == math.inf else math.inf
        return (self.value - self.bound) / abs(self.value) if self.value else 0.0


def alternatives(problem: PlacementProblem, solution: PlacementSolution) -> Mapping[str, tuple[Alternative, ...]]:
    """Task -> one alternative per device class that it has options on and is not placed on, in their order.

    Verdicts: ``dearer`` (``slower`` where latency is the objective; where energy or carbon is, ``dearer`` means more
    joules or grams), ``equal``, or ``infeasible`` with the demand that forbids it. Empty for an infeasible
    ``solution``.
    """
    if solution.status == "infeasible":
        return {}
    unit = "g CO2e" if problem.objective == "carbon" else "J"
    problem = weighed(problem)
    tables = tabulate(problem)
    left = presolve.possible(tables)
    picked = _picked(tables, solution)
    plan = State(tables, picked, problem.objective)
    for t, o in enumerate(picked):
        if o not in left.alive[t]:
            left.alive[t] = sorted([*left.alive[t], o])
    forced = [f for t in range(tables.size) for f in _elsewhere(tables, left, picked, t)]
    apart = _parts(tables, left, plan) if tables.size <= EXACT_TASKS else dict[int, parts.Part]()
    for each in forced:
        if not _decide(each, plan, left, apart):
            _search(each, plan, left)
    if tables.size <= EXACT_TASKS:
        _prove(tables, left, plan, [f for f in forced if f.options and f.gap > 0])
    planned = evaluate(problem, solution.choice).usd_per_hour
    told: dict[str, list[Alternative]] = {tables.name(t): [] for t in range(tables.size)}
    for each in forced:
        told[tables.name(each.task)].append(_tell(tables, left, plan, planned, each, unit))
    return {name: tuple(rows) for name, rows in told.items()}


def _picked(tables: Tables, solution: PlacementSolution) -> list[int]:
    names = [[cell.option.name for cell in row] for row in tables.cells]
    return [row.index(solution.choice[tables.name(t)]) for t, row in enumerate(names)]


def _elsewhere(tables: Tables, left: Reduced, picked: list[int], t: int) -> list[_Forced]:
    here = tables.cells[t][picked[t]].option.device
    devices = dict.fromkeys(cell.option.device for cell in tables.cells[t])
    return [
        _Forced(t, device, [o for o in left.alive[t] if tables.cells[t][o].option.device == device])
        for device in devices
        if device != here
    ]


def _parts(tables: Tables, left: Reduced, plan: State) -> Mapping[int, parts.Part]:
    """Task -> its part, where the plan is what its parts decide each by itself; else nothing."""
    whole = parts.decide(tables, left)
    if whole.state is None or plan.score().beats(whole.state.score()) or whole.state.score().beats(plan.score()):
        return {}
    return {t: part for part in parts.parts(tables, left, whole.scarce) for t in part.tasks}


def _decide(forced: _Forced, plan: State, left: Reduced, apart: Mapping[int, parts.Part]) -> bool:
    """Decide the part of the task anew, with the task there. False where that does not tell what the whole takes."""
    part = apart.get(forced.task)
    if part is None or not forced.options:
        return False
    narrowed = Reduced([forced.options if t == forced.task else row for t, row in enumerate(left.alive)])
    found = parts.cheapest(plan.tables, narrowed, part)
    if found is None:
        return False
    if not found.choices:
        forced.bound = math.inf
        return False
    state = State(plan.tables, plan.picked, plan.objective)
    state.apply(found.choices[0])
    parts.choose(state, found.choices[1:])
    if state.score().violation > 0:
        return False
    forced.offer(state.score(), {}, state)
    forced.bound = forced.value
    return True


def _search(forced: _Forced, plan: State, left: Reduced) -> None:
    """The best plan found with the task on one of its options there."""
    tables = plan.tables
    for o in forced.options:
        moves = closure(tables, left, plan.picked, forced.task, o)
        if moves is None:
            continue
        if _told_by_moves(plan):
            forced.offer(plan.score_after(moves), moves)
            continue
        state = State(tables, plan.picked, plan.objective)
        state.apply(moves)
        forced.offer(state.score(), moves, state)
    if forced.state is not None and tables.size <= EXACT_TASKS:
        t = forced.task
        narrowed = Reduced([forced.options if u == t else row for u, row in enumerate(left.alive)])
        improve(forced.state, narrowed, passes=1)
        forced.score, forced.option = forced.state.score(), forced.state.picked[t]


def _told_by_moves(plan: State) -> bool:
    """What moves change is enough to tell a plan after them: where nothing follows, and the longest path, which is
    then known only where it is too long, is not counted."""
    paths = plan.tables.path_bounds()
    return plan.tables.size > EXACT_TASKS and plan.objective != "latency" and all(bound.usd is None for bound in paths)


def _prove(tables: Tables, left: Reduced, plan: State, forced: list[_Forced]) -> None:
    """Bound every forced plan by the LP, then settle the widest gaps by the MILP."""
    if not forced:
        return
    bill = plan.score().objective if plan.objective == "cost" else plan.score().tie
    paths = plan.objective == "latency" or bool(tables.path_bounds())
    unit = bill if bill > 0 else typical_cost(tables, left)
    relaxed = build(tables, left, Shape(path=paths, integer=False), unit)
    scale = _aim(relaxed, plan)
    for each in forced:
        each.bound = max(each.bound, _run(relaxed, each).bound * scale)
    # Without the ends of the interval sorting would depend on nothing but the order, which is what is wanted.
    wide = sorted((f for f in forced if f.gap > CLOSE), key=lambda f: -f.gap)[:PROOFS]
    if not wide:
        return
    exact = build(tables, left, Shape(path=paths), unit)
    scale = _aim(exact, plan)
    exact.program.option("mip_heuristic_effort", 0.0)
    for each in wide:
        result = _run(exact, each)
        each.bound = max(each.bound, result.bound * scale)
        if result.values:
            state = State(tables, exact.decode(result.values), plan.objective)
            each.offer(state.score(), {}, state)


def _aim(model: Model, plan: State) -> float:
    """Set the objective; returns how much of ours one unit of the program's is."""
    if plan.objective == "latency":
        model.minimize_latency()
        return model.time_unit
    if plan.objective == "energy":
        unit = plan.totals.joules or 1.0
        model.minimize_energy(unit)
        return unit
    model.minimize_cost()
    return model.cost_unit


def _run(model: Model, forced: _Forced) -> Result:
    """Minimize with the task on its options there, then open the others again."""
    columns = model.x[forced.task]
    closed = [column for o, column in columns.items() if o not in forced.options]
    for column in closed:
        model.program.bound_column(column, 0.0, 0.0)
    result = model.program.run(time_limit=PROOF_SECONDS, gap=CLOSE / 2)
    for column in closed:
        model.program.bound_column(column, 0.0, 1.0)
    return result


def _tell(tables: Tables, left: Reduced, plan: State, planned: float, forced: _Forced, unit: str) -> Alternative:
    """The alternative in words; ``planned`` is the plan's bill in $/hour."""
    if forced.score is None or forced.score.violation > 0:
        return _forbidden(tables, left, plan, forced)
    option = tables.cells[forced.task][forced.option].option
    if forced.state is None:
        delta = plan.bill_after(forced.moves) - plan.bill_after({})
    else:
        delta = evaluate(tables.problem, tables.choice(forced.state.picked)).usd_per_hour - planned
    mine, theirs = forced.score.objective, plan.score().objective
    more = mine - theirs
    verdict: Verdict = "equal" if abs(more) <= SAME * max(abs(mine), abs(theirs)) else "dearer"
    if verdict == "dearer" and plan.objective == "latency":
        verdict = "slower"
    return Alternative(
        device=forced.device,
        option=option.name,
        verdict=verdict,
        why=_why(plan, more, delta, verdict, unit, exact=forced.gap <= CLOSE),
        seconds=option.seconds,
        usd_per_hour_delta=delta,
        usd_per_request=_own_cost(tables, forced.task, forced.option),
    )


def _why(plan: State, more: float, delta: float, verdict: Verdict, unit: str, *, exact: bool) -> str:
    about = "" if exact else "at most "
    money = f"{format_usd(abs(delta))}/h {'more' if delta >= 0 else 'less'}"
    if verdict == "equal":
        return "the plan would be as good" if abs(delta) < 1e-9 else f"as good, and {money}"
    if plan.objective == "latency":
        return f"the plan would take {about}{more * 1e3:.4g} ms more, and cost {money}"
    if plan.objective == "energy":
        return f"the plan would take {about}{more:.4g} {unit} per request more, and cost {money}"
    penalty = more - delta
    late = f", and {format_usd(penalty)}/h more for missed deadlines" if penalty > 1e-9 * abs(more) else ""
    return f"the plan would cost {about}{money}{late}"


def _own_cost(tables: Tables, t: int, o: int) -> float:
    """Dollars per request that the task itself takes: its share of the rent, and its own price."""
    return share(tables, t, o) / (3600.0 * tables.problem.requests_per_second)


def _forbidden(tables: Tables, left: Reduced, plan: State, forced: _Forced) -> Alternative:
    """The best option there, by what rules it out; of those that nothing can hold, the one that would cost least."""
    t = forced.task
    there = [o for o, cell in enumerate(tables.cells[t]) if cell.option.device == forced.device]
    if forced.option in there:
        option = forced.option
        why = _broken(tables, plan, forced)
    else:
        option = min(there, key=lambda o: ((t, o) not in left.reasons, share(tables, t, o), o))
        why = left.reasons.get((t, option), "its options go together with options that cannot be chosen")
    return Alternative(
        device=forced.device,
        option=tables.cells[t][option].option.name,
        verdict="infeasible",
        why=why,
        seconds=tables.cells[t][option].option.seconds,
        usd_per_request=_own_cost(tables, t, option),
    )


def _broken(tables: Tables, plan: State, forced: _Forced) -> str:
    if forced.state is None:
        broken = plan.broken_after(forced.moves)
    else:
        broken = evaluate(tables.problem, tables.choice(forced.state.picked)).violations
    told = "; ".join(_violation(v) for v in broken[:2])
    return told if forced.bound == math.inf else f"{told} in the best plan that was found"


def _violation(violation: Violation) -> str:
    if violation.kind == "deadline":
        name = sla_name(violation.name)
        return f"{violation.name} would be {violation.value * 1e3:.5g} ms, over `{name}` of {violation.limit * 1e3:g}"
    if violation.kind == "stock":
        return f"the plan would take {violation.value:g} `{violation.name}`, and the fleet has {violation.limit:g}"
    if violation.kind == "memory":
        return f"`{violation.name}` would hold {violation.value / 1e9:.4g} GB, over {violation.limit / 1e9:.4g} GB"
    if violation.kind == "link":
        return f"no link joins {violation.name}"
    if violation.kind == "rule":
        return violation.name
    return f"{violation.name} cannot be chosen apart"
