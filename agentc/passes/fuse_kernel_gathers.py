"""Computes what is gathered where it is gathered."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import IndexType, ModuleOp
from xdsl.dialects.linalg.ops import GenericOp, IndexOp, YieldOp
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from agentc.analyses.kernel_dims import is_tensor
from agentc.analyses.kernel_maps import are_parallel
from agentc.analyses.kernel_sources import hand_on, inherit, settle, sources
from agentc.passes.fuse_kernels import erase_unread, is_cheap, is_elementwise


def consumer_of(op: tensor.ExtractOp) -> GenericOp | None:
    """The generic op whose body ``op`` is in, at any depth."""
    parent = op.parent_op()
    while parent is not None and not isinstance(parent, GenericOp):
        parent = parent.parent_op()
    return parent


def should_compute(op: tensor.ExtractOp) -> bool:
    """Whether the element that ``op`` reads is better computed in its place: that is cheap, or happens once at most. Not
    where sums would branch for what they read again and again."""
    producer, consumer = op.tensor.owner, consumer_of(op)
    if not is_elementwise(producer) or consumer is None or producer.parent is not consumer.parent:
        return False
    if own_element(op, consumer):
        return is_cheap(producer) or len(list(op.tensor.uses)) == 1
    return is_cheap(producer) and not (branches(producer) and not are_parallel(consumer.iterator_types))


def branches(op: GenericOp) -> bool:
    """Whether the body of ``op`` chooses by branches, which keep a sum that they are in from being one of vectors."""
    return any(isinstance(inner, scf.IfOp) for inner in op.body.block.ops)


def own_element(op: tensor.ExtractOp, consumer: GenericOp) -> bool:
    """Whether no two iterations of ``consumer`` read the same element: each loop gives one index, moved by what is the
    same in all of them.
    """
    loops = [loop for index in op.indices if (loop := _loop_of(index, consumer)) is not None]
    return len(set(loops)) == len(loops) == len(consumer.iterator_types)


def _loop_of(index: SSAValue, consumer: GenericOp) -> int | None:
    """The loop whose index ``index`` is, with a number added or subtracted that no loop changes."""
    match index.owner:
        case IndexOp() as op:
            return op.dim.value.data
        case arith.AddiOp(lhs=left, rhs=right):
            sides = [(left, right), (right, left)]
        case arith.SubiOp(lhs=left, rhs=right):
            sides = [(left, right)]
        case _:
            return None
    return next((_loop_of(a, consumer) for a, b in sides if _is_outside(b, consumer)), None)


def _is_outside(value: SSAValue, consumer: GenericOp) -> bool:
    """Whether ``value`` is a number, or known before ``consumer`` begins."""
    owner = value.owner
    return isinstance(owner, arith.ConstantOp) or not consumer.is_ancestor(owner)


def compute(op: tensor.ExtractOp) -> None:
    """Put the body of what made the tensor of ``op`` in its place."""
    producer, consumer = op.tensor.owner, consumer_of(op)
    assert isinstance(producer, GenericOp) and consumer is not None
    settle(producer)
    settle(consumer)
    inherit(consumer, sources(producer))
    build = Builder(InsertPoint.before(op))
    at = list(op.indices)
    mapper: dict[SSAValue, SSAValue] = {}
    for argument, value, map_ in zip(
        producer.body.block.args, producer.inputs, producer.indexing_maps.data, strict=False
    ):
        if not is_tensor(value.type):
            mapper[argument] = value
        elif argument.uses:
            read = build.insert(tensor.ExtractOp(value, _places(build, map_.data, at), argument.type))
            hand_on(read, op)
            mapper[argument] = read.result
    for inner in producer.body.block.ops:
        if isinstance(inner, IndexOp):
            mapper[inner.result] = at[inner.dim.value.data]
        elif isinstance(inner, YieldOp):
            made = inner.operands[0]
            op.result.replace_all_uses_with(mapper[made] if made in mapper else made)
        else:
            build.insert(inner.clone(value_mapper=mapper))
    op.detach()
    op.erase()


def _places(build: Builder, map_: AffineMap, at: Sequence[SSAValue]) -> list[SSAValue]:
    return [_place(build, expr, at) for expr in map_.results]


def _place(build: Builder, expr: AffineExpr, at: Sequence[SSAValue]) -> SSAValue:
    match expr:
        case AffineDimExpr(position):
            return at[position]
        case AffineConstantExpr(value):
            return build.insert(arith.ConstantOp.from_int_and_width(value, IndexType())).result
        case other:
            raise ValueError(f"index `{other}` is neither a loop nor a number")


def candidates(module: ModuleOp) -> list[tensor.ExtractOp]:
    """What is worth computing in its place, last first: what is put in the place of one may hold the next."""
    found = [op for op in module.walk() if isinstance(op, tensor.ExtractOp) and should_compute(op)]
    return list(reversed(found))


@dataclass(frozen=True)
class FuseKernelGathersPass(ModulePass):
    """Fuse elementwise ``linalg.generic`` ops into bodies that read them by ``tensor.extract``: halves that are joined,
    slices, gathers. What is cheap is computed anew at each read, but for branches in sums; all else only where no element
    is read twice.

    Before:

    ```mlir
    %p = linalg.generic {…} ins(%x) outs(%e) { %m = arith.andi %a, %c15 … } -> tensor<?x16xi8>
    %y = linalg.generic {…} outs(%f) { … %v = tensor.extract %p[%i, %j] … } -> tensor<?x32xi8>
    ```

    After:

    ```mlir
    %y = linalg.generic {…} outs(%f) { … %a = tensor.extract %x[%i, %j]  %v = arith.andi %a, %c15 … } -> tensor<?x32xi8>
    ```
    """

    name = "fuse-kernel-gathers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        while found := candidates(op):
            for extract in found:
                if should_compute(extract):
                    compute(extract)
            erase_unread(op)
