"""Whisper (arXiv 2212.04356) as two ONNX graphs over one file of weights.

``encode`` hears a window of sound once and gives what every layer of the decoder will look at; ``decode`` takes any
number of tokens after any number of cached ones.

    encode: mel [batch, bands, frames] -> cross.L.key, cross.L.value [batch, heads, frames / 2, head_dim]
    decode: input_ids [batch, tokens] int64, cross.L.*, past.L.key, past.L.value [batch, heads, past, head_dim]
            -> logits [batch, vocab] of the token to come, present.L.key, present.L.value
"""

from collections.abc import Iterator
from typing import Final

from agentc.backends.onnx.config import SpeechConfig
from agentc.backends.onnx.graph import Graph, WeightFile
from agentc.backends.onnx.inventory import same
from agentc.backends.onnx.layers import activate, dimension, linear, parameter, scalar
from agentc.backends.onnx.messages import Element
from agentc.backends.onnx.views import Weights

_TABLE: Final = "model.decoder.embed_tokens.weight"
_HEAD: Final = "proj_out.weight"
_ATTENTION: Final = tuple(f"{part}_proj.{kind}" for part in ("q", "k", "v", "out") for kind in ("weight", "bias"))
_REST: Final = tuple(f"{part}.{kind}" for part in ("fc1", "fc2", "final_layer_norm") for kind in ("weight", "bias"))


def check_weights(config: SpeechConfig, weights: Weights) -> None:
    """Refuse a checkpoint that lacks a tensor of its layers, or has one that the graphs would not read.

    Raises:
        ValueError: names the first such tensor.
    """
    read = dict.fromkeys([*_of_layers("encoder", config.encoder_layers), *_of_layers("decoder", config.layers)])
    if missing := next((name for name in read if name not in weights), None):
        raise ValueError(f"weight `{missing}` is missing")
    if extra := next((name for name in weights if ".layers." in name and name not in read), None):
        raise ValueError(f"weight `{extra}` has no place in a Whisper of so many layers")
    if _HEAD in weights and _TABLE in weights and not same(weights, _TABLE, _HEAD):
        raise ValueError(f"`{_HEAD}` is not `{_TABLE}`: a head of its own is not known")


def _of_layers(half: str, layers: int) -> Iterator[str]:
    """Keys have no bias (arXiv 2212.04356, section 2.2)."""
    kinds = ("self_attn", "encoder_attn") if half == "decoder" else ("self_attn",)
    for layer in range(layers):
        for kind in kinds:
            leaves = [leaf for leaf in _ATTENTION if leaf != "k_proj.bias"]
            yield from (f"model.{half}.layers.{layer}.{kind}.{leaf}" for leaf in leaves)
            yield from (f"model.{half}.layers.{layer}.{kind}_layer_norm.{part}" for part in ("weight", "bias"))
        yield from (f"model.{half}.layers.{layer}.{leaf}" for leaf in _REST)


EPSILON: Final = 1e-5
"""Of its layer norms; no file states it."""


def build_encoder(config: SpeechConfig, weights: Weights, file: WeightFile) -> Graph:
    """The graph ``encode``.

    Raises:
        ValueError: a weight is missing or has the wrong shape, or the activation is not known.
    """
    graph = Graph("encode", file)
    width, name = config.hidden, "model.encoder"
    graph.input("mel", ["batch", config.bands, 2 * config.positions])
    x = _convolved(graph, config, weights, "mel", f"{name}.conv1", config.bands, 1)
    x = _convolved(graph, config, weights, x, f"{name}.conv2", width, 2)
    x = graph.op("Transpose", x, perm=[0, 2, 1])
    places = parameter(graph, weights, f"{name}.embed_positions.weight", (config.positions, width))
    x = graph.op("Add", x, places)
    for layer in range(config.encoder_layers):
        stem = f"{name}.layers.{layer}"
        y = _norm(graph, width, weights, x, f"{stem}.self_attn_layer_norm")
        parts = (linear(graph, weights, y, f"{stem}.self_attn.{p}_proj", width, width) for p in "qkv")
        y = graph.op("Attention", *parts, q_num_heads=config.encoder_heads, kv_num_heads=config.encoder_heads)
        x = graph.op("Add", x, linear(graph, weights, y, f"{stem}.self_attn.out_proj", width, width))
        x = _feed_forward(graph, config, weights, x, stem, config.encoder_intermediate)
    x = _norm(graph, width, weights, x, f"{name}.layer_norm")
    for layer in range(config.layers):
        _cross_cache(graph, config, weights, x, layer)
    return graph


def _convolved(
    graph: Graph, config: SpeechConfig, weights: Weights, x: str, name: str, channels: int, stride: int
) -> str:
    kernel = parameter(graph, weights, f"{name}.weight", (config.hidden, channels, 3))
    bias = parameter(graph, weights, f"{name}.bias", (config.hidden,))
    y = graph.op("Conv", x, kernel, bias, kernel_shape=[3], pads=[1, 1], strides=[stride])
    return activate(graph, config.activation, y)


