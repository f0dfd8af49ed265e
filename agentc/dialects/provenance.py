"""What an op keeps of the op it was made from: its node, its source, the user's word on it, and who made it."""

from collections.abc import Collection, Iterable
from typing import cast

from xdsl.dialects.builtin import ArrayAttr, StringAttr, UnitAttr
from xdsl.ir import Attribute, Operation

from agentc.dialects.agent_values import PlacementRuleAttr, placement_rule
from agentc.plan.graph import PlacementRule
from agentc.support.diagnostics import Span

DERIVED = frozenset({"agent.work", "agent.shape", "agent.task"})
"""What `annotate-work` writes: it does not hold for another op."""


def carried(op: Operation, by: str, *, without: Collection[str] = ()) -> dict[str, Attribute]:
    """The discardable attributes of ``op`` for an op that the pass ``by`` puts in its place."""
    kept = {name: attr for name, attr in op.attributes.items() if name not in DERIVED and name not in without}
    return kept | {"agent.made_by": made_by([op], by)}


def carried_by_all(ops: Iterable[Operation], by: str) -> dict[str, Attribute]:
    """The attributes for one op that the pass ``by`` puts in the place of several.

    Its node names all of theirs, its source and mark of asynchrony are the first's, its placement is what all allow.
    """
    ops = list(ops)
    kept = {name: attr for name, attr in ops[0].attributes.items() if name in ("agent.source", "agent.async")}
    names = list(dict.fromkeys(node for op in ops if (node := node_path(op)) is not None))
    if names:
        shown = names if len(names) <= 3 else [names[0], str(len(names) - 2), names[-1]]
        kept["agent.node"] = StringAttr("+".join(shown))
    rule = PlacementRule()
    for op in ops:
        rule = both(rule, placement_rule(op))
    return kept | rule_attribute(rule) | {"agent.made_by": made_by(ops, by)}


def made_by(ops: Iterable[Operation], by: str) -> Attribute:
    """The passes that made ``ops``, in order, and then ``by``."""
    names: dict[str, None] = {}
    for op in ops:
        earlier = op.attributes.get("agent.made_by")
        if isinstance(earlier, ArrayAttr):
            names |= {name.data: None for name in cast(Iterable[Attribute], earlier) if isinstance(name, StringAttr)}
    return ArrayAttr([StringAttr(name) for name in [*(n for n in names if n != by), by]])


def node_path(op: Operation) -> str | None:
    """The dotted path of the node that ``op`` came from."""
    attr = op.attributes.get("agent.node")
    return attr.data if isinstance(attr, StringAttr) else None


def source(op: Operation) -> str:
    """``file:line:column`` of the node that ``op`` or the nearest op around it came from; empty if nothing says so."""
    at: Operation | None = op
    while at is not None:
        attr = at.attributes.get("agent.source")
        if isinstance(attr, StringAttr):
            return attr.data
        at = at.parent_op()
    return ""


def span(op: Operation) -> Span | None:
    """``source`` as a place for a diagnostic."""
    return Span.parse(text) if (text := source(op)) else None


def both(one: PlacementRule, two: PlacementRule) -> PlacementRule:
    """What both rules allow. Two pins that differ leave nothing allowed, nor do sites or zones that share none."""
    forbid = tuple(dict.fromkeys((*one.forbid, *two.forbid)))
    pin = one.pin or two.pin
    if one.pin and two.pin and one.pin != two.pin:
        forbid = tuple(dict.fromkeys((*forbid, one.pin, two.pin)))
    allow = one.allow or two.allow
    if one.allow and two.allow:
        common = tuple(name for name in one.allow if name in two.allow)
        allow, forbid = common or one.allow, forbid if common else (*forbid, *one.allow)
    sites, zones = _common(one.sites, two.sites), _common(one.zones, two.zones)
    return PlacementRule(
        allow,
        forbid,
        pin,
        sites,
        zones,
        tuple(dict.fromkeys((*one.neighbors, *two.neighbors))),
        one.source or two.source,
    )


def _common(one: tuple[str, ...], two: tuple[str, ...]) -> tuple[str, ...]:
    """The places that both name; where they name different ones, a place that is none of them."""
    if not one or not two:
        return one or two
    return tuple(name for name in one if name in two) or (" and ".join(dict.fromkeys((*one, *two))),)


def rule_attribute(rule: PlacementRule) -> dict[str, Attribute]:
    """The attribute that holds ``rule``, if it says anything."""
    return {"agent.placement": PlacementRuleAttr(rule)} if rule != PlacementRule() else {}


def is_asynchronous(op: Operation) -> bool:
    """Nothing waits for ``op``."""
    return isinstance(op.attributes.get("agent.async"), UnitAttr)
