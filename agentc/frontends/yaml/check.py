"""The rules that need the whole definition: does what is named exist, and does it fit where it stands?"""

from collections.abc import Callable

from agentc.frontends.yaml.check_control import ControlRules
from agentc.frontends.yaml.check_nodes import MODEL_KINDS, READS, NodeRules
from agentc.frontends.yaml.infer import Kinds
from agentc.frontends.yaml.program import Program
from agentc.frontends.yaml.references import of_graph
from agentc.frontends.yaml.scopes import Item
from agentc.support.diagnostics import Diagnostics


def check(program: Program, kinds: Kinds, found: Diagnostics) -> None:
    """Check all agents of ``program``."""
    devices = _device_names()
    for agent in program.graphs():
        checker = _Rules(program, kinds, found, agent, devices)
        if not agent.scope.items and ("agents", agent.name) not in agent.unit.source.holes and not found.has_errors:
            where = agent.unit.source.span(agent.scope.path, key=True)
            found.error("empty-nodes", f"agent `{agent.name}` has no nodes", where)
        for item in agent.scope.walk():
            if not item.hole:
                checker.item(item)
        for reference in of_graph(agent):
            checker.fields(reference)
        checker.unused()
    for unit in program.units:
        if unit is not program.units[-1] and unit.source.spec.sla.model_fields_set:
            where = unit.source.span(("sla",), key=True)
            found.warning("ignored-sla", "the `sla` of a sub-agent's file binds nothing", where)


def _device_names() -> frozenset[str]:
    from agentc import catalog

    return frozenset((*catalog.device_names(), *catalog.device_names("paper")))


class _Rules(NodeRules, ControlRules):
    """All rules of one agent."""

    def item(self, item: Item) -> None:
        """All rules of one node."""
        self.placement(item)
        self.condition(item)
        rules: dict[str, Callable[[Item], None]] = {
            "llm": self.llm,
            "tool": self.tool,
            "memory": self.memory,
            "observe": self.observe,
            "compute": self.compute,
            "branch": self.branch,
            "loop": self.loop,
            "map": self.map,
            "agent": self.call,
        }
        if item.kind in MODEL_KINDS:
            self.model(item)
        if item.kind in READS:
            self.reads(item)
        if rule := rules.get(item.kind):
            rule(item)
