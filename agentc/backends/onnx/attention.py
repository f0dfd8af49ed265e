"""Grouped-query attention over a KV cache: one operator, or its parts where the operator lacks a trait."""

import numpy as np

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.graph import CONTRIB, Graph
from agentc.backends.onnx.layers import capped, dimension, joined, linear, linears, parameter, real
from agentc.backends.onnx.positions import Positions
from agentc.backends.onnx.views import Weights
from agentc.support.record import record


def attention(graph: Graph, config: DecoderConfig, weights: Weights, x: str, layer: int, positions: Positions) -> str:
    """What a layer sees of the tokens so far, ``[batch, tokens, hidden]``; gives ``present.L.key`` and ``.value``."""
    name = f"model.layers.{layer}.self_attn"
    qkv = _projected(graph, config, weights, x, layer, positions)
    past = _Cache(f"past.{layer}.key", f"past.{layer}.value")
    present = _Cache(f"present.{layer}.key", f"present.{layer}.value")
    mask = positions.masks.get(config.windows[layer], "")  # none where the operator keeps count itself
    sinks = f"{name}.sinks"
    sink = parameter(graph, weights, sinks, (config.heads,)) if sinks in weights else ""
    if positions.lengths is not None:
        seen = _in_place(graph, config, qkv, layer, past, present, positions, sink)
    elif sink or config.attention_cap:
        seen = _in_parts(graph, config, qkv, mask, past, present, sink)
    else:
        seen, *_ = graph.ops(
            "Attention",
            [*qkv, mask, past.key, past.value],
            [f"{name}.seen", present.key, present.value],
            q_num_heads=config.heads,
            kv_num_heads=config.kv_heads,
            scale=config.score_scale,
        )
    return linear(graph, weights, seen, f"{name}.o_proj", config.heads * config.head_dim, config.hidden)


def _projected(
    graph: Graph, config: DecoderConfig, weights: Weights, x: str, layer: int, positions: Positions
) -> tuple[str, str, str]:
    """Queries, keys and values, ``[batch, tokens, heads * head_dim]``, turned by their positions. Where the operator
    that takes them turns them, it takes them side by side, ``(all, "", "")``."""
    name, rope = f"model.layers.{layer}.self_attn", config.rope_of(layer)
    wide, narrow = config.heads * config.head_dim, config.kv_heads * config.head_dim
    leaves, widths = ("q_proj", "k_proj", "v_proj"), (wide, narrow, narrow)
    if rope in positions.every:
        return joined(graph, weights, x, name, leaves, config.hidden, widths), "", ""
    q, k, v = linears(graph, weights, x, name, leaves, config.hidden, widths)
    q = _normed(graph, config, weights, q, f"{name}.q", config.heads)
    k = _normed(graph, config, weights, k, f"{name}.k", config.kv_heads)
    rotary = 2 * len(rope.frequencies)
    part = rotary if rotary < config.head_dim else 0
    cosines, sines = positions.tables[rope]
    q = graph.op("RotaryEmbedding", q, cosines, sines, num_heads=config.heads, rotary_embedding_dim=part)
    k = graph.op("RotaryEmbedding", k, cosines, sines, num_heads=config.kv_heads, rotary_embedding_dim=part)
    return q, k, v


@record(slots=True)
class _Cache:
    """The names of a layer's keys and values, ``[batch, kv_heads, tokens, head_dim]``."""

    key: str
    value: str


def _normed(graph: Graph, config: DecoderConfig, weights: Weights, y: str, name: str, heads: int) -> str:
    """Heads, each normalized where the checkpoint has such a norm (Qwen 3, Gemma 3)."""
    if f"{name}_norm.weight" not in weights:
        return y
    parted = graph.op("Reshape", y, graph.constant([0, 0, heads, config.head_dim]))
    scale = parameter(graph, weights, f"{name}_norm.weight", (config.head_dim,))
    normed = graph.op("RMSNormalization", parted, scale, axis=-1, epsilon=config.epsilon)
    return graph.op("Reshape", normed, graph.constant([0, 0, heads * config.head_dim]))


