"""Finds Fourier transforms, which a processor sums in log steps."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import tensor
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.linalg.ops import GenericOp
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


def source_of(op: GenericOp) -> SSAValue | None:
    """The rows of whose transform the marked ``op`` is a part, or the power."""
    if mark(op) == "power":
        square = op.inputs[0].owner
        part = square.inputs[0].owner if isinstance(square, GenericOp) else None
        return source_of(part) if isinstance(part, GenericOp) and mark(part) == "real" else None
    product = op.inputs[-1].owner
    folded = product.inputs[0].owner if isinstance(product, GenericOp) else None
    if not isinstance(folded, GenericOp):
        return None
    sides = [side.owner for side in folded.inputs if isinstance(side.owner, GenericOp)]
    read = {i.tensor for side in (folded, *sides) for i in side.body.walk() if isinstance(i, tensor.ExtractOp)}
    return next(iter(read)) if len(read) == 1 else None


def mark(op: Operation) -> str | None:
    """What the frontend says that ``op`` is of a transform."""
    kind = op.attributes.get(FOURIER)
    return kind.data if isinstance(kind, StringAttr) else None


def marked(module: ModuleOp) -> dict[SSAValue, list[GenericOp]]:
    """Rows -> what is computed of their transform, in order."""
    found: dict[SSAValue, list[GenericOp]] = {}
    for op in every(module):
        if isinstance(op, GenericOp) and mark(op) is not None and (rows := source_of(op)) is not None:
            found.setdefault(rows, []).append(op)
    return found


def results_of(ops: Sequence[GenericOp]) -> list[list[GenericOp]]:
    """Which of ``ops`` each result of one op takes the place of: the power where nothing else is read, else both parts."""
    power, *parts = ([op for op in ops if mark(op) == name] for name in ("power", "real", "imaginary"))
    squares = {value.owner for op in power for value in op.inputs}
    read = {use.operation for part in parts for op in part for use in op.results[0].uses}
    return [power] if power and read <= squares else parts


def replace(rows: SSAValue, ops: Sequence[GenericOp]) -> None:
    """Put one op in the place of ``ops``."""
    length = (shape_of(rows.type) or (0,))[-1]
    if length % 2 or not SHORTEST <= length <= LONGEST or radices(length // 2) is None:
        return
    results = results_of(ops)
    replaced = [op for op in ops if any(op in result for result in results)]
    first = replaced[0]
    empty = first.outputs[0].owner
    if not isinstance(empty, tensor.EmptyOp) or any(op.results[0].type != empty.tensor.type for op in replaced):
        return
    outputs = [tensor.EmptyOp(list(empty.dynamic_sizes), empty.tensor.type) for _ in results]
    made = FourierOp(rows, [output.tensor for output in outputs])
    inherit(made, [place for op in ops for place in sources(op)])
    Rewriter.insert_op([*outputs, made], InsertPoint.before(first))
    for old, new in zip(results, made.results, strict=True):
        for op in old:
            op.results[0].replace_all_uses_with(new)
            op.detach()
            op.erase()


@dataclass(frozen=True)
class FindFourierPass(ModulePass):
    """Put `linalg_ext.fourier` in the place of what the frontend computes by products with tables of cosines and sines, and
    marks: the real and imaginary part of a transform, or its power alone, where nothing else is read.

    The rows are 32 to 4096 long, and half of that is a product of twos, threes and fives.

    Before:

    ```mlir
    %c = linalg.generic {…} ins(%even, %cosines : tensor<?x199xf32>, tensor<199x201xf32>) …
    %r = linalg.generic {…} ins(%first, %c : tensor<?x201xf32>, tensor<?x201xf32>) … attrs = {agentc.fourier = "real"}
    %s = linalg.generic {…} ins(%odd, %sines : tensor<?x199xf32>, tensor<199x201xf32>) …
    %i = linalg.generic {…} ins(%s : tensor<?x201xf32>) … attrs = {agentc.fourier = "imaginary"}
    ```

    After:

    ```mlir
    %r, %i = linalg_ext.fourier ins(%rows : tensor<?x400xf32>) outs(%a, %b : …) -> tensor<?x201xf32>, tensor<?x201xf32>
    ```
    """

    name = "find-fourier"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for rows, ops in marked(op).items():
            replace(rows, ops)
        erase_unread(op)
