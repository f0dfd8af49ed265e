"""Control flow of the `agent` dialect: branches, loops, maps and the terminators of their regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    UnitAttr,
    f64,
    i1,
    i64,
)
from xdsl.ir import (
    Attribute,
    Block,
    Region,
    SSAValue,
)
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_region_def,
    var_result_def,
)
from xdsl.pattern_rewriter import RewritePattern
from xdsl.traits import (
    HasCanonicalizationPatternsTrait,
    HasParent,
    IsTerminator,
    Pure,
    RecursiveMemoryEffect,
)
from xdsl.utils.exceptions import VerifyException

from agentc.dialects.agent_values import (
    AnyType,
    ListType,
    QuantityAttr,
)
from agentc.dialects.definition import op_definition
from agentc.plan.quantity import Quantity


class Folds(HasCanonicalizationPatternsTrait):
    """What `canonicalize` knows of control flow."""

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        from agentc.dialects.canonicalization import PATTERNS

        return PATTERNS


@op_definition
class YieldOp(IRDLOperation):
    """
    What a branch's case or a map's body gives.

    ```mlir
    agent.yield %answer : !agent.text
    ```
    """

    name = "agent.yield"

    values = var_operand_def()

    traits = traits_def(IsTerminator(), Pure())
    assembly_format = "attr-dict ($values^ `:` type($values))?"

    def __init__(self, *values: SSAValue):
        super().__init__(operands=[list(values)])


@op_definition
class BranchOp(IRDLOperation):
    """
    Runs the case whose label equals the selector, or the case `*`. Probabilities are the planner's figures.

    A flag (`i1`) selects `true` or `false`. Attributes follow the cases as `attributes {…}`: a bare brace would be
    one more case.

    ```mlir
    %reply = agent.branch %kind ["refund", "*"] probabilities [0.3 : f64, 0.7 : f64] : !agent.text -> !agent.text {
      agent.yield %refund : !agent.text
    } {
      agent.yield %chat : !agent.text
    }
    ```
    """

    name = "agent.branch"

    selector = operand_def()
    labels = prop_def(ArrayAttr[StringAttr])
    probabilities = prop_def(ArrayAttr[FloatAttr[Float64Type]])
    results_ = var_result_def()
    cases = var_region_def("single_block")

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(RecursiveMemoryEffect(), Folds())
    assembly_format = (
        "$selector $labels `probabilities` $probabilities `:` type($selector) `->` type($results_) $cases "
        "attr-dict-with-keyword"
    )

    def __init__(
        self,
        selector: SSAValue,
        cases: Mapping[str, tuple[float, Region]],
        types: Sequence[Attribute],
    ):
        super().__init__(
            operands=[selector],
            result_types=[types],
            regions=[[region for _, region in cases.values()]],
            properties={
                "labels": ArrayAttr([StringAttr(label) for label in cases]),
                "probabilities": ArrayAttr([FloatAttr(p, f64) for p, _ in cases.values()]),
            },
        )

    def verify_(self) -> None:
        shares = [p.value.data for p in self.probabilities]
        if not len(self.labels) == len(shares) == len(self.cases):
            raise VerifyException("a branch has one label and one probability for each case")
        if any(p < 0 for p in shares) or abs(sum(shares) - 1) > 1e-6:
            raise VerifyException(f"probabilities {shares} do not sum to 1")
        for case in self.cases:
            _check_yield(case.block, [result.type for result in self.results])


@op_definition
class LoopOp(IRDLOperation):
    """
    Runs its body at least once, and again while `agent.continue` says so, up to `max` trips.

    The body's arguments are the carried values; the results are those of the last trip.

    ```mlir
    %found = agent.loop(%nothing) expected 1.4 max 4 : (!agent.documents) -> !agent.documents {
    ^bb0(%last: !agent.documents):
      %more, %next = "test.op"(%last) : (!agent.documents) -> (i1, !agent.documents)
      agent.continue %more(%next) : !agent.documents
    }
    ```
    """

    name = "agent.loop"

    inits = var_operand_def()
    expected = prop_def(FloatAttr[Float64Type])
    max = prop_def(IntegerAttr[I64])
    assumed = opt_prop_def(UnitAttr)
    results_ = var_result_def()
    body = region_def("single_block")

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(RecursiveMemoryEffect(), Folds())
    assembly_format = (
        "`(` $inits `)` `expected` $expected `max` $max (`assumed` $assumed^)? `:` "
        "functional-type($inits, $results_) $body attr-dict"
    )

    def __init__(self, inits: Sequence[SSAValue], body: Region, *, expected: float, max: int, assumed: bool = False):
        super().__init__(
            operands=[inits],
            result_types=[[value.type for value in inits]],
            regions=[body],
            properties={
                "expected": FloatAttr(expected, f64),
                "max": IntegerAttr(max, i64),
                "assumed": UnitAttr() if assumed else None,
            },
        )

    def verify_(self) -> None:
        trips, most = self.expected.value.data, self.max.value.data
        if not 1 <= trips <= most:
            raise VerifyException(f"a loop runs 1 <= expected <= max trips, found {trips} and {most}")
        if not isinstance(self.body.block.last_op, ContinueOp):
            raise VerifyException("a loop's body ends with agent.continue")
        carried = [value.type for value in self.inits]
        if carried != [value.type for value in self.body.block.last_op.values]:
            raise VerifyException("agent.continue carries other types than the loop starts with")
        if carried != [arg.type for arg in self.body.block.args] or carried != [r.type for r in self.results]:
            raise VerifyException("a loop's arguments and results have the types that it carries")


@op_definition
class ContinueOp(IRDLOperation):
    """
    Ends a trip: go on if the flag holds, with these values carried.

    ```mlir
    agent.continue %more(%next) : !agent.documents
    ```
    """

    name = "agent.continue"

    condition = operand_def(i1)
    values = var_operand_def()

    traits = traits_def(IsTerminator(), HasParent(LoopOp), Pure())
    assembly_format = "$condition `(` $values `)` attr-dict (`:` type($values)^)?"

    def __init__(self, condition: SSAValue, values: Sequence[SSAValue]):
        super().__init__(operands=[condition, values])


@op_definition
class MapOp(IRDLOperation):
    """
    Runs its body for each item of a list, at most `concurrency` at a time, and gives the answers in order.

    ```mlir
    %notes = agent.map %pages width <8.0> concurrency 4 : !agent.list<!agent.text> -> !agent.list<!agent.text> {
    ^bb0(%page: !agent.text):
      agent.yield %page : !agent.text
    }
    ```
    """

    name = "agent.map"

    items = operand_def()
    width = prop_def(QuantityAttr)
    concurrency = prop_def(IntegerAttr[I64])
    result = result_def(ListType)
    body = region_def("single_block")

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(RecursiveMemoryEffect())
    assembly_format = (
        "$items `width` $width `concurrency` $concurrency `:` type($items) `->` type($result) $body attr-dict"
    )

    def __init__(self, items: SSAValue, body: Region, *, width: Quantity, concurrency: int):
        last = body.block.last_op
        element = last.operands[0].type if last is not None and last.operands else AnyType()
        super().__init__(
            operands=[items],
            result_types=[ListType(element)],
            regions=[body],
            properties={"width": QuantityAttr(width), "concurrency": IntegerAttr(concurrency, i64)},
        )

    def verify_(self) -> None:
        if self.width.data.mean <= 0 or self.concurrency.value.data < 1:
            raise VerifyException("a map has a positive width and a concurrency of at least 1")
        if len(self.body.block.args) != 1:
            raise VerifyException("a map's body takes one item")
        _check_yield(self.body.block, [self.result.type.element])


def _check_yield(block: Block, types: Sequence[Attribute]) -> None:
    """Raises VerifyException unless ``block`` ends in an ``agent.yield`` of ``types``."""
    last = block.last_op
    if not isinstance(last, YieldOp):
        raise VerifyException("the region ends with agent.yield")
    if [value.type for value in last.values] != list(types):
        raise VerifyException("agent.yield gives other types than the op's results")
