"""What the rules share: places, references, kinds of values, templates, arguments."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentc.frontends.yaml import templates
from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.infer import Kinds
from agentc.frontends.yaml.program import Program
from agentc.frontends.yaml.python_files import Signature
from agentc.frontends.yaml.references import Reference, condition_of, inputs_of
from agentc.frontends.yaml.scopes import AgentGraph, Item, Scope
from agentc.support.diagnostics import Diagnostics, Span, did_you_mean

if TYPE_CHECKING:
    from agentc.frontends.yaml.rules.nodes import Placement


def a(kind: str) -> str:
    """``kind`` with its article."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def missing(name: str, known: Mapping[str, object], section: str) -> str:
    """Help for a name that ``section`` does not hold."""
    return did_you_mean(name, known) or f"define it under `{section}:`"


def _case_hint(item: Item | None, name: str) -> str | None:
    if item is not None and item.kind == "branch" and name in item.bodies:
        return f"only one case runs; refer to `{item.name}`, which gives that case's `output`"
    return None


def _around(item: Item) -> Iterator[Item]:
    """``item`` and the nodes that it is within."""
    here: Item | None = item
    while here is not None:
        yield here
        here = here.scope.owner


def _in_sight(scope: Scope) -> Iterator[str]:
    """The names of nodes that ``Scope.named`` finds."""
    here: Scope | None = scope
    while here is not None:
        yield from here.items
        here = here.parent