def _in_place(
    graph: Graph,
    config: DecoderConfig,
    qkv: tuple[str, str, str],
    layer: int,
    past: _Cache,
    present: _Cache,
    positions: Positions,
    sink: str,
) -> str:
    """ONNX Runtime's own operator, which writes the new key and value into the buffer of the past ones where both
    are bound to the same memory. It knows windows, caps and sinks, and turns queries and keys by tables of all
    positions.

    A head without a sink has one that takes nothing: with sinks the operator computes whole rows of scores, without
    them block by block, which takes a prompt of 128 to 512 tokens 1.5 to 1.9 times as long and a decode step the same
    (ONNX Runtime 1.31, AVX-512; ``docs/performance.md``)."""
    assert positions.lengths is not None
    sink = sink or real(graph, [-np.inf] * config.heads)
    every = positions.every.get(config.rope_of(layer))
    seen, *_ = graph.ops(
        "GroupQueryAttention",
        [*qkv, past.key, past.value, *positions.lengths, *(every or ("", "")), "", "", sink],
        [f"seen.{layer}", present.key, present.value],
        domain=CONTRIB,
        num_heads=config.heads,
        kv_num_heads=config.kv_heads,
        scale=config.score_scale,
        softcap=config.attention_cap,
        local_window_size=config.windows[layer] or -1,
        do_rotary=1 if every else None,
    )
    return seen


def _in_parts(
    graph: Graph, config: DecoderConfig, qkv: tuple[str, str, str], mask: str, past: _Cache, present: _Cache, sink: str
) -> str:
    """Attention with capped scores, or with sinks: a score per head that takes its share and gives nothing
    (gpt-oss). Queries of a group are rows of one product, so that keys are not repeated."""
    q, k, v = qkv
    size, kv_heads, group = config.head_dim, config.kv_heads, config.heads // config.kv_heads
    keys = graph.op("Concat", past.key, _split(graph, k, kv_heads, size), axis=2, out=present.key)
    values = graph.op("Concat", past.value, _split(graph, v, kv_heads, size), axis=2, out=present.value)
    rows = graph.op("Reshape", _split(graph, q, config.heads, size), graph.constant([0, kv_heads, -1, size]))
    scores = graph.op("MatMul", rows, graph.op("Transpose", keys, perm=[0, 1, 3, 2]))
    scores = graph.op("Mul", scores, real(graph, config.score_scale))
    batch, tokens, total = dimension(graph, q, 0), dimension(graph, q, 1), dimension(graph, keys, 2)
    of_groups = graph.op("Concat", batch, graph.constant([kv_heads, group]), tokens, total, axis=0)
    scores = capped(graph, graph.op("Reshape", scores, of_groups), config.attention_cap)
    seen = graph.op("Unsqueeze", mask, graph.constant([1]))
    scores = graph.op("Where", seen, scores, real(graph, -np.inf))
    shares = _shares(graph, scores, sink, of_groups, kv_heads, group)
    flat = graph.op("Concat", batch, graph.constant([kv_heads, -1]), total, axis=0)
    seen = graph.op("MatMul", graph.op("Reshape", shares, flat), values)
    by_head = graph.op("Concat", batch, graph.constant([config.heads]), tokens, graph.constant([size]), axis=0)
    seen = graph.op("Transpose", graph.op("Reshape", seen, by_head), perm=[0, 2, 1, 3])
    return graph.op("Reshape", seen, graph.constant([0, 0, config.heads * size]))


def _split(graph: Graph, x: str, heads: int, size: int) -> str:
    """``[batch, tokens, heads * size]`` as ``[batch, heads, tokens, size]``."""
    parted = graph.op("Reshape", x, graph.constant([0, 0, heads, size]))
    return graph.op("Transpose", parted, perm=[0, 2, 1, 3])


def _shares(graph: Graph, scores: str, sink: str, shape: str, kv_heads: int, group: int) -> str:
    """The softmax of scores ``[batch, kv_heads, group, tokens, total]``, in which a sink takes part."""
    if not sink:
        return graph.op("Softmax", scores, axis=-1)
    per_head = graph.op("Reshape", sink, graph.constant([1, kv_heads, group, 1, 1]))
    column = graph.op("Slice", shape, graph.constant([0]), graph.constant([4]))
    column = graph.op("Concat", column, graph.constant([1]), axis=0)
    joined = graph.op("Concat", scores, graph.op("Expand", per_head, column), axis=-1)
    shares = graph.op("Softmax", joined, axis=-1)
    return graph.op("Slice", shares, graph.constant([0]), graph.constant([-1]), graph.constant([-1]))
