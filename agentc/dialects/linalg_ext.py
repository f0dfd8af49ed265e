"""The `linalg_ext` dialect: what tensor kernels need and upstream `linalg` lacks, in `linalg`'s own form.

Order-dependent work is no `linalg.generic`: its iterations are not independent. These ops take `ins` and write `outs`, on
tensors (the outputs' types are then results, too) or on memory, and work along the last axis. Gathering needs no op of its
own: it is a `linalg.generic` with `tensor.extract`. `signed` or `unsigned` tells how integers are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AnyFloat,
    IndexType,
    IntegerType,
    MemRefType,
    StringAttr,
    TensorType,
    UnitAttr,
)
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    ParsePropInAttrDict,
    opt_prop_def,
    prop_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect
from xdsl.utils.exceptions import VerifyException

from agentc.dialects.definition import op_definition

TAIL = (
    "`ins` `(` $inputs `:` type($inputs) `)` `outs` `(` $outputs `:` type($outputs) `)` attr-dict (`->` type($res)^)?"
)
ORDERS = ("signed", "unsigned")
SCANS = ("add", "mul", "max", "min")
SCATTERS = ("set", "add", "max", "min")
Shapes = Sequence[Sequence[int]]


def shape(type_: Attribute) -> tuple[int, ...]:
    """Sizes of a tensor or memory type."""
    return tuple(type_.get_shape()) if isinstance(type_, TensorType | MemRefType) else ()


def element(type_: Attribute) -> Attribute:
    """Element type of a tensor or memory type."""
    return cast("Attribute", getattr(type_, "element_type", type_))


def agree(first: Sequence[int], second: Sequence[int]) -> bool:
    """Whether two shapes may be the same: equal where both are known."""
    return len(first) == len(second) and all(
        a == b or DYNAMIC_INDEX in (a, b) for a, b in zip(first, second, strict=True)
    )


class ExtOp(IRDLOperation):
    """What the ops share: inputs, outputs, and a result for each output where they are tensors."""

    inputs = var_operand_def()
    outputs = var_operand_def()
    res = var_result_def()

    irdl_options = (AttrSizedOperandSegments(as_property=True), ParsePropInAttrDict())
    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    def verify_(self) -> None:
        kind = "tensor" if self.results else "memref"
        types: list[Attribute] = [v.type for v in (*self.inputs, *self.outputs)]
        if not types or not all(t.name == kind and shape(t) for t in types):
            raise VerifyException("operands have an axis and are all tensors, with results, or all memory, without")
        if self.results and [r.type for r in self.results] != [o.type for o in self.outputs]:
            raise VerifyException("results have the types of the outputs")
        self.verify_shapes([shape(v.type) for v in self.inputs], [shape(v.type) for v in self.outputs])

    def verify_shapes(self, ins: Shapes, outs: Shapes) -> None:
        """What an op demands of its operands beyond that.

        Raises:
            VerifyException: they are otherwise.
        """
        raise NotImplementedError

    def elements(self) -> tuple[list[Attribute], list[Attribute]]:
        """Element types of the inputs and of the outputs."""
        return [element(v.type) for v in self.inputs], [element(v.type) for v in self.outputs]

    def check_word(self, word: StringAttr, known: Sequence[str]) -> None:
        """Refuse what is not among ``known``."""
        if word.data not in known:
            raise VerifyException(f"{word} is none of {', '.join(known)}")


def _properties(**words: str) -> dict[str, Attribute]:
    return {name: StringAttr(word) for name, word in words.items()}


def _types(outputs: Sequence[SSAValue]) -> list[Attribute]:
    """A result for each output that is a tensor; memory is written in place."""
    types: list[Attribute] = [v.type for v in outputs]
    return [t for t in types if t.name == TensorType.name]


def is_whole(type_: Attribute) -> bool:
    """Whether ``type_`` can be an index."""
    return isinstance(type_, IntegerType | IndexType)


@op_definition
class SortOp(ExtOp):
    """
    Sorts each row of the first input in ascending order, NaN last, and moves the rows of the others with it. Stable:
    equal keys stay in their order.

    ```mlir
    %s, %t = linalg_ext.sort "signed" ins(%keys, %places : tensor<4x?xf32>, tensor<4x?xi64>) outs(%a, %b : tensor<4x?xf32>, tensor<4x?xi64>) -> tensor<4x?xf32>, tensor<4x?xi64>
    ```
    """

    name = "linalg_ext.sort"
    order = prop_def(StringAttr)
    assembly_format = f"$order {TAIL}"

    def __init__(self, inputs: Sequence[SSAValue], outputs: Sequence[SSAValue], order: str = "signed"):
        super().__init__(
            operands=[inputs, outputs], properties=_properties(order=order), result_types=[_types(outputs)]
        )

    def verify_shapes(self, ins: Shapes, outs: Shapes) -> None:
        self.check_word(self.order, ORDERS)
        kept, given = self.elements()
        if not ins or kept != given or not all(agree(ins[0], s) for s in (*ins, *outs)):
            raise VerifyException("each input has an output of its element type, and all have the shape of the keys")


@op_definition
class TopKOp(ExtOp):
    """
    The largest elements of each row, in descending order, and where they stood; as many as the outputs have columns.
    Of equal elements the one that stood first comes first, NaN comes last. Where a row is shorter than the outputs the
    rest is the least value of the type and the place -1.

    ```mlir
    %v, %i = linalg_ext.top_k "signed" ins(%x : tensor<?x?xf32>) outs(%a, %b : tensor<?x8xf32>, tensor<?x8xi64>) -> tensor<?x8xf32>, tensor<?x8xi64>
    ```
    """

    name = "linalg_ext.top_k"
    order = prop_def(StringAttr)
    assembly_format = f"$order {TAIL}"

    def __init__(self, value: SSAValue, outputs: Sequence[SSAValue], order: str = "signed"):
        super().__init__(
            operands=[[value], outputs], properties=_properties(order=order), result_types=[_types(outputs)]
        )

    def verify_shapes(self, ins: Shapes, outs: Shapes) -> None:
        self.check_word(self.order, ORDERS)
        kept, given = self.elements()
        if len(ins) != 1 or len(outs) != 2 or given[0] != kept[0] or not is_whole(given[1]):
            raise VerifyException("one input gives values of its element type and places that are integers")
        if not agree(outs[0], outs[1]) or not agree(ins[0][:-1], outs[0][:-1]):
            raise VerifyException("values and places have one shape, the input's but for the last axis")


@op_definition
class ScanOp(ExtOp):
    """
    Each element combined with all before it in its row: `add`, `mul`, `max` or `min`. In order, so that no sum depends on
    how a row is cut. NaN stays once it was met.

    ```mlir
    %s = linalg_ext.scan "add" "signed" ins(%x : tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
    ```
    """

    name = "linalg_ext.scan"
    kind = prop_def(StringAttr)
    order = prop_def(StringAttr)
    assembly_format = f"$kind $order {TAIL}"

    def __init__(self, kind: str, value: SSAValue, output: SSAValue, order: str = "signed"):
        super().__init__(
            operands=[[value], [output]],
            properties=_properties(kind=kind, order=order),
            result_types=[_types([output])],
        )

    def verify_shapes(self, ins: Shapes, outs: Shapes) -> None:
        self.check_word(self.kind, SCANS)
        self.check_word(self.order, ORDERS)
        kept, given = self.elements()
        if len(ins) != 1 or kept != given or not agree(ins[0], outs[0]):
            raise VerifyException("one input and one output of the same shape and element type")


@op_definition
class ScatterOp(ExtOp):
    """
    Writes rows into the output, which keeps what is not written: row `i` of the first input goes to the row that element
    `i` of the second names, by `set`, `add`, `max` or `min`, in order. A negative number counts from the end; rows beyond
    either end are dropped.

    ```mlir
    %y = linalg_ext.scatter "add" "signed" ins(%updates, %rows : tensor<?x4xf32>, tensor<?xi64>) outs(%x : tensor<?x4xf32>) -> tensor<?x4xf32>
    ```
    """

    name = "linalg_ext.scatter"
    kind = prop_def(StringAttr)
    order = prop_def(StringAttr)
    assembly_format = f"$kind $order {TAIL}"

    def __init__(self, kind: str, updates: SSAValue, rows: SSAValue, output: SSAValue, order: str = "signed"):
        super().__init__(
            operands=[[updates, rows], [output]],
            properties=_properties(kind=kind, order=order),
            result_types=[_types([output])],
        )

    def verify_shapes(self, ins: Shapes, outs: Shapes) -> None:
        self.check_word(self.kind, SCATTERS)
        self.check_word(self.order, ORDERS)
        kept, given = self.elements()
        if len(ins) != 2 or len(outs) != 1 or kept[0] != given[0] or not is_whole(kept[1]):
            raise VerifyException("updates of the output's element type, and rows that are integers")
        if len(ins[1]) != 1 or not agree(ins[0][:1], ins[1]) or not agree(ins[0][1:], outs[0][1:]):
            raise VerifyException("there is one row number for each update, and updates have the shape of rows")


@op_definition
class AutomatonOp(ExtOp):
    """
    The state of a finite automaton after each byte of a row: `state = table[state, byte]`, from state 0. A state that
    the table does not have is 0. With `backward` rows are read from their ends.

    ```mlir
    %s = linalg_ext.automaton ins(%text, %table : tensor<?xi8>, tensor<13x256xi8>) outs(%e : tensor<?xi8>) -> tensor<?xi8>
    ```
    """

    name = "linalg_ext.automaton"
    backward = opt_prop_def(UnitAttr)
    assembly_format = TAIL

    def __init__(self, text: SSAValue, table: SSAValue, output: SSAValue, backward: bool = False):
        properties: dict[str, Attribute] = {"backward": UnitAttr()} if backward else {}
        super().__init__(operands=[[text, table], [output]], properties=properties, result_types=[_types([output])])

    def verify_shapes(self, ins: Shapes, outs: Shapes) -> None:
        kept, given = self.elements()
        if len(ins) != 2 or len(outs) != 1 or any(e != IntegerType(8) for e in (*kept, *given)):
            raise VerifyException("text, table and states are i8")
        if not agree(ins[0], outs[0]) or len(ins[1]) != 2 or ins[1][1] != 256:
            raise VerifyException("states have the shape of the text, and the table 256 columns")


@op_definition
class FourierOp(ExtOp):
    """
    The discrete Fourier transform of real rows, for 0 to half of their length turns in a row: with two outputs its real and
    imaginary parts, with one its power, the sum of the squares of both.

    ```mlir
    %r, %i = linalg_ext.fourier ins(%x : tensor<?x400xf32>) outs(%a, %b : tensor<?x201xf32>, tensor<?x201xf32>) -> tensor<?x201xf32>, tensor<?x201xf32>
    ```
    """

    name = "linalg_ext.fourier"
    assembly_format = TAIL

    def __init__(self, rows: SSAValue, outputs: Sequence[SSAValue]):
        super().__init__(operands=[[rows], outputs], result_types=[_types(outputs)])

    def verify_shapes(self, ins: Shapes, outs: Shapes) -> None:
        kept, given = self.elements()
        wanted = len(ins) == 1 and 1 <= len(outs) <= 2
        if not wanted or any(e != kept[0] or not isinstance(e, AnyFloat) for e in (*kept, *given)):
            raise VerifyException("one input and one or two outputs, of one type of floats")
        if ins[0][-1] < 2 or any(s[-1] != ins[0][-1] // 2 + 1 or not agree(s[:-1], ins[0][:-1]) for s in outs):
            raise VerifyException("rows have a known length, and outputs half of it and one more")


LinalgExt = Dialect("linalg_ext", [SortOp, TopKOp, ScanOp, ScatterOp, AutomatonOp, FourierOp], [])
