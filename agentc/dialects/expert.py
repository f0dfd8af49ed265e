"""The `expert` dialect: the experts of a mixture-of-experts step, sharded over `tp` devices, and their merge."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache

from xdsl.dialects.builtin import (
    I64,
    DictionaryAttr,
    IntegerAttr,
    StringAttr,
    SymbolRefAttr,
    i64,
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
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from agentc.dialects.definition import op_definition
from agentc.dialects.interfaces import HasWork
from agentc.dialects.llm import ENGINES, shape_attr
from agentc.dialects.model import model_shape, spec_of
from agentc.plan import demand
from agentc.plan.formula import ZERO
from agentc.plan.models import ModelShape
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work


@irdl_attr_definition
class RoutingType(ParametrizedAttribute, TypeAttribute):
    """Hidden states of tokens with the experts and weights that the gate chose for each."""

    name = "expert.routing"


@irdl_attr_definition
class HiddenType(ParametrizedAttribute, TypeAttribute):
    """Hidden states of tokens; under tensor parallelism each device holds a partial sum."""

    name = "expert.hidden"


def part_work(part: str) -> Callable[[Operation], Work]:
    """The interface function of an op that is one part (`trunk`, `experts`, `merge`) of a model's step.

    All-reduces are the business of `comm.allreduce`, which comes last; the parts' sum with it is the whole step.
    """

    def work(op: Operation) -> Work:
        return dataclasses.replace(step_parts(op)[part], collective_bytes=ZERO, collectives=ZERO)

    return work


def step_parts(op: Operation) -> dict[str, Work]:
    """The parts of the step of which ``op`` is one, by the op's phase."""
    spec = spec_of(op)
    phase = op.properties.get("phase")
    decoding = op.name == "expert.decode" or (isinstance(phase, StringAttr) and phase.data == "decode")
    return _parts(spec.shape.data, spec.precision.data, spec.cache_precision, decoding)


@cache
def _parts(shape: ModelShape, precision: str, kv_precision: str, decoding: bool) -> dict[str, Work]:
    return (demand.decode_parts if decoding else demand.prefill_parts)(shape, precision, kv_precision)


_EXPERTS = HasWork(part_work("experts"), model_shape)
_MERGE = HasWork(part_work("merge"), model_shape)


class _ExpertsOp(IRDLOperation):
    model = prop_def(SymbolRefAttr)
    tp = prop_def(IntegerAttr[I64])
    shape = prop_def(DictionaryAttr)
    routed = operand_def(RoutingType)
    result = result_def(HiddenType)

    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$model `(` $routed `)` `tp` $tp `shape` $shape attr-dict `:` type($routed) `->` type($result)"

    def __init__(
        self,
        model: str,
        routed: SSAValue,
        shape: Mapping[str, Quantity],
        *,
        tp: int = 1,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[routed],
            result_types=[HiddenType()],
            properties={"model": SymbolRefAttr(model), "tp": IntegerAttr(tp, i64), "shape": shape_attr(shape)},
            attributes=dict(attributes or {}),
        )

    def verify_(self) -> None:
        if self.tp.value.data < 1:
            raise VerifyException(f"tensor parallelism is at least 1, found {self.tp.value.data}")


@op_definition
class PrefillOp(_ExpertsOp):
    """
    The chosen experts over all tokens of a prompt, in all layers, sharded over `tp` devices.

    ```mlir
    %hidden = expert.prefill @mind(%routed) tp 4 shape {input_tokens = #agent.quantity<512.0>} : !expert.routing -> !expert.hidden
    ```
    """

    name = "expert.prefill"
    traits = traits_def(Pure(), ENGINES, _EXPERTS)


@op_definition
class DecodeOp(_ExpertsOp):
    """
    The chosen experts over the next token of each sequence, in all layers, sharded over `tp` devices.

    ```mlir
    %hidden = expert.decode @mind(%routed) tp 4 shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<64.0>} : !expert.routing -> !expert.hidden
    ```
    """

    name = "expert.decode"
    traits = traits_def(Pure(), ENGINES, _EXPERTS)


@op_definition
class MergeOp(IRDLOperation):
    """
    Weighs the experts' outputs and adds them up, token by token.

    ```mlir
    %merged = expert.merge @mind(%hidden) phase "decode" shape {input_tokens = #agent.quantity<512.0>} : !expert.hidden
    ```
    """

    name = "expert.merge"

    model = prop_def(SymbolRefAttr)
    phase = prop_def(StringAttr)
    shape = prop_def(DictionaryAttr)
    hidden = operand_def(HiddenType())
    result = result_def(HiddenType())

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure(), ENGINES, _MERGE)
    assembly_format = "$model `(` $hidden `)` `phase` $phase `shape` $shape attr-dict `:` type($hidden)"

    def __init__(
        self,
        model: str,
        hidden: SSAValue,
        phase: str,
        shape: Mapping[str, Quantity],
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[hidden],
            result_types=[HiddenType()],
            properties={
                "model": SymbolRefAttr(model),
                "phase": StringAttr(phase),
                "shape": shape_attr(shape),
            },
            attributes=dict(attributes or {}),
        )


Expert = Dialect("expert", [PrefillOp, DecodeOp, MergeOp], [RoutingType, HiddenType])
