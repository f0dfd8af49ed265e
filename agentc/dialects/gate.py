"""The `gate` dialect: the part of a mixture-of-experts step that every token runs, up to the choice of experts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import DictionaryAttr, StringAttr, SymbolRefAttr
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure

from agentc.dialects.definition import op_definition
from agentc.dialects.expert import RoutingType, part_work
from agentc.dialects.interfaces import HasWork
from agentc.dialects.llm import ENGINES, shape_attr
from agentc.dialects.model import model_shape
from agentc.plan.quantity import Quantity


@op_definition
class SelectOp(IRDLOperation):
    """
    Attention, norms and the router of all layers: gives the tokens' hidden states with the experts chosen for them.

    In the phase `prefill` it reads text, after the cache of a prefix where the first operand is one; in `decode`
    a cache.

    ```mlir
    %routed = gate.select @mind(%question) phase "prefill" shape {input_tokens = #agent.quantity<512.0>} : (!agent.text) -> !expert.routing
    ```
    """

    name = "gate.select"

    model = prop_def(SymbolRefAttr)
    phase = prop_def(StringAttr)
    prompt = opt_prop_def(StringAttr)
    system = opt_prop_def(StringAttr)
    options = opt_prop_def(DictionaryAttr)
    shape = prop_def(DictionaryAttr)
    inputs = var_operand_def()
    result = result_def(RoutingType)

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure(), ENGINES, HasWork(part_work("trunk"), model_shape))
    assembly_format = (
        "$model `(` $inputs `)` `phase` $phase (`system` $system^)? (`prompt` $prompt^)? `shape` $shape attr-dict `:` "
        "functional-type($inputs, $result)"
    )

    def __init__(
        self,
        model: str,
        inputs: Sequence[SSAValue],
        phase: str,
        shape: Mapping[str, Quantity],
        *,
        prompt: StringAttr | None = None,
        system: StringAttr | None = None,
        options: DictionaryAttr | None = None,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[inputs],
            result_types=[RoutingType()],
            properties={
                "model": SymbolRefAttr(model),
                "phase": StringAttr(phase),
                "prompt": prompt,
                "system": system,
                "options": options,
                "shape": shape_attr(shape),
            },
            attributes=dict(attributes or {}),
        )


Gate = Dialect("gate", [SelectOp], [])
