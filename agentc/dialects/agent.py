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

from xdsl.dialects.builtin import (
    ArrayAttr,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    UnitAttr,
)
from xdsl.ir import (
    Attribute,
    Block,
    Dialect,
    Operation,
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
    var_result_def,
)
from xdsl.traits import (
    HasParent,
    IsolatedFromAbove,
    IsTerminator,
    Pure,
    SymbolOpInterface,
    SymbolTable,
)
from xdsl.utils.exceptions import VerifyException

from agentc.dialects.agent_control import BranchOp, ContinueOp, Folds, LoopOp, MapOp, YieldOp
from agentc.dialects.agent_values import (
    AnyType,
    AudioType,
    DocumentsType,
    EmbeddingType,
    ImageType,
    LimitAttr,
    ListType,
    LoadAttr,
    PlacementRuleAttr,
    QuantityAttr,
    RecordType,
    TextType,
    WorkAttr,
)
from agentc.dialects.definition import op_definition
from agentc.plan.graph import Limit, Load


@op_definition
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


@op_definition
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


@op_definition
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


@op_definition
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

    traits = traits_def(Pure(), Folds())
    assembly_format = "$record $field attr-dict `:` type($record) `->` type($result)"

    def __init__(self, record: SSAValue, field: str, type: Attribute):
        super().__init__(operands=[record], result_types=[type], properties={"field": StringAttr(field)})


@op_definition
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


@op_definition
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


def node_name(op: Operation) -> str:
    """The dotted path of the node that ``op`` came from, or the op's name where there is none."""
    attr = op.attributes.get("agent.node")
    return attr.data if isinstance(attr, StringAttr) else op.name


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
