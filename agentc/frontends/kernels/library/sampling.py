"""Choosing tokens. Randomness is SplitMix64 (Steele et al., 2014) of the seed and the row: no state.

Row `r` with seed `s` draws `u = mix(s + (r + 1) * 0x9E3779B97F4A7C15) >> 40` of 2^24 in [0, 1). A token is the first
whose cumulative probability exceeds `u`.
"""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportInvalidTypeForm=false, reportInvalidTypeArguments=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportGeneralTypeIssues=false, reportReturnType=false, reportMissingParameterType=false

import numpy as np

from agentc.frontends.kernels.annotations import f32, i64, kernel, u64

GAMMA = 0x9E3779B97F4A7C15
FIRST = 0xBF58476D1CE4E5B9
SECOND = 0x94D049BB133111EB


def uniform(rows, seed):
    """A number in [0, 1) for each row."""
    z = seed + (rows + 1).astype(u64) * GAMMA
    z = (z ^ (z >> 30)) * FIRST
    z = (z ^ (z >> 27)) * SECOND
    return ((z ^ (z >> 31)) >> 40).astype(f32) * (1.0 / 16777216.0)


def chances(logits, temperature):
    """The softmax of each row."""
    powers = np.exp((logits - np.max(logits, axis=1, keepdims=True)) / temperature)
    return powers / np.sum(powers, axis=1, keepdims=True)


def drawn(weights, seed):
    """The place in each row that a number drawn for it falls on; weights need not add up to 1."""
    total = np.cumsum(weights, axis=1)
    target = uniform(np.arange(weights.shape[0]), seed) * total[:, -1]
    last = np.max(np.where(weights > 0.0, np.arange(weights.shape[1]), 0), axis=1)
    return np.minimum(np.sum(total <= target[:, None], axis=1), last)


@kernel
def sample_softmax(logits: f32["b", "v"], temperature: f32, seed: u64) -> i64["b"]:
    """A token for each row, by the softmax of its logits at a temperature."""
    return drawn(chances(logits, temperature), seed)


@kernel
def sample_top_p(logits: f32["b", "v"], temperature: f32, top_p: f32, seed: u64) -> i64["b"]:
    """A token among the likeliest that together have `top_p` (nucleus sampling; Holtzman et al., 2019)."""
    order = np.argsort(-logits, axis=1, kind="stable")
    sorted_chances = np.take_along_axis(chances(logits, temperature), order, axis=1)
    before = np.cumsum(sorted_chances, axis=1) - sorted_chances
    place = drawn(np.where(before < top_p, sorted_chances, 0.0), seed)
    return np.take_along_axis(order, place[:, None], axis=1)[:, 0]


@kernel
def sample_min_p(logits: f32["b", "v"], temperature: f32, min_p: f32, seed: u64) -> i64["b"]:
    """A token among those at least `min_p` times as likely as the likeliest (Nguyen et al., 2024)."""
    likely = chances(logits, temperature)
    floor = np.max(likely, axis=1, keepdims=True) * min_p
    return drawn(np.where(likely >= floor, likely, 0.0), seed)
