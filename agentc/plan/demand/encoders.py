"""Work of models that are no language models: embedding, rerank, speech, images.

Symbols: ``documents`` texts per request (embedding, rerank), ``input_tokens`` of each text, ``audio_seconds``
heard or spoken, ``pixels`` of one image, ``steps`` of a diffusion.
"""

from dataclasses import fields, replace

from agentc.plan.demand.algebra import add
from agentc.plan.demand.decoder import BATCH, INPUT, OUTPUT, decode, prefill
from agentc.plan.demand.precision import activation_precision, width
from agentc.plan.demand.shape import (
    attention_parameters,
    layer_parameters,
    mlp_parameters,
    parameters,
    weights_bytes,
)
from agentc.plan.formula import Formula, constant, maximum, symbol
from agentc.plan.models import ModelShape
from agentc.plan.work import Work

DOCUMENTS = symbol("documents")
AUDIO_SECONDS = symbol("audio_seconds")
PIXELS = symbol("pixels")
STEPS = symbol("steps")

WHISPER_WINDOW_SECONDS = 30.0
"""Whisper pads every piece of audio to this length (arXiv 2212.04356, section 2.1)."""
MEGAPIXEL = 1024.0 * 1024.0
WHISPER_MELS = 128
"""Mel bands of large-v3; earlier models have 80, which makes the convolutions 0.1 % of the whole lighter."""


def embed(shape: ModelShape, precision: str) -> Work:
    """A bidirectional encoder over ``documents`` texts of ``input_tokens`` for each of ``batch`` requests.

    Linear layers 2 x parameters x tokens; attention 4 h FLOP for each of the n^2 pairs of a text and layer
    (BERT, arXiv 1810.04805; mean pooling and normalization are below 0.1 %).
    """
    texts = BATCH * DOCUMENTS
    stack = _stack(shape, shape.layers, precision, texts, INPUT, INPUT)
    vectors = texts * (max(shape.embedding_dim, 1) * 4.0)
    return add((stack, Work(weights_bytes=constant(weights_bytes(shape, precision)), network_bytes=vectors)))


def rerank(shape: ModelShape, precision: str) -> Work:
    """A cross-encoder over ``documents`` pairs of query and document, ``input_tokens`` each: one score a pair."""
    stack = _stack(shape, shape.layers, precision, BATCH * DOCUMENTS, INPUT, INPUT)
    scores = BATCH * DOCUMENTS * 4.0
    return add((stack, Work(weights_bytes=constant(weights_bytes(shape, precision)), network_bytes=scores)))


def vision(shape: ModelShape, precision: str) -> Work:
    """A vision transformer over one image of ``pixels`` (ViT, arXiv 2010.11929).

    Positions: ``latent_tokens`` at 1024 x 1024 pixels, in proportion to the pixels.
    """
    positions = PIXELS * (shape.latent_tokens / MEGAPIXEL)
    stack = _stack(shape, shape.layers, precision, BATCH, positions, positions)
    element = width(activation_precision(precision))
    out = BATCH * positions * (max(shape.embedding_dim, shape.hidden) * element)
    return add((stack, Work(weights_bytes=constant(weights_bytes(shape, precision)), network_bytes=out)))


def diffuse(shape: ModelShape, precision: str) -> Work:
    """One denoising pass of a diffusion transformer (DiT, arXiv 2212.09748); repeats ``steps`` times.

    Sequence: image positions (as in ``vision``) and ``input_tokens`` of text that attend to each other. A step of
    classifier-free guidance is two passes: state twice the steps for a model that needs it. Adaptive norms act per
    image, not per token; text encoder and image decoder are not counted.
    """
    positions = PIXELS * (shape.latent_tokens / MEGAPIXEL) + INPUT
    stack = _stack(shape, shape.layers, precision, BATCH, positions, positions)
    image = PIXELS * BATCH * 3.0
    rest = max(parameters(shape) - _stack_parameters(shape, shape.layers), 0.0) * width(precision)
    resident = Work(
        bytes_read=constant(rest),
        weights_bytes=constant(weights_bytes(shape, precision)),
        network_bytes=image / STEPS,
    )
    return _repeat(add((stack, resident)), STEPS)


def transcribe(shape: ModelShape, precision: str) -> Work:
    """An encoder-decoder speech recognizer (Whisper, arXiv 2212.04356); repeats once per output token.

    The encoder sees ``frames_per_second`` positions of at least 30 s of audio (shorter audio is padded): two
    convolutions of width 3, then full attention. It runs once; its work is spread over the repeats. Each decoder
    step reads the decoder's weights, half of its own text so far and the encoder's keys and values. Audio longer
    than a window is counted as so many windows.
    """
    windows = maximum(AUDIO_SECONDS / WHISPER_WINDOW_SECONDS, 1)
    frames = constant(WHISPER_WINDOW_SECONDS * shape.frames_per_second)
    tokens = maximum(OUTPUT, 1)
    encoder = _stack(shape, shape.encoder_layers, precision, BATCH * windows, frames, frames)
    once = _spread(add((encoder, _convolutions(shape, precision, BATCH * windows, frames))), tokens)
    step = add((once, _speech_step(shape, precision, frames, tokens)))
    return _repeat(step, tokens)


