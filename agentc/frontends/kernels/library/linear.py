"""Products of matrices and vectors."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportInvalidTypeForm=false, reportInvalidTypeArguments=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportGeneralTypeIssues=false, reportReturnType=false

import numpy as np

from agentc.frontends.kernels.annotations import f32, kernel


@kernel
def matvec(a: f32["n", "d"], x: f32["d"]) -> f32["n"]:
    """`a @ x`."""
    return a @ x


@kernel
def matmul(a: f32["n", "k"], b: f32["k", "m"]) -> f32["n", "m"]:
    """`a @ b`."""
    return a @ b


@kernel
def linear(x: f32["n", "k"], weight: f32["m", "k"], bias: f32["m"]) -> f32["n", "m"]:
    """A dense layer as checkpoints store it: `x @ weight.T + bias`."""
    return x @ weight.T + bias


@kernel
def weighted_sum(weights: f32["n"], values: f32["n", "d"]) -> f32["d"]:
    """Rows of `values`, each times its weight, summed."""
    return weights @ values


@kernel
def attention_pool(query: f32["d"], keys: f32["n", "d"], values: f32["n", "m"]) -> f32["m"]:
    """One query's attention over n items (Vaswani et al., 2017): softmax of scaled products, then a weighted sum."""
    scores = keys @ query / np.sqrt(keys.shape[1])
    powers = np.exp(scores - np.max(scores))
    return powers / np.sum(powers) @ values
