"""The `llm` dialect: calls of text decoders, and the two halves that a call is split into.

`llm.call` is what the user wrote. `split-llm` makes of it `llm.prefill` (reads the prompt, writes the KV cache,
bound by compute), `kv.transfer`, and `llm.decode` (one token a step, bound by memory bandwidth).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import DictionaryAttr, StringAttr, SymbolRefAttr
from xdsl.ir import Attribute, Dialect, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    ParsePropInAttrDict,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import MemoryAllocEffect, Pure

from agentc.dialects.agent_values import QuantityAttr
from agentc.dialects.definition import op_definition
from agentc.dialects.interfaces import Placeable
from agentc.dialects.kv import CacheType
from agentc.dialects.model import decoder_work, model_shape
from agentc.plan import demand
from agentc.plan.models import ModelShape
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work

__all__ = ["CallOp", "DecodeOp", "Llm", "PrefillOp", "model_shape"]

ENGINES = Placeable(("gpu", "accelerator", "cpu"))


def shape_attr(shape: Mapping[str, Quantity]) -> DictionaryAttr:
    """Expected figures as an attribute."""
    return DictionaryAttr({name: QuantityAttr(figure) for name, figure in shape.items()})


def _text(text: str | None) -> StringAttr | None:
    return StringAttr(text) if text is not None else None


def _whole_call(shape: ModelShape, precision: str, kv_precision: str) -> Work:
    return demand.add((demand.prefill(shape, precision, kv_precision), demand.decode(shape, precision, kv_precision)))


ANY_OF = "agent.any_of"
"""Attribute of a call: the models that could answer it (symbol -> quality of the answers). The plan chooses."""


@op_definition
class CallOp(IRDLOperation):
    """
    One answer of a language model. `{0}`, `{1}`, … in the prompt stand for the inputs; without a prompt the
    inputs follow each other. `fields` asks for a record of these fields instead of text.

    A call of a hosted model stays whole: `split-llm` leaves it, its work is the API's time, its place `hosted`.
    Sampling makes each call a draw of its own: an unused call may go, two equal calls may not become one.

    ```mlir
    %reply = llm.call @mind(%question) prompt "Answer briefly: {0}" shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<160.0>} : (!agent.text) -> !agent.text
    ```
    """

    name = "llm.call"

    model = prop_def(SymbolRefAttr)
    prompt = opt_prop_def(StringAttr)
    system = opt_prop_def(StringAttr)
    fields = opt_prop_def(DictionaryAttr)
    options = opt_prop_def(DictionaryAttr)
    shape = prop_def(DictionaryAttr)
    inputs = var_operand_def()
    result = result_def()

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(MemoryAllocEffect(), Placeable(("hosted",)), decoder_work(_whole_call))
    assembly_format = (
        "$model `(` $inputs `)` (`system` $system^)? (`prompt` $prompt^)? (`fields` $fields^)? `shape` $shape attr-dict `:` "
        "functional-type($inputs, $result)"
    )

    def __init__(
        self,
        model: str,
        inputs: Sequence[SSAValue],
        type: Attribute,
        shape: Mapping[str, Quantity],
        *,
        prompt: str | None = None,
        system: str | None = None,
        fields: DictionaryAttr | None = None,
        options: DictionaryAttr | None = None,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[inputs],
            result_types=[type],
            properties={
                "model": SymbolRefAttr(model),
                "prompt": _text(prompt),
                "system": _text(system),
                "fields": fields,
                "options": options,
                "shape": shape_attr(shape),
            },
            attributes=dict(attributes or {}),
        )


@op_definition
class PrefillOp(IRDLOperation):
    """
    Reads a prompt and writes its KV cache. `from` is the cache of a prefix that is already there;
    `cached_tokens` in the shape says how much of the input it covers. `system` and `prompt` state the whole
    prompt in either case, so that a runtime may also read all of it.

    ```mlir
    %cache = llm.prefill @mind(%question) prompt "Answer briefly: {0}" shape {input_tokens = #agent.quantity<512.0>} : (!agent.text) -> !kv.cache<@mind>
    ```
    """

    name = "llm.prefill"

    model = prop_def(SymbolRefAttr)
    prompt = opt_prop_def(StringAttr)
    system = opt_prop_def(StringAttr)
    options = opt_prop_def(DictionaryAttr)
    shape = prop_def(DictionaryAttr)
    prefix = opt_operand_def(CacheType)
    inputs = var_operand_def()
    result = result_def(CacheType)

    irdl_options = (ParsePropInAttrDict(), AttrSizedOperandSegments(as_property=True))
    traits = traits_def(Pure(), ENGINES, decoder_work(demand.prefill, demand.drafted_prefill))
    assembly_format = (
        "$model `(` $inputs `)` (`from` $prefix^ `:` type($prefix))? (`system` $system^)? (`prompt` $prompt^)? `shape` $shape attr-dict "
        "`:` functional-type($inputs, $result)"
    )

    def __init__(
        self,
        model: str,
        inputs: Sequence[SSAValue],
        shape: Mapping[str, Quantity],
        *,
        prefix: SSAValue | None = None,
        prompt: str | None = None,
        system: str | None = None,
        options: DictionaryAttr | None = None,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[[prefix] if prefix is not None else [], inputs],
            result_types=[CacheType(SymbolRefAttr(model))],
            properties={
                "model": SymbolRefAttr(model),
                "prompt": _text(prompt),
                "system": _text(system),
                "options": options,
                "shape": shape_attr(shape),
            },
            attributes=dict(attributes or {}),
        )


@op_definition
class DecodeOp(IRDLOperation):
    """
    Draws an answer token by token from a cache; `input_tokens` in the shape is the context it starts with.

    ```mlir
    %reply = llm.decode @mind(%cache) shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<160.0>} : !kv.cache<@mind> -> !agent.text
    ```
    """

    name = "llm.decode"

    model = prop_def(SymbolRefAttr)
    fields = opt_prop_def(DictionaryAttr)
    options = opt_prop_def(DictionaryAttr)
    shape = prop_def(DictionaryAttr)
    cache = operand_def(CacheType)
    result = result_def()

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(MemoryAllocEffect(), ENGINES, decoder_work(demand.decode, demand.speculation))
    assembly_format = (
        "$model `(` $cache `)` (`fields` $fields^)? `shape` $shape attr-dict `:` type($cache) `->` type($result)"
    )

    def __init__(
        self,
        model: str,
        cache: SSAValue,
        type: Attribute,
        shape: Mapping[str, Quantity],
        *,
        fields: DictionaryAttr | None = None,
        options: DictionaryAttr | None = None,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[cache],
            result_types=[type],
            properties={
                "model": SymbolRefAttr(model),
                "fields": fields,
                "options": options,
                "shape": shape_attr(shape),
            },
            attributes=dict(attributes or {}),
        )


Llm = Dialect("llm", [CallOp, PrefillOp, DecodeOp], [])
