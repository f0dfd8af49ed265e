"""A decoder cut over N devices that share every step (tensor parallelism, arXiv 1909.08053).

Each shard has its part of the heads and of every feed-forward width. What it gives after a half of a layer is a
partial sum, so that a shard's graph is cut there: segment ``i`` takes the residual and the sum that
``comm.allreduce`` made of all shards' partial sums, and gives the next ones. Norms, routers and embeddings are on
every shard, and latent attention's compressed entries, which all heads read; biases of sums are the first one's. The
logits are cut along the vocabulary, and gathered.

    000: input_ids -> residual, partial (attention of layer 0), present.0.*
    001: before, sum -> residual, partial (feed-forward of layer 0)
    ...
    last: before, sum, keep -> logits of the shard's part of the vocabulary
"""

import re
from dataclasses import replace
from typing import Final

from agentc.backends.onnx.attention import attention
from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.decoder import embedded, feed_forward, half_norm, logits, norm, output_norm
from agentc.backends.onnx.graph import Graph, WeightFile
from agentc.backends.onnx.latent import latent_attention
from agentc.backends.onnx.layers import dimension, expect
from agentc.backends.onnx.messages import Element
from agentc.backends.onnx.positions import positions
from agentc.backends.onnx.quantize import Quantization
from agentc.backends.onnx.views import Lazy, View, Weights, lazy_of, shape_of

_ROWS: Final = re.compile(r"\.(q_proj|q_b_proj|kv_b_proj|gate_proj|up_proj)\.(weight|bias)$|\.self_attn\.sinks$")
_KV_ROWS: Final = re.compile(r"\.(k_proj|v_proj)\.(weight|bias)$")
_COLUMNS: Final = re.compile(r"\.(o_proj|down_proj)\.weight$")
_FIRST_ONLY: Final = re.compile(r"\.(o_proj|down_proj)\.bias$")

HEAD: Final = "lm_head.weight"


def shard(config: DecoderConfig, weights: Weights, rank: int, ranks: int) -> tuple[DecoderConfig, View]:
    """The part of shard ``rank`` of ``ranks``; nothing is read.

    With fewer key-value heads than shards, several shards keep the same one.

    Raises:
        ValueError: the heads or a width do not divide.
    """
    _check_divides(config, ranks)
    entries: dict[str, Lazy] = {}
    for name in weights:
        lazy = lazy_of(weights, name)
        if (part := _part(config, name, lazy, rank, ranks)) is not None:
            entries[name] = part
    table = "model.embed_tokens.weight" if config.tied else HEAD
    first, end = (config.vocab * part // ranks for part in (rank, rank + 1))
    entries[HEAD] = expect(weights, table, (config.vocab, config.hidden)).rows(first, end)
    own = replace(
        config,
        heads=config.heads // ranks,
        kv_heads=max(config.kv_heads // ranks, 1),
        intermediate=config.intermediate // ranks,
        expert_intermediate=config.expert_intermediate // ranks,
        shared_intermediate=config.shared_intermediate // ranks,
    )
    return own, View(entries)


def _check_divides(config: DecoderConfig, ranks: int) -> None:
    widths = {
        "heads": config.heads,
        "intermediate": config.intermediate if any(config.dense) else 0,
        "expert_intermediate": config.expert_intermediate,
        "shared_intermediate": config.shared_intermediate,
    }
    for field, width in widths.items():
        if width % ranks:
            raise ValueError(f"{field} = {width} is not divisible among {ranks} shards")
    if not config.latent and config.kv_heads % ranks and ranks % config.kv_heads:
        raise ValueError(f"{config.kv_heads} key-value heads are not divisible among {ranks} shards")


def _part(config: DecoderConfig, name: str, lazy: Lazy, rank: int, ranks: int) -> Lazy | None:
    if _ROWS.search(name):
        return _slice(lazy, rank, ranks)
    if _KV_ROWS.search(name):
        if config.kv_heads % ranks == 0:
            return _slice(lazy, rank, ranks)
        return _slice(lazy, rank * config.kv_heads // ranks, config.kv_heads)
    if _COLUMNS.search(name):
        return _slice(lazy.transposed(), rank, ranks).transposed()
    return lazy if rank == 0 or not _FIRST_ONLY.search(name) else None


def _slice(lazy: Lazy, part: int, parts: int) -> Lazy:
    size = lazy.shape[0] // parts
    return lazy.rows(part * size, (part + 1) * size)


def build_segments(
    config: DecoderConfig, weights: Weights, file: WeightFile, quantization: Quantization | None
) -> list[Graph]:
    """The segments of one shard, whose ``config`` and ``weights`` are those of ``shard``.

    Raises:
        ValueError: a weight is missing or has the wrong shape, or the activation is not known.
    """
    segments: list[Graph] = []
    for half in range(2 * config.layers):
        segments.append(_segment(config, weights, file, quantization, half))
    return [*segments, _last(config, weights, file, quantization)]


def _segment(
    config: DecoderConfig, weights: Weights, file: WeightFile, quantization: Quantization | None, half: int
) -> Graph:
    layer, is_attention = half // 2, half % 2 == 0
    graph = Graph(f"segment{half:03}", file, quantization=quantization)
    if is_attention:
        graph.input("input_ids", ["batch", "tokens"], Element.INT64)
        for part, (heads, width) in config.cache.items():
            graph.input(f"past.{layer}.{part}", ["batch", heads, "past", width])
    x = embedded(graph, config, weights) if half == 0 else _joined(graph, config, weights, half)
    y = half_norm(graph, config, weights, x, half)
    if is_attention:
        cached = dimension(graph, f"past.{layer}.{next(iter(config.cache))}", 2)
        shared = positions(graph, config, "prefill", cached, only=layer)
        y = (latent_attention if config.latent else attention)(graph, config, weights, y, layer, shared)
    else:
        y = feed_forward(graph, config, weights, y, layer, one_token=False)
    width = ["batch", "tokens", config.hidden]
    for name, value in (("residual", x), ("partial", y)):
        graph.op("Identity", value, out=name)
        graph.output(name, width)
    for part, (heads, width) in config.cache.items() if is_attention else ():
        graph.output(f"present.{layer}.{part}", ["batch", heads, "total", width])
    return graph


def _joined(graph: Graph, config: DecoderConfig, weights: Weights, half: int) -> str:
    """The residual after half ``half - 1``, whose shards' sum has come."""
    for name in ("before", "sum"):
        graph.input(name, ["batch", "tokens", config.hidden])
    return graph.op("Add", "before", output_norm(graph, config, weights, "sum", half - 1))


def _last(config: DecoderConfig, weights: Weights, file: WeightFile, quantization: Quantization | None) -> Graph:
    config = replace(config, vocab=shape_of(weights, HEAD)[0], tied=False)
    graph = Graph("head", file, quantization=quantization)
    graph.input("keep", ["kept"], Element.INT64)
    x = _joined(graph, config, weights, 2 * config.layers)
    x = graph.op("Gather", x, "keep", axis=1)
    logits(graph, config, weights, norm(graph, config, weights, x, "model.norm"))
    graph.output("logits", ["batch", "kept", config.vocab])
    return graph
