"""The `agent` dialect: what the user wrote, as a graph of steps with branches, loops and sub-agents.

A graph is data flow: an op runs when its operands are there. Values are what travels between steps (text,
audio, documents, …); figures that the planner needs (tokens, seconds, probabilities) are attributes.
Every op of an agent may carry these discardable attributes:

- `agent.node`: dotted path of the node in the definition (`think.decide`);
- `agent.source`: `file:line:column` of that node;
- `agent.async`: nothing waits for the op, it is off the critical path;
- `agent.made_by`: the passes that made the op, oldest first;
- `agent.placement`: the user's own word on where it may go (`#agent.placement<…>`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    DictionaryAttr,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    UnitAttr,
    f64,
    i1,
    i64,
)
from xdsl.ir import (
    Attribute,
    Block,
    Dialect,
    Operation,
    ParametrizedAttribute,
    Region,
    SSAValue,
    TypeAttribute,
)
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_attr_definition,
    irdl_op_definition,
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
from xdsl.parser import AttrParser
from xdsl.pattern_rewriter import RewritePattern
from xdsl.printer import Printer
from xdsl.traits import (
    HasCanonicalizationPatternsTrait,
    HasParent,
    IsolatedFromAbove,
    IsTerminator,
    Pure,
    RecursiveMemoryEffect,
    SymbolOpInterface,
    SymbolTable,
)
from xdsl.utils.exceptions import VerifyException

from agentc.dialects.data import PlainData
from agentc.plan.graph import Limit, Load, PlacementRule
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work

# Attributes


@irdl_attr_definition
class QuantityAttr(PlainData[Quantity]):
    """
    An expected figure: its mean, percentiles where known, and `assumed` where the user stated nothing.

    ```mlir
    #agent.quantity<160.0, p95 = 400.0>
    #agent.quantity<512.0, assumed>
    ```
    """

    name = "agent.quantity"
    plain: ClassVar[Any] = Quantity

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Quantity:
        with parser.in_angle_brackets():
            figures = {"mean": parser.parse_float()}
            assumed = False
            while parser.parse_optional_punctuation(","):
                key = parser.parse_identifier("percentile or `assumed`")
                if key == "assumed":
                    assumed = True
                elif key in ("p50", "p90", "p95", "p99"):
                    parser.parse_punctuation("=")
                    figures[key] = parser.parse_float()
                else:
                    parser.raise_error(f"a quantity has no figure `{key}`; p50, p90, p95, p99 or assumed")
            return Quantity(**figures, assumed=assumed)

    def print_parameter(self, printer: Printer) -> None:
        quantity = self.data
        figures = {name: getattr(quantity, name) for name in ("p50", "p90", "p95", "p99")}
        stated = "".join(f", {name} = {float(value)!r}" for name, value in figures.items() if value is not None)
        printer.print_string(f"<{float(quantity.mean)!r}{stated}{', assumed' if quantity.assumed else ''}>")


@irdl_attr_definition
class LimitAttr(PlainData[Limit]):
    """
    One bound of the service-level agreement.

    ```mlir
    #agent.limit<{metric = "ttft", seconds = 0.25 : f64}>
    ```
    """

    name = "agent.limit"
    plain: ClassVar[Any] = Limit


@irdl_attr_definition
class LoadAttr(PlainData[Load]):
    """
    How many requests arrive.

    ```mlir
    #agent.load<{requests_per_second = 20.0 : f64}>
    ```
    """

    name = "agent.load"
    plain: ClassVar[Any] = Load


@irdl_attr_definition
class PlacementRuleAttr(PlainData[PlacementRule]):
    """
    The user's own word on where an op may go.

    ```mlir
    #agent.placement<{forbid = ["gaudi3"]}>
    ```
    """

    name = "agent.placement"
    plain: ClassVar[Any] = PlacementRule


@irdl_attr_definition
class WorkAttr(PlainData[Work]):
    """
    Demand of one step, as formulas over the request's shape and the batch.

    ```mlir
    #agent.work<{cpu_core_seconds = "0.002", static_seconds = "0.18"}>
    ```
    """

    name = "agent.work"
    plain: ClassVar[Any] = Work


# Types


@irdl_attr_definition
class TextType(ParametrizedAttribute, TypeAttribute):
    """Text: a prompt, an answer."""

    name = "agent.text"


@irdl_attr_definition
class AudioType(ParametrizedAttribute, TypeAttribute):
    """Sampled sound."""

    name = "agent.audio"


@irdl_attr_definition
class ImageType(ParametrizedAttribute, TypeAttribute):
    """A picture."""

    name = "agent.image"


@irdl_attr_definition
class EmbeddingType(ParametrizedAttribute, TypeAttribute):
    """A dense vector of an embedding model."""

    name = "agent.embedding"


@irdl_attr_definition
class DocumentsType(ParametrizedAttribute, TypeAttribute):
    """Passages with scores and metadata, best first."""

    name = "agent.documents"


@irdl_attr_definition
class RecordType(ParametrizedAttribute, TypeAttribute):
    """Named fields: structured output, JSON."""

    name = "agent.record"


@irdl_attr_definition
class AnyType(ParametrizedAttribute, TypeAttribute):
    """A value of a kind that is known only when it is there."""

    name = "agent.any"


@irdl_attr_definition
class ListType(ParametrizedAttribute, TypeAttribute):
    """Several values of one type, in order."""

    name = "agent.list"

    element: Attribute


# Ops


class _Folds(HasCanonicalizationPatternsTrait):
    """What `canonicalize` knows of control flow."""

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        from agentc.dialects.canonicalization import PATTERNS

        return PATTERNS


@irdl_op_definition
class GraphOp(IRDLOperation):
    """
    One agent. `entry` marks the one that a build serves; others are sub-agents.

    ```mlir
    agent.graph entry @assistant {
      %question = agent.input "question" : !agent.text
      agent.output ["answer"](%question) : !agent.text
    } {limits = [#agent.limit<{metric = "ttft", seconds = 0.25 : f64}>], load = #agent.load<{requests_per_second = 20.0 : f64}>}
    ```
    """

    name = "agent.graph"

    entry = opt_prop_def(UnitAttr)
    sym_name = prop_def(SymbolNameConstraint())
    limits = opt_prop_def(ArrayAttr[LimitAttr])
    load = opt_prop_def(LoadAttr)
    body = region_def("single_block")

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(SymbolOpInterface(), IsolatedFromAbove())
    assembly_format = "(`entry` $entry^)? $sym_name $body attr-dict"

    def __init__(
        self,
        name: str,
        body: Region | Sequence[Operation],
        *,
        entry: bool = False,
        limits: Sequence[Limit] = (),
        load: Load | None = None,
    ):
        super().__init__(
            regions=[body if isinstance(body, Region) else Region(Block(body))],
            properties={
                "entry": UnitAttr() if entry else None,
                "sym_name": StringAttr(name),
                "limits": ArrayAttr([LimitAttr(limit) for limit in limits]) if limits else None,
                "load": LoadAttr(load) if load is not None else None,
            },
        )

    def inputs(self) -> list[InputOp]:
        """The graph's inputs, in order."""
        return [op for op in self.body.block.ops if isinstance(op, InputOp)]

    def output(self) -> OutputOp:
        """The graph's terminator."""
        last = self.body.block.last_op
        if not isinstance(last, OutputOp):
            raise VerifyException("agent.graph ends with agent.output")
        return last

    def verify_(self) -> None:
        self.output()
        names = [op.label.data for op in self.inputs()]
        if len(set(names)) != len(names):
            raise VerifyException("two inputs of a graph have the same name")


