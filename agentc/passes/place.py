"""`place`: the cheapest placement that keeps the service-level agreement, written into the IR with its reasons."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, i64
from xdsl.ir import Attribute, Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from agentc.analyses.assumptions import assumptions
from agentc.analyses.context import AgentcContext
from agentc.analyses.decision import Decision, assignments, others, solved, summary
from agentc.analyses.names import task_names
from agentc.analyses.placement_problem import Posed, narrowed, placement_problem
from agentc.analyses.task_graph import entry_graph
from agentc.dialects import expert
from agentc.dialects.agent import GraphOp
from agentc.dialects.place import AlternativeAttr, OnAttr, PlanOp
from agentc.plan.graph import step_of
from agentc.plan.placement import Alternative, Assignment, Objective
from agentc.support.diagnostics import Refused


def decide(
    posed: Posed,
    allowed: Mapping[str, frozenset[str]],
    graph: GraphOp,
    time_limit: float,
    then: tuple[Objective, ...] = (),
) -> Decision:
    """Solve the problem that was posed, with only the ``allowed`` options of the tasks that are named there.

    Raises:
        Refused: ``infeasible-placement``, with the conflict as a proof.
    """
    decision = solved(posed, allowed, time_limit=time_limit, then=then)
    if decision.solution.status == "infeasible":
        from agentc.analyses.refusal import refusal

        raise Refused(refusal(posed, allowed, graph, proven=not decision.solution.conflict))
    return decision


COMPARED = 120
"""Tasks up to which simpler fleets are planned too, for comparison: each is a placement of its own."""


def write(graph: GraphOp, decision: Decision, found: Mapping[str, tuple[Alternative, ...]]) -> None:
    """Write ``place.on`` and ``place.alternatives`` on each task, and ``place.routes`` where others serve a part; expert ops get the tensor parallelism chosen."""
    placed, rows = assignments(decision), others(decision, found)
    further = _further(placed)
    known: dict[tuple[Alternative, ...], Attribute] = {}
    for op, name in task_names(graph).items():
        op.attributes.pop("place.options", None)
        op.attributes["place.on"] = OnAttr(placed[name])
        op.attributes.pop("place.routes", None)
        if routes := further.get(name):
            op.attributes["place.routes"] = ArrayAttr([OnAttr(placed[each]) for each in routes])
        _shard(op, placed[name])
        if alternatives := rows.get(name, ()):
            if alternatives not in known:
                known[alternatives] = ArrayAttr([AlternativeAttr(each) for each in alternatives])
            op.attributes["place.alternatives"] = known[alternatives]


def _further(placed: Mapping[str, Assignment]) -> dict[str, list[str]]:
    """Task -> the names of its routes beyond the first."""
    found: dict[str, list[str]] = {}
    for name in placed:
        if (step := step_of(name)) != name:
            found.setdefault(step, []).append(name)
    return found


def _shard(op: Operation, placed: Assignment) -> None:
    if isinstance(op, expert.PrefillOp | expert.DecodeOp):
        op.properties["tp"] = IntegerAttr(placed.tp, i64)


@dataclass(frozen=True)
class PlacePass(ModulePass):
    """
    Chooses one option for each task of the entry graph and whole numbers of replicas, at the least cost (or latency,
    energy, or carbon) that keeps stock, memory, load and service-level agreement; proves it; and writes the decision:
    `place.on` on each op, `place.alternatives` with what every other device would mean, and one `place.plan` for the
    graph. Where nothing fits it refuses the module (`infeasible-placement`) and says which demands conflict.

    Before:

    ```mlir
    %pages = tool.compute @search(%ready) {agent.node = "find"} : !tool.handle -> !agent.documents
    ```

    After:

    ```mlir
    %pages = tool.compute @search(%ready) {agent.node = "find", place.on = #place.on<{device = "cpu-local", mode = "single", pool = "cpu/cpu-local", devices_held = 1 : i64, seconds = 0.18 : f64}>} : !tool.handle -> !agent.documents
    ```
    """

    name = "place"

    objective: Literal["cost", "latency", "energy", "carbon"] = "cost"
    then: tuple[Literal["cost", "latency", "energy", "carbon"], ...] = ()
    """What decides among the placements that are as good."""
    time_limit: float = 60.0
    """Seconds that the solver may take."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        from agentc.solve import alternatives
        from agentc.solve import baselines as baselines_

        graph = entry_graph(op)
        posed = placement_problem(ctx, op, self.objective, self.then)
        decision = decide(posed, narrowed(posed, op), graph, self.time_limit, self.then)
        if isinstance(ctx, AgentcContext):
            ctx.solve_seconds = decision.solution.solve_seconds
        found = alternatives(decision.short.problem, decision.short.solution)
        write(graph, decision, decision.smaller.expand_alternatives(found, decision.problem))
        hosts = [stock.device.name for stock in posed.fleet.stocks if stock.device.kind == "cpu"]
        plan = summary(
            decision,
            baselines_(decision.short.problem, keep=hosts) if len(decision.options) <= COMPARED else (),
            assumptions(op, posed.graph, posed.table.calibrated),
            self.then,
        )
        for old in [each for each in op.ops if isinstance(each, PlanOp)]:
            Rewriter.erase_op(old)
        Rewriter.insert_op(PlanOp(graph.sym_name.data, plan), InsertPoint.after(graph))
