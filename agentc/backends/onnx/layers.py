"""Layers that decoders and encoders share."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from agentc.backends.onnx.graph import Graph, Parts
from agentc.backends.onnx.messages import Element
from agentc.backends.onnx.quantize import Quantization, Quantized
from agentc.backends.onnx.views import Half, Lazy, Weights, lazy_of, shape_of

ACTIVATIONS: Final = ("silu", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu")
"""``hidden_act`` names that ``activate`` knows."""
KINDS: Final[Mapping[Half, int]] = {"": Element.FLOAT, "f16": Element.FLOAT16, "bf16": Element.BFLOAT16}


def expect(weights: Weights, name: str, shape: tuple[int, ...]) -> Lazy:
    """Weight ``name``, which must have ``shape``; nothing is read yet.

    Raises:
        ValueError: it is missing or has another shape.
    """
    if name not in weights:
        raise ValueError(f"weight `{name}` is missing")
    found = shape_of(weights, name)
    if found != shape:
        raise ValueError(f"weight `{name}` has shape {list(found)}, not {list(shape)}")
    return lazy_of(weights, name)


def parameter(graph: Graph, weights: Weights, name: str, shape: tuple[int, ...]) -> str:
    """A weight as it lies in the checkpoint."""
    lazy = expect(weights, name, shape)
    return stored(graph, name, shape, lambda: [lazy.read()], lazy.half)


def stored(graph: Graph, name: str, shape: Sequence[int], parts: Parts, half: Half) -> str:
    """A weight as float32, kept in the 16 bits of ``half`` where there are; engines widen it once, as they load it."""
    return widened(graph, narrow(graph, name, shape, parts, half), half)


def narrow(graph: Graph, name: str, shape: Sequence[int], parts: Parts, half: Half) -> str:
    """A weight in the type that it is kept in."""
    return graph.weight(f"{name}.{half}" if half else name, shape, parts, KINDS[half])


def widened(graph: Graph, value: str, half: Half) -> str:
    """``value`` as float32."""
    return graph.op("Cast", value, to=Element.FLOAT) if half else value


def half_of(lazies: Sequence[Lazy]) -> Half:
    """The type of 16 bits of all of them; empty where they have none in common."""
    found: set[Half] = {lazy.half for lazy in lazies}
    return found.pop() if len(found) == 1 else ""


def linear(graph: Graph, weights: Weights, x: str, name: str, inputs: int, outputs: int) -> str:
    """``x @ W.T + b``, with the bias if the checkpoint has one. The matrix is stored transposed, as MatMul wants."""
    y = graph.op("MatMul", x, matrix(graph, weights, f"{name}.weight", inputs, outputs))
    if f"{name}.bias" not in weights:
        return y
    return graph.op("Add", y, parameter(graph, weights, f"{name}.bias", (outputs,)))


def linears(
    graph: Graph, weights: Weights, x: str, stem: str, leaves: Sequence[str], inputs: int, outputs: Sequence[int]
) -> Sequence[str]:
    """Linear layers ``stem.leaf`` of the same input, computed as one."""
    y = joined(graph, weights, x, stem, leaves, inputs, outputs)
    return graph.ops("Split", [y, graph.constant(outputs)], [f"{stem}.{leaf}.out" for leaf in leaves], axis=-1)


def joined(
    graph: Graph, weights: Weights, x: str, stem: str, leaves: Sequence[str], inputs: int, outputs: Sequence[int]
) -> str:
    """What they give, side by side: one product, so one start of all threads instead of several."""
    names = [f"{stem}.{leaf}" for leaf in leaves]
    rows = [expect(weights, f"{n}.weight", (o, inputs)) for n, o in zip(names, outputs, strict=True)]
    whole = Lazy((sum(outputs), inputs), lambda: np.concatenate([part.read() for part in rows]), half_of(rows))
    name = f"{stem}.{'+'.join(leaves)}"
    y = graph.op("MatMul", x, _stored(graph, whole, f"{name}.weight.T"))
    biases = [f"{n}.bias" for n in names]
    if not any(bias in weights for bias in biases):
        return y
    parts = [expect(weights, bias, (o,)) for bias, o in zip(biases, outputs, strict=True)]
    bias = stored(graph, f"{name}.bias", (sum(outputs),), lambda: (p.read() for p in parts), half_of(parts))
    return graph.op("Add", y, bias)


def matrix(graph: Graph, weights: Weights, name: str, inputs: int, outputs: int) -> str:
    """The matrix ``[inputs, outputs]`` of a linear layer that lies as ``[outputs, inputs]`` in the checkpoint."""
    return _stored(graph, expect(weights, name, (outputs, inputs)), f"{name}.T")


def _stored(graph: Graph, lazy: Lazy, name: str) -> str:
    outputs, inputs = lazy.shape
    how = graph.quantization
    if how is None or not how.fits(inputs, outputs):
        return stored(graph, name, (inputs, outputs), lambda: [lazy.read().T], lazy.half)
    return _dequantized(graph, lazy, name, how)


def _dequantized(graph: Graph, lazy: Lazy, name: str, how: Quantization) -> str:
    """Integers and scales, which engines fuse with the product that follows."""
    outputs, inputs = lazy.shape
    quantized = Quantized(lazy.read, how)
    kind = Element.INT4 if how.bits == 4 else Element.INT8
    stored = graph.weight(f"{name}.int{how.bits}", (inputs, outputs), quantized.integers, kind)
    scales = graph.weight(f"{name}.scales", (inputs // how.block, outputs), quantized.scales)
    return graph.op("DequantizeLinear", stored, scales, axis=0, block_size=how.block)


def activate(graph: Graph, kind: str, x: str) -> str:
    """An activation by its Hugging Face name.

    Raises:
        ValueError: the name is not one of ``ACTIVATIONS``.
    """
    match kind:
        case "silu" | "swish":
            return graph.op("Mul", x, graph.op("Sigmoid", x))
        case "gelu":
            return graph.op("Gelu", x)
        case "gelu_new" | "gelu_pytorch_tanh":
            return graph.op("Gelu", x, approximate="tanh")
        case "relu":
            return graph.op("Relu", x)
        case _:
            raise ValueError(f"config.json: hidden_act `{kind}` is not one of {', '.join(ACTIVATIONS)}")


def dimension(graph: Graph, x: str, axis: int) -> str:
    """The extent of an axis, as a vector of one number."""
    return graph.op("Shape", x, start=axis, end=axis + 1)


def scalar(graph: Graph, vector: str) -> str:
    """A vector of one number as a number."""
    return graph.op("Squeeze", vector, graph.constant([0]))


def real(graph: Graph, value: npt.ArrayLike) -> str:
    """Float32 numbers."""
    return graph.constant(value, np.float32)


def capped(graph: Graph, x: str, cap: float) -> str:
    """``cap tanh(x / cap)``; ``x`` itself where the cap is 0."""
    if not cap:
        return x
    return graph.op("Mul", graph.op("Tanh", graph.op("Div", x, real(graph, cap))), real(graph, cap))
