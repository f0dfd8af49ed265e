"""Fuses elementwise tensor code into what uses it."""

from dataclasses import dataclass
from typing import TypeGuard

from xdsl.context import Context
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import AffineMapAttr, IndexType, ModuleOp
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.transforms.dead_code_elimination import region_dce

from agentc.analyses.kernel_dims import element_of
from agentc.analyses.kernel_sources import inherit, settle, sources
from agentc.dialects.linalg_ext import ExtOp

EXPENSIVE = (arith.DivfOp, math.ExpOp, math.LogOp, math.SqrtOp, math.TanhOp, math.SinOp, math.CosOp, math.PowFOp)
"""Not worth computing twice: a division or a call of a math function costs more than a load and a store."""
CHEAP_OPS = 4
"""An elementwise body of at most as many cheap ops is recomputed rather than stored."""


def is_elementwise(op: Operation | Block) -> TypeGuard[GenericOp]:
    """Whether ``op`` computes each element of its one result by itself, in the order of the result."""
    match op:
        case GenericOp():
            return len(op.results) == 1 and _is_elementwise(op)
        case _:
            return False


def _is_elementwise(op: GenericOp) -> bool:
    if any(t.data != IteratorType.PARALLEL for t in op.iterator_types):
        return False
    rank = len(op.iterator_types)
    out = op.indexing_maps.data[-1].data
    return out == AffineMap.identity(rank) and not op.body.block.args[-1].uses


def is_cheap(op: GenericOp) -> bool:
    """Whether computing an element of ``op`` again costs less than keeping it."""
    body = [o for o in op.body.block.ops if not isinstance(o, arith.ConstantOp | IndexOp | YieldOp)]
    return len(body) <= CHEAP_OPS and not any(isinstance(o, EXPENSIVE) for o in body)


def covers(map_: AffineMap) -> bool:
    """Whether each iteration reads its own element, so that fusion computes none twice."""
    return len(map_.used_dims()) == map_.num_dims


def should_fuse(producer: Operation, consumer: GenericOp, index: int) -> bool:
    """Whether input ``index`` of ``consumer`` is better computed in its body."""
    if (
        not is_elementwise(producer)
        or producer.parent is not consumer.parent
        or not _leaves_sizes(producer, consumer, index)
    ):
        return False
    if is_cheap(producer):
        return True
    return len(list(producer.results[0].uses)) == 1 and covers(consumer.indexing_maps.data[index].data)


def _leaves_sizes(producer: GenericOp, consumer: GenericOp, index: int) -> bool:
    """Whether every loop of ``consumer`` still runs over an axis of some operand: a gather has none of what it reads."""
    read = consumer.indexing_maps.data[index].data
    maps = [m.data.compose(read) for m in producer.indexing_maps.data[:-1]]
    maps += [m.data for i, m in enumerate(consumer.indexing_maps.data) if i != index]
    walked = {d for m in maps for d in m.used_dims()}
    return len(walked) == len(consumer.iterator_types)


def fuse(producer: GenericOp, consumer: GenericOp, index: int) -> GenericOp:
    """``consumer`` with the body of ``producer`` in place of its input ``index``."""
    settle(producer)
    settle(consumer)
    read = consumer.indexing_maps.data[index].data
    inner = [m.data.compose(read) for m in producer.indexing_maps.data[:-1]]
    count = len(consumer.inputs)
    kept = [i for i in range(count) if i != index]
    wanted = [(producer.inputs[i], inner[i]) for i in range(len(producer.inputs))]
    wanted += [(consumer.inputs[i], consumer.indexing_maps.data[i].data) for i in kept]
    inputs = list(dict.fromkeys(wanted))
    block = Block(arg_types=[*(element_of(v.type) for v, _ in inputs), *(element_of(v.type) for v in consumer.outputs)])
    places = [block.args[inputs.index(pair)] for pair in wanted]
    split = len(producer.inputs)
    mapper: dict[SSAValue, SSAValue] = dict(zip(producer.body.block.args, places[:split], strict=False))
    mapper[consumer.body.block.args[index]] = _clone_body(producer, block, mapper, read)
    mapper.update(zip((consumer.body.block.args[i] for i in kept), places[split:], strict=True))
    mapper.update(zip(consumer.body.block.args[count:], block.args[len(inputs) :], strict=True))
    block.add_op(YieldOp(_clone_body(consumer, block, mapper)))
    maps = [AffineMapAttr(m) for _, m in inputs] + list(consumer.indexing_maps.data[count:])
    fused = GenericOp(
        [v for v, _ in inputs],
        consumer.outputs,
        Region(block),
        maps,
        consumer.iterator_types,
        consumer.result_types,
    )
    inherit(fused, [*sources(producer), *sources(consumer)])
    return fused


