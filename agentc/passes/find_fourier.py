"""Finds products with tables of Fourier transforms, which a processor sums in log steps."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import tensor
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from agentc.analyses.kernel_dims import FOURIER, shape_of
from agentc.analyses.kernel_ops import every
from agentc.analyses.kernel_sources import inherit, sources
from agentc.dialects.linalg_ext import FourierOp
from agentc.passes.fuse_kernels import erase_unread

SHORTEST, LONGEST = 32, 4096
"""Lengths of rows. Shorter ones are as soon multiplied; longer ones have no room beside others in the cache."""
RADICES = (5, 4, 3, 2)
"""What the half of a length is a product of, the first ones as often as they fit."""


def radices(points: int) -> list[int] | None:
    """The steps of a transform of so many points, or ``None`` where another prime is among its factors."""
    found: list[int] = []
    for radix in RADICES:
        while points % radix == 0:
            found.append(radix)
            points //= radix
    return found if points == 1 else None


def source_of(product: Operation) -> SSAValue | None:
    """The rows of which the left operand of ``product`` is folded."""
    folded = product.operands[0].owner
    if not isinstance(folded, GenericOp):
        return None
    sides = [side.owner for side in folded.inputs if isinstance(side.owner, GenericOp)]
    read = {i.tensor for side in (folded, *sides) for i in side.body.walk() if isinstance(i, tensor.ExtractOp)}
    return next(iter(read)) if len(read) == 1 else None


def marked(module: ModuleOp) -> dict[SSAValue, dict[str, GenericOp]]:
    """Rows -> ``cos`` and ``sin`` -> the product."""
    found: dict[SSAValue, dict[str, GenericOp]] = {}
    for op in every(module):
        kind = op.attributes.get(FOURIER)
        if isinstance(op, GenericOp) and isinstance(kind, StringAttr) and (rows := source_of(op)) is not None:
            found.setdefault(rows, {}).setdefault(kind.data, op)
    return found


def replace(rows: SSAValue, first: GenericOp, second: GenericOp) -> None:
    """Put one op in the place of both products; ``first`` is the one of cosines."""
    length = (shape_of(rows.type) or (0,))[-1]
    fill = first.outputs[0].owner
    if length % 2 or not SHORTEST <= length <= LONGEST or radices(length // 2) is None or not isinstance(fill, FillOp):
        return
    empty = fill.outputs[0].owner
    if not isinstance(empty, tensor.EmptyOp) or first.results[0].type != second.results[0].type:
        return
    outputs = [tensor.EmptyOp(list(empty.dynamic_sizes), empty.tensor.type) for _ in range(2)]
    made = FourierOp(rows, [output.tensor for output in outputs])
    inherit(made, [*sources(first), *sources(second)])
    Rewriter.insert_op([*outputs, made], InsertPoint.before(first))
    for product, result in zip((first, second), made.results, strict=True):
        product.results[0].replace_all_uses_with(result)
        product.detach()
        product.erase()


@dataclass(frozen=True)
class FindFourierPass(ModulePass):
    """Put `linalg_ext.fourier` in the place of a pair of products with tables of cosines and sines that the frontend marked.

    The rows are 32 to 4096 long, and half of that is a product of twos, threes and fives.

    Before:

    ```mlir
    %c = linalg.generic {…} ins(%even, %cosines : tensor<?x199xf32>, tensor<199x201xf32>) … attrs = {agentc.fourier = "cos"}
    %s = linalg.generic {…} ins(%odd, %sines : tensor<?x199xf32>, tensor<199x201xf32>) … attrs = {agentc.fourier = "sin"}
    ```

    After:

    ```mlir
    %c, %s = linalg_ext.fourier ins(%rows : tensor<?x400xf32>) outs(%a, %b : …) -> tensor<?x201xf32>, tensor<?x201xf32>
    ```
    """

    name = "find-fourier"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for rows, pair in marked(op).items():
            if "cos" in pair and "sin" in pair:
                replace(rows, pair["cos"], pair["sin"])
        erase_unread(op)
