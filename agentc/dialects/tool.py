"""The `tool` dialect: functions and services that an agent calls, and the two stages that a call is split into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import (
    DictionaryAttr,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    UnitAttr,
)
from xdsl.ir import (
    Attribute,
    Dialect,
    Operation,
    ParametrizedAttribute,
    SSAValue,
    TypeAttribute,
)
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_attr_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import (
    EffectInstance,
    MemoryEffect,
    MemoryEffectKind,
    Pure,
    SymbolOpInterface,
)

from agentc.dialects.agent_values import QuantityAttr
from agentc.dialects.definition import op_definition
from agentc.dialects.interfaces import HasWork, Placeable, symbol_of
from agentc.plan import demand
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work

HOSTS = Placeable(("cpu",))


@irdl_attr_definition
class HandleType(ParametrizedAttribute, TypeAttribute):
    """A tool that was found, with its arguments checked against its schema."""

    name = "tool.handle"


@op_definition
class SpecOp(IRDLOperation):
    """
    A tool: a Python function (`python`), an HTTP endpoint (`http`), or a server's tool (`mcp`), and what a call takes.

    `pure` says that a call changes nothing, so that an unused one may go.

    ```mlir
    tool.spec @search latency <0.18, p95 = 0.6> cpu <0.002, assumed> {python = "tools.py:web_search", pure}
    ```
    """

    name = "tool.spec"

    sym_name = prop_def(SymbolNameConstraint())
    latency_seconds = prop_def(QuantityAttr)
    """Time that the tool takes where it runs, beside the CPU time."""
    cpu_seconds = prop_def(QuantityAttr)
    python = opt_prop_def(StringAttr)
    http = opt_prop_def(StringAttr)
    mcp = opt_prop_def(StringAttr)
    parameters = opt_prop_def(DictionaryAttr)
    """Name -> type of each argument."""
    description = opt_prop_def(StringAttr)
    pure = opt_prop_def(UnitAttr)

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(SymbolOpInterface())
    assembly_format = "$sym_name `latency` $latency_seconds `cpu` $cpu_seconds attr-dict"

    def __init__(
        self,
        name: str,
        latency_seconds: Quantity,
        cpu_seconds: Quantity,
        *,
        python: str | None = None,
        http: str | None = None,
        mcp: str | None = None,
        parameters: DictionaryAttr | None = None,
        description: str | None = None,
        pure: bool = False,
    ):
        def text(value: str | None) -> StringAttr | None:
            return StringAttr(value) if value else None

        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "latency_seconds": QuantityAttr(latency_seconds),
                "cpu_seconds": QuantityAttr(cpu_seconds),
                "python": text(python),
                "http": text(http),
                "mcp": text(mcp),
                "parameters": parameters,
                "description": text(description),
                "pure": UnitAttr() if pure else None,
            }
        )


def tool_of(op: Operation) -> SpecOp | None:
    """The ``tool.spec`` that a call names, or ``None`` where the module has none of that name."""
    spec = symbol_of(op, "tool")
    return spec if isinstance(spec, SpecOp) else None


class _ToolEffect(MemoryEffect):
    """A call has its tool's effects: none if the tool is pure, else a write."""

    @classmethod
    def get_effects(cls, op: Operation) -> frozenset[EffectInstance]:
        spec = tool_of(op)
        return frozenset() if spec is not None and spec.pure else frozenset({EffectInstance(MemoryEffectKind.WRITE)})


def _call_work(op: Operation) -> Work:
    return demand.tool_call()


def _call_shape(op: Operation) -> Mapping[str, Quantity]:
    spec = tool_of(op)
    if spec is None:
        return {}
    return {"latency_seconds": spec.latency_seconds.data, "cpu_seconds": spec.cpu_seconds.data}


def _lookup_work(op: Operation) -> Work:
    return demand.control()


def _arguments(names: Sequence[str]) -> dict[str, Attribute]:
    from xdsl.dialects.builtin import ArrayAttr

    return {"arguments": ArrayAttr([StringAttr(name) for name in names])} if names else {}


@op_definition
class InvokeOp(IRDLOperation):
    """
    One call of a tool. `arguments` in the attributes names the operands; unnamed operands go by position.

    ```mlir
    %pages = tool.invoke @search(%query) : (!agent.text) -> !agent.documents
    ```
    """

    name = "tool.invoke"

    tool = prop_def(SymbolRefAttr)
    inputs = var_operand_def()
    result = result_def()

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(_ToolEffect(), HOSTS, HasWork(_call_work, _call_shape))
    assembly_format = "$tool `(` $inputs `)` attr-dict `:` functional-type($inputs, $result)"

    def __init__(
        self,
        tool: str,
        inputs: Sequence[SSAValue],
        type: Attribute,
        *,
        arguments: Sequence[str] = (),
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[inputs],
            result_types=[type],
            properties={"tool": SymbolRefAttr(tool)},
            attributes=_arguments(arguments) | dict(attributes or {}),
        )


@op_definition
class LookupOp(IRDLOperation):
    """
    Finds a tool and checks the arguments against its schema: the stage that needs no tool to be there.

    ```mlir
    %ready = tool.lookup @search(%query) : (!agent.text) -> !tool.handle
    ```
    """

    name = "tool.lookup"

    tool = prop_def(SymbolRefAttr)
    inputs = var_operand_def()
    result = result_def(HandleType)

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure(), HOSTS, HasWork(_lookup_work, lambda op: {}))
    assembly_format = "$tool `(` $inputs `)` attr-dict `:` functional-type($inputs, $result)"

    def __init__(self, tool: str, inputs: Sequence[SSAValue], attributes: Mapping[str, Attribute] | None = None):
        super().__init__(
            operands=[inputs],
            result_types=[HandleType()],
            properties={"tool": SymbolRefAttr(tool)},
            attributes=dict(attributes or {}),
        )


@op_definition
class ComputeOp(IRDLOperation):
    """
    Runs a tool that was looked up.

    ```mlir
    %pages = tool.compute @search(%ready) : !tool.handle -> !agent.documents
    ```
    """

    name = "tool.compute"

    tool = prop_def(SymbolRefAttr)
    handle = operand_def(HandleType)
    result = result_def()

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(_ToolEffect(), HOSTS, HasWork(_call_work, _call_shape))
    assembly_format = "$tool `(` $handle `)` attr-dict `:` type($handle) `->` type($result)"

    def __init__(self, tool: str, handle: SSAValue, type: Attribute, attributes: Mapping[str, Attribute] | None = None):
        super().__init__(
            operands=[handle],
            result_types=[type],
            properties={"tool": SymbolRefAttr(tool)},
            attributes=dict(attributes or {}),
        )


Tool = Dialect("tool", [SpecOp, InvokeOp, LookupOp, ComputeOp], [HandleType])
