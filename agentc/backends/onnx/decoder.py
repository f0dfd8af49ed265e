"""A decoder-only language model as two ONNX graphs over one file of weights.

``prefill`` takes any number of tokens after any number of cached ones and gives the logits of the positions that
``keep`` lists; ``decode`` takes one token a sequence. Both take and give the KV cache, so prefills can be chunked,
a shared prefix is computed once, and the two can run in different places.

``step`` is both for ONNX Runtime alone: its cache is a buffer with room for more tokens, which it fills in place where
past and present are bound to the same memory, so that each row comes to hold its first ``total`` tokens. It takes one
token a row; where ``reads_prompts``, also any number for one row, or for several rows that hold nothing yet, of which
shorter ones are padded behind.

    input_ids [batch, tokens] int64, keep [kept] int64 (not of a graph that takes one token)
    past.L.key, past.L.value [batch, kv_heads, past, head_dim]
    attention_mask [batch, past + tokens] int64, reach [batch] int64: optional (see ``positions``)
    total [batch] int64 (step only)
    -> logits [batch, kept, vocab], present.L.key, present.L.value [batch, kv_heads, total, head_dim]
"""

from typing import Final

from agentc.backends.onnx.attention import attention
from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.experts import dense, mixture
from agentc.backends.onnx.graph import CONTRIB, Graph, WeightFile
from agentc.backends.onnx.latent import latent_attention
from agentc.backends.onnx.layers import capped, dimension, expect, matrix, narrow, parameter, real, widened
from agentc.backends.onnx.messages import Element
from agentc.backends.onnx.positions import Phase, positions, positions_in_buffer
from agentc.backends.onnx.quantize import Quantization
from agentc.backends.onnx.rope_tables import looked_up
from agentc.backends.onnx.views import Half, Weights

_WIDEST_FUSED: Final = 1024
"""ONNX Runtime adds and norms a row of this width in one operator as fast as in two, which are vectorized: narrower
ones faster (2.1 us and 2.6 of 256), wider ones slower (3.8 us and 3.3 of 1,536)."""


def steps_in_place(config: DecoderConfig) -> bool:
    """Whether there is a ``step``: ONNX Runtime's operator takes heads of multiples of 8 only."""
    return bool(config.latent) or config.head_dim % 8 == 0


def reads_prompts(config: DecoderConfig) -> bool:
    """Whether ``step`` takes more than a token at once: experts, latent attention and angles that depend on a length go
    their own ways for one."""
    ropes = map(config.rope_of, range(config.layers))
    return steps_in_place(config) and all(config.dense) and not any(rope.depends_on_length for rope in ropes)


