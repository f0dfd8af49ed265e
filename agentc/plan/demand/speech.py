"""Work of speech: a recognizer, and a language model that speaks.

Symbols: ``audio_seconds`` heard or spoken, ``input_tokens`` read aloud, ``output_tokens`` written down.
"""

from agentc.plan.demand.algebra import add, repeated, substitute
from agentc.plan.demand.decoder import BATCH, INPUT, OUTPUT, decode, prefill
from agentc.plan.demand.encoders import stack
from agentc.plan.demand.precision import activation_precision, width
from agentc.plan.demand.shape import attention_parameters, layer_parameters, weights_bytes
from agentc.plan.formula import Formula, constant, maximum, symbol
from agentc.plan.models import ModelShape
from agentc.plan.work import Work

AUDIO_SECONDS = symbol("audio_seconds")

WHISPER_WINDOW_SECONDS = 30.0
"""Whisper pads every piece of audio to this length (arXiv 2212.04356, section 2.1)."""
MEL_BANDS = 128
"""Of Whisper large-v3, where a shape does not say; earlier models have 80."""


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
    encoder = stack(shape, shape.encoder_layers, precision, BATCH * windows, frames, frames)
    once = _spread(add((encoder, _convolutions(shape, precision, BATCH * windows, frames))), tokens)
    step = add((once, _speech_step(shape, precision, frames, tokens)))
    return repeated(step, tokens)


def synthesize(shape: ModelShape, precision: str) -> Work:
    """A language model that speaks: it reads ``input_tokens`` of text and emits ``frames_per_second`` codec tokens
    for each of ``audio_seconds``; repeats once per emitted token, the prefill spread over them.

    Its codec's decoder is not counted (for SNAC, 20 million parameters: below 1 %).
    """
    frames = maximum(AUDIO_SECONDS * shape.frames_per_second, 1)
    here = {"context_tokens": INPUT + frames / 2, "output_tokens": frames, "cached_tokens": constant(0)}
    once = _spread(substitute(prefill(shape, precision), here), frames, keep_weights=False)
    step = add((repeated(once, frames), substitute(decode(shape, precision), here)))
    return repeated(step, frames)


def _convolutions(shape: ModelShape, precision: str, sequences: Formula, frames: Formula) -> Work:
    """Whisper's stem: mel -> h at twice the frame rate, then h -> h with stride 2, both 3 wide; and the keys and
    values of the decoder's cross attention, computed once."""
    cross = shape.layers * attention_parameters(shape)
    per_frame = 2 * 3 * shape.hidden * (2 * (shape.mel_bands or MEL_BANDS) + shape.hidden) + cross
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
