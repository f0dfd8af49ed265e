"""`annotate-work`: each op says in the IR what it is called as a task and what it asks of a machine."""

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass

from agentc.analyses.names import task_names
from agentc.dialects.agent import GraphOp, WorkAttr
from agentc.dialects.interfaces import shape_of, work_of
from agentc.dialects.llm import shape_attr
from agentc.plan.work import Work


def annotate(graph: GraphOp) -> None:
    """Write ``agent.task``, ``agent.work`` and ``agent.shape`` on each task of ``graph``."""
    works: dict[int, tuple[Work, WorkAttr]] = {}
    for op, name in task_names(graph).items():
        op.attributes["agent.task"] = StringAttr(name)
        if (work := work_of(op)) is not None:
            op.attributes["agent.work"] = works.setdefault(id(work), (work, WorkAttr(work)))[1]
        shape = shape_attr(shape_of(op))
        if shape.data:
            op.attributes["agent.shape"] = shape
        else:
            op.attributes.pop("agent.shape", None)


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
