"""The rules of branches, loops, maps and sub-agents."""

from typing import TYPE_CHECKING

from agentc.frontends.yaml.check_base import Checker, a, missing
from agentc.frontends.yaml.figures import quantity
from agentc.frontends.yaml.kinds import Kind
from agentc.frontends.yaml.python_files import Signature
from agentc.frontends.yaml.resolve import callee_of, gives_value
from agentc.frontends.yaml.scopes import Item
from agentc.support.diagnostics import did_you_mean

if TYPE_CHECKING:
    from agentc.frontends.yaml.rules.nodes import AgentNode, BranchNode, LoopNode, MapNode

_EPSILON = 1e-6
"""How far probabilities may miss one."""


class ControlRules(Checker):
    """Branches, loops, maps, sub-agents."""

    def branch(self, item: Item) -> None:
        """Probabilities sum to one; cases cover the selector's choices."""
        node: BranchNode = item.node  # pyright: ignore[reportAssignmentType]
        path = (*item.path, "branch")
        shares = [case.probability for case in node.branch.cases.values()]
        broken = any(self.is_hole((*path, "cases", label)) for label in node.branch.cases)
        if not broken and abs(sum(shares) - 1) > _EPSILON:
            listed = " + ".join(f"{share:g}" for share in shares)
            message = f"the probabilities of `{item.dotted}` sum to {sum(shares):g}, not 1: {listed}"
            self.found.error("bad-probabilities", message, self.span((*path, "cases"), key=True))
        kind = self.kinds.at(item.scope, (*path, "on"))
        if self.tainted(item.scope, (*path, "on")):
            return
        if kind.name not in ("text", "bool", "any", "number"):
            message = f"`{node.branch.on}` is {a(str(kind))}, by which a branch cannot choose"
            fields = ", ".join(f"`{node.branch.on}.{name}`" for name in kind.fields or ())
            self.error("wrong-input-type", message, (*path, "on"), f"name a field: {fields}" if fields else None)
        self.cases(item, node, kind)

    def cases(self, item: Item, node: "BranchNode", kind: Kind) -> None:
        """Each choice has a case and each case a choice."""
        path = (*item.path, "branch", "cases")
        choices = ("true", "false") if kind.name == "bool" else kind.choices
        for label in node.branch.cases:
            if choices and label not in (*choices, "*"):
                where, hint = self.span((*path, label), key=True), did_you_mean(label, choices)
                self.found.error("unknown-case", f"`{node.branch.on}` is never `{label}`", where, help=hint)
            body = item.bodies[label]
            if not body.items and not body.output and not self.is_hole((*path, label)):
                where = self.span((*path, label), key=True)
                self.found.error("empty-nodes", f"case `{label}` has neither `nodes` nor `output`", where)
        left = [choice for choice in choices if choice not in node.branch.cases]
        if left and "*" not in node.branch.cases:
            missing = " and ".join(f"`{choice}`" for choice in left)
            where = self.span(path, key=True)
            self.found.error(
                "missing-case", f"{missing} of `{node.branch.on}` has no case", where, help="add a case `*`"
            )

    def loop(self, item: Item) -> None:
        """Trips, condition, start values."""
        node: LoopNode = item.node  # pyright: ignore[reportAssignmentType]
        loop, path = node.loop, (*item.path, "loop")
        if not loop.nodes:
            self.found.error("empty-nodes", f"loop `{item.dotted}` has no nodes", self.span(path, key=True))
        if loop.expected is not None and loop.expected > loop.max:
            message = f"`{item.dotted}` expects {loop.expected:g} trips, more than its maximum of {loop.max}"
            self.error("bad-loop", message, (*path, "expected"))
        key = "while" if loop.while_ else "until"
        self.flag(item.bodies[""], (*path, key), key, str(loop.while_ or loop.until))
        carried = self.program.links[self.agent].carried.get(item.bodies[""], [])
        for name in loop.start:
            if (name,) not in carried:
                where = self.span((*path, "start", name), key=True)
                hint = did_you_mean(name, [key[0] for key in carried if len(key) == 1])
                self.found.error("bad-loop", f"no trip reads `{name}` of the trip before", where, help=hint)
        if loop.output and loop.output.partition(".")[0] not in loop.nodes:
            self.error("bad-loop", f"`{loop.output}` is no node of the loop", (*path, "output"))

    def map(self, item: Item) -> None:
        """A map runs over a list and gives something."""
        node: MapNode = item.node  # pyright: ignore[reportAssignmentType]
        path = (*item.path, "map")
        if not node.map.nodes:
            self.found.error("empty-nodes", f"map `{item.dotted}` has no nodes", self.span(path, key=True))
        elif not gives_value(item):
            self.error("no-value", f"the nodes of map `{item.dotted}` give no value", path)
        if node.map.width is not None and quantity(node.map.width).mean <= 0:
            self.error("bad-quantity", "a map that never has an entry does nothing", (*path, "width"))
        kind = self.kinds.at(item.scope, (*path, "over"))
        if not self.tainted(item.scope, (*path, "over")) and kind.name not in ("list", "documents", "any"):
            message = f"`{node.map.over}` is {a(str(kind))}, but a map runs over a list or documents"
            self.error("wrong-input-type", message, (*path, "over"))

    def call(self, item: Item) -> None:
        """The agent exists and takes these inputs."""
        node: AgentNode = item.node  # pyright: ignore[reportAssignmentType]
        agents = self.agent.unit.source.spec.agents
        if node.agent not in agents:
            hint = missing(node.agent, agents, "agents")
            self.error("unknown-agent", f"there is no agent `{node.agent}`", (*item.path, "agent"), hint)
            return
        callee = callee_of(item)
        if callee is not None and not callee.unit.source.holes:
            names = tuple((name, self.kinds.input(callee.scope, name)) for name in callee.scope.inputs)
            self.arguments(item, f"agent `{node.agent}`", Signature(names, len(names), False))
