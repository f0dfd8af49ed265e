"""Branches, loops, maps, conditions: regions and what they give."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import i1
from xdsl.ir import Attribute, Block, Region, SSAValue

from agentc.dialects import agent, compute
from agentc.frontends import defaults
from agentc.frontends.yaml import kinds
from agentc.frontends.yaml.figures import rounded
from agentc.frontends.yaml.kinds import Kind
from agentc.frontends.yaml.references import condition_of
from agentc.frontends.yaml.resolve import Key, Target, default_output
from agentc.frontends.yaml.scopes import Item, Scope
from agentc.frontends.yaml.specs import assumed_attr

if TYPE_CHECKING:
    from agentc.frontends.yaml.emit import Emitter, Values
    from agentc.frontends.yaml.rules.nodes import BranchNode, LoopNode, MapNode


def emit(emitter: "Emitter", item: Item) -> "Values":
    """Emit a node; gives its value under ``()``, values within a loop and outputs of a sub-agent under their names."""
    if condition_of(item.node, item.path) is not None:
        return _conditional(emitter, item)
    return _plain(emitter, item)


def _plain(emitter: "Emitter", item: Item) -> "Values":
    from agentc.frontends.yaml.nodes import EMITTERS

    control: dict[str, Callable[[Emitter, Item], Values]] = {"branch": _branch, "loop": _loop, "map": _map}
    return (control.get(item.kind) or EMITTERS[item.kind])(emitter, item)


def _conditional(emitter: "Emitter", item: Item) -> "Values":
    """``when``: a branch whose other case gives no values."""
    stated = condition_of(item.node, item.path)
    assert stated is not None
    _, path, share, negated = stated
    flag = emitter.at(item.scope, path)
    if share is None:
        share, guessed = _probability(emitter, item)
    else:
        guessed = emitter.assumed(item, (path[len(item.path)], "probability"))
    assumed = ("probabilities",) if guessed else ()
    block, other = Block(), Block()
    with emitter.into(block):
        values = _plain(emitter, item)
        emitter.insert(agent.YieldOp(*values.values()))
    types = [value.type for value in values.values()]
    with emitter.into(other):
        nothing = [agent.NoneOp(type_) for type_ in types]
        for op in nothing:
            op.attributes.update(emitter.marks(item))
            emitter.insert(op)
        emitter.insert(agent.YieldOp(*(op.result for op in nothing)))
    labels = ("false", "true") if negated else ("true", "false")
    cases = {labels[0]: (float(share), Region(block)), labels[1]: (rounded(1.0 - float(share)), Region(other))}
    branch = agent.BranchOp(flag, cases, types)
    branch.attributes.update({**emitter.marks(item), **assumed_attr(assumed)})
    emitter.insert(branch)
    return dict(zip(values, branch.results, strict=True))


def _probability(emitter: "Emitter", item: Item) -> tuple[float, bool]:
    """How often a condition holds, and whether that is a guess.

    The flag that keeps a loop going holds in all trips but the last: (trips - 1) / trips.
    """
    stated, owner = condition_of(item.node, item.path), item.scope.owner
    assert stated is not None
    if item.scope.kind == "loop" and owner is not None:
        node: LoopNode = owner.node  # pyright: ignore[reportAssignmentType]
        targets = emitter.program.links[item.scope.agent].targets
        stop = node.loop.until is not None
        goes_on = targets[(*owner.path, "loop", "until" if stop else "while")]
        if _same(goes_on, targets[stated[1]]):
            trips = _trips(node)
            holds = rounded((trips - 1) / trips)
            guessed = node.loop.expected is None or emitter.assumed(owner, ("loop", "expected"))
            return (holds if stop == stated[3] else 1 - holds), guessed
    return defaults.WHEN_PROBABILITY, True


def _same(a: Target, b: Target) -> bool:
    return (a.scope, a.names, a.fields) == (b.scope, b.names, b.fields)


def _trips(node: "LoopNode") -> float:
    if node.loop.expected is not None:
        return float(node.loop.expected)
    return 1 + defaults.LOOP_TRIPS_SHARE * (node.loop.max - 1)


def _branch(emitter: "Emitter", item: Item) -> "Values":
    node: BranchNode = item.node  # pyright: ignore[reportAssignmentType]
    selector = emitter.at(item.scope, (*item.path, "branch", "on"))
    gives = all(body.output or default_output(body) for body in item.bodies.values())
    types = [kinds.attribute(emitter.kinds.item(item))] if gives else []
    cases: dict[str, tuple[float, Region]] = {}
    for label, body in item.bodies.items():
        block = Block()
        with emitter.into(block):
            emitter.body(body)
            values = [emitter.fitted(emitter.value(_output(emitter, body)), type_, item) for type_ in types]
            emitter.insert(agent.YieldOp(*values))
        cases[label] = (float(node.branch.cases[label].probability), Region(block))
    op = agent.BranchOp(selector, cases, types)
    guessed = any(emitter.assumed(item, ("branch", "cases", label, "probability")) for label in item.bodies)
    op.attributes.update({**emitter.marks(item), **assumed_attr(("probabilities",) if guessed else ())})
    emitter.insert(op)
    return {(): op.results[0]} if types else {}


def _output(emitter: "Emitter", body: Scope) -> Target:
    return emitter.program.links[body.agent].outputs[body]


def _map(emitter: "Emitter", item: Item) -> "Values":
    from agentc.frontends.yaml.emit import Frame

    node: MapNode = item.node  # pyright: ignore[reportAssignmentType]
    body = item.bodies[""]
    items = emitter.at(item.scope, (*item.path, "map", "over"))
    block = Block(arg_types=[kinds.attribute(emitter.kinds.entry(body))])
    block.args[0].name_hint = kinds.hint(node.map.as_)
    emitter.frames[body] = Frame({(node.map.as_,): block.args[0]})
    with emitter.into(block):
        emitter.body(body)
        wanted = kinds.attribute(emitter.kinds.body(body))
        emitter.insert(agent.YieldOp(emitter.fitted(emitter.value(_output(emitter, body)), wanted, item)))
    op = agent.MapOp(
        items,
        Region(block),
        width=emitter.sizes.width(item),
        concurrency=node.map.concurrency or defaults.MAP_CONCURRENCY,
    )
    stated = node.map.concurrency is not None and not emitter.assumed(item, ("map", "concurrency"))
    op.attributes.update({**emitter.marks(item), **assumed_attr(() if stated else ("concurrency",))})
    emitter.insert(op)
    return {(): op.result}


def _loop(emitter: "Emitter", item: Item) -> "Values":
    from agentc.frontends.yaml.emit import Frame

    node: LoopNode = item.node  # pyright: ignore[reportAssignmentType]
    body = item.bodies[""]
    carried = emitter.program.links[item.scope.agent].carried.get(body, [])
    types = [kinds.attribute(_carried_kind(emitter, body, key)) for key in carried]
    inits = [_start(emitter, item, key, type_) for key, type_ in zip(carried, types, strict=True)]
    block = Block(arg_types=types)
    for key, argument in zip(carried, block.args, strict=True):
        argument.name_hint = kinds.hint("last_" + "_".join(key))
    emitter.frames[body] = Frame(previous=dict(zip(carried, block.args, strict=True)))
    with emitter.into(block):
        emitter.body(body)
        flag = _goes_on(emitter, item, body)
        current = emitter.frames[body].current
        values = [emitter.fitted(current[key], type_, item) for key, type_ in zip(carried, types, strict=True)]
        emitter.insert(agent.ContinueOp(flag, values))
    guessed = node.loop.expected is None or emitter.assumed(item, ("loop", "expected"))
    op = agent.LoopOp(inits, Region(block), expected=_trips(node), max=node.loop.max, assumed=guessed)
    most = ("max",) if emitter.assumed(item, ("loop", "max")) else ()
    op.attributes.update({**emitter.marks(item), **assumed_attr(most)})
    emitter.insert(op)
    return dict(zip(carried, op.results, strict=True))


def _goes_on(emitter: "Emitter", item: Item, body: Scope) -> SSAValue:
    node: LoopNode = item.node  # pyright: ignore[reportAssignmentType]
    if node.loop.while_ is not None:
        return emitter.at(body, (*item.path, "loop", "while"))
    stop = emitter.at(body, (*item.path, "loop", "until"))
    op = compute.BuiltinOp("not", [stop], i1, attributes=emitter.marks(item))
    emitter.insert(op)
    return op.result


def _carried_kind(emitter: "Emitter", body: Scope, key: Key) -> Kind:
    """The kind of the value that ``key`` names in a loop's body."""
    item = body.items[key[0]]
    for name in key[1:]:
        if item.kind == "loop":
            item = item.bodies[""].items[name]
    return emitter.kinds.base(Target("node", body, key, item))


def _start(emitter: "Emitter", item: Item, key: Key, type_: Attribute) -> SSAValue:
    """What a carried value is before the first trip."""

    node: LoopNode = item.node  # pyright: ignore[reportAssignmentType]
    if len(key) == 1 and key[0] in node.loop.start:
        return emitter.fitted(emitter.at(item.scope, (*item.path, "loop", "start", key[0])), type_, item)
    op = agent.NoneOp(type_)
    op.attributes.update(emitter.marks(item))
    op.result.name_hint = kinds.hint("no_" + "_".join(key))
    emitter.insert(op)
    return op.result