def build(
    config: DecoderConfig, weights: Weights, phase: Phase, file: WeightFile, quantization: Quantization | None = None
) -> Graph:
    """The graph of one phase.

    Raises:
        ValueError: a weight is missing or has the wrong shape, or the activation is not known.
    """
    graph = Graph(phase, file, quantization=quantization)
    many = phase == "prefill" or (phase == "step" and reads_prompts(config))
    graph.input("input_ids", ["batch", "tokens" if many else 1], Element.INT64)
    if many:
        graph.input("keep", ["kept"], Element.INT64)
    for layer in range(config.layers):
        for part, (heads, width) in config.cache.items():
            graph.input(f"past.{layer}.{part}", ["batch", heads, "past", width])
    if phase == "step":
        total = graph.input("total", ["rows"], Element.INT64)
        every = looked_up(graph, config, weights)
        shared = positions_in_buffer(graph, config, total, every, one_token=not many)
    else:
        cached = dimension(graph, f"past.0.{next(iter(config.cache))}", 2)
        shared = positions(graph, config, phase, cached)
    x = embedded(graph, config, weights)
    attend = latent_attention if config.latent else attention
    given = ""
    for half in range(2 * config.layers):
        x, y = _entered(graph, config, weights, x, given, _norm_before(half), fused=phase == "step")
        if half % 2 == 0:
            y = attend(graph, config, weights, y, half // 2, shared)
        else:
            y = feed_forward(graph, config, weights, y, half // 2, one_token=not many)
        given = output_norm(graph, config, weights, y, half)
    _, y = _entered(graph, config, weights, x, given, "model.norm", fused=phase == "step")
    logits(graph, config, weights, graph.op("Gather", y, "keep", axis=1) if many else y)
    graph.output("logits", ["batch", "kept" if many else 1, config.vocab])
    for layer in range(config.layers):
        for part, (heads, width) in config.cache.items():
            graph.output(f"present.{layer}.{part}", ["batch", heads, "past" if phase == "step" else "total", width])
    return graph


def embedded(graph: Graph, config: DecoderConfig, weights: Weights) -> str:
    """The hidden states of ``input_ids``."""
    table, half = _table(graph, config, weights)
    x = widened(graph, graph.op("Gather", table, "input_ids"), half)
    return x if config.embed_scale == 1 else graph.op("Mul", x, real(graph, config.embed_scale))


def _table(graph: Graph, config: DecoderConfig, weights: Weights) -> tuple[str, Half]:
    """The embeddings in the type that they are kept in: only the rows that are looked up need be float32."""
    name, shape = "model.embed_tokens.weight", (config.vocab, config.hidden)
    lazy = expect(weights, name, shape)
    return narrow(graph, name, shape, lambda: [lazy.read()], lazy.half), lazy.half


def half_norm(graph: Graph, config: DecoderConfig, weights: Weights, x: str, half: int) -> str:
    """The norm before a half of a layer: attention (even) or feed-forward (odd)."""
    return norm(graph, config, weights, x, _norm_before(half))


def _norm_before(half: int) -> str:
    return f"model.layers.{half // 2}.{'post_attention_layernorm' if half % 2 else 'input_layernorm'}"


def _entered(
    graph: Graph, config: DecoderConfig, weights: Weights, x: str, given: str, name: str, *, fused: bool
) -> tuple[str, str]:
    """The residual with what the half before gave, if any, and norm ``name`` of it; ``fused``: by one operator of
    ONNX Runtime's own where that is the faster way."""
    if not given or not fused or config.hidden > _WIDEST_FUSED:
        x = graph.op("Add", x, given) if given else x
        return x, norm(graph, config, weights, x, name)
    scale = parameter(graph, weights, f"{name}.weight", (config.hidden,))
    normed, _, _, total = graph.ops(
        "SkipSimplifiedLayerNormalization",
        [x, given, scale],
        [f"{name}.out", "", "", f"{name}.in"],
        domain=CONTRIB,
        epsilon=config.epsilon,
    )
    return total, normed


def output_norm(graph: Graph, config: DecoderConfig, weights: Weights, y: str, half: int) -> str:
    """Gemma 2 and 3 also normalize what each half of a layer gives."""
    name = f"model.layers.{half // 2}.{'mlp' if half % 2 else 'self_attn'}.output_norm"
    return norm(graph, config, weights, y, name) if f"{name}.weight" in weights else y


def feed_forward(graph: Graph, config: DecoderConfig, weights: Weights, x: str, layer: int, *, one_token: bool) -> str:
    """The second half of a layer, dense or a mixture."""
    name = f"model.layers.{layer}"
    if config.dense[layer]:
        return dense(graph, config, weights, x, f"{name}.mlp", config.intermediate)
    return mixture(graph, config, weights, x, name, one_token=one_token)


def norm(graph: Graph, config: DecoderConfig, weights: Weights, x: str, name: str) -> str:
    """A norm as wide as the model."""
    scale = parameter(graph, weights, f"{name}.weight", (config.hidden,))
    return graph.op("RMSNormalization", x, scale, axis=-1, epsilon=config.epsilon)


def logits(graph: Graph, config: DecoderConfig, weights: Weights, x: str) -> None:
    """Gemm reads the matrix as ``[vocab, hidden]``, so that a tied table is stored once; a quantized one lies apart."""
    how = graph.quantization
    if how is not None and how.fits(config.hidden, config.vocab):
        name = "model.embed_tokens.weight" if config.tied else "lm_head.weight"
        y = graph.op("MatMul", x, matrix(graph, weights, name, config.hidden, config.vocab))
    else:
        y = _product(graph, config, weights, x)
    graph.op("Identity", capped(graph, y, config.logit_cap), out="logits")


def _product(graph: Graph, config: DecoderConfig, weights: Weights, x: str) -> str:
    head = parameter(graph, weights, "lm_head.weight", (config.vocab, config.hidden)) if not config.tied else ""
    rows = graph.op("Reshape", x, graph.constant([-1, config.hidden]))
    flat = graph.op("Gemm", rows, head or widened(graph, *_table(graph, config, weights)), transB=1)
    shape = graph.op("Concat", graph.op("Shape", x, end=2), graph.constant([config.vocab]), axis=0)
    return graph.op("Reshape", flat, shape)
