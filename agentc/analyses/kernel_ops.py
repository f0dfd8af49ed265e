"""Makes the ops of tensor code that every kernel has by the hundred.

Their own constructors sort operands by definition and find out what is a segment each time: about half of the time that
the frontend takes.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeGuard

from xdsl.builder import Builder, InsertOpInvT
from xdsl.dialects import arith, func, memref, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
    ArrayAttr,
    DenseArrayBase,
    FloatAttr,
    IndexType,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    TensorType,
    i1,
    i32,
)
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.dialects.scf import ForOp, IfOp, ParallelOp, ReduceOp, ReduceReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap
from xdsl.rewriter import InsertPoint

from agentc.plan.kernels import Dim


def every(op: Operation) -> list[Operation]:
    """``op`` and all inside of it, outer ops first: as ``op.walk()``, whose generators inside of generators take
    several times as long, in another order.
    """
    found = [op]
    for outer in found:
        for region in outer.regions:
            block = region.first_block
            while block is not None:
                inner = block.first_op
                while inner is not None:
                    found.append(inner)
                    inner = inner.next_op
                block = block.next_block
    return found


def walked(op: Operation) -> list[Operation]:
    """``op`` and all inside of it, in the order of ``op.walk()``: that of the text."""
    found = [op]
    for region in op.regions:
        block = region.first_block
        while block is not None:
            inner = block.first_op
            while inner is not None:
                if inner.regions:
                    found += walked(inner)
                else:
                    found.append(inner)
                inner = inner.next_op
            block = block.next_block
    return found


def with_values(op: Operation, values: Mapping[SSAValue, SSAValue]) -> Operation:
    """``op``, which takes ``values`` now, as does what is inside of it."""
    for inner in every(op):
        operands = tuple(inner.operands)
        if any(o in values for o in operands):
            inner.operands = [values.get(o, o) for o in operands]
    return op


def functions(module: ModuleOp) -> list[func.FuncOp]:
    """The functions of ``module``, in order."""
    return [op for op in module.body.block.ops if isinstance(op, func.FuncOp)]


PARALLEL, REDUCTION = IteratorTypeAttr.parallel(), IteratorTypeAttr.reduction()


@lru_cache(maxsize=256)
def segments(*counts: int) -> DenseArrayBase:
    """``operandSegmentSizes`` of an op that takes so many values of each kind."""
    return DenseArrayBase.from_list(i32, counts)


@lru_cache(maxsize=1024)
def map_attribute(map_: AffineMap) -> AffineMapAttr:
    """``map_`` as an attribute."""
    return AffineMapAttr(map_)


@lru_cache(maxsize=256)
def tensor_type(element: Attribute, dims: tuple[Dim, ...]) -> TensorType[Attribute]:
    """The type of a tensor of ``dims``, of which those that are names are unknown."""
    return TensorType(element, [DYNAMIC_INDEX if isinstance(d, str) else d for d in dims])


@lru_cache(maxsize=1024)
def _maps(maps: tuple[AffineMap, ...]) -> ArrayAttr[AffineMapAttr]:
    return ArrayAttr([map_attribute(m) for m in maps])


@lru_cache(maxsize=64)
def _iterators(kinds: tuple[IteratorTypeAttr, ...]) -> ArrayAttr[IteratorTypeAttr]:
    return ArrayAttr(kinds)


def generic(
    inputs: Sequence[SSAValue],
    output: SSAValue,
    body: Region,
    maps: Sequence[AffineMap],
    iterators: Sequence[IteratorTypeAttr],
    results: Sequence[Attribute] = (),
) -> GenericOp:
    """A ``linalg.generic`` with one output."""
    return GenericOp.create(
        operands=[*inputs, output],
        result_types=results,
        properties={
            "indexing_maps": _maps(tuple(maps)),
            "iterator_types": _iterators(tuple(iterators)),
            "operandSegmentSizes": segments(len(inputs), 1),
        },
        regions=[body],
    )


Projection = tuple[int, ...]
"""For each axis of a tensor the loop that runs over it, or ``FIRST``."""
FIRST = -1
"""The first place of an axis, in every trip."""


@lru_cache(maxsize=4096)
def _projections(rank: int, maps: tuple[Projection, ...]) -> ArrayAttr[AffineMapAttr]:
    return ArrayAttr([map_attribute(_projection(rank, places)) for places in maps])


@lru_cache(maxsize=1024)
def _projection(rank: int, places: Projection) -> AffineMap:
    found = (AffineExpr.constant(0) if loop == FIRST else AffineExpr.dimension(loop) for loop in places)
    return AffineMap(rank, 0, tuple(found))


@lru_cache(maxsize=1024)
def _loops(rank: int, kept: Projection) -> ArrayAttr[IteratorTypeAttr]:
    return ArrayAttr([PARALLEL if loop in kept else REDUCTION for loop in range(rank)])


def projected(
    inputs: Sequence[SSAValue],
    output: SSAValue,
    body: Region,
    rank: int,
    maps: tuple[Projection, ...],
    result: Attribute,
) -> GenericOp:
    """A ``linalg.generic`` of ``rank`` loops and one result; the last of ``maps`` is the output's, and has all that are
    no reductions. What says so is made of numbers once, as hashing affine maps takes as long as making an op.
    """
    return GenericOp.create(
        operands=[*inputs, output],
        result_types=(result,),
        properties={
            "indexing_maps": _projections(rank, maps),
            "iterator_types": _loops(rank, maps[-1]),
            "operandSegmentSizes": segments(len(inputs), 1),
        },
        regions=(body,),
    )


class Appending(Builder):
    """Puts ops at the end of one block. xDSL's own looks for listeners, and for the place in the block, for each."""

    def __init__(self, block: Block) -> None:
        super().__init__(InsertPoint.at_end(block))
        self._end_of = block

    def insert(self, op: InsertOpInvT, insertion_point: InsertPoint | None = None) -> InsertOpInvT:
        """Append ``op``."""
        if insertion_point is not None or not isinstance(op, Operation):
            return super().insert(op, insertion_point)
        self._end_of.add_op(op)
        return op


