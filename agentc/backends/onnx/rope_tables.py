"""Cosines and sines of every position of a context, for operators that look positions up rather than compute angles."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.graph import Graph
from agentc.backends.onnx.rope import Rope, Tables
from agentc.backends.onnx.views import Weights

_MOST_ANGLES: Final = 10_000_000
"""Of a rope whose tables are written, 80 MB: 131,072 positions of heads of 128 fit. What they save a layer is the same
in every model, so that wide ones, whose contexts are the longest, miss little without."""
_ROWS: Final = 4096
"""Positions that are computed at once."""
_NORMS: Final = (".q_norm.weight", ".k_norm.weight")
"""Of queries and keys, before they are turned (Qwen 3, Gemma 3)."""

_Double = npt.NDArray[np.float64]


def looked_up(graph: Graph, config: DecoderConfig, weights: Weights) -> Tables:
    """Cosines and sines, ``[positions, pairs]``, of the ropes by which ``GroupQueryAttention`` may turn queries and
    keys itself: as products give them, of widths that it takes, by angles that are the same at every length."""
    if config.latent or config.head_dim % 16 or any(name.endswith(_NORMS) for name in weights):
        return {}
    ropes = dict.fromkeys(config.rope_of(layer) for layer in range(config.layers))
    return {
        rope: _tables(graph, config, rope, f"rope.{place}") for place, rope in enumerate(ropes) if _fits(config, rope)
    }


def _fits(config: DecoderConfig, rope: Rope) -> bool:
    pairs = len(rope.frequencies)
    return not rope.depends_on_length and pairs % 8 == 0 and _positions(config) * pairs <= _MOST_ANGLES


def _tables(graph: Graph, config: DecoderConfig, rope: Rope, name: str) -> tuple[str, str]:
    """In the file of weights, which engines map: what no position asks for is not read."""
    shape = (_positions(config), len(rope.frequencies))
    cosines = graph.weight(f"{name}.cosines", shape, partial(_rows, rope, shape[0], np.cos))
    return cosines, graph.weight(f"{name}.sines", shape, partial(_rows, rope, shape[0], np.sin))


def _positions(config: DecoderConfig) -> int:
    """Those of the context, and the one behind it: rows of a batch that have filled theirs are computed on."""
    return config.max_tokens + 1


def _rows(rope: Rope, count: int, function: Callable[[_Double], _Double]) -> Iterator[npt.NDArray[np.float32]]:
    """Of angles in float32, as graphs and transformers compute them."""
    frequencies = np.array(rope.frequencies, np.float32)
    for start in range(0, count, _ROWS):
        places = np.arange(start, min(start + _ROWS, count), dtype=np.float32)
        angles = places[:, None] * frequencies
        yield (function(angles.astype(np.float64)) * rope.scale).astype(np.float32)