@dataclass
class Checker:
    """The rules of one agent; problems go to ``found``."""

    program: Program
    kinds: Kinds
    found: Diagnostics
    agent: AgentGraph
    devices: frozenset[str]

    def span(self, path: Path, key: bool = False) -> Span:
        """The place of the value (or its key) at ``path``."""
        return self.agent.unit.source.span(path, key)

    def error(self, slug: str, message: str, path: Path, help: str | None = None) -> None:
        """Report a problem at ``path``."""
        self.found.error(slug, message, self.span(path), help=help)

    def is_hole(self, path: Path) -> bool:
        """Whether what stands at ``path`` broke the schema."""
        return path in self.agent.unit.source.holes

    def placement(self, item: Item) -> None:
        """Devices must exist, and one that is pinned or allowed must not be forbidden."""
        rule, path = item.node.placement, (*item.path, "placement")
        if rule is None:
            return
        listed = [(name, (*path, key, i)) for key in ("allow", "forbid") for i, name in enumerate(getattr(rule, key))]
        listed += [(rule.pin, (*path, "pin"))] if rule.pin else []
        for name, where in listed:
            if not self._is_device(name):
                self.error("unknown-device", f"there is no device `{name}`", where, did_you_mean(name, self.devices))
        wanted = [rule.pin] if rule.pin else rule.allow
        if wanted and all(name in rule.forbid for name in wanted):
            self.error("bad-placement", f"`{item.dotted}` may go nowhere: what it needs is forbidden", path)
        if rule.pin and rule.allow and rule.pin not in rule.allow:
            self.error("bad-placement", f"`{rule.pin}` is pinned but not among `allow`", (*path, "pin"))
        self._neighbors(item, rule, path)

    def _neighbors(self, item: Item, rule: "Placement", path: Path) -> None:
        """Nodes to be apart from, or together with, must exist and be others; not both at once."""
        around = {id(one) for one in _around(item)}
        for key in ("apart_from", "together_with"):
            for i, name in enumerate(getattr(rule, key)):
                other = item.scope.named(name)
                if other is None:
                    hint = did_you_mean(name, _in_sight(item.scope))
                    self.error("unknown-reference", f"there is no node `{name}` here", (*path, key, i), hint)
                elif id(other) in around:
                    part = "itself" if other is item else f"`{name}`, which it is a part of"
                    verb = "apart from" if key == "apart_from" else "together with"
                    self.error("bad-placement", f"`{item.dotted}` cannot be {verb} {part}", (*path, key, i))
        for name in dict.fromkeys(name for name in rule.together_with if name in rule.apart_from):
            message = f"`{item.dotted}` is to be apart from `{name}` and together with it"
            self.error("bad-placement", message, (*path, "together_with", rule.together_with.index(name)))

    def _is_device(self, name: str) -> bool:
        from agentc import catalog

        try:
            catalog.device(name)
        except catalog.UnknownName:
            return name in self.devices
        return True

    def condition(self, item: Item) -> None:
        """A condition is a flag."""
        stated = condition_of(item.node, item.path)
        if stated is not None:
            self.flag(item.scope, stated[1], "unless" if stated[3] else "when", stated[0])
        if item.node.when is not None and item.node.unless is not None:
            self.error("one-of", "a node has `when` or `unless`, not both", (*item.path, "unless"))

    def flag(self, scope: Scope, path: Path, key: str, text: str) -> None:
        """``path`` must refer to a flag."""
        if self.kinds.target(scope, path) is None or self.tainted(scope, path):
            return
        kind = self.kinds.at(scope, path)
        if kind.name != "bool":
            hint = "state `returns: bool` where it is computed" if kind.is_open else "name a `bool` field"
            self.error("not-a-flag", f"`{text}` is {a(str(kind))}, but `{key}` needs a flag", path, hint)

    def tainted(self, scope: Scope, path: Path) -> bool:
        """Whether what ``path`` refers to broke the schema, so that nothing can be said of it."""
        target = self.kinds.target(scope, path)
        return target is None or target.kind == "hole"

    def kind(self, item: Item, text: str, path: Path, wanted: tuple[str, ...]) -> None:
        """``path`` must refer to a value of one of ``wanted``."""
        if self.tainted(item.scope, path):
            return
        kind = self.kinds.at(item.scope, path)
        if kind.name not in wanted:
            fields = ", ".join(f"`{text}.{name}`" for name in kind.fields or ())
            hint = f"name a field: {fields}" if fields else None
            message = f"`{text}` is {a(str(kind))}, but `{item.kind}` reads {a(wanted[0])}"
            self.error("wrong-input-type", message, path, hint)

    def template(self, item: Item, text: str | None, path: Path) -> set[str]:
        """Placeholders must name inputs. Gives the inputs that are used."""
        inputs = inputs_of(item.node, item.path)
        used: set[str] = set()
        for name in templates.names(text):
            hit = templates.find(name, inputs)
            if hit is None:
                hint = (
                    did_you_mean(name, inputs)
                    or f"add `{name}` to `in:`, or write `{{{{{name}}}}}` for the text itself"
                )
                self.error("bad-template", f"`{{{name}}}` is no input of `{item.dotted}`", path, hint)
            else:
                used.add(hit)
        for literal in templates.clashes(text):
            self.error("bad-template", f"`{literal}` would stand for a numbered input", path, "name the input")
        return used

    def unread(self, item: Item, used: Iterable[str], key: str) -> None:
        """Warn of inputs that a template does not use."""
        for name, (_, path) in inputs_of(item.node, item.path).items():
            if name.partition("#")[0] not in used:
                message = f"`{name}` is an input of `{item.dotted}`, but its {key} does not use it"
                hint = f"write `{{{name}}}` where it belongs, or drop it from `in:`"
                self.found.warning("unused-input", message, self.span(path), help=hint)

    def arguments(self, item: Item, what: str, signature: Signature) -> None:
        """Number and, where they are stated, names of the arguments."""
        given = inputs_of(item.node, item.path)
        known = [name for name, _ in signature.parameters]
        if isinstance(item.node.in_, Mapping):
            for name in given:
                if name not in known and not signature.open:
                    hint = did_you_mean(name, known)
                    self.error("wrong-inputs", f"{what} has no parameter `{name}`", (*item.path, "in", name), hint)
        most = f" to {len(known)}" if len(known) > signature.required else ""
        if len(given) < signature.required or (len(given) > len(known) and not signature.open):
            listed = ", ".join(f"`{name}`" for name in known) or "none"
            plural = "" if len(known) == 1 else "s"
            message = f"{what} takes {signature.required}{most} input{plural} ({listed}), found {len(given)}"
            self.error("wrong-inputs", message, (*item.path, "in") if given else item.path)

    def fields(self, reference: Reference) -> None:
        """Fields that a reference names must exist."""
        target = self.kinds.target(reference.scope, reference.path)
        if target is None or target.kind == "hole":
            return
        kind, seen = self.kinds.base(target), ".".join(target.names)
        for name in target.fields:
            inner = kind.get(name)
            if inner is None:
                what = f"`{seen}` is {a(str(kind))} without a field `{name}`"
                hint = did_you_mean(name, kind.fields or ()) or _case_hint(target.item, name)
                self.error("unknown-reference", what, reference.path, hint)
                return
            kind, seen = inner, f"{seen}.{name}"

    def unused(self) -> None:
        """Warn of inputs that nobody reads."""
        used = self.program.links[self.agent].used
        for name in self.agent.scope.inputs:
            path = (*self.agent.path, "inputs", name)
            if (self.agent.scope, name) not in used and not self.is_hole(path):
                message = f"nothing reads the input `{name}` of agent `{self.agent.name}`"
                self.found.warning("unused-input", message, self.span(path, key=True))