def empty(sizes: Sequence[SSAValue], type_: TensorType[Attribute]) -> tensor.EmptyOp:
    """A tensor of ``type_`` whose unknown dimensions are ``sizes``."""
    return tensor.EmptyOp.create(operands=sizes, result_types=[type_])


def scalar(value: IntegerAttr | FloatAttr) -> arith.ConstantOp:
    """The scalar ``value``."""
    return arith.ConstantOp.create(result_types=[value.get_type()], properties={"value": value})


def parallel(low: SSAValue, high: SSAValue, step: SSAValue, body: Region, start: Sequence[SSAValue] = ()) -> ParallelOp:
    """One ``scf.parallel`` loop, which reduces as many values as ``start`` has."""
    return ParallelOp.create(
        operands=[low, high, step, *start],
        result_types=[value.type for value in start],
        properties={"operandSegmentSizes": segments(1, 1, 1, len(start))},
        regions=[body],
    )


INDEX = IndexType()
ALIGNMENT = IntegerAttr(64, 64)
EXACT = arith.FastMathFlagsAttr("none")


@lru_cache(maxsize=1024)
def index_attribute(value: int) -> IntegerAttr:
    """The index ``value`` as an attribute."""
    return IntegerAttr.from_index_int_value(value)


def index_constant(value: int) -> arith.ConstantOp:
    """The index ``value``."""
    return arith.ConstantOp.create(result_types=[INDEX], properties={"value": index_attribute(value)})


@lru_cache(maxsize=64)
def _axis(value: int) -> IntegerAttr:
    return IntegerAttr(value, 64)


def index(loop: int) -> IndexOp:
    """The index of ``loop`` of the generic around."""
    return IndexOp.create(result_types=[INDEX], properties={"dim": _axis(loop)})


def extract(source: SSAValue, place: Sequence[SSAValue], element: Attribute) -> tensor.ExtractOp:
    """What the tensor ``source`` has at ``place``."""
    return tensor.ExtractOp.create(operands=[source, *place], result_types=[element])


def binary(kind: type[Operation], a: SSAValue, b: SSAValue) -> Operation:
    """An op without properties on two values of one type, which its result has, too."""
    return kind.create(operands=[a, b], result_types=[a.type])


def conversion(kind: type[Operation], value: SSAValue, target: Attribute) -> Operation:
    """An op without properties on one value, of which it makes one of type ``target``."""
    return kind.create(operands=[value], result_types=[target])


def fill(value: SSAValue, target: SSAValue, results: Sequence[Attribute] = ()) -> FillOp:
    """Set every element of ``target`` to ``value``."""
    block = Block(arg_types=[value.type, value.type])
    block.add_op(YieldOp.create(operands=[block.args[0]]))
    return FillOp.create(
        operands=[value, target],
        result_types=results,
        properties={"operandSegmentSizes": segments(1, 1)},
        regions=[Region(block)],
    )


