"""An encoder of BERT's kind as an ONNX graph that ends in a sentence's embedding or in a pair's score.

BERT (arXiv 1810.04805), RoBERTa and its kin, ELECTRA and DistilBERT differ in where positions start, in segments and
in the head; MPNet (arXiv 2004.09297) adds to the scores a bias by distance, as T5 does (arXiv 1910.10683, section 2.1).

input_ids, attention_mask [batch, tokens] int64, token_type_ids [batch, tokens] int64 (rerank only)
-> embedding [batch, hidden] of length one, or score [batch]
"""

import math
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from agentc.backends.onnx.config import EncoderConfig
from agentc.backends.onnx.graph import Graph, WeightFile
from agentc.backends.onnx.layers import activate, dimension, linear, parameter, real, scalar
from agentc.backends.onnx.messages import Element
from agentc.backends.onnx.views import Weights

Head: TypeAlias = Literal["embedding", "rerank"]


def build(config: EncoderConfig, weights: Weights, head: Head, file: WeightFile) -> Graph:
    """The graph with one of the two heads.

    Raises:
        ValueError: a weight is missing or has the wrong shape, or the activation is not known.
    """
    graph = Graph(head, file)
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if head == "rerank" else [])]
    for name in names:
        graph.input(name, ["batch", "tokens"], Element.INT64)
    word = "embeddings.word_embeddings.weight"
    prefix = next((found for found in ("bert.", "roberta.") if f"{found}{word}" in weights), "")
    x = _embeddings(graph, config, weights, f"{prefix}embeddings", head)
    mask = _mask(graph)
    mask = _biased(graph, config, weights, mask, prefix) if config.buckets else mask
    for layer in range(config.layers):
        x = _layer(graph, config, weights, x, f"{prefix}encoder.layer.{layer}", mask)
    if head == "embedding":
        _embedding(graph, config, x)
    else:
        _score(graph, config, weights, x, prefix)
    return graph


def _embeddings(graph: Graph, config: EncoderConfig, weights: Weights, name: str, head: Head) -> str:
    def table(kind: str, rows: int) -> str:
        return parameter(graph, weights, f"{name}.{kind}_embeddings.weight", (rows, width))

    width = config.embedding or config.hidden
    types = "token_type_ids" if head == "rerank" and config.types > 1 else graph.constant([0])
    x = graph.op("Gather", table("word", config.vocab), "input_ids")
    x = graph.op("Add", x, graph.op("Gather", table("position", config.positions), _places(graph, config)))
    if config.types:
        x = graph.op("Add", x, graph.op("Gather", table("token_type", config.types), types))
    x = _norm(graph, config, weights, x, f"{name}.LayerNorm", width)
    return linear(graph, weights, x, f"{name}_project", width, config.hidden) if config.embedding else x


def _places(graph: Graph, config: EncoderConfig) -> str:
    """Where tokens stand in the table of positions; padding stands before ``first`` and is not looked at."""
    length = scalar(graph, dimension(graph, "input_ids", 1))
    return graph.op("Range", graph.constant(config.first), _beyond(graph, length, config.first), graph.constant(1))


def _beyond(graph: Graph, length: str, first: int) -> str:
    return graph.op("Add", length, graph.constant(first)) if first else length


def _mask(graph: Graph) -> str:
    """Every token may see every real one: ``[batch, 1, tokens, tokens]`` in full, as engines do not broadcast rows."""
    seen = graph.op("Unsqueeze", graph.op("Cast", "attention_mask", to=Element.BOOL), graph.constant([1, 2]))
    batch, tokens = dimension(graph, "input_ids", 0), dimension(graph, "input_ids", 1)
    return graph.op("Expand", seen, graph.op("Concat", batch, graph.constant([1]), tokens, tokens, axis=0))


def _biased(graph: Graph, config: EncoderConfig, weights: Weights, mask: str, prefix: str) -> str:
    """What is added to the scores: the bias of a distance, or minus infinity where there is nothing to see."""
    name = f"{prefix}encoder.relative_attention_bias.weight"
    table = parameter(graph, weights, name, (config.buckets, config.heads))
    length = scalar(graph, dimension(graph, "input_ids", 1))
    places = graph.op("Range", graph.constant(0), length, graph.constant(1))
    rows, columns = (graph.op("Unsqueeze", places, graph.constant([axis])) for axis in (1, 0))
    distances = graph.op("Add", graph.op("Sub", columns, rows), graph.constant(config.positions - 1))
    bucket = graph.op("Gather", graph.constant(buckets(config.buckets, config.positions)), distances)
    bias = graph.op("Transpose", graph.op("Gather", table, bucket), perm=[2, 0, 1])
    return graph.op("Where", mask, graph.op("Unsqueeze", bias, graph.constant([0])), real(graph, -np.inf))


