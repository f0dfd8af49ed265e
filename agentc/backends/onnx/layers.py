"""Layers that decoders and encoders share."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agentc.backends.onnx.graph import Graph
from agentc.backends.onnx.weights import Weights

ACTIVATIONS: Final = ("silu", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu")
"""``hidden_act`` names that ``activate`` knows."""


def fetch(weights: Weights, name: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Weight ``name``, which must have ``shape``.

    Raises:
        ValueError: it is missing or has another shape.
    """
    if name not in weights:
        raise ValueError(f"weight `{name}` is missing")
    array = weights[name]
    if array.shape != shape:
        raise ValueError(f"weight `{name}` has shape {list(array.shape)}, not {list(shape)}")
    return array


def parameter(graph: Graph, weights: Weights, name: str, shape: tuple[int, ...]) -> str:
    """A weight as it lies in the checkpoint."""
    return graph.weight(name, shape, lambda: [fetch(weights, name, shape)])


def linear(graph: Graph, weights: Weights, x: str, name: str, inputs: int, outputs: int) -> str:
    """``x @ W.T + b``, with the bias if the checkpoint has one. The matrix is stored transposed, as MatMul wants."""
    matrix = graph.weight(
        f"{name}.weight.T", (inputs, outputs), lambda: [fetch(weights, f"{name}.weight", (outputs, inputs)).T]
    )
    y = graph.op("MatMul", x, matrix)
    if f"{name}.bias" not in weights:
        return y
    return graph.op("Add", y, parameter(graph, weights, f"{name}.bias", (outputs,)))


def activate(graph: Graph, kind: str, x: str) -> str:
    """An activation by its Hugging Face name.

    Raises:
        ValueError: the name is not one of ``ACTIVATIONS``.
    """
    match kind:
        case "silu":
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


def float_constant(graph: Graph, value: float) -> str:
    """A float32 number."""
    return graph.constant(value, np.float32)