@lru_cache(maxsize=1024)
def memory_type(element: Attribute, shape: tuple[int, ...]) -> MemRefType[Attribute]:
    """Contiguous memory of ``shape``."""
    return MemRefType(element, shape)


def alloc(type_: Attribute, sizes: Sequence[SSAValue]) -> memref.AllocOp:
    """New memory of ``type_``, whose unknown dimensions are ``sizes``, at a multiple of 64 bytes."""
    return memref.AllocOp.create(
        operands=sizes,
        result_types=[type_],
        properties={"alignment": ALIGNMENT, "operandSegmentSizes": segments(len(sizes), 0)},
    )


def dealloc(memory: SSAValue) -> memref.DeallocOp:
    """The end of ``memory``."""
    return memref.DeallocOp.create(operands=[memory])


def size_along(memory: SSAValue, axis: SSAValue) -> memref.DimOp:
    """The size of ``memory`` along ``axis``."""
    return memref.DimOp.create(operands=[memory, axis], result_types=[INDEX])


@lru_cache(maxsize=64)
def _predicate(kind: type[Operation], name: str) -> IntegerAttr:
    known = arith.CMPI_COMPARISON_OPERATIONS if kind is arith.CmpiOp else arith.CMPF_COMPARISON_OPERATIONS
    return IntegerAttr(known.index(name), 64)


def compare_integers(predicate: str, a: SSAValue, b: SSAValue) -> arith.CmpiOp:
    """Comparison of integers or indices, by the name of its predicate."""
    properties = {"predicate": _predicate(arith.CmpiOp, predicate)}
    return arith.CmpiOp.create(operands=[a, b], result_types=[i1], properties=properties)


def compare_floats(predicate: str, a: SSAValue, b: SSAValue) -> arith.CmpfOp:
    """Comparison of floats, by the name of its predicate."""
    properties = {"predicate": _predicate(arith.CmpfOp, predicate), "fastmath": EXACT}
    return arith.CmpfOp.create(operands=[a, b], result_types=[i1], properties=properties)


def select(condition: SSAValue, a: SSAValue, b: SSAValue) -> arith.SelectOp:
    """``a if condition else b``."""
    return arith.SelectOp.create(operands=[condition, a, b], result_types=[a.type])


def cast(value: SSAValue, type_: Attribute) -> arith.IndexCastOp:
    """Between an index and an integer."""
    return arith.IndexCastOp.create(operands=[value], result_types=[type_])


def counted(low: SSAValue, high: SSAValue, step: SSAValue, start: Sequence[SSAValue], body: Region) -> ForOp:
    """One ``scf.for`` loop, which carries as many values as ``start`` has."""
    return ForOp.create(operands=[low, high, step, *start], result_types=[v.type for v in start], regions=[body])


def branch(condition: SSAValue, types: Sequence[Attribute], body: Region, other: Region | None = None) -> IfOp:
    """``scf.if``, which gives values of ``types``."""
    return IfOp.create(operands=[condition], result_types=types, regions=[body, other or Region()])


def yielded(values: Sequence[SSAValue] = ()) -> scf.YieldOp:
    """The end of a body of an ordered loop or of a branch."""
    return scf.YieldOp.create(operands=values)


def reductions(values: Sequence[SSAValue], regions: Sequence[Region]) -> ReduceOp:
    """The end of the body of a parallel loop, which reduces ``values``."""
    return ReduceOp.create(operands=values, regions=regions)


def reduced(value: SSAValue) -> ReduceReturnOp:
    """The end of a reduction of two values to ``value``."""
    return ReduceReturnOp.create(operands=[value])


def load(memory: SSAValue, place: Sequence[SSAValue]) -> memref.LoadOp:
    """What is in ``memory`` at ``place``."""
    return memref.LoadOp.create(operands=[memory, *place], result_types=[_element_of(memory.type)])


def store(value: SSAValue, memory: SSAValue, place: Sequence[SSAValue]) -> memref.StoreOp:
    """``value`` to ``memory`` at ``place``."""
    return memref.StoreOp.create(operands=[value, memory, *place])


def _element_of(type_: Attribute) -> Attribute:
    return type_.element_type if _is_memory(type_) else type_


def _is_memory(type_: Attribute) -> "TypeGuard[MemRefType[Attribute]]":
    return isinstance(type_, MemRefType)
