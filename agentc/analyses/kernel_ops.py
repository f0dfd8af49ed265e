"""Makes the ops of tensor code that every kernel has by the hundred.

Their own constructors sort operands by definition and find out what is a segment each time: about half of the time that
the frontend takes.
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TypeGuard, TypeVar

from xdsl.builder import Builder, InsertOpInvT
from xdsl.dialects import arith, func, memref, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    UNKNOWN_LOC,
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
from xdsl.ir import Attribute, Block, Operation, OpResult, Region, SSAValue, SSAValues
from xdsl.ir.affine import AffineExpr, AffineMap
from xdsl.irdl import IRDLOperation
from xdsl.rewriter import InsertPoint

from agentc.analyses.kernel_walks import operands_of
from agentc.plan.kernels import Dim

OpT = TypeVar("OpT", bound=Operation)


def made(
    kind: type[OpT],
    operands: Sequence[SSAValue] = (),
    types: Sequence[Attribute] = (),
    properties: Mapping[str, Attribute] = MappingProxyType({}),
    regions: Sequence[Region] = (),
) -> OpT:
    """``kind.create`` of what kernels are made of: no successors, no attributes yet. xDSL's takes twice as long, and
    making ops is a third of what compiling a kernel takes.
    """
    op = kind.__new__(kind)
    if operands:
        op.operands = operands
    op.results = SSAValues([OpResult(type_, op, i) for i, type_ in enumerate(types)])
    op.properties = {**properties}
    op.attributes = {}
    op.location = UNKNOWN_LOC
    for region in regions:
        op.add_region(region)
    if _has_defaults(kind):
        op.__post_init__()
    return op


@cache
def _has_defaults(kind: type[Operation]) -> bool:
    """Whether an op of ``kind`` has properties or attributes that need not be stated."""
    if not issubclass(kind, IRDLOperation):
        return True
    definition = kind.get_irdl_definition()
    stated = [*definition.properties.values(), *definition.attributes.values()]
    return any(each.default_value is not None for each in stated)


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
    taken = values.keys()
    for inner in every(op):
        operands = operands_of(inner)
        if operands and not taken.isdisjoint(operands):
            inner.operands = [values.get(o, o) for o in operands]
    return op


def functions(module: ModuleOp) -> list[func.FuncOp]:
    """The functions of ``module``, in order."""
    return [op for op in module.body.block.ops if isinstance(op, func.FuncOp)]


def inputs_of(op: GenericOp) -> tuple[SSAValue, ...]:
    """What ``op`` reads: ``op.inputs``, of one with one output."""
    return tuple(operands_of(op))[:-1]


PARALLEL, REDUCTION = IteratorTypeAttr.parallel(), IteratorTypeAttr.reduction()


@lru_cache(maxsize=256)
def segments(*counts: int) -> DenseArrayBase:
    """``operandSegmentSizes`` of an op that takes so many values of each kind."""
    return DenseArrayBase.from_list(i32, counts)


@cache
def map_attribute(map_: AffineMap) -> AffineMapAttr:
    """``map_`` as an attribute: the same object for equal maps, of which kernels have few."""
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
    return made(
        GenericOp,
        [*inputs, output],
        results,
        {
            "indexing_maps": _maps(tuple(maps)),
            "iterator_types": _iterators(tuple(iterators)),
            "operandSegmentSizes": segments(len(inputs), 1),
        },
        [body],
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
    return made(
        GenericOp,
        [*inputs, output],
        (result,),
        {
            "indexing_maps": _projections(rank, maps),
            "iterator_types": _loops(rank, maps[-1]),
            "operandSegmentSizes": segments(len(inputs), 1),
        },
        (body,),
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
    return made(tensor.EmptyOp, sizes, [type_])


def scalar(value: IntegerAttr | FloatAttr) -> arith.ConstantOp:
    """The scalar ``value``."""
    return made(arith.ConstantOp, (), [value.get_type()], {"value": value})


def parallel(low: SSAValue, high: SSAValue, step: SSAValue, body: Region, start: Sequence[SSAValue] = ()) -> ParallelOp:
    """One ``scf.parallel`` loop, which reduces as many values as ``start`` has."""
    return made(
        ParallelOp,
        [low, high, step, *start],
        [value.type for value in start],
        {"operandSegmentSizes": segments(1, 1, 1, len(start))},
        [body],
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
    return made(arith.ConstantOp, (), [INDEX], {"value": index_attribute(value)})


@lru_cache(maxsize=64)
def _axis(value: int) -> IntegerAttr:
    return IntegerAttr(value, 64)


def index(loop: int) -> IndexOp:
    """The index of ``loop`` of the generic around."""
    return made(IndexOp, (), [INDEX], {"dim": _axis(loop)})


def extract(source: SSAValue, place: Sequence[SSAValue], element: Attribute) -> tensor.ExtractOp:
    """What the tensor ``source`` has at ``place``."""
    return made(tensor.ExtractOp, [source, *place], [element])


def binary(kind: type[Operation], a: SSAValue, b: SSAValue) -> Operation:
    """An op without properties on two values of one type, which its result has, too."""
    return made(kind, [a, b], [a.type])


def conversion(kind: type[Operation], value: SSAValue, target: Attribute) -> Operation:
    """An op without properties on one value, of which it makes one of type ``target``."""
    return made(kind, [value], [target])


def fill(value: SSAValue, target: SSAValue, results: Sequence[Attribute] = ()) -> FillOp:
    """Set every element of ``target`` to ``value``."""
    block = Block(arg_types=[value.type, value.type])
    block.add_op(made(YieldOp, [block.args[0]]))
    return made(FillOp, [value, target], results, {"operandSegmentSizes": segments(1, 1)}, [Region(block)])


@lru_cache(maxsize=1024)
def memory_type(element: Attribute, shape: tuple[int, ...]) -> MemRefType[Attribute]:
    """Contiguous memory of ``shape``."""
    return MemRefType(element, shape)


def alloc(type_: Attribute, sizes: Sequence[SSAValue]) -> memref.AllocOp:
    """New memory of ``type_``, whose unknown dimensions are ``sizes``, at a multiple of 64 bytes."""
    return made(
        memref.AllocOp, sizes, [type_], {"alignment": ALIGNMENT, "operandSegmentSizes": segments(len(sizes), 0)}
    )


def dealloc(memory: SSAValue) -> memref.DeallocOp:
    """The end of ``memory``."""
    return made(memref.DeallocOp, [memory])


def size_along(memory: SSAValue, axis: SSAValue) -> memref.DimOp:
    """The size of ``memory`` along ``axis``."""
    return made(memref.DimOp, [memory, axis], [INDEX])


@lru_cache(maxsize=64)
def _predicate(kind: type[Operation], name: str) -> IntegerAttr:
    known = arith.CMPI_COMPARISON_OPERATIONS if kind is arith.CmpiOp else arith.CMPF_COMPARISON_OPERATIONS
    return IntegerAttr(known.index(name), 64)


def compare_integers(predicate: str, a: SSAValue, b: SSAValue) -> arith.CmpiOp:
    """Comparison of integers or indices, by the name of its predicate."""
    properties = {"predicate": _predicate(arith.CmpiOp, predicate)}
    return made(arith.CmpiOp, [a, b], [i1], properties)


def compare_floats(predicate: str, a: SSAValue, b: SSAValue) -> arith.CmpfOp:
    """Comparison of floats, by the name of its predicate."""
    properties = {"predicate": _predicate(arith.CmpfOp, predicate), "fastmath": EXACT}
    return made(arith.CmpfOp, [a, b], [i1], properties)


def select(condition: SSAValue, a: SSAValue, b: SSAValue) -> arith.SelectOp:
    """``a if condition else b``."""
    return made(arith.SelectOp, [condition, a, b], [a.type])


def cast(value: SSAValue, type_: Attribute) -> arith.IndexCastOp:
    """Between an index and an integer."""
    return made(arith.IndexCastOp, [value], [type_])


def counted(low: SSAValue, high: SSAValue, step: SSAValue, start: Sequence[SSAValue], body: Region) -> ForOp:
    """One ``scf.for`` loop, which carries as many values as ``start`` has."""
    return made(ForOp, [low, high, step, *start], [v.type for v in start], {}, [body])


def branch(condition: SSAValue, types: Sequence[Attribute], body: Region, other: Region | None = None) -> IfOp:
    """``scf.if``, which gives values of ``types``."""
    return made(IfOp, [condition], types, {}, [body, other or Region()])


def yielded(values: Sequence[SSAValue] = ()) -> scf.YieldOp:
    """The end of a body of an ordered loop or of a branch."""
    return made(scf.YieldOp, values)


def reductions(values: Sequence[SSAValue], regions: Sequence[Region]) -> ReduceOp:
    """The end of the body of a parallel loop, which reduces ``values``."""
    return made(ReduceOp, values, (), {}, regions)


def reduced(value: SSAValue) -> ReduceReturnOp:
    """The end of a reduction of two values to ``value``."""
    return made(ReduceReturnOp, [value])


def load(memory: SSAValue, place: Sequence[SSAValue]) -> memref.LoadOp:
    """What is in ``memory`` at ``place``."""
    return made(memref.LoadOp, [memory, *place], [_element_of(memory.type)])


def store(value: SSAValue, memory: SSAValue, place: Sequence[SSAValue]) -> memref.StoreOp:
    """``value`` to ``memory`` at ``place``."""
    return made(memref.StoreOp, [value, memory, *place])


def _element_of(type_: Attribute) -> Attribute:
    return type_.element_type if _is_memory(type_) else type_


def _is_memory(type_: Attribute) -> "TypeGuard[MemRefType[Attribute]]":
    return isinstance(type_, MemRefType)
