"""The `model` dialect: the models of an agent, and the calls of those that are not text decoders."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar

from xdsl.dialects.builtin import (
    DictionaryAttr,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
)
from xdsl.ir import Attribute, Dialect, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_attr_definition,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import MemoryAllocEffect, Pure, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from agentc.dialects.agent_values import QuantityAttr, quantities
from agentc.dialects.data import PlainData, from_attr
from agentc.dialects.definition import op_definition
from agentc.dialects.interfaces import HasWork, Placeable, symbol_of
from agentc.plan import demand
from agentc.plan.formula import constant, symbol
from agentc.plan.graph import Hosted
from agentc.plan.models import Draft, ModelShape
from agentc.plan.quantity import Quantity
from agentc.plan.work import Drafted, Work


@irdl_attr_definition
class ModelShapeAttr(PlainData[ModelShape]):
    """
    The architecture of a model, as work formulas and code generation need it.

    ```mlir
    #model.shape<{name = "tiny", kind = "decoder", layers = 2 : i64}>
    ```
    """

    name = "model.shape"
    plain: ClassVar[Any] = ModelShape


@irdl_attr_definition
class DraftAttr(PlainData[Draft]):
    """
    A smaller model that proposes tokens, which the model checks in one step (speculative decoding).

    ```mlir
    #model.draft<{model = {name = "tiny", kind = "decoder"}, tokens = 4 : i64, acceptance = 0.7 : f64}>
    ```
    """

    name = "model.draft"
    plain: ClassVar[Any] = Draft


@op_definition
class SpecOp(IRDLOperation):
    """
    A model that calls name: its shape, the precision that it is served in, and where its weights are.

    ```mlir
    model.spec @mind <{name = "llama-3.1-8b", kind = "decoder", layers = 32 : i64}> precision "fp8"
    ```
    """

    name = "model.spec"

    sym_name = prop_def(SymbolNameConstraint())
    shape = prop_def(ModelShapeAttr)
    precision = prop_def(StringAttr)
    kv_precision = opt_prop_def(StringAttr)
    """Of the KV cache; without it, as engines keep it beside such weights."""
    draft = opt_prop_def(DraftAttr)
    weights = opt_prop_def(DictionaryAttr)
    """`package` or `path` of real weights; without it the artifacts hold a seeded stand-in."""
    hosted = opt_prop_def(DictionaryAttr)
    """A hosted API: `usd_per_input_token`, `usd_per_output_token`, `ttft_seconds`, `tokens_per_second`,
    `requests_per_minute`, `tokens_per_minute`."""

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(SymbolOpInterface())
    assembly_format = "$sym_name $shape `precision` $precision (`kv` $kv_precision^)? (`draft` $draft^)? attr-dict"

    def __init__(
        self,
        name: str,
        shape: ModelShape,
        precision: str,
        *,
        kv_precision: str | None = None,
        draft: Draft | None = None,
        weights: DictionaryAttr | None = None,
        hosted: DictionaryAttr | None = None,
    ):
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "shape": ModelShapeAttr(shape),
                "precision": StringAttr(precision),
                "kv_precision": StringAttr(kv_precision) if kv_precision is not None else None,
                "draft": DraftAttr(draft) if draft is not None else None,
                "weights": weights,
                "hosted": hosted,
            }
        )

    @property
    def cache_precision(self) -> str:
        """The format of a decoder's KV cache."""
        stated = self.kv_precision
        return stated.data if stated is not None else demand.activation_precision(self.precision.data)

    @property
    def drafted(self) -> Draft | None:
        """Who proposes tokens to it."""
        return self.draft.data if self.draft is not None else None


def spec_of(op: Operation) -> SpecOp:
    """The ``model.spec`` that a call's ``model`` property names.

    Raises:
        VerifyException: there is none of that name in the module.
    """
    spec = symbol_of(op, "model")
    if not isinstance(spec, SpecOp):
        raise VerifyException(f"no model {op.properties['model']}")
    return spec


class _ModelCall(IRDLOperation):
    """What all model calls share: a model, inputs, one result, expected figures."""

    model = prop_def(SymbolRefAttr)
    shape = prop_def(DictionaryAttr)
    options = opt_prop_def(DictionaryAttr)
    inputs = var_operand_def()
    result = result_def()

    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$model `(` $inputs `)` `shape` $shape (`options` $options^)? attr-dict `:` functional-type($inputs, $result)"
    )

    def __init__(
        self,
        model: str,
        inputs: Sequence[SSAValue],
        type: Attribute,
        shape: Mapping[str, Quantity],
        *,
        options: DictionaryAttr | None = None,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[inputs],
            result_types=[type],
            properties={
                "model": SymbolRefAttr(model),
                "shape": DictionaryAttr({name: QuantityAttr(figure) for name, figure in shape.items()}),
                "options": options,
            },
            attributes=dict(attributes or {}),
        )


