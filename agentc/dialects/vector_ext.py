"""The `vector_ext` dialect: what vectors of kernels need and upstream `arith` has for single numbers only."""

from __future__ import annotations

from math import prod
from typing import ClassVar, cast

from xdsl.dialects.arith import CMPF_COMPARISON_OPERATIONS, CMPI_COMPARISON_OPERATIONS
from xdsl.dialects.builtin import (
    I64,
    AnyFloat,
    Float32Type,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    StringAttr,
    VectorType,
    f32,
    i1,
    i32,
    i64,
)
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    VarConstraint,
    base,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import MemoryReadEffect, Pure
from xdsl.utils.exceptions import VerifyException

from agentc.dialects.definition import op_definition

KINDS = ("sitofp", "uitofp", "extsi", "extui", "trunci", "extf", "truncf")
WORD = 4
"""Bytes of a word."""
FIELD_BITS = 8
"""Of a byte at most."""
MOST_ADDED = 1 << 16
"""Far below the 24 bits that single precision holds exactly."""


@op_definition
class CastOp(IRDLOperation):
    """Converts each lane of a vector, as the op of `arith` with the name `kind` converts a number.

    ```mlir
    %f = vector_ext.cast "uitofp" %codes : vector<16xi8> to vector<16xf32>
    ```
    """

    name = "vector_ext.cast"

    input = operand_def(VectorType)
    result = result_def(VectorType)
    kind = prop_def(StringAttr)

    assembly_format = "$kind $input attr-dict `:` type($input) `to` type($result)"
    traits = traits_def(Pure())

    def __init__(self, kind: str, value: SSAValue, type_: VectorType[Attribute]) -> None:
        super().__init__(operands=[value], result_types=[type_], properties={"kind": StringAttr(kind)})

    def verify_(self) -> None:
        kind = self.kind.data
        if kind not in KINDS:
            raise VerifyException(f"`{kind}` is no conversion: expected one of {', '.join(KINDS)}")
        given, made = _parts(self.input.type), _parts(self.result.type)
        if given[0] != made[0]:
            raise VerifyException("a conversion keeps the number of lanes")
        wanted = {"i": IntegerType, "f": AnyFloat}
        source = wanted["f" if kind in ("extf", "truncf") else "i"]
        target = wanted["f" if kind.endswith("fp") or kind in ("extf", "truncf") else "i"]
        if not isinstance(given[1], source) or not isinstance(made[1], target):
            raise VerifyException(f"`{kind}` does not make {self.result.type} of {self.input.type}")


@op_definition
class WordsOp(IRDLOperation):
    """The bytes of a vector, row after row, as words of four, the first byte lowest.

    ```mlir
    %words = vector_ext.words %codes : vector<4x16xi8> to vector<16xi32>
    ```
    """

    name = "vector_ext.words"

    input = operand_def(VectorType)
    result = result_def(VectorType)

    assembly_format = "$input attr-dict `:` type($input) `to` type($result)"
    traits = traits_def(Pure())

    def __init__(self, value: SSAValue) -> None:
        count = prod(_parts(value.type)[0]) // WORD
        super().__init__(operands=[value], result_types=[VectorType(i32, [count])])

    def verify_(self) -> None:
        (shape, element), (made, word) = _parts(self.input.type), _parts(self.result.type)
        if element != IntegerType(8) or word != i32 or len(made) != 1 or prod(shape) != WORD * made[0]:
            raise VerifyException(f"{self.result.type} is not the words of {self.input.type}")


@op_definition
class FieldOp(IRDLOperation):
    """A few bits of each word, read without sign, and a constant, as a number of single precision: codes of eight bits or
    fewer, packed four a word or more densely. The result is exact.

    ```mlir
    %codes = vector_ext.field %words at 4 bits 4 plus -8 : vector<16xi32> to vector<16xf32>
    ```
    """

    name = "vector_ext.field"

    input = operand_def(VectorType)
    result = result_def(VectorType)
    at = prop_def(IntegerAttr[I64])
    """The lowest bit of the field."""
    bits = prop_def(IntegerAttr[I64])
    plus = prop_def(IntegerAttr[I64])

    assembly_format = "$input `at` $at `bits` $bits `plus` $plus attr-dict `:` type($input) `to` type($result)"
    traits = traits_def(Pure())

    def __init__(self, words: SSAValue, at: int, bits: int, plus: int) -> None:
        properties = {name: IntegerAttr(n, i64) for name, n in (("at", at), ("bits", bits), ("plus", plus))}
        super().__init__(operands=[words], result_types=[VectorType(f32, _parts(words.type)[0])], properties=properties)

    def verify_(self) -> None:
        (shape, word), (made, element) = _parts(self.input.type), _parts(self.result.type)
        if word != i32 or not isinstance(element, Float32Type) or shape != made:
            raise VerifyException(f"a field of {self.input.type} is no {self.result.type}")
        at, bits, plus = (attribute.value.data for attribute in (self.at, self.bits, self.plus))
        if not 1 <= bits <= FIELD_BITS or not 0 <= at <= 8 * WORD - bits:
            raise VerifyException(f"{bits} bits at {at} are no field of at most {FIELD_BITS} bits in a word")
        if abs(plus) > MOST_ADDED:
            raise VerifyException(f"the constant {plus} is beyond {MOST_ADDED}")