_FARTHEST = 128
"""The distance from which on all are one (T5)."""


def buckets(count: int, positions: int) -> npt.NDArray[np.int64]:
    """The bucket of each distance of a key from its query, from ``1 - positions`` on: half of them for keys that
    follow; half of those for one distance each, and the others wider and wider. In float32, as the reference."""
    distances = np.arange(1 - positions, positions)
    half, exact = count // 2, count // 4
    far = np.maximum(np.abs(distances), 1).astype(np.float32) / np.float32(exact)
    wide = np.log(far) / np.float32(math.log(_FARTHEST / exact)) * np.float32(half - exact)
    wide = np.minimum(exact + wide.astype(np.int64), half - 1)
    near = np.abs(distances)
    return np.where(distances > 0, half, 0) + np.where(near < exact, near, wide)


def _layer(graph: Graph, config: EncoderConfig, weights: Weights, x: str, name: str, mask: str) -> str:
    width = config.hidden
    parts = (linear(graph, weights, x, f"{name}.attention.self.{p}", width, width) for p in ("query", "key", "value"))
    scale = (width // config.heads) ** -0.5
    seen = graph.op("Attention", *parts, mask, q_num_heads=config.heads, kv_num_heads=config.heads, scale=scale)
    y = linear(graph, weights, seen, f"{name}.attention.output.dense", width, width)
    x = _norm(graph, config, weights, graph.op("Add", x, y), f"{name}.attention.output.LayerNorm")
    y = linear(graph, weights, x, f"{name}.intermediate.dense", width, config.intermediate)
    y = activate(graph, config.activation, y)
    y = linear(graph, weights, y, f"{name}.output.dense", config.intermediate, width)
    return _norm(graph, config, weights, graph.op("Add", x, y), f"{name}.output.LayerNorm")


def _norm(graph: Graph, config: EncoderConfig, weights: Weights, x: str, name: str, width: int = 0) -> str:
    wide = (width or config.hidden,)
    scale, bias = (parameter(graph, weights, f"{name}.{part}", wide) for part in ("weight", "bias"))
    return graph.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=config.epsilon)


def _embedding(graph: Graph, config: EncoderConfig, x: str) -> None:
    """Pool and scale to length one, so that a dot product is the cosine (sentence-transformers' order)."""
    pooled = _first(graph, x) if config.pooling == "cls" else _mean(graph, x)
    graph.op("LpNormalization", pooled, axis=-1, p=2, out="embedding")
    graph.output("embedding", ["batch", config.hidden])


def _first(graph: Graph, x: str) -> str:
    return graph.op("Gather", x, graph.constant(0), axis=1)


def _mean(graph: Graph, x: str) -> str:
    """The mean over the tokens that are no padding."""
    present = graph.op("Cast", "attention_mask", to=Element.FLOAT)
    present = graph.op("Unsqueeze", present, graph.constant([2]))
    along = graph.constant([1])
    total = graph.op("ReduceSum", graph.op("Mul", x, present), along, keepdims=0)
    count = graph.op("Max", graph.op("ReduceSum", present, along, keepdims=0), graph.constant(1e-9, np.float32))
    return graph.op("Div", total, count)


def _score(graph: Graph, config: EncoderConfig, weights: Weights, x: str, prefix: str) -> None:
    """A pooler and a classifier of one class: the raw logit, larger for a better match."""
    dense, last, kind = config.head
    dense = f"{prefix}{dense}" if f"{prefix}{dense}.weight" in weights else dense
    pooled = linear(graph, weights, _first(graph, x), dense, config.hidden, config.hidden)
    pooled = graph.op("Tanh", pooled) if kind == "tanh" else activate(graph, kind, pooled)
    score = linear(graph, weights, pooled, last, config.hidden, 1)
    graph.op("Squeeze", score, graph.constant([1]), out="score")
    graph.output("score", ["batch"])