def model_shape(op: Operation) -> dict[str, Quantity]:
    """The expected figures of a model call, with those that follow from the stated ones.

    A decode's context is its input and, on average over its steps, half of its output.
    """
    shape = op.properties["shape"]
    stated = quantities(shape if isinstance(shape, DictionaryAttr) else None)
    derived = {"cached_tokens": Quantity(0.0), "documents": Quantity(1.0)}
    if (before := stated.get("input_tokens")) and (after := stated.get("output_tokens")):
        derived["context_tokens"] = Quantity(before.mean + after.mean / 2, p95=before.at("p95") + after.at("p95") / 2)
    return derived | stated


def hosted_of(spec: SpecOp) -> Hosted | None:
    """Prices and speed of a hosted model, or ``None`` for one that the fleet runs."""
    if spec.hosted is None:
        return None
    known = {field.name for field in dataclasses.fields(Hosted)}
    return from_attr(Hosted, DictionaryAttr({k: v for k, v in spec.hosted.data.items() if k in known}))


def hosted_work(hosted: Hosted, shape: Mapping[str, Quantity]) -> Work:
    """What a call of an API takes: its time to the first token, and its pace for the tokens of the answer."""
    seconds = constant(hosted.ttft_seconds)
    if hosted.tokens_per_second and "output_tokens" in shape:
        seconds = seconds + symbol("output_tokens") / hosted.tokens_per_second
    return Work(static_seconds=seconds)


def model_work(formula: Callable[[ModelShape, str], Work]) -> HasWork:
    """The interface of a call whose work is ``formula`` of its model's shape and precision, or its API's time."""
    return _work(lambda shape, precision, kv_precision, draft: formula(shape, precision))


def decoder_work(
    formula: Callable[[ModelShape, str, str], Work],
    drafted: Callable[[ModelShape, Draft, str, str], Drafted] | None = None,
) -> HasWork:
    """``model_work`` of a formula that also takes the precision of the KV cache, and of what it is with a draft."""

    def work(shape: ModelShape, precision: str, kv_precision: str, draft: Draft | None) -> Work:
        if draft is None or drafted is None:
            return formula(shape, precision, kv_precision)
        return demand.joined(drafted(shape, draft, precision, kv_precision))

    return _work(work)


def _work(formula: Callable[[ModelShape, str, str, Draft | None], Work]) -> HasWork:
    cached = cache(formula)

    def work(op: Operation) -> Work:
        spec = spec_of(op)
        if (hosted := hosted_of(spec)) is not None:
            return hosted_work(hosted, model_shape(op))
        return cached(spec.shape.data, spec.precision.data, spec.cache_precision, spec.drafted)

    return HasWork(work, model_shape)


ANYWHERE = Placeable(("gpu", "accelerator", "cpu"))


@op_definition
class TranscribeOp(_ModelCall):
    """
    Speech to text.

    ```mlir
    %words = model.transcribe @ears(%speech) shape {audio_seconds = #agent.quantity<6.0>} : (!agent.audio) -> !agent.text
    ```
    """

    name = "model.transcribe"
    traits = traits_def(Pure(), ANYWHERE, model_work(demand.transcribe))


@op_definition
class SynthesizeOp(_ModelCall):
    """
    Text to speech.

    ```mlir
    %speech = model.synthesize @voice(%words) shape {input_tokens = #agent.quantity<90.0>} : (!agent.text) -> !agent.audio
    ```
    """

    name = "model.synthesize"
    traits = traits_def(Pure(), ANYWHERE, model_work(demand.synthesize))


@op_definition
class EmbedOp(_ModelCall):
    """
    Text to a dense vector.

    ```mlir
    %vector = model.embed @encoder(%words) shape {input_tokens = #agent.quantity<32.0>} : (!agent.text) -> !agent.embedding
    ```
    """

    name = "model.embed"
    traits = traits_def(Pure(), ANYWHERE, model_work(demand.embed))


@op_definition
class RerankOp(_ModelCall):
    """
    Documents in the order of their relevance to a query, scored by a cross-encoder.

    ```mlir
    %best = model.rerank @judge(%query, %found) shape {input_tokens = #agent.quantity<160.0>, documents = #agent.quantity<20.0>} : (!agent.text, !agent.documents) -> !agent.documents
    ```
    """

    name = "model.rerank"
    traits = traits_def(Pure(), ANYWHERE, model_work(demand.rerank))


@op_definition
class DiffuseOp(_ModelCall):
    """
    Text to a picture, in denoising steps. Each run draws new noise, so two runs are not one.

    ```mlir
    %picture = model.diffuse @painter(%words) shape {steps = #agent.quantity<28.0>, pixels = #agent.quantity<1048576.0>} : (!agent.text) -> !agent.image
    ```
    """

    name = "model.diffuse"
    traits = traits_def(MemoryAllocEffect(), ANYWHERE, model_work(demand.diffuse))


@op_definition
class DescribeOp(_ModelCall):
    """
    A picture to text or features, by a vision encoder.

    ```mlir
    %caption = model.describe @eyes(%picture) shape {images = #agent.quantity<1.0>} : (!agent.image) -> !agent.text
    ```
    """

    name = "model.describe"
    traits = traits_def(Pure(), ANYWHERE, model_work(demand.vision))


Model = Dialect(
    "model",
    [SpecOp, TranscribeOp, SynthesizeOp, EmbedOp, RerankOp, DiffuseOp, DescribeOp],
    [ModelShapeAttr, DraftAttr],
)
