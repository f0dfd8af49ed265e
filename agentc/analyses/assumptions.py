"""What a plan rests on that nobody stated: every report lists it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.ir import Attribute, Operation

from agentc.analyses.task_graph import entry_graph
from agentc.dialects.agent import GraphOp, LoopOp
from agentc.dialects.provenance import node_path
from agentc.plan.graph import TaskGraph

SHOWN = 12
"""Nodes that one line names before it counts the rest."""


def assumptions(module: ModuleOp, tasks: TaskGraph, calibrated: Mapping[str, bool]) -> tuple[str, ...]:
    """Sentences: assumed load, trips, figures and choices; devices whose efficiency nobody measured."""
    graph = entry_graph(module)
    return (*_load(tasks), *_loops(graph), *_figures(tasks), *_choices(module), *_uncalibrated(calibrated))


def _load(tasks: TaskGraph) -> Iterator[str]:
    if tasks.load.assumed:
        yield f"load: {tasks.load.requests_per_second:g} requests/s"


def _loops(graph: GraphOp) -> Iterator[str]:
    for op in graph.body.walk():
        if isinstance(op, LoopOp) and op.assumed is not None:
            yield f"{node_path(op) or 'loop'}: {op.expected.value.data:g} trips expected"


def _figures(tasks: TaskGraph) -> Iterator[str]:
    """One line per figure and value, with the nodes that use it."""
    users: dict[tuple[str, float], dict[str, None]] = {}
    for task in tasks.tasks:
        for name, figure in task.shape.items():
            if figure.assumed:
                users.setdefault((name.rpartition(".")[2], figure.mean), {}).setdefault(task.name)
    for (name, mean), names in users.items():
        yield f"{name} = {mean:g}: {_listed(names)}"


def _choices(module: ModuleOp) -> Iterator[str]:
    """What ``agent.assumed`` marks: precision of models, shares of cases, sizes of memories."""
    users: dict[str, dict[str, None]] = {}
    for op in module.walk():
        marks = op.attributes.get("agent.assumed")
        for mark in cast(ArrayAttr[Attribute], marks) if isinstance(marks, ArrayAttr) else ():
            if isinstance(mark, StringAttr):
                users.setdefault(mark.data, {}).setdefault(_called(op))
    for what, names in users.items():
        yield f"{_WORDS.get(what, what)}: {_listed(names)}"


_WORDS = {
    "max": "most trips",
    "builtin": "what it computes",
    "server": "where it is served",
    "model": "a model that stands in, or a hosted one whose price and speed nobody stated",
}


def _called(op: Operation) -> str:
    symbol = op.properties.get("sym_name")
    return symbol.data if isinstance(symbol, StringAttr) else node_path(op) or op.name


def _listed(names: Iterable[str]) -> str:
    rows = list(names)
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return ", ".join(rows[:SHOWN]) + more


def _uncalibrated(calibrated: Mapping[str, bool]) -> Iterator[str]:
    rough = sorted(device for device, measured in calibrated.items() if not measured)
    if rough:
        yield f"efficiency not measured, taken from related devices: {', '.join(rough)}"
