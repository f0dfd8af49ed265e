"""Fusion of several rankings of the same documents."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportInvalidTypeForm=false, reportInvalidTypeArguments=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportGeneralTypeIssues=false, reportReturnType=false

import numpy as np

from agentc.frontends.kernels.annotations import f32, kernel


@kernel
def reciprocal_rank_fusion(ranks: f32["lists", "n"], k: float = 60.0) -> f32["n"]:
    """Score of each document over several rankings (Cormack et al., 2009). Ranks count from 1; 0: not in that list."""
    return np.sum(np.where(ranks > 0.0, 1.0 / (k + ranks), 0.0), axis=0)


@kernel
def min_max_fusion(scores: f32["lists", "n"], weights: f32["lists"]) -> f32["n"]:
    """Each list's scores brought to 0 … 1, then added by weight."""
    low = np.min(scores, axis=1, keepdims=True)
    high = np.max(scores, axis=1, keepdims=True)
    return weights @ ((scores - low) / np.maximum(high - low, 1e-12))
