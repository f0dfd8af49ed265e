"""What may stand in the IR at each phase, as a table; checked at each boundary."""

from collections.abc import Iterator
from dataclasses import replace

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from agentc.analyses.names import is_task
from agentc.dialects import llm
from agentc.dialects.agent import GraphOp
from agentc.dialects.model import hosted_of, spec_of
from agentc.dialects.provenance import span
from agentc.support.diagnostics import Diagnostic, Diagnostics
from agentc.support.record import record

UPSTREAM = frozenset({"affine", "arith", "func", "linalg", "linalg_ext", "math", "memref", "scf", "tensor"})
"""Dialects that kernels are written in."""

WRITTEN = frozenset({"builtin", "agent", "llm", "model", "tool", "memory", "compute", "kv"}) | UPSTREAM
"""Dialects of what a user writes."""

SPLIT = frozenset({"llm.prefill", "llm.decode", "kv.transfer", "tool.lookup", "tool.compute"})
"""What splitting makes."""

WHOLE = frozenset({"agent.call", "llm.call", "tool.invoke"})
"""What inlining and splitting leave nothing of, but for calls of hosted models."""


@record
class Legal:
    """The rules of one phase."""

    dialects: frozenset[str]
    without: frozenset[str] = frozenset()
    """Ops of these dialects that may not stand there."""
    on_tasks: tuple[str, ...] = ()
    """Attributes that every task carries."""
    needs: tuple[str, ...] = ()
    """Ops of which the module holds at least one."""


AGENT = Legal(WRITTEN, SPLIT, (), ("agent.graph",))
TASK = Legal(WRITTEN | {"gate", "expert", "comm"}, WHOLE, ("agent.task", "agent.work"), ("agent.graph",))
PLACED = replace(
    TASK,
    dialects=TASK.dialects | {"place"},
    on_tasks=(*TASK.on_tasks, "place.on"),
    needs=("agent.graph", "place.fleet", "place.plan"),
)
KERNEL = Legal(UPSTREAM | {"builtin"})

LEGAL: dict[str, Legal] = {"agent": AGENT, "task": TASK, "placed": PLACED, "kernel": KERNEL}
"""Phase -> what its IR may hold. Before `agent` and after `kernel` there is no IR."""


def check_legality(module: ModuleOp, phase: str) -> None:
    """Hold ``module`` against the rules of ``phase``.

    Raises:
        Refused: ``illegal-op`` for every op that may not be there, and for what is missing.
    """
    legal, found = LEGAL[phase], Diagnostics()
    found.extend(_problems(module, phase, legal))
    found.raise_if_errors()


def _problems(module: ModuleOp, phase: str, legal: Legal) -> Iterator[Diagnostic]:
    present: set[str] = set()
    for op in module.walk():
        if op.name not in present and op.name in legal.needs:
            present.add(op.name)
        if not _allowed(op, legal):
            yield Diagnostic("illegal-op", f"`{op.name}` may not stand in phase `{phase}`", span(op))
    for graph in module.ops:
        if isinstance(graph, GraphOp) and _placed(graph, module):
            yield from _unfinished(graph, phase, legal)
    for name in legal.needs:
        if name not in present:
            yield Diagnostic("illegal-op", f"phase `{phase}` wants a `{name}`, and the module has none")


def _allowed(op: Operation, legal: Legal) -> bool:
    dialect = op.name.partition(".")[0]
    if dialect not in legal.dialects:
        return False
    hosted = isinstance(op, llm.CallOp) and "llm.call" in legal.without and hosted_of(spec_of(op)) is not None
    return op.name not in legal.without or hosted


def _placed(graph: GraphOp, module: ModuleOp) -> bool:
    """Whether ``graph`` is the one that a build serves: others are not placed."""
    return graph.entry is not None or sum(isinstance(op, GraphOp) for op in module.ops) == 1


def _unfinished(graph: GraphOp, phase: str, legal: Legal) -> Iterator[Diagnostic]:
    for op in graph.body.walk():
        missing = [name for name in legal.on_tasks if name not in op.attributes] if is_task(op) else []
        for name in missing:
            yield Diagnostic("illegal-op", f"`{op.name}` has no `{name}` in phase `{phase}`", span(op))