@irdl_op_definition
class InputOp(IRDLOperation):
    """
    What a request brings, with its expected size.

    ```mlir
    %speech = agent.input "speech" {audio_seconds = #agent.quantity<6.0>} : !agent.audio
    ```
    """

    name = "agent.input"

    label = prop_def(StringAttr)
    result = result_def()

    traits = traits_def(HasParent(GraphOp))  # not pure: an input that nothing reads is still part of the signature
    assembly_format = "$label attr-dict `:` type($result)"

    def __init__(self, label: str, type: Attribute, attributes: Mapping[str, Attribute] | None = None):
        super().__init__(
            result_types=[type], properties={"label": StringAttr(label)}, attributes=dict(attributes or {})
        )


@irdl_op_definition
class OutputOp(IRDLOperation):
    """
    What the agent answers: names and values.

    ```mlir
    agent.output ["answer"](%speak) : !agent.audio
    ```
    """

    name = "agent.output"

    labels = prop_def(ArrayAttr[StringAttr])
    values = var_operand_def()

    traits = traits_def(IsTerminator(), HasParent(GraphOp))
    assembly_format = "$labels `(` $values `)` attr-dict (`:` type($values)^)?"

    def __init__(self, values: Mapping[str, SSAValue]):
        super().__init__(
            operands=[list(values.values())],
            properties={"labels": ArrayAttr([StringAttr(label) for label in values])},
        )

    def verify_(self) -> None:
        if len(self.labels) != len(self.values):
            raise VerifyException(f"{len(self.labels)} names for {len(self.values)} values")


