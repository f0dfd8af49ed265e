"""Where a definition refers to something: each reference with its place and the scope that it is read in."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.scopes import AgentGraph, Item, Scope
from agentc.support.record import record

if TYPE_CHECKING:
    from agentc.frontends.yaml.rules.nodes import Common


@record(slots=True)
class Reference:
    """A name in the text."""

    text: str
    path: Path
    scope: Scope
    """Where the name is looked up."""
    holder: Item | None
    """The node that reads it; ``None`` for what a body or a graph gives."""


def inputs_of(node: "Common", path: Path) -> dict[str, tuple[str, Path]]:
    """What ``in:`` names: name for templates and arguments -> reference and its place, in order.

    A reference is called as it is written; ``{query: decide.query}`` gives it another name. One that is there twice is
    told apart by its place (``query#1``), which no template can name.
    """
    stated = node.in_
    if isinstance(stated, str):
        return {stated: (stated, (*path, "in"))}
    if isinstance(stated, Mapping):
        return {name: (text, (*path, "in", name)) for name, text in stated.items()}
    rows = [(text, (*path, "in", i)) for i, text in enumerate(stated)]
    return {text if text not in stated[:i] else f"{text}#{i}": (text, place) for i, (text, place) in enumerate(rows)}


def condition_of(node: "Common", path: Path) -> tuple[str, Path, float | None, bool] | None:
    """Of ``when`` or ``unless``: reference, place, stated probability, and whether it is ``unless``."""
    for key, stated in (("when", node.when), ("unless", node.unless)):
        if isinstance(stated, str):
            return stated, (*path, key), None, key == "unless"
        if stated is not None:
            return stated.if_, (*path, key, "if"), stated.probability, key == "unless"
    return None


def of_item(item: Item) -> Iterator[Reference]:
    """References of a node itself, those of its bodies' outputs too, but not of the nodes within."""
    from agentc.frontends.yaml.rules.nodes import BranchNode, LoopNode, MapNode

    node, path = item.node, item.path
    for text, place in inputs_of(node, path).values():
        yield Reference(text, place, item.scope, item)
    if condition := condition_of(node, path):
        yield Reference(condition[0], condition[1], item.scope, item)
    if isinstance(node, BranchNode):
        yield Reference(node.branch.on, (*path, "branch", "on"), item.scope, item)
    elif isinstance(node, MapNode):
        yield Reference(node.map.over, (*path, "map", "over"), item.scope, item)
    elif isinstance(node, LoopNode):
        for name, text in node.loop.start.items():
            yield Reference(text, (*path, "loop", "start", name), item.scope, item)
        key = "while" if node.loop.while_ else "until"
        yield Reference(str(node.loop.while_ or node.loop.until), (*path, "loop", key), item.bodies[""], None)
    for body in item.bodies.values():
        if body.output:
            yield Reference(body.output[0], body.output[1], body, None)


def of_graph(agent: AgentGraph) -> Iterator[Reference]:
    """All references of an agent."""
    for item in agent.scope.walk():
        if not item.hole:
            yield from of_item(item)
    for name, text in agent.spec.outputs.items():
        yield Reference(text, (*agent.path, "outputs", name), agent.scope, None)
