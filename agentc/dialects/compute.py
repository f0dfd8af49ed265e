"""The `compute` dialect: general-purpose work between the calls: built-ins, user functions, tensor kernels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import DictionaryAttr, StringAttr, SymbolRefAttr
from xdsl.ir import Attribute, Dialect, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
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
    IsTerminator,
    MemoryWriteEffect,
    Pure,
    RecursiveMemoryEffect,
)
from xdsl.utils.exceptions import VerifyException

from agentc.dialects.agent_values import WorkAttr, quantities
from agentc.dialects.definition import op_definition
from agentc.dialects.interfaces import Fusible, HasWork, Placeable, shape_of, work_of
from agentc.dialects.llm import shape_attr
from agentc.dialects.tool import HOSTS
from agentc.plan import demand
from agentc.plan.formula import Formula, symbol
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work

KERNEL_HOSTS = Placeable(("cpu", "gpu", "accelerator"))


def _stated_work(op: Operation) -> Work:
    work = op.properties.get("work")
    if isinstance(work, WorkAttr):
        return work.data
    return demand.cpu_compute() if "cpu_seconds" in _stated_shape(op) else demand.control()


def _stated_shape(op: Operation) -> Mapping[str, Quantity]:
    shape = op.properties.get("shape")
    return quantities(shape if isinstance(shape, DictionaryAttr) else None)


_STATED = HasWork(_stated_work, _stated_shape)


class _CallOp(IRDLOperation):
    """What all calls share: inputs, one result, and the demand that was stated for them."""

    work = opt_prop_def(WorkAttr)
    shape = opt_prop_def(DictionaryAttr)
    inputs = var_operand_def()
    result = result_def()

    irdl_options = (ParsePropInAttrDict(),)


def _stated(
    work: Work | None, shape: Mapping[str, Quantity] | None, **properties: Attribute | None
) -> dict[str, Attribute | None]:
    return {
        **properties,
        "work": WorkAttr(work) if work is not None else None,
        "shape": shape_attr(shape) if shape else None,
    }


@op_definition
class BuiltinOp(_CallOp):
    """
    Work that every runtime knows by name: `concat`, `template`, `json_parse`, `json_format`, `select`, `regex_replace`, ….

    ```mlir
    %both = compute.builtin "concat"(%a, %b) : (!agent.text, !agent.text) -> !agent.text
    ```
    """

    name = "compute.builtin"

    function = prop_def(StringAttr)
    options = opt_prop_def(DictionaryAttr)

    traits = traits_def(Pure(), HOSTS, Fusible(), _STATED)
    assembly_format = "$function `(` $inputs `)` attr-dict `:` functional-type($inputs, $result)"

    def __init__(
        self,
        function: str,
        inputs: Sequence[SSAValue],
        type: Attribute,
        *,
        options: DictionaryAttr | None = None,
        work: Work | None = None,
        shape: Mapping[str, Quantity] | None = None,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[inputs],
            result_types=[type],
            properties=_stated(work, shape, function=StringAttr(function), options=options),
            attributes=dict(attributes or {}),
        )


@op_definition
class PythonOp(_CallOp):
    """
    A user's Python function, `file.py:name`, with the CPU time it was stated or assumed to take.

    It may do anything, so that it neither goes nor becomes one with its twin.

    ```mlir
    %clean = compute.python "text.py:strip_markup"(%reply) {shape = {cpu_seconds = #agent.quantity<0.001, assumed>}} : (!agent.text) -> !agent.text
    ```
    """

    name = "compute.python"

    function = prop_def(StringAttr)

    traits = traits_def(MemoryWriteEffect(), HOSTS, Fusible(), _STATED)
    assembly_format = "$function `(` $inputs `)` attr-dict `:` functional-type($inputs, $result)"

    def __init__(
        self,
        function: str,
        inputs: Sequence[SSAValue],
        type: Attribute,
        *,
        work: Work | None = None,
        shape: Mapping[str, Quantity] | None = None,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[inputs],
            result_types=[type],
            properties=_stated(work, shape, function=StringAttr(function)),
            attributes=dict(attributes or {}),
        )


@op_definition
class KernelOp(_CallOp):
    """
    A tensor kernel: a `func.func` of the module, on upstream dialects, which is compiled for the device it is put on.

    ```mlir
    %scores = compute.kernel @cosine_scores(%query, %vectors) {work = #agent.work<{flops = {fp32 = "2 * n * d"}}>, shape = {n = #agent.quantity<100.0>, d = #agent.quantity<384.0>}} : (tensor<?xf32>, tensor<?x?xf32>) -> tensor<?xf32>
    ```
    """

    name = "compute.kernel"

    kernel = prop_def(SymbolRefAttr)

    traits = traits_def(Pure(), KERNEL_HOSTS, Fusible(), _STATED)
    assembly_format = "$kernel `(` $inputs `)` attr-dict `:` functional-type($inputs, $result)"

    def __init__(
        self,
        kernel: str,
        inputs: Sequence[SSAValue],
        type: Attribute,
        *,
        work: Work | None = None,
        shape: Mapping[str, Quantity] | None = None,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[inputs],
            result_types=[type],
            properties=_stated(work, shape, kernel=SymbolRefAttr(kernel)),
            attributes=dict(attributes or {}),
        )


def _fused_work(op: Operation) -> Work:
    """The sum of the steps, each with symbols of its own: `cpu_seconds` of one is not that of the next."""
    assert isinstance(op, FusedOp)
    return demand.add(
        _renamed(work, {name: symbol(f"step{i}.{name}") for name in shape_of(inner)})
        for i, inner in enumerate(op.body.block.ops)
        if (work := work_of(inner)) is not None
    )


def _fused_shape(op: Operation) -> Mapping[str, Quantity]:
    assert isinstance(op, FusedOp)
    steps = enumerate(op.body.block.ops)
    return {f"step{i}.{name}": figure for i, inner in steps for name, figure in shape_of(inner).items()}


def _renamed(work: Work, names: Mapping[str, Formula]) -> Work:
    rows: dict[str, Formula] = {
        field.name: getattr(work, field.name).substitute(names)
        for field in dataclasses.fields(Work)
        if field.name != "flops"
    }
    flops = {precision: formula.substitute(names) for precision, formula in work.flops.items()}
    return dataclasses.replace(work, flops=flops, **rows)


@op_definition
class FusedOp(IRDLOperation):
    """
    Several steps that run as one on one device, with nothing between them but memory.

    ```mlir
    %out = compute.fused(%a) : (!agent.text) -> !agent.text {
    ^bb0(%x: !agent.text):
      %y = compute.builtin "strip"(%x) : (!agent.text) -> !agent.text
      compute.yield %y : !agent.text
    }
    ```
    """

    name = "compute.fused"

    inputs = var_operand_def()
    outputs = var_result_def()
    body = region_def("single_block")

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(RecursiveMemoryEffect(), HOSTS, Fusible(), HasWork(_fused_work, _fused_shape))
    assembly_format = "`(` $inputs `)` `:` functional-type($inputs, $outputs) $body attr-dict"

    def __init__(
        self,
        inputs: Sequence[SSAValue],
        types: Sequence[Attribute],
        body: Region,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(operands=[inputs], result_types=[types], regions=[body], attributes=dict(attributes or {}))

    def verify_(self) -> None:
        if [arg.type for arg in self.body.block.args] != [value.type for value in self.inputs]:
            raise VerifyException("the body's arguments have the types of the inputs")
        last = self.body.block.last_op
        if not isinstance(last, YieldOp) or [v.type for v in last.values] != [r.type for r in self.outputs]:
            raise VerifyException("the body ends with compute.yield of the outputs")


@op_definition
class YieldOp(IRDLOperation):
    """
    What a fused body gives.

    ```mlir
    compute.yield %y : !agent.text
    ```
    """

    name = "compute.yield"

    values = var_operand_def()

    traits = traits_def(IsTerminator(), HasParent(FusedOp), Pure())
    assembly_format = "attr-dict ($values^ `:` type($values))?"

    def __init__(self, *values: SSAValue):
        super().__init__(operands=[list(values)])


Compute = Dialect("compute", [BuiltinOp, PythonOp, KernelOp, FusedOp, YieldOp], [])
