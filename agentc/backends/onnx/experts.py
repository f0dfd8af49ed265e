"""The feed-forward half of a decoder layer: dense, or a mixture of routed experts.

Decode gathers the few matrices that its tokens chose. Prefill visits each expert once with the tokens that chose
it, so neither does arithmetic for an expert that no token wants.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.graph import Graph
from agentc.backends.onnx.layers import (
    activate,
    dimension,
    expect,
    half_of,
    linear,
    linears,
    narrow,
    parameter,
    real,
    widened,
)
from agentc.backends.onnx.messages import Element
from agentc.backends.onnx.quantize import Quantized
from agentc.backends.onnx.views import Half, Weights
from agentc.support.record import record


def dense(graph: Graph, config: DecoderConfig, weights: Weights, x: str, name: str, width: int) -> str:
    """``down(act(gate(x)) * up(x))``, or ``down(act(up(x)))`` without a gate."""
    if config.gated:
        gate, up = linears(graph, weights, x, name, ("gate_proj", "up_proj"), config.hidden, (width, width))
        inner = graph.op("Mul", activate(graph, config.activation, gate), up)
    else:
        up = linear(graph, weights, x, f"{name}.up_proj", config.hidden, width)
        inner = activate(graph, config.activation, up)
    return linear(graph, weights, inner, f"{name}.down_proj", width, config.hidden)


def mixture(graph: Graph, config: DecoderConfig, weights: Weights, x: str, layer: str, *, one_token: bool) -> str:
    """Routed experts (and the shared one, if there is one) over ``x`` of shape ``[batch, tokens, hidden]``."""
    name = f"{layer}.mlp"
    tokens = graph.op("Reshape", x, graph.constant([-1, config.hidden]))
    share, chosen = _route(graph, config, weights, tokens, name)
    stacks = _stacks(graph, config, weights, name)
    dispatch = _gathered if one_token else _visited
    y = dispatch(graph, config, tokens, share, chosen, stacks)
    if config.shared_intermediate:
        y = graph.op("Add", y, _shared(graph, config, weights, tokens, name))
    return graph.op("Reshape", y, graph.op("Shape", x))


def _route(graph: Graph, config: DecoderConfig, weights: Weights, tokens: str, name: str) -> tuple[str, str]:
    """Weights and numbers of the experts that each token goes to, both ``[tokens, k]``."""
    logits = linear(graph, weights, tokens, f"{name}.gate", config.hidden, config.experts)
    stem = f"{name}.router"
    outputs = [f"{stem}.share", f"{stem}.chosen"]
    count = graph.constant([config.experts_per_token])
    if config.sigmoid_router:
        scores = graph.op("Sigmoid", logits)
        _, chosen = graph.ops("TopK", [_eligible(graph, config, weights, scores, name), count], outputs, axis=-1)
        share = graph.op("GatherElements", scores, chosen, axis=1)
    else:
        scores = graph.op("Softmax", logits, axis=-1)
        share, chosen = graph.ops("TopK", [scores, count], outputs, axis=-1)
    if config.normalize_experts:
        share = graph.op("Div", share, graph.op("ReduceSum", share, graph.constant([-1]), keepdims=1))
    if config.routed_scale != 1:
        share = graph.op("Mul", share, real(graph, config.routed_scale))
    return share, chosen


def _eligible(graph: Graph, config: DecoderConfig, weights: Weights, scores: str, name: str) -> str:
    """Scores for the choice (DeepSeek-V3, arXiv 2412.19437, section 2.1.2): corrected, and only those of the groups
    whose two best add up to most."""
    correction = f"{name}.gate.e_score_correction_bias"
    if correction in weights:
        scores = graph.op("Add", scores, parameter(graph, weights, correction, (config.experts,)))
    groups = config.expert_groups
    if groups <= 1 or config.groups_per_token >= groups:
        return scores
    parted = graph.op("Reshape", scores, graph.constant([-1, groups, config.experts // groups]))
    best, _ = graph.ops("TopK", [parted, graph.constant([2])], [f"{name}.best", f"{name}.best.places"], axis=-1)
    sums = graph.op("ReduceSum", best, graph.constant([-1]), keepdims=1)
    count = graph.constant([config.groups_per_token])
    top, _ = graph.ops("TopK", [sums, count], [f"{name}.groups", f"{name}.groups.places"], axis=1)
    least = graph.op("ReduceMin", top, graph.constant([1]), keepdims=1)
    kept = graph.op("Where", graph.op("Less", sums, least), real(graph, -np.inf), parted)
    return graph.op("Reshape", kept, graph.constant([-1, config.experts]))


@record(slots=True)
class _Stack:
    """One matrix of every expert, ``[experts, in, out]``, in float32 or as integers in blocks along ``in``."""

    values: str
    bias: str
    """``[experts, out]``; empty without one."""
    scales: str = ""
    block: int = 0
    half: Half = ""
    """The type of 16 bits of ``values``: those that are chosen are widened."""

    def of(self, graph: Graph, which: str, axis: int) -> tuple[str, str]:
        """Matrix and bias of the experts that ``which`` lists; ``axis`` is that of ``in`` in what comes."""
        chosen = graph.op("Gather", self.values, which)
        if self.scales:
            scales = graph.op("Gather", self.scales, which)
            chosen = graph.op("DequantizeLinear", chosen, scales, axis=axis, block_size=self.block)
        return widened(graph, chosen, self.half), graph.op("Gather", self.bias, which) if self.bias else ""


def _stacks(graph: Graph, config: DecoderConfig, weights: Weights, name: str) -> dict[str, _Stack]:
    hidden, width = config.hidden, config.expert_intermediate
    extents = {"up_proj": (hidden, width), "down_proj": (width, hidden)}
    if config.gated:
        extents["gate_proj"] = (hidden, width)
    return {kind: _stack(graph, config, weights, name, kind, i, o) for kind, (i, o) in extents.items()}


def _stack(graph: Graph, config: DecoderConfig, weights: Weights, name: str, kind: str, i: int, o: int) -> _Stack:
    experts, stem = range(config.experts), f"{name}.experts.{kind}"
    parts = [expect(weights, f"{name}.experts.{e}.{kind}.weight", (o, i)) for e in experts]
    bias = ""
    if f"{name}.experts.0.{kind}.bias" in weights:
        rows = [expect(weights, f"{name}.experts.{e}.{kind}.bias", (o,)) for e in experts]
        bias = graph.weight(f"{stem}.bias", (config.experts, o), lambda: (row.read() for row in rows))
    how = graph.quantization
    if how is None or not how.fits(i, o):
        half, shape = half_of(parts), (config.experts, i, o)
        values = narrow(graph, f"{stem}.T", shape, lambda: (part.read().T for part in parts), half)
        return _Stack(values, bias, half=half)
    how = replace(how, bits=8)  # engines do not gather four bits
    done: list[Quantized] = []

    def integers() -> Iterator[npt.NDArray[Any]]:
        for part in parts:
            done.append(Quantized(part.read, how))
            yield from done[-1].integers()

    values = graph.weight(f"{stem}.T.int8", (config.experts, i, o), integers, Element.INT8)
    shape = (config.experts, i // how.block, o)
    scales = graph.weight(f"{stem}.T.scales", shape, lambda: (rows for one in done for rows in one.scales()))
    return _Stack(values, bias, scales, how.block)


def _expert(graph: Graph, config: DecoderConfig, x: str, matrices: dict[str, tuple[str, str]]) -> str:
    def product(x: str, kind: str) -> str:
        matrix, bias = matrices[kind]
        y = graph.op("MatMul", x, matrix)
        return graph.op("Add", y, bias) if bias else y

    up = product(x, "up_proj")
    if config.swiglu_limit:
        inner = _clamped(graph, config, product(x, "gate_proj"), up)
    elif config.gated:
        inner = graph.op("Mul", activate(graph, config.activation, product(x, "gate_proj")), up)
    else:
        inner = activate(graph, config.activation, up)
    return product(inner, "down_proj")


def _clamped(graph: Graph, config: DecoderConfig, gate: str, up: str) -> str:
    """gpt-oss: ``(up + 1) gate sigmoid(alpha gate)``, both clamped."""
    limit = real(graph, config.swiglu_limit)
    gate = graph.op("Min", gate, limit)
    up = graph.op("Clip", up, real(graph, -config.swiglu_limit), limit)
    glu = graph.op("Mul", gate, graph.op("Sigmoid", graph.op("Mul", gate, real(graph, config.swiglu_alpha))))
    return graph.op("Mul", graph.op("Add", up, real(graph, 1.0)), glu)


def _gathered(
    graph: Graph, config: DecoderConfig, tokens: str, share: str, chosen: str, stacks: dict[str, _Stack]
) -> str:
    """Fetch each token's k experts and weigh their answers: cheap while tokens are few."""
    matrices = {kind: _per_token(graph, stack, chosen) for kind, stack in stacks.items()}
    rows = graph.op("Unsqueeze", tokens, graph.constant([1, 2]))
    answers = graph.op("Squeeze", _expert(graph, config, rows, matrices), graph.constant([2]))
    weighed = graph.op("Mul", answers, graph.op("Unsqueeze", share, graph.constant([2])))
    return graph.op("ReduceSum", weighed, graph.constant([1]), keepdims=0)


