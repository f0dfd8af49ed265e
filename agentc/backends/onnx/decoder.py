"""A decoder-only language model as two ONNX graphs over one file of weights.

``prefill`` takes any number of tokens after any number of cached ones and gives the logits of the positions that
``keep`` lists; ``decode`` takes one token a sequence. Both take and give the KV cache, so prefills can be chunked,
a shared prefix is computed once, and the two can run in different places.

    input_ids [batch, tokens] int64, keep [kept] int64 (prefill only)
    past.L.key, past.L.value [batch, kv_heads, past, head_dim]
    -> logits [batch, kept, vocab], present.L.key, present.L.value [batch, kv_heads, total, head_dim]
"""

from onnx import TensorProto

from agentc.backends.onnx.attention import attention
from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.experts import dense, mixture
from agentc.backends.onnx.graph import Graph, WeightFile
from agentc.backends.onnx.layers import capped, matrix, parameter, real
from agentc.backends.onnx.positions import Phase, Positions, positions
from agentc.backends.onnx.quantize import Quantization
from agentc.backends.onnx.views import Weights


def build(
    config: DecoderConfig, weights: Weights, phase: Phase, file: WeightFile, quantization: Quantization | None = None
) -> Graph:
    """The graph of one phase.

    Raises:
        ValueError: a weight is missing or has the wrong shape, or the activation is not known.
    """
    graph = Graph(phase, file, quantization=quantization)
    tokens = 1 if phase == "decode" else "tokens"
    graph.input("input_ids", ["batch", tokens], TensorProto.INT64)
    if phase == "prefill":
        graph.input("keep", ["kept"], TensorProto.INT64)
    for layer in range(config.layers):
        for part in ("key", "value"):
            graph.input(f"past.{layer}.{part}", ["batch", config.kv_heads, "past", config.head_dim])
    shared = positions(graph, config, phase, "past.0.key")
    table = parameter(graph, weights, "model.embed_tokens.weight", (config.vocab, config.hidden))
    x = graph.op("Gather", table, "input_ids")
    if config.embed_scale != 1:
        x = graph.op("Mul", x, real(graph, config.embed_scale))
    for layer in range(config.layers):
        x = _layer(graph, config, weights, x, layer, shared, phase)
    if phase == "prefill":
        x = graph.op("Gather", x, "keep", axis=1)
    _logits(graph, config, weights, _norm(graph, config, weights, x, "model.norm"), table)
    graph.output("logits", ["batch", "kept" if phase == "prefill" else 1, config.vocab])
    for layer in range(config.layers):
        for part in ("key", "value"):
            graph.output(f"present.{layer}.{part}", ["batch", config.kv_heads, "total", config.head_dim])
    return graph


def _layer(
    graph: Graph, config: DecoderConfig, weights: Weights, x: str, layer: int, shared: Positions, phase: Phase
) -> str:
    name = f"model.layers.{layer}"
    y = _norm(graph, config, weights, x, f"{name}.input_layernorm")
    y = attention(graph, config, weights, y, layer, shared)
    x = graph.op("Add", x, _output_norm(graph, config, weights, y, f"{name}.self_attn.output_norm"))
    y = _norm(graph, config, weights, x, f"{name}.post_attention_layernorm")
    if config.dense[layer]:
        y = dense(graph, config, weights, y, f"{name}.mlp", config.intermediate)
    else:
        y = mixture(graph, config, weights, y, name, one_token=phase == "decode")
    return graph.op("Add", x, _output_norm(graph, config, weights, y, f"{name}.mlp.output_norm"))


def _output_norm(graph: Graph, config: DecoderConfig, weights: Weights, y: str, name: str) -> str:
    """Gemma 2 and 3 also normalize what each half of a layer gives."""
    return _norm(graph, config, weights, y, name) if f"{name}.weight" in weights else y


def _norm(graph: Graph, config: DecoderConfig, weights: Weights, x: str, name: str) -> str:
    scale = parameter(graph, weights, f"{name}.weight", (config.hidden,))
    return graph.op("RMSNormalization", x, scale, axis=-1, epsilon=config.epsilon)


def _logits(graph: Graph, config: DecoderConfig, weights: Weights, x: str, table: str) -> None:
    """Gemm reads the matrix as ``[vocab, hidden]``, so that a tied table is stored once; a quantized one lies apart."""
    how = graph.quantization
    if how is not None and how.fits(config.hidden, config.vocab):
        name = "model.embed_tokens.weight" if config.tied else "lm_head.weight"
        logits = graph.op("MatMul", x, matrix(graph, weights, name, config.hidden, config.vocab))
    else:
        logits = _product(graph, config, weights, x, table)
    graph.op("Identity", capped(graph, logits, config.logit_cap), out="logits")


def _product(graph: Graph, config: DecoderConfig, weights: Weights, x: str, table: str) -> str:
    if not config.tied:
        table = parameter(graph, weights, "lm_head.weight", (config.vocab, config.hidden))
    rows = graph.op("Reshape", x, graph.constant([-1, config.hidden]))
    flat = graph.op("Gemm", rows, table, transB=1)
    shape = graph.op("Concat", graph.op("Shape", x, end=2), graph.constant([config.vocab]), axis=0)
    return graph.op("Reshape", flat, shape)
