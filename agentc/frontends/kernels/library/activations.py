"""Activations: elementwise."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportInvalidTypeForm=false, reportInvalidTypeArguments=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportGeneralTypeIssues=false, reportReturnType=false

import numpy as np

from agentc.frontends.kernels.annotations import f32, kernel


@kernel
def relu(x: f32["n", "d"]) -> f32["n", "d"]:
    """The positive part."""
    return np.maximum(x, 0.0)


@kernel
def sigmoid(x: f32["n", "d"]) -> f32["n", "d"]:
    """`1 / (1 + exp(-x))`."""
    return 1.0 / (1.0 + np.exp(-x))


@kernel
def silu(x: f32["n", "d"]) -> f32["n", "d"]:
    """x times its sigmoid (Elfwing et al., 2017)."""
    return x / (1.0 + np.exp(-x))


@kernel
def swiglu(gate: f32["n", "d"], up: f32["n", "d"]) -> f32["n", "d"]:
    """The gate of Llama's feed-forward (Shazeer, 2020): `silu(gate) * up`."""
    return gate / (1.0 + np.exp(-gate)) * up


@kernel
def gelu(x: f32["n", "d"]) -> f32["n", "d"]:
    """Gaussian error linear unit in its tanh form (Hendrycks and Gimpel, 2016)."""
    return 0.5 * x * (1.0 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))
