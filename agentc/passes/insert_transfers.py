"""`insert-transfers`: what travels between places becomes visible, with its link, bytes and time."""

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from agentc.analyses.flow import Flow
from agentc.analyses.names import task_names, tasks
from agentc.analyses.placement_problem import placement_problem, pose
from agentc.analyses.task_graph import entry_graph
from agentc.cost.network import AGGREGATED
from agentc.dialects import kv
from agentc.dialects.place import HopAttr, PlanOp, TransferOp, assignment
from agentc.dialects.provenance import carried
from agentc.plan.placement import Assignment, Hop


def place_key(placed: Assignment) -> str:
    """The name of a place in the cost model's transfers."""
    return placed.device + (AGGREGATED if placed.mode == "aggregated" else "")


@dataclass
class Inserter:
    """Puts transfers before the tasks of one graph; consumers at one place and in one block share them."""

    names: Mapping[Operation, str]
    hops: Mapping[tuple[str, str], Mapping[tuple[str, str], Hop]]
    """By the tasks at either end, then by places."""
    flow: Flow

    def __post_init__(self) -> None:
        self.made: dict[tuple[SSAValue, str, Block], SSAValue] = {}

    def hop(self, producer: Operation, consumer: Operation) -> Hop | None:
        """What takes a value from one task's place to the other's, or ``None`` where nothing is known of either."""
        here, there = assignment(producer), assignment(consumer)
        ends = (self.names[producer], self.names[consumer])
        if here is None or there is None or ends not in self.hops:
            return None
        return self.hops[ends].get((place_key(here), place_key(there)))

    def visit(self, op: Operation) -> None:
        """Let each operand of ``op`` that was made elsewhere come by a transfer."""
        for index, value in enumerate(op.operands):
            owner = value.owner
            if isinstance(owner, kv.TransferOp):
                self._hand_over(owner, op)
            elif (found := self._transfer(value, op)) is not None:
                op.operands[index] = found

    def _hand_over(self, transfer: kv.TransferOp, op: Operation) -> None:
        """Write what a cache's way takes, if it leaves its pool."""
        for producer in self.flow.producers(transfer.result):
            here, there, hop = assignment(producer), assignment(op), self.hop(producer, op)
            if hop is not None and here is not None and there is not None and here.pool != there.pool:
                transfer.attributes["place.hop"] = HopAttr(hop)

    def _transfer(self, value: SSAValue, op: Operation) -> SSAValue | None:
        """``value`` after its way to ``op``; the slowest way, where it may come from several places."""
        there, block = assignment(op), op.parent
        rows = [
            (hop.seconds, here.device, hop)
            for producer in self.flow.producers(value)
            if (here := assignment(producer)) is not None
            and there is not None
            and here.device != there.device
            and (hop := self.hop(producer, op)) is not None
        ]
        if not rows or there is None or block is None:
            return None
        key = (value, there.device, block)
        if key not in self.made:
            _, source, hop = max(rows, key=lambda row: row[0])
            attributes = carried(op, InsertTransfersPass.name, without=[n for n in op.attributes if not _kept(n)])
            move = TransferOp(value, source, there.device, hop.link, hop.bytes_, hop.seconds, attributes)
            move.result.name_hint = value.name_hint
            Rewriter.insert_op(move, InsertPoint.before(op))
            self.made[key] = move.result
        return self.made[key]


def _kept(name: str) -> bool:
    return name in ("agent.node", "agent.source", "agent.async")


class InsertTransfersPass(ModulePass):
    """
    Puts a `place.transfer` before each task that reads a value made on another device class, and writes on each
    `kv.transfer` between two pools what it takes (`place.hop`). Tasks of one block at one place share a transfer. A
    value that may come from several places (out of a branch) is planned by the slowest.

    Before:

    ```mlir
    %query = llm.decode @mind(%cache) shape {} {place.on = #place.on<{device = "h100-sxm", mode = "single"}>} : !kv.cache<@mind> -> !agent.text
    %ready = tool.lookup @search(%query) {place.on = #place.on<{device = "cpu-host", mode = "single"}>} : (!agent.text) -> !tool.handle
    ```

    After:

    ```mlir
    %query = llm.decode @mind(%cache) shape {} {place.on = #place.on<{device = "h100-sxm", mode = "single"}>} : !kv.cache<@mind> -> !agent.text
    %0 = place.transfer %query from "h100-sxm" to "cpu-host" over "ethernet" bytes 640.0 seconds 0.00003 : !agent.text
    %ready = tool.lookup @search(%0) {place.on = #place.on<{device = "cpu-host", mode = "single"}>} : (!agent.text) -> !tool.handle
    ```
    """

    name = "insert-transfers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        graph = entry_graph(op)
        plan = next((each for each in op.ops if isinstance(each, PlanOp)), None)
        objective = plan.summary.data.objective if plan is not None else "cost"
        posed = placement_problem(ctx, op, objective)
        if any("place.routes" in task.attributes for task in tasks(graph)):
            # A route may be on a class that could not serve all, of which the plain problem has no option.
            posed = pose(posed.graph, posed.fleet, objective, lenient=True)
        edges = posed.problem.edges
        flow = Flow(graph)
        inserter = Inserter(
            task_names(graph), {(edge.src, edge.dst): edge.hops for edge in edges if not edge.rule}, flow
        )
        for step in flow.steps:
            inserter.visit(step.op)
