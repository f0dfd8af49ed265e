"""The whole placement problem of an agent on a fleet."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial

from agentc.cost.environment import environment
from agentc.cost.network import hops, link_between
from agentc.cost.options import options
from agentc.cost.table import OptionTable
from agentc.cost.units import Unit, units_of
from agentc.plan.fleet import Fleet, Link
from agentc.plan.graph import Limit, TaskEdge, TaskGraph
from agentc.plan.placement import (
    Deadline,
    Hop,
    Objective,
    Option,
    PlacementEdge,
    PlacementProblem,
    PlacementTask,
)


def problem(
    graph: TaskGraph, fleet: Fleet, objective: Objective = "cost", *, lenient: bool = False
) -> tuple[PlacementProblem, OptionTable]:
    """Options, transfers, deadlines and stock: what ``solve`` takes; and the table with the reasons.

    ``lenient`` as for ``options``: the same placements, with options that none of them can use.
    """
    table = options(graph, fleet, objective, lenient=lenient)
    tasks = tuple(
        PlacementTask(task.name, table.options[task.name], task.visits, task.asynchronous, task.share)
        for task in graph.tasks
    )
    units = units_of(graph)
    return PlacementProblem(
        tasks=tasks,
        edges=_edges(graph, fleet, table, units),
        pools=table.pools,
        deadlines=_deadlines(graph.limits, units),
        together=table.together,
        stock={stock.device.name: stock.count for stock in fleet.stocks if stock.count is not None},
        requests_per_second=graph.load.requests_per_second,
        objective=objective,
    ), table


def _deadlines(limits: Iterable[Limit], units: Iterable[Unit]) -> tuple[Deadline, ...]:
    """One end-to-end deadline a limit; one a call for time to first token and time between tokens."""
    calls = [unit for unit in units if unit.role in ("prefill", "hosted")]
    found: list[Deadline] = []
    for limit in limits:
        price = None if limit.usd_per_ms is None else limit.usd_per_ms * 1000
        if limit.metric == "end_to_end":
            found.append(Deadline(limit.metric, limit.seconds, (), price))
            continue
        for names in dict.fromkeys(_call(unit, limit.metric) for unit in calls):
            if names:
                found.append(Deadline(limit.metric, limit.seconds, names, price))
    return tuple(found)


def _call(unit: Unit, metric: str) -> tuple[str, ...]:
    """The tasks of a call that count for a metric, prefill first."""
    first, second = (unit, unit.pair)
    if unit.role == "hosted" and any(task.op.endswith("decode") for task in unit.tasks) and unit.pair:
        first, second = unit.pair, unit
    after = tuple(task.name for task in second.tasks) if second else ()
    return after if metric == "tbt" else (*(task.name for task in first.tasks), *after)


def _edges(graph: TaskGraph, fleet: Fleet, table: OptionTable, units: Iterable[Unit]) -> tuple[PlacementEdge, ...]:
    tasks = {task.name: task for task in graph.tasks}
    of_task = {task.name: unit for unit in units for task in unit.tasks}
    known: dict[object, dict[tuple[str, str], Hop]] = {}
    least = {id(column): _least(column) for column in {id(each): each for each in table.options.values()}.values()}
    link, edges = cache(partial(link_between, fleet)), list[PlacementEdge]()
    for edge in graph.edges:
        src, dst = of_task[edge.src], of_task[edge.dst]
        bytes_ = edge.bytes_.evaluate(environment(tasks[edge.src].shape, "mean", tasks[edge.src].model))
        sources, targets = table.options[edge.src], table.options[edge.dst]
        paired = src.pair is dst and src.role == "prefill"
        key = (id(sources), id(targets), bytes_, edge.streams, paired, src is dst)
        if key not in known:
            known[key] = _hops(link, least[id(sources)], least[id(targets)], bytes_, edge, paired, src is dst)
        edges.append(PlacementEdge(edge.src, edge.dst, known[key], edge.asynchronous))
    return tuple(edges)


def _least(column: Iterable[Option]) -> dict[str, float]:
    """The shortest time at each place."""
    least: dict[str, float] = {}
    for option in column:
        place, seconds = option.place, option.seconds
        if place not in least or seconds < least[place]:
            least[place] = seconds
    return least


def _hops(
    link: Callable[[str, str], Link],
    sources: Mapping[str, float],
    targets: Iterable[str],
    bytes_: float,
    edge: TaskEdge,
    paired: bool,
    same_unit: bool,
) -> dict[tuple[str, str], Hop]:
    """From each place to each, given the shortest time at each source."""
    if same_unit:
        return {(place, place): Hop(0.0, link="none") for place in sources}
    return hops(link, sources, targets, bytes_, streams=edge.streams, paired=paired)
