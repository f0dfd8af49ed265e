"""Fuses elementwise tensor code into what uses it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeGuard

from xdsl.context import Context
from xdsl.dialects import arith, math, tensor
from xdsl.dialects.builtin import ArrayAttr, Float32Type, IntegerType, ModuleOp
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap
from xdsl.passes import ModulePass

from agentc.analyses.dead_code import erase_dead
from agentc.analyses.kernel_dims import element_of, shape_of
from agentc.analyses.kernel_ops import every, index_constant, map_attribute, segments, with_values
from agentc.analyses.kernel_sources import inherit, settle, sources
from agentc.dialects.linalg_ext import ExtOp

EXPENSIVE = (arith.DivfOp, math.ExpOp, math.LogOp, math.SqrtOp, math.TanhOp, math.SinOp, math.CosOp, math.PowFOp)
"""Not worth computing twice: a division or a call of a math function costs more than a load and a store."""
FREE = (arith.ConstantOp, IndexOp, YieldOp)
CHEAP_OPS = 4
"""An elementwise body of at most as many cheap ops is recomputed rather than stored."""
DECODING_OPS = 10
"""As ``CHEAP_OPS``, where a byte becomes a number: four times as wide, that costs more to store and to read again."""
CHEAP_READS = 2
"""It is stored if it is read more often: the trips of a loop of the source then find all arrays stored, and can be one."""


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
    return _is_identity(op.indexing_maps.data[-1].data) and op.body.block.args[-1].first_use is None


@lru_cache(maxsize=1024)
def _is_identity(map_: AffineMap) -> bool:
    return map_ == AffineMap.identity(map_.num_dims)


def is_cheap(op: GenericOp) -> bool:
    """Whether computing an element of ``op`` again costs less than keeping it."""
    known: set[SSAValue] = set()
    body: list[type[Operation]] = []
    for inner in op.body.block.ops:
        if (kind := type(inner)) is arith.ConstantOp or (inner.operands and known.issuperset(inner.operands)):
            known.update(inner.results)  # folded: of two numbers there is one
        elif kind not in FREE:
            body.append(kind)
    few = len(body) <= CHEAP_OPS or (len(body) <= DECODING_OPS and _decodes(op))
    return few and not any(kind in EXPENSIVE for kind in body)


def _decodes(op: GenericOp) -> bool:
    """Whether numbers of single precision are made of bytes, with nothing else that has as many elements."""
    if not isinstance(element_of(op.results[0].type), Float32Type):
        return False
    extracted = [inner.tensor for inner in op.body.block.ops if isinstance(inner, tensor.ExtractOp)]
    shapes = {value: shape for value in (*op.inputs, *extracted) if (shape := shape_of(value.type))}
    codes = [value for value in shapes if element_of(value.type) == IntegerType(8)]
    most = max((len(shapes[value]) for value in codes), default=0)
    return all(len(shape) < most for value, shape in shapes.items() if value not in codes) and bool(codes)


def _is_kept(op: GenericOp) -> bool:
    """Whether ``op`` makes an array of others that is read more often than it is worth to compute it again."""
    return bool(op.iterator_types.data and op.inputs) and sum(1 for _ in op.results[0].uses) > CHEAP_READS


def covers(map_: AffineMap) -> bool:
    """Whether each iteration reads its own element, so that fusion computes none twice."""
    return len(map_.used_dims()) == map_.num_dims


def should_fuse(producer: Operation, consumer: GenericOp, index: int) -> bool:
    """Whether input ``index`` of ``consumer`` is better computed in its body."""
    if producer.parent is not consumer.parent or not is_elementwise(producer):
        return False
    once = producer.results[0].has_one_use() and covers(consumer.indexing_maps.data[index].data)
    return (once or (is_cheap(producer) and not _is_kept(producer))) and _leaves_sizes(producer, consumer, index)


def _leaves_sizes(producer: GenericOp, consumer: GenericOp, index: int) -> bool:
    """Whether every loop of ``consumer`` still runs over an axis of some operand: a gather has none of what it reads."""
    read = consumer.indexing_maps.data[index].data
    maps = [m.data.compose(read) for m in producer.indexing_maps.data[:-1]]
    maps += [m.data for i, m in enumerate(consumer.indexing_maps.data) if i != index]
    walked = {d for m in maps for d in m.used_dims()}
    return len(walked) == len(consumer.iterator_types)


def fuse(producer: GenericOp, consumer: GenericOp, index: int) -> None:
    """Put the body of ``producer`` in place of input ``index`` of ``consumer``; where nobody else reads it, it is gone."""
    settle(producer)
    settle(consumer)
    read = consumer.indexing_maps.data[index].data
    maps, given, outputs = consumer.indexing_maps.data, consumer.inputs, consumer.outputs
    count = len(given)
    places = [m.data.compose(read) for m in producer.indexing_maps.data[:-1]]
    own = list(zip(producer.inputs, places, strict=True))
    kept = {i: (given[i], maps[i].data) for i in range(count) if i != index}
    inputs = list(dict.fromkeys([*own, *kept.values()]))
    block = consumer.body.block
    old = block.args[:count]
    new = {pair: block.insert_arg(element_of(pair[0].type), i) for i, pair in enumerate(inputs)}
    value = _move_body(producer, block, [new[pair] for pair in own], read)
    for i, argument in enumerate(old):
        argument.replace_all_uses_with(new[kept[i]] if i in kept else value)
        block.erase_arg(argument)
    consumer.operands = [*(v for v, _ in inputs), *outputs]
    consumer.properties["operandSegmentSizes"] = segments(len(inputs), len(outputs))
    consumer.properties["indexing_maps"] = ArrayAttr([*(map_attribute(m) for _, m in inputs), *maps[count:]])
    inherit(consumer, sources(producer))
    if not producer.results[0].uses:
        producer.detach()
        producer.erase()


def _move_body(op: GenericOp, block: Block, places: Sequence[SSAValue], loops: AffineMap) -> SSAValue:
    """Put the body of ``op`` without its yield first into ``block``, a copy if ``op`` has other readers; the value that
    it yields. ``loops`` says what its loops are there.
    """
    mapper: dict[SSAValue, SSAValue] = dict(zip(op.body.block.args, places, strict=False))
    first, result = block.first_op, op.results[0]
    assert first is not None
    take = _taken if result.has_one_use() else _copied
    for inner in list(op.body.block.ops):
        if isinstance(inner, YieldOp):
            return mapper.get(inner.operands[0], inner.operands[0])
        moved = take(_index_op(loops, inner) if isinstance(inner, IndexOp) else inner, mapper)
        block.insert_op_before(moved, first)
        mapper.update(zip(inner.results, moved.results, strict=True))
    raise ValueError("a linalg.generic ends with linalg.yield")


def _copied(op: Operation, mapper: dict[SSAValue, SSAValue]) -> Operation:
    return op.clone(value_mapper=mapper) if op.parent is not None else op


def _taken(op: Operation, mapper: dict[SSAValue, SSAValue]) -> Operation:
    if op.parent is not None:
        op.detach()
    return with_values(op, mapper)


def _index_op(loops: AffineMap, op: IndexOp) -> Operation:
    match loops.results[op.dim.value.data]:
        case AffineDimExpr(position):
            return IndexOp(position)
        case AffineConstantExpr(value):
            return index_constant(value)
        case other:
            raise ValueError(f"index `{other}` is neither a loop nor a number")


def fuse_into(consumer: GenericOp) -> bool:
    """Pull elementwise producers into ``consumer``, and theirs, as long as that pays; whether there were any."""
    changed = False
    while len(consumer.results) == 1 and (found := _fusible(consumer)) is not None:
        fuse(*found)
        changed = True
    return changed


def fuse_all(module: ModuleOp) -> bool:
    """As ``fuse_into``, into each op in order."""
    changed = [fuse_into(op) for op in every(module) if isinstance(op, GenericOp)]
    return any(changed)


def _fusible(consumer: GenericOp) -> tuple[GenericOp, GenericOp, int] | None:
    for index, value in enumerate(consumer.inputs):
        producer = value.owner
        if isinstance(producer, GenericOp) and should_fuse(producer, consumer, index):
            return producer, consumer, index
    return None


def erase_unread(module: ModuleOp) -> None:
    """Erase tensor code whose result nobody reads. Linalg on tensors has no effect but its result."""
    for op in reversed(every(module)):
        if isinstance(op, GenericOp | FillOp | ExtOp) and op.results and not any(r.uses for r in op.results):
            op.detach()
            op.erase()


@dataclass(frozen=True)
class FuseKernelsPass(ModulePass):
    """Fuse elementwise ``linalg.generic`` ops into their consumers, elementwise or reducing.

    A producer with one reader always goes in, unless a broadcast would compute it again and again; one with several
    readers only where computing it again is cheaper than keeping it, and for two at most. Exponentials are never computed twice.

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
        while fuse_all(op):
            pass
        erase_dead(op.body)
