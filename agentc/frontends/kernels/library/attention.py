"""Parts of a decoder layer at inference."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportInvalidTypeForm=false, reportInvalidTypeArguments=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportGeneralTypeIssues=false, reportReturnType=false, reportMissingParameterType=false

import numpy as np

from agentc.frontends.kernels.annotations import f32, i64, kernel


@kernel
def rotary_embedding(x: f32["t", "h", "2*r"], cos: f32["t", "r"], sin: f32["t", "r"]) -> f32["t", "h", "2*r"]:
    """RoPE (Su et al., 2021) on halves, as Llama's: pairs are (i, i + r) of each head."""
    r = cos.shape[1]
    left, right = x[:, :, :r], x[:, :, r:]
    c, s = cos[:, None], sin[:, None]
    return np.concatenate([left * c - right * s, right * c + left * s], axis=2)


@kernel
def gqa_decode(
    query: f32["g", "q", "d"], keys: f32["t", "g", "d"], values: f32["t", "g", "d"], length: i64
) -> f32["g", "q", "d"]:
    """Attention of one new token (Ainslie et al., 2023): g groups of q query heads, each group with one key and value
    head, over the first `length` of t cached tokens.
    """
    scores = np.sum(query[:, :, None] * keys.transpose(1, 0, 2)[:, None], axis=3) / np.sqrt(query.shape[2])
    scores = np.where(np.arange(keys.shape[0]) < length, scores, -np.inf)
    powers = np.exp(scores - np.max(scores, axis=2, keepdims=True))
    weighted = np.sum(powers[:, :, :, None] * values.transpose(1, 0, 2)[:, None], axis=2)
    return weighted / np.sum(powers, axis=2)[:, :, None]
