"""A tensor kernel in NumPy style: compiled, never interpreted. Its annotations name sizes."""

# pyright: reportInvalidTypeForm=false, reportUndefinedVariable=false

import numpy as np

from agentc import f32, kernel


@kernel
def sharpen(scores: f32["n"]) -> f32["n"]:  # noqa: F821
    """Softmax at temperature 0.1: the best passages take nearly all of the weight."""
    powers = np.exp((scores - np.max(scores)) * 10.0)
    return powers / np.sum(powers)
