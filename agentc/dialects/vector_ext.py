"""The `vector_ext` dialect: what vectors of kernels need and upstream `arith` has for single numbers only."""

from __future__ import annotations

from typing import cast

from xdsl.dialects.builtin import AnyFloat, IntegerType, StringAttr, VectorType
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

KINDS = ("sitofp", "uitofp", "extsi", "extui", "trunci", "extf", "truncf")


@irdl_op_definition
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


def _parts(type_: Attribute) -> tuple[tuple[int, ...], Attribute]:
    vector = cast("VectorType[Attribute]", type_)
    return tuple(vector.get_shape()), vector.element_type


VectorExt = Dialect("vector_ext", [CastOp], [])
