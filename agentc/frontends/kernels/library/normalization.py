"""Normalizations and pooling of rows."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportInvalidTypeForm=false, reportInvalidTypeArguments=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportGeneralTypeIssues=false, reportReturnType=false

import numpy as np

from agentc.frontends.kernels.annotations import f32, kernel

EPSILON = 1e-5


@kernel
def rms_norm(x: f32["n", "d"], weight: f32["d"]) -> f32["n", "d"]:
    """Root-mean-square normalization (Zhang and Sennrich, 2019)."""
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + EPSILON) * weight


@kernel
def layer_norm(x: f32["n", "d"], weight: f32["d"], bias: f32["d"]) -> f32["n", "d"]:
    """Layer normalization (Ba et al., 2016)."""
    centered = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.mean(centered * centered, axis=-1, keepdims=True)
    return centered / np.sqrt(variance + EPSILON) * weight + bias


@kernel
def l2_normalize(x: f32["n", "d"]) -> f32["n", "d"]:
    """Each row divided by its length; a zero row stays zero."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


@kernel
def mean_pool(states: f32["t", "d"], mask: f32["t"]) -> f32["d"]:
    """Mean of the rows whose mask is 1 (sentence embeddings; Reimers and Gurevych, 2019)."""
    return np.sum(states * mask[:, None], axis=0) / np.maximum(np.sum(mask), 1e-9)
