"""A decoder-only language model as two ONNX graphs over one file of weights.

``prefill`` takes any number of tokens after any number of cached ones and gives the logits of the positions that
``keep`` lists; ``decode`` takes one token a sequence. Both take and give the KV cache, so prefills can be chunked,
a shared prefix is computed once, and the two can run in different places.

    input_ids [batch, tokens] int64, keep [kept] int64 (prefill only)
    past.L.key, past.L.value [batch, kv_heads, past, head_dim]
    -> logits [batch, kept, vocab], present.L.key, present.L.value [batch, kv_heads, total, head_dim]
"""

from typing import Literal, TypeAlias

import numpy as np
from onnx import TensorProto

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.experts import dense, mixture
from agentc.backends.onnx.graph import Graph, WeightFile
from agentc.backends.onnx.layers import dimension, linear, parameter, scalar
from agentc.backends.onnx.weights import Weights
from agentc.support.record import record

Phase: TypeAlias = Literal["prefill", "decode"]


@record(slots=True)
class _Positions:
    """Values that all layers share: rotary tables ``[batch, tokens, head_dim / 2]`` and who may see whom."""

    cosines: str
    sines: str
    masks: dict[int, str]
    """By window; the empty name where everything that is there may be seen."""


def build(config: DecoderConfig, weights: Weights, phase: Phase, file: WeightFile) -> Graph:
    """The graph of one phase.

    Raises:
        ValueError: a weight is missing or has the wrong shape, or the activation is not known.
    """
    graph = Graph(phase, file)
    tokens = 1 if phase == "decode" else "tokens"
    graph.input("input_ids", ["batch", tokens], TensorProto.INT64)
    if phase == "prefill":
        graph.input("keep", ["kept"], TensorProto.INT64)
    for layer in range(config.layers):
        for part in ("key", "value"):
            graph.input(f"past.{layer}.{part}", ["batch", config.kv_heads, "past", config.head_dim])
    positions = _positions(graph, config, phase)
    table = parameter(graph, weights, "model.embed_tokens.weight", (config.vocab, config.hidden))
    x = graph.op("Gather", table, "input_ids")
    for layer in range(config.layers):
        x = _layer(graph, config, weights, x, layer, positions, phase)
    if phase == "prefill":
        x = graph.op("Gather", x, "keep", axis=1)
    _logits(graph, config, weights, _norm(graph, config, weights, x, "model.norm"), table)
    graph.output("logits", ["batch", "kept" if phase == "prefill" else 1, config.vocab])
    for layer in range(config.layers):
        for part in ("key", "value"):
            graph.output(f"present.{layer}.{part}", ["batch", config.kv_heads, "total", config.head_dim])
    return graph


def _positions(graph: Graph, config: DecoderConfig, phase: Phase) -> _Positions:
    past = dimension(graph, "past.0.key", 2)
    total = graph.op("Add", past, dimension(graph, "input_ids", 1))
    one = graph.constant(1)
    queries = graph.op("Range", scalar(graph, past), scalar(graph, total), one)
    queries = graph.op("Unsqueeze", queries, graph.constant([1]))
    keys = graph.op("Range", graph.constant(0), scalar(graph, total), one)
    frequencies = graph.constant(config.inverse_frequencies, np.float32)
    angles = graph.op("Mul", graph.op("Cast", queries, to=TensorProto.FLOAT), frequencies)
    per_batch = graph.op("Concat", dimension(graph, "input_ids", 0), graph.constant([1, 1]), axis=0)
    cosines, sines = (graph.op("Expand", graph.op(kind, angles), per_batch) for kind in ("Cos", "Sin"))
    masks = {window: _mask(graph, keys, queries, window, phase) for window in sorted(set(config.windows))}
    return _Positions(cosines, sines, masks)


