"""An encoder of BERT's kind as an ONNX graph that ends in a sentence's embedding or in a pair's score.

BERT (arXiv 1810.04805), RoBERTa and XLM-R differ in where positions start and in the names of the head.

input_ids, attention_mask [batch, tokens] int64, token_type_ids [batch, tokens] int64 (rerank only)
-> embedding [batch, hidden] of length one, or score [batch]
"""

from typing import Literal, TypeAlias

import numpy as np

from agentc.backends.onnx.config import EncoderConfig
from agentc.backends.onnx.graph import Graph, WeightFile
from agentc.backends.onnx.layers import activate, dimension, linear, parameter, scalar
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
    for layer in range(config.layers):
        x = _layer(graph, config, weights, x, f"{prefix}encoder.layer.{layer}", mask)
    if head == "embedding":
        _embedding(graph, config, x)
    else:
        _score(graph, config, weights, x, prefix)
    return graph


def _embeddings(graph: Graph, config: EncoderConfig, weights: Weights, name: str, head: Head) -> str:
    def table(kind: str, rows: int) -> str:
        return parameter(graph, weights, f"{name}.{kind}_embeddings.weight", (rows, config.hidden))

    types = "token_type_ids" if head == "rerank" and config.types > 1 else graph.constant([0])
    x = graph.op("Gather", table("word", config.vocab), "input_ids")
    x = graph.op("Add", x, graph.op("Gather", table("position", config.positions), _places(graph, config)))
    x = graph.op("Add", x, graph.op("Gather", table("token_type", config.types), types))
    return _norm(graph, config, weights, x, f"{name}.LayerNorm")


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


def _norm(graph: Graph, config: EncoderConfig, weights: Weights, x: str, name: str) -> str:
    scale, bias = (parameter(graph, weights, f"{name}.{part}", (config.hidden,)) for part in ("weight", "bias"))
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
    """A pooler and a classifier of one class: the raw logit, larger for a better match. RoBERTa names them together."""
    roberta = "classifier.dense.weight" in weights
    dense, last = ("classifier.dense", "classifier.out_proj") if roberta else (f"{prefix}pooler.dense", "classifier")
    pooled = linear(graph, weights, _first(graph, x), dense, config.hidden, config.hidden)
    score = linear(graph, weights, graph.op("Tanh", pooled), last, config.hidden, 1)
    graph.op("Squeeze", score, graph.constant([1]), out="score")
    graph.output("score", ["batch"])
