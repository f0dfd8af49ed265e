"""The feed-forward half of a decoder layer: dense, or a mixture of routed experts.

Decode gathers the few matrices that its tokens chose. Prefill visits each expert once with the tokens that chose
it, so neither does arithmetic for an expert that no token wants.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.graph import Graph
from agentc.backends.onnx.layers import activate, dimension, fetch, linear
from agentc.backends.onnx.weights import Weights

_MIXTRAL_NAMES = {"gate_proj": "w1", "up_proj": "w3", "down_proj": "w2"}


def dense(graph: Graph, config: DecoderConfig, weights: Weights, x: str, name: str, width: int) -> str:
    """``down(act(gate(x)) * up(x))``, or ``down(act(up(x)))`` without a gate."""
    up = linear(graph, weights, x, f"{name}.up_proj", config.hidden, width)
    if config.gated:
        gate = linear(graph, weights, x, f"{name}.gate_proj", config.hidden, width)
        inner = graph.op("Mul", activate(graph, config.activation, gate), up)
    else:
        inner = activate(graph, config.activation, up)
    return linear(graph, weights, inner, f"{name}.down_proj", width, config.hidden)


def mixture(graph: Graph, config: DecoderConfig, weights: Weights, x: str, layer: str, *, one_token: bool) -> str:
    """Routed experts (and the shared one, if there is one) over ``x`` of shape ``[batch, tokens, hidden]``."""
    mixtral = f"{layer}.block_sparse_moe.gate.weight" in weights
    name = f"{layer}.block_sparse_moe" if mixtral else f"{layer}.mlp"
    tokens = graph.op("Reshape", x, graph.constant([-1, config.hidden]))
    share, chosen = _route(graph, config, weights, tokens, name)
    stacks = _stacks(graph, config, weights, name, mixtral)
    dispatch = _gathered if one_token else _visited
    y = dispatch(graph, config, tokens, share, chosen, stacks)
    if config.shared_intermediate:
        y = graph.op("Add", y, _shared(graph, config, weights, tokens, name))
    return graph.op("Reshape", y, graph.op("Shape", x))


def _route(graph: Graph, config: DecoderConfig, weights: Weights, tokens: str, name: str) -> tuple[str, str]:
    """Weights and numbers of the experts that each token goes to, both ``[tokens, k]``."""
    logits = linear(graph, weights, tokens, f"{name}.gate", config.hidden, config.experts)
    scores = graph.op("Softmax", logits, axis=-1)
    stem = f"{name}.router"
    count = graph.constant([config.experts_per_token])
    share, chosen = graph.ops("TopK", [scores, count], [f"{stem}.share", f"{stem}.chosen"], axis=-1)
    if config.normalize_experts:
        share = graph.op("Div", share, graph.op("ReduceSum", share, graph.constant([-1]), keepdims=1))
    return share, chosen


def _stacks(graph: Graph, config: DecoderConfig, weights: Weights, name: str, mixtral: bool) -> dict[str, str]:
    """The matrices of all experts, ``[experts, in, out]`` each."""
    hidden, width = config.hidden, config.expert_intermediate
    shapes = {"up_proj": (hidden, width), "down_proj": (width, hidden)}
    if config.gated:
        shapes["gate_proj"] = (hidden, width)

    def parts(kind: str, inputs: int, outputs: int) -> Iterable[npt.NDArray[Any]]:
        leaf = _MIXTRAL_NAMES[kind] if mixtral else kind
        for expert in range(config.experts):
            yield fetch(weights, f"{name}.experts.{expert}.{leaf}.weight", (outputs, inputs)).T

    return {
        kind: graph.weight(f"{name}.experts.{kind}.T", (config.experts, i, o), lambda k=kind, i=i, o=o: parts(k, i, o))
        for kind, (i, o) in shapes.items()
    }


def _expert(graph: Graph, config: DecoderConfig, x: str, matrices: dict[str, str]) -> str:
    up = graph.op("MatMul", x, matrices["up_proj"])
    if config.gated:
        gate = activate(graph, config.activation, graph.op("MatMul", x, matrices["gate_proj"]))
        inner = graph.op("Mul", gate, up)
    else:
        inner = activate(graph, config.activation, up)
    return graph.op("MatMul", inner, matrices["down_proj"])


def _gathered(graph: Graph, config: DecoderConfig, tokens: str, share: str, chosen: str, stacks: dict[str, str]) -> str:
    """Fetch each token's k experts and weigh their answers: cheap while tokens are few."""
    matrices = {kind: graph.op("Gather", stack, chosen) for kind, stack in stacks.items()}
    rows = graph.op("Unsqueeze", tokens, graph.constant([1, 2]))
    answers = graph.op("Squeeze", _expert(graph, config, rows, matrices), graph.constant([2]))
    weighed = graph.op("Mul", answers, graph.op("Unsqueeze", share, graph.constant([2])))
    return graph.op("ReduceSum", weighed, graph.constant([1]), keepdims=0)


def _visited(graph: Graph, config: DecoderConfig, tokens: str, share: str, chosen: str, stacks: dict[str, str]) -> str:
    """Loop over the experts; each sees only the tokens that chose it and adds its answer to their rows."""
    body = graph.body(f"experts.{chosen}")
    expert, go_on = body.input("expert", [], TensorProto.INT64), body.input("go_on", [], TensorProto.BOOL)
    sums = body.input("sums", ["tokens", config.hidden])
    hit = body.op("Equal", chosen, expert)
    weight = body.op("Where", hit, share, body.constant(0, np.float32))
    weight = body.op("ReduceSum", weight, body.constant([1]), keepdims=1)
    any_hit = body.op("ReduceMax", body.op("Cast", hit, to=TensorProto.INT32), body.constant([1]), keepdims=0)
    rows = body.op("Squeeze", body.op("NonZero", any_hit), body.constant([0]))
    matrices = {kind: body.op("Gather", stack, expert) for kind, stack in stacks.items()}
    answers = _expert(body, config, body.op("Gather", tokens, rows), matrices)
    weighed = body.op("Mul", answers, body.op("Gather", weight, rows))
    index = body.op("Unsqueeze", rows, body.constant([1]))
    body.op("Identity", go_on, out="go_on_out")
    body.op("ScatterND", sums, index, weighed, reduction="add", out="sums_out")
    body.output("go_on_out", [], TensorProto.BOOL)
    body.output("sums_out", ["tokens", config.hidden])
    shape = graph.op("Concat", dimension(graph, tokens, 0), graph.constant([config.hidden]), axis=0)
    start = graph.op("Expand", graph.constant(0, np.float32), shape)
    trips = graph.constant(config.experts)
    return graph.op("Loop", trips, graph.constant(True, np.bool_), start, body=body.proto())


def _shared(graph: Graph, config: DecoderConfig, weights: Weights, tokens: str, name: str) -> str:
    """The expert that every token visits; Qwen scales it by a gate of its own."""
    y = dense(graph, config, weights, tokens, f"{name}.shared_expert", config.shared_intermediate)
    if f"{name}.shared_expert_gate.weight" not in weights:
        return y
    gate = linear(graph, weights, tokens, f"{name}.shared_expert_gate", config.hidden, 1)
    return graph.op("Mul", y, graph.op("Sigmoid", gate))
