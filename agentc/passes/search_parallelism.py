"""`search-parallelism`: each op says how it could run: device class x parallelism x batch x mode of serving."""

from dataclasses import dataclass
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.ir import Attribute
from xdsl.passes import ModulePass

from agentc.analyses.names import task_names
from agentc.analyses.placement_problem import placement_problem
from agentc.analyses.task_graph import entry_graph
from agentc.dialects.place import OptionAttr
from agentc.plan.placement import Option


def options_attr(options: tuple[Option, ...], known: dict[int, Attribute]) -> Attribute:
    """``options`` as an attribute; tasks that share options share it."""
    if id(options) not in known:
        known[id(options)] = ArrayAttr([OptionAttr(option) for option in options])
    return known[id(options)]


@dataclass(frozen=True)
class SearchParallelismPass(ModulePass):
    """
    Writes on each task of the entry graph the options that the cost model finds for it on the module's fleet
    (`place.options`), without those that another is better than in every respect: no best placement is lost. `place`
    chooses among them and takes them away, so that an option that somebody deletes in between is not chosen.

    Before:

    ```mlir
    %pages = tool.compute @search(%ready) {agent.node = "find"} : !tool.handle -> !agent.documents
    ```

    After:

    ```mlir
    %pages = tool.compute @search(%ready) {agent.node = "find", place.options = [#place.option<{name = "cpu/cpu-local", pool = "cpu/cpu-local", place = "cpu-local", device = "cpu-local", mode = "single", seconds = 0.18 : f64}>]} : !tool.handle -> !agent.documents
    ```
    """

    name = "search-parallelism"

    objective: Literal["cost", "latency", "energy", "carbon"] = "cost"
    """What `place` will minimize."""
    then: tuple[Literal["cost", "latency", "energy", "carbon"], ...] = ()
    """What will decide among the placements that are as good."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        table = placement_problem(ctx, op, self.objective, self.then).problem
        options = {task.name: task.options for task in table.tasks}
        known: dict[int, Attribute] = {}
        for task, name in task_names(entry_graph(op)).items():
            task.attributes["place.options"] = options_attr(options[name], known)
