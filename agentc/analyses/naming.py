"""How tasks are called in reports, manifests and plans."""

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation


def task_name(op: Operation) -> str:
    """The name of a task: ``agent.task`` where a pass gave one, else its node's path, else the op's name."""
    for key in ("agent.task", "agent.node"):
        attr = op.attributes.get(key)
        if isinstance(attr, StringAttr):
            return attr.data
    return op.name