def _cross_cache(graph: Graph, config: SpeechConfig, weights: Weights, x: str, layer: int) -> None:
    for part in ("key", "value"):
        name = f"model.decoder.layers.{layer}.encoder_attn.{part[0]}_proj"
        _by_head(graph, config, linear(graph, weights, x, name, config.hidden, config.hidden), f"cross.{layer}.{part}")
        graph.output(f"cross.{layer}.{part}", ["batch", config.heads, config.positions, config.head_dim])


def _by_head(graph: Graph, config: SpeechConfig, x: str, out: str | None = None) -> str:
    parted = graph.op("Reshape", x, graph.constant([0, 0, config.heads, config.head_dim]))
    return graph.op("Transpose", parted, perm=[0, 2, 1, 3], out=out)


def build_decoder(config: SpeechConfig, weights: Weights, file: WeightFile) -> Graph:
    """The graph ``decode``.

    Raises:
        ValueError: as ``build_encoder``.
    """
    graph = Graph("decode", file)
    width, name = config.hidden, "model.decoder"
    graph.input("input_ids", ["batch", "tokens"], Element.INT64)
    for layer in range(config.layers):
        for part in ("key", "value"):
            graph.input(f"cross.{layer}.{part}", ["batch", config.heads, config.positions, config.head_dim])
    for layer in range(config.layers):
        for part in ("key", "value"):
            graph.input(f"past.{layer}.{part}", ["batch", config.heads, "past", config.head_dim])
    table = parameter(graph, weights, f"{name}.embed_tokens.weight", (config.vocab, width))
    queries, mask = _places(graph)
    places = parameter(graph, weights, f"{name}.embed_positions.weight", (config.max_tokens, width))
    x = graph.op("Add", graph.op("Gather", table, "input_ids"), graph.op("Gather", places, queries))
    for layer in range(config.layers):
        x = _decoder_layer(graph, config, weights, x, layer, mask)
    last = graph.op("Gather", x, graph.constant(-1), axis=1)
    last = _norm(graph, width, weights, last, f"{name}.layer_norm")
    graph.op("Gemm", last, table, transB=1, out="logits")
    graph.output("logits", ["batch", config.vocab])
    for layer in range(config.layers):
        for part in ("key", "value"):
            graph.output(f"present.{layer}.{part}", ["batch", config.heads, "total", config.head_dim])
    return graph


def _places(graph: Graph) -> tuple[str, str]:
    """The places of the new tokens, and who may see whom: ``[tokens, total]``."""
    past = dimension(graph, "past.0.key", 2)
    total = graph.op("Add", past, dimension(graph, "input_ids", 1))
    one = graph.constant(1)
    queries = graph.op("Range", scalar(graph, past), scalar(graph, total), one)
    keys = graph.op("Range", graph.constant(0), scalar(graph, total), one)
    rows = graph.op("Unsqueeze", queries, graph.constant([1]))
    return queries, graph.op("LessOrEqual", keys, rows)


def _decoder_layer(graph: Graph, config: SpeechConfig, weights: Weights, x: str, layer: int, mask: str) -> str:
    width, name = config.hidden, f"model.decoder.layers.{layer}"
    y = _norm(graph, width, weights, x, f"{name}.self_attn_layer_norm")
    parts = [linear(graph, weights, y, f"{name}.self_attn.{p}_proj", width, width) for p in "qkv"]
    seen, *_ = graph.ops(
        "Attention",
        [*parts, mask, f"past.{layer}.key", f"past.{layer}.value"],
        [f"{name}.seen", f"present.{layer}.key", f"present.{layer}.value"],
        q_num_heads=config.heads,
        kv_num_heads=config.heads,
    )
    x = graph.op("Add", x, linear(graph, weights, seen, f"{name}.self_attn.out_proj", width, width))
    y = _norm(graph, width, weights, x, f"{name}.encoder_attn_layer_norm")
    q = _by_head(graph, config, linear(graph, weights, y, f"{name}.encoder_attn.q_proj", width, width))
    heard = graph.op("Attention", q, f"cross.{layer}.key", f"cross.{layer}.value")
    heard = graph.op("Transpose", heard, perm=[0, 2, 1, 3])
    heard = graph.op("Reshape", heard, graph.constant([0, 0, width]))
    x = graph.op("Add", x, linear(graph, weights, heard, f"{name}.encoder_attn.out_proj", width, width))
    return _feed_forward(graph, config, weights, x, name, config.intermediate)


def _feed_forward(graph: Graph, config: SpeechConfig, weights: Weights, x: str, name: str, wide: int) -> str:
    y = _norm(graph, config.hidden, weights, x, f"{name}.final_layer_norm")
    y = activate(graph, config.activation, linear(graph, weights, y, f"{name}.fc1", config.hidden, wide))
    return graph.op("Add", x, linear(graph, weights, y, f"{name}.fc2", wide, config.hidden))


def _norm(graph: Graph, width: int, weights: Weights, x: str, name: str) -> str:
    scale, bias = (parameter(graph, weights, f"{name}.{part}", (width,)) for part in ("weight", "bias"))
    return graph.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)
