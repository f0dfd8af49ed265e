"""Computes once what a kernel asks for twice."""

from collections.abc import Hashable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Block, Operation
from xdsl.passes import ModulePass

from agentc.analyses.equal_values import number_of, share
from agentc.analyses.kernel_ops import functions
from agentc.analyses.kernel_sources import SOURCE, inherit, sources
from agentc.dialects.linalg_ext import ExtOp

Twin = GenericOp | FillOp | ExtOp


def twin_key(op: Twin) -> Hashable:
    """What twins have in common, before their bodies are compared."""
    stated = sorted((name, number_of(value)) for name, value in op.properties.items())
    return type(op), tuple(map(id, op.operands)), tuple(stated)


def merge(block: Block) -> None:
    """Let whoever reads a twin read the first."""
    known: dict[Hashable, list[Operation]] = {}
    where: dict[Operation, list[str]] = {}
    """Kept apart from the ops while they are compared: twins stand on several lines."""
    for op in list(block.ops):
        if not isinstance(op, GenericOp | FillOp | ExtOp) or not op.results:
            continue
        places, others = sources(op), known.setdefault(twin_key(op), [])
        op.attributes.pop(SOURCE, None)
        first = next((other for other in others if other.is_structurally_equivalent(op, {block: block})), None)
        where.setdefault(first or op, []).extend(places)
        if first is None:
            others.append(op)
            continue
        for old, new in zip(op.results, first.results, strict=True):
            old.replace_all_uses_with(new)
        op.detach()
        op.erase()
    for op, places in where.items():
        inherit(op, places)


@dataclass(frozen=True)
class MergeKernelTwinsPass(ModulePass):
    """Make tensor ops with the same operands and the same body one: sums that are asked for twice, the maximum that both
    ``np.max`` and ``np.argmax`` need. Sizes, numbers and elements that are computed twice are one first.

    Before:

    ```mlir
    %s = linalg.generic {…, "reduction"} ins(%x) outs(%z) { %t = arith.addf %acc, %c … } -> tensor<?xf32>
    %u = linalg.generic {…, "reduction"} ins(%x) outs(%z) { %t = arith.addf %acc, %c … } -> tensor<?xf32>
    %y = linalg.generic {…} ins(%s, %u) …
    ```

    After:

    ```mlir
    %s = linalg.generic {…, "reduction"} ins(%x) outs(%z) { %t = arith.addf %acc, %c … } -> tensor<?xf32>
    %y = linalg.generic {…} ins(%s, %s) …
    ```
    """

    name = "merge-kernel-twins"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in functions(op):
            if len(function.body.blocks) == 1:
                share(function.body.block)
                merge(function.body.block)