def _parts(type_: Attribute) -> tuple[tuple[int, ...], Attribute]:
    vector = cast("VectorType[Attribute]", type_)
    return tuple(vector.get_shape()), vector.element_type


@op_definition
class CompareOp(IRDLOperation):
    """Whether the lanes of two vectors are in the order `kind`, by the names that `arith` has for numbers.

    ```mlir
    %above = vector_ext.compare "sgt" %a, %b : vector<16xi64>, vector<16xi64> to vector<16xi1>
    ```
    """

    name = "vector_ext.compare"

    lhs = operand_def(VectorType)
    rhs = operand_def(VectorType)
    result = result_def(VectorType)
    kind = prop_def(StringAttr)

    assembly_format = "$kind $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `to` type($result)"
    traits = traits_def(Pure())

    def __init__(self, kind: str, lhs: SSAValue, rhs: SSAValue) -> None:
        made = VectorType(i1, _parts(lhs.type)[0])
        super().__init__(operands=[lhs, rhs], result_types=[made], properties={"kind": StringAttr(kind)})

    def verify_(self) -> None:
        shape, element = _parts(self.lhs.type)
        if self.lhs.type != self.rhs.type or _parts(self.result.type) != (shape, i1):
            raise VerifyException("two vectors of one type give a truth value for each lane")
        names = CMPF_COMPARISON_OPERATIONS if isinstance(element, AnyFloat) else CMPI_COMPARISON_OPERATIONS
        if self.kind.data not in names:
            raise VerifyException(f"`{self.kind.data}` is no order of {element}: expected one of {', '.join(names)}")


@op_definition
class SelectOp(IRDLOperation):
    """Each lane of the second vector where the first one says so, else that of the third.

    ```mlir
    %v = vector_ext.select %above, %a, %b : vector<16xi1>, vector<16xi64>
    ```
    """

    name = "vector_ext.select"

    T: ClassVar = VarConstraint("T", base(VectorType))

    cond = operand_def(VectorType)
    lhs = operand_def(T)
    rhs = operand_def(T)
    result = result_def(T)

    assembly_format = "$cond `,` $lhs `,` $rhs attr-dict `:` type($cond) `,` type($result)"
    traits = traits_def(Pure())

    def __init__(self, cond: SSAValue, lhs: SSAValue, rhs: SSAValue) -> None:
        super().__init__(operands=[cond, lhs, rhs], result_types=[lhs.type])

    def verify_(self) -> None:
        shape, _ = _parts(self.result.type)
        if _parts(self.cond.type) != (shape, i1):
            raise VerifyException("truth values choose, one for each lane")


@op_definition
class GatherOp(IRDLOperation):
    """The elements of an array at the places that the lanes of a vector say, all of which are inside.

    ```mlir
    %v = vector_ext.gather %x[%places] : memref<?xf32>, vector<16xi64> to vector<16xf32>
    ```
    """

    name = "vector_ext.gather"

    memory = operand_def(MemRefType)
    places = operand_def(VectorType)
    result = result_def(VectorType)

    assembly_format = "$memory `[` $places `]` attr-dict `:` type($memory) `,` type($places) `to` type($result)"
    traits = traits_def(MemoryReadEffect())

    def __init__(self, memory: SSAValue, places: SSAValue) -> None:
        element = cast("MemRefType[Attribute]", memory.type).element_type
        super().__init__(operands=[memory, places], result_types=[VectorType(element, _parts(places.type)[0])])

    def verify_(self) -> None:
        memory = cast("MemRefType[Attribute]", self.memory.type)
        (shape, word), (made, element) = _parts(self.places.type), _parts(self.result.type)
        if memory.get_num_dims() != 1 or word != i64 or len(shape) != 1:
            raise VerifyException("elements of an array with one axis are gathered by a vector of i64")
        if made != shape or element != memory.element_type:
            raise VerifyException(f"{self.result.type} is not what {self.places.type} gather of {memory}")


@op_definition
class RegistersOp(IRDLOperation):
    """How many bytes the vector registers of the target hold together, at least: a constant that the backend knows, by which
    a kernel that is lowered once for all processors chooses how much to keep in them.

    ```mlir
    %bytes = vector_ext.registers : index
    ```
    """

    name = "vector_ext.registers"

    result = result_def(IndexType)

    assembly_format = "attr-dict `:` type($result)"
    traits = traits_def(Pure())

    def __init__(self) -> None:
        super().__init__(result_types=[IndexType()])


VectorExt = Dialect("vector_ext", [CastOp, CompareOp, SelectOp, WordsOp, FieldOp, GatherOp, RegistersOp], [])