@irdl_op_definition
class GetOp(IRDLOperation):
    """
    One field of a record.

    ```mlir
    %query = agent.get %decision "query" : !agent.record -> !agent.text
    ```
    """

    name = "agent.get"

    record = operand_def()
    field = prop_def(StringAttr)
    result = result_def()

    traits = traits_def(Pure(), _Folds())
    assembly_format = "$record $field attr-dict `:` type($record) `->` type($result)"

    def __init__(self, record: SSAValue, field: str, type: Attribute):
        super().__init__(operands=[record], result_types=[type], properties={"field": StringAttr(field)})


@irdl_op_definition
class NoneOp(IRDLOperation):
    """
    No value: what a step that did not run gives, and what a loop carries into its first trip.

    ```mlir
    %nothing = agent.none : !agent.documents
    ```
    """

    name = "agent.none"

    result = result_def()

    traits = traits_def(Pure())
    assembly_format = "attr-dict `:` type($result)"

    def __init__(self, type: Attribute):
        super().__init__(result_types=[type])


@irdl_op_definition
class CallOp(IRDLOperation):
    """
    A sub-agent's whole graph as one step; operands in the order of its inputs, results of its outputs.

    ```mlir
    %draft = agent.call @writer(%brief) : (!agent.text) -> !agent.text
    ```
    """

    name = "agent.call"

    callee = prop_def(SymbolRefAttr)
    inputs = var_operand_def()
    outputs = var_result_def()

    assembly_format = "$callee `(` $inputs `)` attr-dict `:` functional-type($inputs, $outputs)"

    def __init__(self, callee: str, inputs: Sequence[SSAValue], types: Sequence[Attribute]):
        super().__init__(operands=[inputs], result_types=[types], properties={"callee": SymbolRefAttr(callee)})

    def verify_(self) -> None:
        callee = SymbolTable.lookup_symbol(self, self.callee)
        if not isinstance(callee, GraphOp):
            raise VerifyException(f"no agent {self.callee}")
        if len(callee.inputs()) != len(self.inputs):
            raise VerifyException(f"{self.callee} takes {len(callee.inputs())} inputs, {len(self.inputs)} given")
        if len(callee.output().values) != len(self.outputs):
            raise VerifyException(f"{self.callee} gives {len(callee.output().values)} outputs")


@irdl_op_definition
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


@irdl_op_definition
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
    traits = traits_def(RecursiveMemoryEffect(), _Folds())
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


@irdl_op_definition
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
    traits = traits_def(RecursiveMemoryEffect(), _Folds())
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


@irdl_op_definition
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


@irdl_op_definition
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


def placement_rule(op: Operation) -> PlacementRule:
    """The user's word on where ``op`` may go."""
    attr = op.attributes.get("agent.placement")
    return attr.data if isinstance(attr, PlacementRuleAttr) else PlacementRule()


def node_name(op: Operation) -> str:
    """The dotted path of the node that ``op`` came from, or the op's name where there is none."""
    attr = op.attributes.get("agent.node")
    return attr.data if isinstance(attr, StringAttr) else op.name


def quantities(attr: DictionaryAttr | None) -> dict[str, Quantity]:
    """A dictionary attribute of ``#agent.quantity`` as plain data."""
    if attr is None:
        return {}
    return {key: value.data for key, value in attr.data.items() if isinstance(value, QuantityAttr)}


Agent = Dialect(
    "agent",
    [
        GraphOp,
        InputOp,
        OutputOp,
        GetOp,
        NoneOp,
        CallOp,
        YieldOp,
        BranchOp,
        LoopOp,
        ContinueOp,
        MapOp,
    ],
    [
        QuantityAttr,
        LimitAttr,
        LoadAttr,
        PlacementRuleAttr,
        WorkAttr,
        TextType,
        AudioType,
        ImageType,
        EmbeddingType,
        DocumentsType,
        RecordType,
        AnyType,
        ListType,
    ],
)