def _mask(graph: Graph, keys: str, queries: str, window: int, phase: Phase) -> str:
    """True where a query (row) may see a key (column): not later, and within the window."""
    if phase == "decode" and not window:
        return ""
    seen = graph.op("LessOrEqual", keys, queries)
    if not window:
        return seen
    near = graph.op("Greater", keys, graph.op("Sub", queries, graph.constant(window)))
    return graph.op("And", seen, near)


def _layer(
    graph: Graph, config: DecoderConfig, weights: Weights, x: str, layer: int, positions: _Positions, phase: Phase
) -> str:
    name = f"model.layers.{layer}"
    y = _norm(graph, config, weights, x, f"{name}.input_layernorm")
    x = graph.op("Add", x, _attention(graph, config, weights, y, layer, positions))
    y = _norm(graph, config, weights, x, f"{name}.post_attention_layernorm")
    if config.dense[layer]:
        y = dense(graph, config, weights, y, f"{name}.mlp", config.intermediate)
    else:
        y = mixture(graph, config, weights, y, name, one_token=phase == "decode")
    return graph.op("Add", x, y)


def _attention(graph: Graph, config: DecoderConfig, weights: Weights, x: str, layer: int, positions: _Positions) -> str:
    name = f"model.layers.{layer}.self_attn"
    q = _heads(graph, config, weights, x, f"{name}.q", config.heads)
    k = _heads(graph, config, weights, x, f"{name}.k", config.kv_heads)
    q = graph.op("RotaryEmbedding", q, positions.cosines, positions.sines, num_heads=config.heads)
    k = graph.op("RotaryEmbedding", k, positions.cosines, positions.sines, num_heads=config.kv_heads)
    v = linear(graph, weights, x, f"{name}.v_proj", config.hidden, config.kv_heads * config.head_dim)
    inputs = [q, k, v, positions.masks[config.windows[layer]], f"past.{layer}.key", f"past.{layer}.value"]
    seen, *_ = graph.ops(
        "Attention",
        inputs,
        [f"{name}.seen", f"present.{layer}.key", f"present.{layer}.value"],
        q_num_heads=config.heads,
        kv_num_heads=config.kv_heads,
        scale=config.head_dim**-0.5,
    )
    return linear(graph, weights, seen, f"{name}.o_proj", config.heads * config.head_dim, config.hidden)


def _heads(graph: Graph, config: DecoderConfig, weights: Weights, x: str, name: str, heads: int) -> str:
    """A projection to heads; normalized per head where the checkpoint has such a norm (Qwen 3)."""
    y = linear(graph, weights, x, f"{name}_proj", config.hidden, heads * config.head_dim)
    if f"{name}_norm.weight" not in weights:
        return y
    parted = graph.op("Reshape", y, graph.constant([0, 0, heads, config.head_dim]))
    scale = parameter(graph, weights, f"{name}_norm.weight", (config.head_dim,))
    normed = graph.op("RMSNormalization", parted, scale, axis=-1, epsilon=config.epsilon)
    return graph.op("Reshape", normed, graph.constant([0, 0, heads * config.head_dim]))


def _norm(graph: Graph, config: DecoderConfig, weights: Weights, x: str, name: str) -> str:
    scale = parameter(graph, weights, f"{name}.weight", (config.hidden,))
    return graph.op("RMSNormalization", x, scale, axis=-1, epsilon=config.epsilon)


def _logits(graph: Graph, config: DecoderConfig, weights: Weights, x: str, table: str) -> None:
    """Gemm reads the matrix as ``[vocab, hidden]``, so that a tied table is stored once."""
    if not config.tied:
        table = parameter(graph, weights, "lm_head.weight", (config.vocab, config.hidden))
    rows = graph.op("Reshape", x, graph.constant([-1, config.hidden]))
    flat = graph.op("Gemm", rows, table, transB=1)
    shape = graph.op("Concat", graph.op("Shape", x, end=2), graph.constant([config.vocab]), axis=0)
    graph.op("Reshape", flat, shape, out="logits")
