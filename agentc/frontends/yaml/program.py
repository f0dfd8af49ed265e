"""A definition with all that it refers to: files of sub-agents, references, entities, kernels."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, TypeAlias

from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.entities import Entities, entities
from agentc.frontends.yaml.figures import check as check_figures
from agentc.frontends.yaml.read import Source, read
from agentc.frontends.yaml.resolve import Links, callee_of, link
from agentc.frontends.yaml.scopes import AgentGraph, Item, Unit
from agentc.support.diagnostics import Diagnostic, Diagnostics, Refused, Span
from agentc.support.yaml_source import Document, load_yaml

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

Revise: TypeAlias = Callable[[str, Document], Document]

_OPS = 40
"""More than a node makes without its inputs: its op, fields that are taken, what its cases and trips give."""

MAX_FILES = 100
"""Definitions that one compile reads."""


@dataclass(eq=False)
class Program:
    """Everything that a compile starts from."""

    units: list[Unit] = field(default_factory=list[Unit])
    """Files, those of sub-agents before the ones that call them; the main file last."""
    entities: dict[Unit, Entities] = field(default_factory=dict[Unit, Entities])
    links: dict[AgentGraph, Links] = field(default_factory=dict[AgentGraph, Links])
    kernels: "dict[Item, ModuleOp]" = field(default_factory=dict[Item, "ModuleOp"])
    revise: Revise | None = None

    @property
    def main(self) -> AgentGraph:
        """The agent that a build serves."""
        return self.units[-1].main

    def graphs(self) -> list[AgentGraph]:
        """All agents, called ones before callers where files part them; the main one last."""
        return [agent for unit in self.units for agent in unit.graphs()]

    def most_steps(self) -> int:
        """Ops that the agent can make at most once its sub-agents are written out: more than there will be."""
        known: dict[AgentGraph, int] = {}
        waiting = self.graphs()
        while waiting:
            agent = waiting[-1]
            callees = [callee for item in agent.scope.walk() if (callee := callee_of(item))]
            missing = [callee for callee in callees if callee not in known]
            if agent not in known and missing:
                waiting += missing
                continue
            waiting.pop()
            known[agent] = sum(_OPS + _inputs(item) for item in agent.scope.walk()) + sum(
                map(known.__getitem__, callees)
            )
        return max(known.values(), default=0)


def _inputs(item: Item) -> int:
    stated = item.node.in_
    return 1 if isinstance(stated, str) else len(stated)


def assemble(source: Source, found: Diagnostics, revise: Revise | None = None) -> Program:
    """Read the files of sub-agents, resolve references and entities; problems go to ``found``.

    ``revise`` takes the label and document of each file of a sub-agent, and gives the document that counts.
    """
    program = Program(revise=revise)
    _unit(source, "", "", (), program, found)
    for unit in program.units:
        check_figures(unit.source, found)
        program.entities[unit] = entities(unit.source, found)
        for agent in unit.graphs():
            program.links[agent] = link(agent, found)
    _refuse_recursion(program, found)
    for agent in program.graphs():
        for item in agent.scope.walk():
            _kernel(item, program, found)
    return program


def _unit(
    source: Source, folder: str, label: str, around: tuple[FilePath, ...], program: Program, found: Diagnostics
) -> Unit:
    from agentc.frontends.yaml.rules.file import AgentFromFile

    unit = Unit(source, folder, label)
    for name, spec in source.spec.agents.items():
        if isinstance(spec, AgentFromFile) and (inner := _included(name, spec.file, unit, around, program, found)):
            unit.agents[name] = inner.main
            inner.main.name = f"{label}.{name}" if label else name
    program.units.append(unit)
    return unit


def _included(
    name: str, file: str, unit: Unit, around: tuple[FilePath, ...], program: Program, found: Diagnostics
) -> Unit | None:
    """The definition at ``file`` as a unit; ``None`` where it cannot be used."""
    source, path = unit.source, ("agents", name, "file")
    place = source.directory / file
    stack = (*around, _real(source.document.file))
    if _real(place) in stack:
        found.error("recursive-agent", f"`{file}` includes itself", source.span(path))
        return None
    if len(program.units) + len(stack) >= MAX_FILES:
        found.error("recursive-agent", f"more than {MAX_FILES} files are included", source.span(path))
        return None
    shown = os.path.normpath(FilePath(source.document.file).parent / file)
    label = f"{unit.label}.{name}" if unit.label else name
    try:
        document = load_yaml(place, shown)
        inner = read(program.revise(label, document) if program.revise else document, place.parent, found)
    except Refused as refused:
        found.extend(_placed(refused, source.span(path)))
        return None
    if inner is None:
        return None
    folder = os.path.normpath(FilePath(unit.folder) / FilePath(file).parent)
    return _unit(inner, "" if folder == "." else folder, label, stack, program, found)


def _real(path: str | FilePath) -> FilePath:
    return FilePath(os.path.realpath(path))


def _placed(refused: Refused, span: Span) -> list[Diagnostic]:
    """The diagnostics, those without a place at ``span``."""
    from dataclasses import replace

    return [d if d.span is not None else replace(d, span=span) for d in refused.diagnostics]


def _refuse_recursion(program: Program, found: Diagnostics) -> None:
    """An agent that calls itself, however indirectly, has no bound."""
    calls = {
        agent: [(item, callee) for item in agent.scope.walk() if item.kind == "agent" and (callee := callee_of(item))]
        for agent in program.graphs()
    }
    for agent in calls:
        for item, callee in calls[agent]:
            if agent in _reached(callee, calls):
                message = f"agent `{agent.name}` calls itself through `{item.dotted}`"
                where = agent.unit.source.span((*item.path, "agent"))
                found.error("recursive-agent", message, where, help="repeat by a `loop:` with `max:`")


def _reached(start: AgentGraph, calls: Mapping[AgentGraph, list[tuple[Item, AgentGraph]]]) -> set[AgentGraph]:
    reached = {start}
    row = [start]
    while row:
        for _, callee in calls.get(row.pop(), []):
            if callee not in reached:
                reached.add(callee)
                row.append(callee)
    return reached


def _kernel(item: Item, program: Program, found: Diagnostics) -> None:
    """Build the tensor kernel that a compute node names."""
    from agentc.frontends.yaml.rules.nodes import ComputeNode

    node = item.node
    if item.hole or not isinstance(node, ComputeNode) or node.compute.kernel is None:
        return
    from agentc.frontends import kernels

    source = item.scope.agent.unit.source
    file, _, name = node.compute.kernel.rpartition(":")
    path: Path = (*item.path, "compute", "kernel")
    try:
        made = kernels.from_python(source.directory / file, name) if file else kernels.builtin(name)
    except Refused as refused:
        found.extend(_placed(refused, source.span(path)))
        return
    unit = item.scope.agent.unit
    _rebase(made, str(source.directory / file), f"{unit.folder}/{file}" if unit.folder else file)
    program.kernels[item] = made


def _rebase(module: "ModuleOp", file: str, shown: str) -> None:
    """Name places in ``file`` as all of a definition are named: from the main file's folder, wherever that lies."""
    from xdsl.dialects.builtin import StringAttr

    for op in module.walk():
        stated = op.attributes.get("agent.source")
        if isinstance(stated, StringAttr) and stated.data.startswith(f"{file}:"):
            op.attributes["agent.source"] = StringAttr(shown + stated.data[len(file) :])
