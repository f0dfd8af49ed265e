"""`annotate-work`: each op says in the IR what it is called as a task and what it asks of a machine."""

from dataclasses import fields

from xdsl.context import Context
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from agentc.analyses.names import task_names
from agentc.dialects.agent import GraphOp
from agentc.dialects.agent_values import WorkAttr, quantities
from agentc.dialects.interfaces import shape_of, work_of
from agentc.dialects.llm import shape_attr
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work


def annotate(graph: GraphOp) -> None:
    """Write ``agent.task``, ``agent.work`` and ``agent.shape`` on each task of ``graph``."""
    works: dict[int, tuple[Work, WorkAttr]] = {}
    for op, name in task_names(graph).items():
        op.attributes["agent.task"] = StringAttr(name)
        if (work := work_of(op)) is not None:
            op.attributes["agent.work"] = works.setdefault(id(work), (work, WorkAttr(work)))[1]
        if shape := figures(op, work):
            op.attributes["agent.shape"] = shape_attr(shape)
        else:
            op.attributes.pop("agent.shape", None)


def figures(op: Operation, work: Work | None) -> dict[str, Quantity]:
    """The figures of ``op`` that were stated, and those that follow and that its work asks for."""
    attr = op.properties.get("shape")
    stated = quantities(attr if isinstance(attr, DictionaryAttr) else None)
    asked = symbols(work) if work is not None else frozenset[str]()
    return {name: figure for name, figure in shape_of(op).items() if name in stated or name in asked}


def symbols(work: Work) -> frozenset[str]:
    """The symbols of all formulas of ``work``."""
    rows = [getattr(work, field.name) for field in fields(work) if field.name != "flops"]
    return frozenset[str]().union(*(row.symbols for row in (*rows, *work.flops.values())))


class AnnotateWorkPass(ModulePass):
    """
    Writes on each task its name (`agent.task`), its demand as formulas of the request and the batch (`agent.work`), and
    the figures that the formulas' symbols take (`agent.shape`). Later passes, the report and the simulator read these.

    Before:

    ```mlir
    %pages = tool.compute @search(%ready) {agent.node = "find"} : !tool.handle -> !agent.documents
    ```

    After:

    ```mlir
    %pages = tool.compute @search(%ready) {agent.node = "find", agent.task = "find.compute", agent.work = #agent.work<{cpu_core_seconds = "batch * cpu_seconds", static_seconds = "latency_seconds"}>, agent.shape = {latency_seconds = #agent.quantity<0.18>, cpu_seconds = #agent.quantity<0.002>}} : !tool.handle -> !agent.documents
    ```
    """

    name = "annotate-work"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for graph in op.ops:
            if isinstance(graph, GraphOp):
                annotate(graph)
