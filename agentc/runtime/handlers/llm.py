"""Language models: whole calls, and their halves."""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from xdsl.dialects.builtin import DictionaryAttr, StringAttr, SymbolRefAttr
from xdsl.ir import Operation

from agentc.dialects.agent_values import RecordType, quantities
from agentc.dialects.llm import CallOp, DecodeOp, PrefillOp
from agentc.runtime.attributes import plain_attributes
from agentc.runtime.builtins import fill_template
from agentc.runtime.engines.base import Ask, Cache, Language, Prompt, Reply
from agentc.runtime.executor import Call, Handler, refusal
from agentc.runtime.models.fields import parse_fields
from agentc.runtime.values import as_text

DEFAULT_TOKENS: Final = 256
"""Longest answer where neither options nor expected figures say one."""


async def call(step: Call) -> Sequence[Any]:
    """Prefill and decode in one."""
    op = cast(CallOp, step.op)
    cache = await prefill(step, prompt_of(op, step.args), None)
    reply = await decode(step, cache, op.fields, op.options)
    return [_value(op, reply)]


async def prefill_op(step: Call) -> Sequence[Any]:
    """A prompt's cache; what a prefix covers is not read again."""
    op = cast(PrefillOp, step.op)
    reuse, inputs = (step.args[0], step.args[1:]) if op.prefix is not None else (None, step.args)
    return [await prefill(step, prompt_of(op, inputs), reuse)]


async def decode_op(step: Call) -> Sequence[Any]:
    """The answer to a cache."""
    op = cast(DecodeOp, step.op)
    return [_value(op, await decode(step, step.args[0], op.fields, op.options))]


async def prefill(step: Call, prompt: Prompt, reuse: Cache | None) -> Cache:
    """Read ``prompt`` with the model of the step, and record what it took."""
    model = await language(step)
    cache = await step.blocking(lambda: model.prefill(prompt, reuse))
    step.step.tokens, step.step.bytes_ = cache.tokens - cache.reused, cache.nbytes
    step.step.prompt_tokens = cache.tokens
    if cache.reused:
        step.step.note = f"{cache.reused} tokens from the prefix"
    return cache


async def decode(step: Call, cache: Cache, fields: DictionaryAttr | None, options: DictionaryAttr | None) -> Reply:
    """Answer with the model of the step, and record what it took."""
    model, ask = await language(step), _ask(step, fields, plain_attributes(options))

    def heard(text: str) -> None:
        if text and step.step.first_token_seconds is None:
            step.step.first_token_seconds = step.run.now() - step.step.start
        step.said(text)

    reply = await step.blocking(lambda: model.decode(cache, ask, heard))
    step.step.tokens = step.step.answer_tokens = reply.output_tokens
    return reply


async def language(step: Call) -> Language:
    """The model that the op names; it is opened when it is first asked for."""
    name = cast(SymbolRefAttr, step.op.properties["model"]).string_value()
    model = await step.blocking(lambda: step.resources.engines.language(name))
    if model.note:
        step.run.trace.note(model.note)
    return model


def prompt_of(op: Operation, inputs: Sequence[Any]) -> Prompt:
    """The op's template with its inputs; without one, the inputs one after the other."""
    prompt, system = op.properties.get("prompt"), op.properties.get("system")
    user = fill_template(prompt.data, inputs) if isinstance(prompt, StringAttr) else "\n\n".join(map(as_text, inputs))
    return Prompt(user, fill_template(system.data, inputs) if isinstance(system, StringAttr) else None)


def _ask(step: Call, fields: DictionaryAttr | None, options: Mapping[str, Any]) -> Ask:
    try:
        parsed = parse_fields(plain_attributes(fields))
    except ValueError as error:
        raise refusal(step, "bad-fields", str(error)) from None
    temperature, top_p = options.get("temperature"), options.get("top_p")
    return Ask(
        int(options.get("max_tokens") or _expected_tokens(step.op)),
        parsed,
        float(temperature) if temperature is not None else None,
        float(top_p) if top_p is not None else None,
        seed_of(step) if options.get("seed") is None else int(options["seed"]),
    )


def _expected_tokens(op: Operation) -> int:
    shape = op.properties.get("shape")
    figure = quantities(shape if isinstance(shape, DictionaryAttr) else None).get("output_tokens")
    return max(1, math.ceil(figure.at("p99"))) if figure is not None else DEFAULT_TOKENS


def seed_of(step: Call) -> int:
    """The run's seed for this execution of this node: the same whatever ran before or beside it."""
    place = f"{step.run.seed}/{step.node}/{'.'.join(map(str, step.scope.trip))}"
    return zlib.crc32(place.encode())


def _value(op: Operation, reply: Reply) -> Any:
    """Text where a record without fields is asked for becomes its only field."""
    wants_record = isinstance(op.results[0].type, RecordType)
    if wants_record and isinstance(reply.value, str):
        text = reply.value.strip()
        return text if text.startswith("{") else {"text": reply.value}
    return reply.value


HANDLERS: Final[Mapping[str, Handler]] = {
    "llm.call": call,
    "llm.prefill": prefill_op,
    "llm.decode": decode_op,
}
