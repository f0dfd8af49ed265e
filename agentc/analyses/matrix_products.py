"""Products of two matrices among the ops of a kernel."""

from xdsl.dialects import arith
from xdsl.dialects.builtin import Float32Type, Float64Type
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import AffineMap

from agentc.analyses.kernel_dims import element_of
from agentc.analyses.kernel_walks import ops_of
from agentc.support.record import record

ROW, COLUMN, DEPTH = (AffineMap.identity(3).results[i] for i in range(3))


@record
class Product:
    """``out[i, j] = start + sum over k of left[i, k] * right[k, j]`` in a kernel."""

    op: GenericOp
    fill: FillOp
    left: SSAValue
    right: SSAValue
    transposed: bool
    """Whether ``right`` is stored as ``[j, k]``."""

    @property
    def out(self) -> SSAValue:
        """The memory of the result."""
        return self.op.outputs[0]

    @property
    def start(self) -> SSAValue:
        """What each sum begins with."""
        return self.fill.inputs[0]


def product_of(op: Operation, before: Operation | None) -> Product | None:
    """``op`` as a product of two matrices whose result starts from the fill ``before`` it."""
    if not isinstance(op, GenericOp) or not isinstance(before, FillOp) or before.outputs[0] is not op.outputs[0]:
        return None
    kinds = [t.data for t in op.iterator_types]
    if kinds != [IteratorType.PARALLEL, IteratorType.PARALLEL, IteratorType.REDUCTION] or len(op.inputs) != 2:
        return None
    if not isinstance(element_of(op.outputs[0].type), Float32Type | Float64Type) or not _multiplies_and_adds(op):
        return None
    left, right, out = (m.data.results for m in op.indexing_maps.data)
    if (
        left != (ROW, DEPTH)
        or out != (ROW, COLUMN)
        or right not in ((DEPTH, COLUMN), (COLUMN, DEPTH))
        or op.outputs[0] in op.inputs
    ):
        return None
    return Product(op, before, op.inputs[0], op.inputs[1], right == (COLUMN, DEPTH))


def _multiplies_and_adds(op: GenericOp) -> bool:
    block = op.body.block
    match ops_of(block):
        case [arith.MulfOp() as product, arith.AddfOp() as total, YieldOp() as last]:
            factors, terms = set(product.operands), set(total.operands)
            inputs = set(block.args[:2])
            return factors == inputs and terms == {product.result, block.args[2]} and last.operands[0] is total.result
        case _:
            return False
