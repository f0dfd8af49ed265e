"""Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1) over a cache of what it compresses to.

A token's entry is its latent vector and one rotated key that all heads share: ``[batch, 1, total, latent + rope]``.
The matrices that would expand latents to keys and values are applied to queries and to answers instead, so that
nothing of the cache is ever expanded. In ``step`` the cache is a buffer with room for more: the new entry is written
into it in place, and scores of what is not filled yet are masked.
"""

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.graph import Graph
from agentc.backends.onnx.layers import dimension, expect, linear, parameter, real, scalar, stored
from agentc.backends.onnx.messages import Element
from agentc.backends.onnx.positions import Positions
from agentc.backends.onnx.views import Weights


def latent_attention(
    graph: Graph, config: DecoderConfig, weights: Weights, x: str, layer: int, positions: Positions
) -> str:
    """What a layer sees of the tokens so far, ``[batch, tokens, hidden]``; gives ``present.L.latent``."""
    name = f"model.layers.{layer}.self_attn"
    heads, latent, rope = config.heads, config.latent, config.rope_dim
    cache = _extended(graph, config, weights, x, layer, positions)
    queries = _queries(graph, config, weights, x, layer, positions)
    batch, tokens, total = dimension(graph, x, 0), dimension(graph, x, 1), dimension(graph, cache, 2)
    rows = graph.op("Reshape", queries, graph.constant([0, 1, -1, latent + rope]))
    scores = graph.op("MatMul", rows, graph.op("Transpose", cache, perm=[0, 1, 3, 2]))
    by_head = graph.op("Concat", batch, graph.constant([heads]), tokens, total, axis=0)
    scores = graph.op("Mul", graph.op("Reshape", scores, by_head), real(graph, config.score_scale))
    if positions.lengths is None:
        mask = positions.masks[config.windows[layer]]
    else:
        mask = _filled(graph, positions.lengths[0], total)
    scores = graph.op("Where", mask, scores, real(graph, float("-inf")))
    flat = graph.op("Concat", batch, graph.constant([1, -1]), total, axis=0)
    shares = graph.op("Reshape", graph.op("Softmax", scores, axis=-1), flat)
    # The product with whole entries, so that what is copied is their sum and not the cache.
    entries = graph.op("MatMul", shares, cache)
    latents = graph.op("Slice", entries, graph.constant([0]), graph.constant([latent]), graph.constant([3]))
    whole = graph.op("Concat", batch, graph.constant([heads]), tokens, graph.constant([latent]), axis=0)
    seen = graph.op("Reshape", latents, whole)
    seen = graph.op("MatMul", seen, _expansion(graph, config, weights, name, of_values=True))
    seen = graph.op("Reshape", graph.op("Transpose", seen, perm=[0, 2, 1, 3]), graph.constant([0, 0, -1]))
    return linear(graph, weights, seen, f"{name}.o_proj", heads * config.value_dim, config.hidden)


def _extended(graph: Graph, config: DecoderConfig, weights: Weights, x: str, layer: int, positions: Positions) -> str:
    """The cache with the entries of the new tokens."""
    name, latent = f"model.layers.{layer}.self_attn", config.latent
    both = linear(graph, weights, x, f"{name}.kv_a_proj_with_mqa", config.hidden, latent + config.rope_dim)
    compressed, key = graph.ops(
        "Split", [both, graph.constant([latent, config.rope_dim])], [f"{name}.latent", f"{name}.key"], axis=-1
    )
    compressed = _norm(graph, weights, compressed, f"{name}.kv_a_layernorm", latent)
    key = graph.op(
        "RotaryEmbedding", key, *positions.tables[config.rope], num_heads=1, interleaved=int(config.interleaved)
    )
    entry = graph.op("Unsqueeze", graph.op("Concat", compressed, key, axis=-1), graph.constant([1]))
    past, present = f"past.{layer}.latent", f"present.{layer}.latent"
    if positions.lengths is None:
        return graph.op("Concat", past, entry, axis=2, out=present)
    places = graph.op("Expand", _place(graph, positions.lengths[0]), graph.op("Shape", entry))
    return graph.op("ScatterElements", past, places, entry, axis=2, out=present)


def _place(graph: Graph, lengths: str) -> str:
    """Of each row's new token in a buffer, ``[batch, 1, 1, 1]``."""
    return graph.op("Cast", graph.op("Reshape", lengths, graph.constant([-1, 1, 1, 1])), to=Element.INT64)


def _filled(graph: Graph, lengths: str, room: str) -> str:
    """Which entries of a buffer are there, the new one among them, ``[batch, 1, 1, room]``."""
    keys = graph.op("Range", graph.constant(0), scalar(graph, room), graph.constant(1))
    return graph.op("LessOrEqual", keys, _place(graph, lengths))


def _queries(graph: Graph, config: DecoderConfig, weights: Weights, x: str, layer: int, positions: Positions) -> str:
    """Queries in the space of the cache's entries, ``[batch, heads, tokens, latent + rope]``."""
    name, size = f"model.layers.{layer}.self_attn", config.head_dim + config.rope_dim
    if rank := config.query_latent:
        x = linear(graph, weights, x, f"{name}.q_a_proj", config.hidden, rank)
        x = _norm(graph, weights, x, f"{name}.q_a_layernorm", rank)
        q = linear(graph, weights, x, f"{name}.q_b_proj", rank, config.heads * size)
    else:
        q = linear(graph, weights, x, f"{name}.q_proj", config.hidden, config.heads * size)
    q = graph.op("Reshape", q, graph.constant([0, 0, config.heads, size]))
    q = graph.op("Transpose", q, perm=[0, 2, 1, 3])
    sizes = graph.constant([config.head_dim, config.rope_dim])
    plain, turned = graph.ops("Split", [q, sizes], [f"{name}.plain", f"{name}.turned"], axis=-1)
    turned = graph.op("RotaryEmbedding", turned, *positions.tables[config.rope], interleaved=int(config.interleaved))
    plain = graph.op("MatMul", plain, _expansion(graph, config, weights, name, of_values=False))
    return graph.op("Concat", plain, turned, axis=-1)


def _expansion(graph: Graph, config: DecoderConfig, weights: Weights, name: str, *, of_values: bool) -> str:
    """Of keys ``[heads, head_dim, latent]``, of values ``[heads, latent, value_dim]``: halves of one matrix."""
    nope, value, latent = config.head_dim, config.value_dim, config.latent
    lazy = expect(weights, f"{name}.kv_b_proj.weight", (config.heads * (nope + value), latent))
    if of_values:
        return stored(
            graph,
            f"{name}.kv_b_proj.values",
            (config.heads, latent, value),
            lambda: [lazy.read().reshape(config.heads, nope + value, latent)[:, nope:].swapaxes(1, 2)],
            lazy.half,
        )
    return stored(
        graph,
        f"{name}.kv_b_proj.keys",
        (config.heads, nope, latent),
        lambda: [lazy.read().reshape(config.heads, nope + value, latent)[:, :nope]],
        lazy.half,
    )


def _norm(graph: Graph, weights: Weights, x: str, name: str, width: int) -> str:
    """These norms keep their own epsilon, which no file states."""
    return graph.op("RMSNormalization", x, parameter(graph, weights, f"{name}.weight", (width,)), axis=-1, epsilon=1e-6)
