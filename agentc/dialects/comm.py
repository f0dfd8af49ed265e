"""The `comm` dialect: collectives between the devices that share one step of a model."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.builtin import DictionaryAttr, StringAttr, SymbolRefAttr
from xdsl.ir import Attribute, Dialect, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import MemoryAllocEffect, Pure

from agentc.dialects.definition import op_definition
from agentc.dialects.expert import HiddenType, step_parts
from agentc.dialects.interfaces import HasWork
from agentc.dialects.llm import ENGINES, shape_attr
from agentc.dialects.model import model_shape
from agentc.plan import demand
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work


def _reduce_work(op: Operation) -> Work:
    whole = demand.add(step_parts(op).values())
    return Work(collective_bytes=whole.collective_bytes, collectives=whole.collectives, repeats=whole.repeats)


@op_definition
class AllReduceOp(IRDLOperation):
    """
    Adds up the partial sums of all devices of a group, so that each holds the whole. The last of a step: its
    result is what the step was for, a cache after a prefill and an answer after a decode.

    ```mlir
    %cache = comm.allreduce @mind(%merged) phase "prefill" shape {input_tokens = #agent.quantity<512.0>} : !expert.hidden -> !kv.cache<@mind>
    ```
    """

    name = "comm.allreduce"

    model = prop_def(SymbolRefAttr)
    phase = prop_def(StringAttr)
    fields = opt_prop_def(DictionaryAttr)
    options = opt_prop_def(DictionaryAttr)
    shape = prop_def(DictionaryAttr)
    value = operand_def(HiddenType)
    result = result_def()

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(MemoryAllocEffect(), ENGINES, HasWork(_reduce_work, model_shape))
    assembly_format = (
        "$model `(` $value `)` `phase` $phase (`fields` $fields^)? `shape` $shape attr-dict `:` "
        "type($value) `->` type($result)"
    )

    def __init__(
        self,
        model: str,
        value: SSAValue,
        phase: str,
        type: Attribute,
        shape: Mapping[str, Quantity],
        *,
        fields: DictionaryAttr | None = None,
        options: DictionaryAttr | None = None,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[value],
            result_types=[type],
            properties={
                "model": SymbolRefAttr(model),
                "phase": StringAttr(phase),
                "fields": fields,
                "options": options,
                "shape": shape_attr(shape),
            },
            attributes=dict(attributes or {}),
        )


@op_definition
class AllToAllOp(IRDLOperation):
    """
    Sends each token's hidden state to the devices that hold its experts (expert parallelism), or back.

    ```mlir
    %there = comm.alltoall @mind(%hidden) : !expert.hidden
    ```
    """

    name = "comm.alltoall"

    model = prop_def(SymbolRefAttr)
    value = operand_def(HiddenType())
    result = result_def(HiddenType())

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())
    assembly_format = "$model `(` $value `)` attr-dict `:` type($value)"

    def __init__(self, model: str, value: SSAValue):
        super().__init__(operands=[value], result_types=[HiddenType()], properties={"model": SymbolRefAttr(model)})


Comm = Dialect("comm", [AllReduceOp, AllToAllOp], [])