def _per_token(graph: Graph, stack: _Stack, chosen: str) -> tuple[str, str]:
    """Matrices ``[tokens, k, in, out]`` and biases ``[tokens, k, 1, out]``."""
    matrix, bias = stack.of(graph, chosen, 2)
    return matrix, graph.op("Unsqueeze", bias, graph.constant([2])) if bias else ""


def _visited(
    graph: Graph, config: DecoderConfig, tokens: str, share: str, chosen: str, stacks: dict[str, _Stack]
) -> str:
    """Loop over the experts; each sees only the tokens that chose it and adds its answer to their rows."""
    body = graph.body(f"experts.{chosen}")
    expert, go_on = body.input("expert", [], Element.INT64), body.input("go_on", [], Element.BOOL)
    sums = body.input("sums", ["tokens", config.hidden])
    hit = body.op("Equal", chosen, expert)
    weight = body.op("Where", hit, share, body.constant(0, np.float32))
    weight = body.op("ReduceSum", weight, body.constant([1]), keepdims=1)
    any_hit = body.op("ReduceMax", body.op("Cast", hit, to=Element.INT32), body.constant([1]), keepdims=0)
    rows = body.op("Squeeze", body.op("NonZero", any_hit), body.constant([0]))
    matrices = {kind: stack.of(body, expert, 0) for kind, stack in stacks.items()}
    answers = _expert(body, config, body.op("Gather", tokens, rows), matrices)
    weighed = body.op("Mul", answers, body.op("Gather", weight, rows))
    index = body.op("Unsqueeze", rows, body.constant([1]))
    body.op("Identity", go_on, out="go_on_out")
    body.op("ScatterND", sums, index, weighed, reduction="add", out="sums_out")
    body.output("go_on_out", [], Element.BOOL)
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
