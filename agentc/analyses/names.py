"""What each task is called: the node it came from and the stage of it that it is."""

from collections.abc import Iterator
from typing import TypeGuard

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation

from agentc.dialects.agent import GraphOp
from agentc.dialects.compute import FusedOp
from agentc.dialects.interfaces import Placeable
from agentc.dialects.provenance import node_path

STAGES = {
    "llm.prefill": "prefill",
    "llm.decode": "decode",
    "tool.lookup": "lookup",
    "tool.compute": "compute",
    "gate.select": "{phase}.gate",
    "expert.prefill": "prefill.experts",
    "expert.decode": "decode.experts",
    "expert.merge": "{phase}.merge",
    "comm.allreduce": "{phase}.allreduce",
}
"""Op -> what it is of its node; the other ops are their node."""


def is_task(op: Operation) -> bool:
    """Whether ``op`` is put on a device: what is inside a fused op goes with it."""
    return op.has_trait(Placeable) and not isinstance(op.parent_op(), FusedOp)


def tasks(graph: GraphOp) -> Iterator[Operation]:
    """The tasks of ``graph`` in program order, regions included."""
    return (op for op in graph.body.walk() if is_task(op))


def task_names(graph: GraphOp) -> dict[Operation, str]:
    """Each task's unique name: as annotated, else node and stage, and a number where that is taken."""
    ops = list(tasks(graph))
    names = {op: name.data for op in ops if _is_text(name := op.attributes.get("agent.task"))}
    if len(names) == len(ops) == len(set(names.values())):
        return names
    taken: set[str] = set()
    return {op: _unique(plain_name(op), taken) for op in ops}


def task_name(op: Operation) -> str:
    """What a placed task is called: as annotated, else its node, else the op's name."""
    for key in ("agent.task", "agent.node"):
        if _is_text(name := op.attributes.get(key)):
            return name.data
    return op.name


def plain_name(op: Operation) -> str:
    """Node and stage; the op's name stands for a missing node."""
    stage = STAGES.get(op.name, "")
    phase = op.properties.get("phase")
    stage = stage.format(phase=phase.data if isinstance(phase, StringAttr) else "")
    node = node_path(op)
    return op.name if node is None else f"{node}.{stage}" if stage else node


def _unique(name: str, taken: set[str]) -> str:
    shown, number = name, 1
    while shown in taken:
        number += 1
        shown = f"{name}#{number}"
    taken.add(shown)
    return shown


def _is_text(attr: object) -> TypeGuard[StringAttr]:
    return isinstance(attr, StringAttr)