def synthesize(shape: ModelShape, precision: str) -> Work:
    """A language model that speaks: it reads ``input_tokens`` of text and emits ``frames_per_second`` codec tokens
    for each of ``audio_seconds``; repeats once per emitted token, the prefill spread over them.

    Its codec's decoder is not counted (for SNAC, 20 million parameters: below 1 %).
    """
    frames = maximum(AUDIO_SECONDS * shape.frames_per_second, 1)
    here = {"context_tokens": INPUT + frames / 2, "output_tokens": frames, "cached_tokens": constant(0)}
    once = _spread(_substitute(prefill(shape, precision), here), frames, keep_weights=False)
    step = add((_repeat(once, frames), _substitute(decode(shape, precision), here)))
    return _repeat(step, frames)


def _stack_parameters(shape: ModelShape, layers: int) -> float:
    return layers * (attention_parameters(shape) + mlp_parameters(shape, shape.intermediate))


def _stack(
    shape: ModelShape, layers: int, precision: str, sequences: Formula, positions: Formula, seen: Formula
) -> Work:
    """``layers`` transformer layers over ``sequences`` of ``positions``, each seeing ``seen`` positions."""
    weights, native = _stack_parameters(shape, layers), activation_precision(precision)
    tokens, element = sequences * positions, width(native)
    pairs = tokens * seen * (layers * 4 * shape.heads * shape.head_dim)
    linear = tokens * (2 * weights)
    q = shape.heads * shape.head_dim
    moved = tokens * (layers * (10 * shape.hidden + 8 * q + (6 if shape.gated_mlp else 4) * shape.intermediate))
    flops = {precision: linear + pairs} if native == precision else {precision: linear, native: pairs}
    return Work(
        flops=flops,
        bytes_read=moved * (element / 2) + weights * width(precision),
        bytes_written=moved * (element / 2),
        activation_bytes=tokens * ((2 * shape.hidden + max(shape.intermediate, 3 * q)) * element),
        collective_bytes=tokens * (2 * layers * shape.hidden * element),
        collectives=constant(2 * layers),
    )


def _convolutions(shape: ModelShape, precision: str, sequences: Formula, frames: Formula) -> Work:
    """Whisper's stem: mel -> h at twice the frame rate, then h -> h with stride 2, both 3 wide; and the keys and
    values of the decoder's cross attention, computed once."""
    cross = shape.layers * attention_parameters(shape)
    per_frame = 2 * 3 * shape.hidden * (2 * WHISPER_MELS + shape.hidden) + cross
    return Work(flops={activation_precision(precision): sequences * frames * per_frame})


def _speech_step(shape: ModelShape, precision: str, frames: Formula, tokens: Formula) -> Work:
    """One decoder step: its weights, self attention over half the text, cross attention over the frames."""
    native = activation_precision(precision)
    q, element = shape.heads * shape.head_dim, width(native)
    parts = layer_parameters(shape)
    cross = shape.layers * attention_parameters(shape)
    weights = parts.trunk + cross + parts.norms
    seen = tokens / 2 + frames
    cache = BATCH * seen * (shape.layers * 2 * q * element)
    linear, attention = BATCH * (2 * (weights - cross / 2)), BATCH * seen * (4 * q * shape.layers)
    head = BATCH * (2 * parts.head)
    flops = {precision: linear + attention + head}
    if native != precision:
        flops = {precision: linear, native: attention + head}
    return Work(
        flops=flops,
        bytes_read=cache + (weights * width(precision) + parts.head * width(native)),
        kv_bytes=cache,
        weights_bytes=constant(weights_bytes(shape, precision)),
        collective_bytes=BATCH * (3 * shape.layers * shape.hidden * element),
        collectives=constant(3 * shape.layers),
    )


def _repeat(work: Work, repeats: Formula) -> Work:
    return replace(work, repeats=repeats)


def _spread(work: Work, over: Formula, *, keep_weights: bool = True) -> Work:
    """Work done once, as its share of each of ``over`` repeats; what resides is not divided."""
    return Work(
        flops={p: f / over for p, f in work.flops.items()},
        bytes_read=work.bytes_read / over,
        bytes_written=work.bytes_written / over,
        weights_bytes=work.weights_bytes if keep_weights else constant(0),
        activation_bytes=work.activation_bytes,
        collective_bytes=work.collective_bytes / over,
        collectives=work.collectives / over,
    )


def _substitute(work: Work, env: dict[str, Formula]) -> Work:
    rows = {f.name: getattr(work, f.name).substitute(env) for f in fields(Work) if f.name != "flops"}
    return Work(flops={p: f.substitute(env) for p, f in work.flops.items()}, **rows)


__all__ = ["diffuse", "embed", "rerank", "synthesize", "transcribe", "vision"]
