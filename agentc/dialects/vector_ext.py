"""The `vector_ext` dialect: what vectors of kernels need and upstream `arith` has for single numbers only."""

from __future__ import annotations

from math import prod
from typing import cast

from xdsl.dialects.builtin import (
    I64,
    AnyFloat,
    Float32Type,
    IntegerAttr,
    IntegerType,
    StringAttr,
    VectorType,
    f32,
    i32,
    i64,
)
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
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


VectorExt = Dialect("vector_ext", [CastOp, WordsOp, FieldOp], [])
