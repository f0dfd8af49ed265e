"""Makes the ops of tensor code that every kernel has by the hundred.

Their own constructors sort operands by definition and find out what is a segment each time: about half of the time that
the frontend takes.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeGuard

from xdsl.dialects import arith, func, memref, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
    ArrayAttr,
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    TensorType,
    i32,
)
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.dialects.scf import ParallelOp
from xdsl.ir import Attribute, Operation, Region, SSAValue
from xdsl.ir.affine import AffineMap

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
            "indexing_maps": ArrayAttr([map_attribute(m) for m in maps]),
            "iterator_types": ArrayAttr(iterators),
            "operandSegmentSizes": segments(len(inputs), 1),
        },
        regions=[body],
    )


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