def _clone_body(
    op: GenericOp, block: Block, mapper: dict[SSAValue, SSAValue], loops: AffineMap | None = None
) -> SSAValue:
    """Append the body of ``op`` without its yield; the value that it yields. ``loops`` says what its loops are now."""
    for inner in op.body.block.ops:
        if loops is not None and isinstance(inner, IndexOp):
            at = _index_op(loops, inner)
            block.add_op(at)
            mapper[inner.result] = at.results[0]
            continue
        if isinstance(inner, YieldOp):
            value = inner.operands[0]
            return mapper[value] if value in mapper else value
        block.add_op(inner.clone(value_mapper=mapper))
    raise ValueError("a linalg.generic ends with linalg.yield")


def _index_op(loops: AffineMap, op: IndexOp) -> Operation:
    match loops.results[op.dim.value.data]:
        case AffineDimExpr(position):
            return IndexOp(position)
        case AffineConstantExpr(value):
            return arith.ConstantOp.from_int_and_width(value, IndexType())
        case other:
            raise ValueError(f"index `{other}` is neither a loop nor a number")


class FuseProducer(RewritePattern):
    """Pull one elementwise producer into a generic op."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GenericOp, rewriter: PatternRewriter, /) -> None:
        if len(op.results) != 1:
            return
        for index, value in enumerate(op.inputs):
            producer = value.owner
            if isinstance(producer, GenericOp) and should_fuse(producer, op, index):
                rewriter.replace(op, fuse(producer, op, index))
                if not producer.results[0].uses:
                    rewriter.erase(producer)
                return


def erase_unread(module: ModuleOp) -> None:
    """Erase tensor code whose result nobody reads. Linalg on tensors has no effect but its result."""
    for op in reversed(list(module.walk())):
        if isinstance(op, GenericOp | FillOp | ExtOp) and op.results and not any(r.uses for r in op.results):
            op.detach()
            op.erase()


@dataclass(frozen=True)
class FuseKernelsPass(ModulePass):
    """Fuse elementwise ``linalg.generic`` ops into their consumers, elementwise or reducing.

    A producer with one reader always goes in, unless a broadcast would compute it again and again; one with several
    readers only where computing it again is cheaper than keeping it. Exponentials are never computed twice.

    Before:

    ```mlir
    %p = linalg.generic {…} ins(%x, %x) outs(%e) { %m = arith.mulf %a, %b … } -> tensor<?x?xf32>
    %s = linalg.generic {…, "reduction"} ins(%p) outs(%z) { %t = arith.addf %acc, %c … } -> tensor<?xf32>
    ```

    After:

    ```mlir
    %s = linalg.generic {…, "reduction"} ins(%x) outs(%z) {
      %m = arith.mulf %a, %a
      %t = arith.addf %acc, %m …
    } -> tensor<?xf32>
    ```
    """

    name = "fuse-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        erase_unread(op)
        PatternRewriteWalker(GreedyRewritePatternApplier([FuseProducer()])).rewrite_module(op)
        region_dce(op.body)
