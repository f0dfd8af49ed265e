"""``placement_problem``: what the solver is asked about a module, with the reasons of the cost model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.ir import Attribute

from agentc import cost
from agentc.analyses.company import accompanied
from agentc.analyses.context import AgentcContext
from agentc.analyses.fleet import fleet
from agentc.analyses.hosts import share_hosts
from agentc.analyses.names import task_names
from agentc.analyses.task_graph import entry_graph, task_graph
from agentc.dialects.place import OptionAttr
from agentc.dialects.provenance import span
from agentc.plan.fleet import Fleet
from agentc.plan.graph import Limit, TaskGraph
from agentc.plan.placement import Objective, Option, PlacementEdge, PlacementProblem, PlacementTask
from agentc.solve.baselines import restrict
from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record

MEMO = "placement-problem"

FREE = Limit("end_to_end", 1e9)
"""A limit that binds nothing."""


@record
class Posed:
    """A placement problem with what it was made from."""

    graph: TaskGraph
    fleet: Fleet
    problem: PlacementProblem
    table: cost.OptionTable


def placement_problem(
    ctx: Context, module: ModuleOp, objective: Objective = "cost", also: tuple[Objective, ...] = ()
) -> Posed:
    """The placement problem of the module's entry graph on the module's fleet; ``also`` as for ``pose``.

    In an ``AgentcContext`` it is computed once for passes that follow each other and change nothing that it rests on.

    Raises:
        Refused: ``no-fleet`` for a module without a fleet, ``empty-fleet`` for a fleet without devices.
    """
    question = (task_graph(module), _fleet(module), objective, also)
    known = ctx.remembered(MEMO, question) if isinstance(ctx, AgentcContext) else None
    if isinstance(known, Posed):
        return known
    posed = pose(*question[:3], also=also)
    return ctx.remember(MEMO, question, posed) if isinstance(ctx, AgentcContext) else posed


def pose(
    graph: TaskGraph,
    fleet: Fleet,
    objective: Objective = "cost",
    *,
    lenient: bool = False,
    also: tuple[Objective, ...] = (),
) -> Posed:
    """The placement problem of ``graph`` on ``fleet``.

    ``lenient`` keeps options that break a limit or the stock on their own, to find what would have to give; ``also``
    those that another objective wants.
    """
    aims = (objective, *also)
    # What draws less is kept for an objective of energy or carbon, what is fast for a limit from end to end.
    drawn: Objective = "energy" if "energy" in aims else "carbon" if "carbon" in aims else objective
    asked = replace(graph, limits=(*graph.limits, FREE)) if "latency" in aims and drawn != "latency" else graph
    problem, table = cost.problem(asked, fleet, drawn, lenient=lenient)
    bounds = tuple(bound for bound in problem.deadlines if bound.seconds < FREE.seconds)
    problem = replace(problem, objective=objective, deadlines=bounds)
    problem = share_hosts(_side_by_side(_whole(problem), graph), graph, fleet)
    problem = accompanied(problem, graph, fleet)
    return Posed(graph, fleet, problem, table)


def _fleet(module: ModuleOp) -> Fleet:
    found = fleet(module)
    if found is None:
        raise Refused(
            Diagnostic("no-fleet", "there is no fleet to place the agent on", help="name a fleet file: --fleet FILE")
        )
    if not found.stocks:
        message = f"fleet `{found.name}` has no devices"
        raise Refused(Diagnostic("empty-fleet", message, span(entry_graph(module)), help="list `devices` in it"))
    return found


def _whole(problem: PlacementProblem) -> PlacementProblem:
    """The problem without options that go with others which are not there (one half of a shared pool is too late)."""
    there = {(task.name, option.name) for task in problem.tasks for option in task.options}
    return problem if all(group <= there for group in problem.together) else restrict(problem, lambda option: True)


def _side_by_side(problem: PlacementProblem, graph: TaskGraph) -> PlacementProblem:
    """The problem with the times of a map's steps divided by how many run side by side.

    The longest path weighs a task by its visits; of these only visits / concurrency come one after the other.
    """
    abreast = {task.name: task.concurrency for task in graph.tasks if task.concurrency > 1.0}
    if not abreast:
        return problem
    rows: dict[tuple[int, float], tuple[Option, ...]] = {}
    tasks = tuple(_faster(task, abreast[task.name], rows) if task.name in abreast else task for task in problem.tasks)
    edges = tuple(_shorter(edge, abreast[edge.dst]) if edge.dst in abreast else edge for edge in problem.edges)
    return replace(problem, tasks=tasks, edges=edges)


def _faster(task: PlacementTask, share: float, rows: dict[tuple[int, float], tuple[Option, ...]]) -> PlacementTask:
    key = (id(task.options), share)
    if key not in rows:
        rows[key] = tuple(replace(option, seconds=option.seconds / share) for option in task.options)
    return replace(task, options=rows[key])


def _shorter(edge: PlacementEdge, share: float) -> PlacementEdge:
    return replace(edge, hops={ends: replace(hop, seconds=hop.seconds / share) for ends, hop in edge.hops.items()})


def narrowed(posed: Posed, module: ModuleOp) -> dict[str, frozenset[str]]:
    """The tasks whose ops carry fewer options (`place.options`) than were found for them -> those that they carry."""
    carried: dict[str, frozenset[str]] = {}
    for op, name in task_names(entry_graph(module)).items():
        attr = op.attributes.get("place.options")
        if isinstance(attr, ArrayAttr):
            items = cast(Iterable[Attribute], attr)
            carried[name] = frozenset(item.data.name for item in items if isinstance(item, OptionAttr))
    found = {task.name: _names(task.options) for task in posed.problem.tasks}
    return {name: names for name, names in carried.items() if names != found[name]}


def restricted(problem: PlacementProblem, allowed: Mapping[str, frozenset[str]]) -> PlacementProblem:
    """``problem`` with only the ``allowed`` options of the tasks that are named there."""
    if not allowed:
        return problem
    tasks = tuple(
        replace(task, options=tuple(o for o in task.options if o.name in allowed[task.name]))
        if task.name in allowed
        else task
        for task in problem.tasks
    )
    kept = {(task.name, option.name) for task in tasks for option in task.options}
    together = tuple(group for group in problem.together if group <= kept)
    return replace(problem, tasks=tasks, together=together)


def _names(options: Sequence[Option]) -> frozenset[str]:
    return frozenset(option.name for option in options)
