"""Padding anywhere in a batch changes no row: the graphs against plain NumPy, for any mask."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_reference import decoder_logits

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.decoder import build
from agentc.backends.onnx.graph import WeightFile
from agentc.backends.onnx.positions import Phase
from agentc.backends.onnx.rope import plain_rope
from agentc.backends.onnx.stand_in import decoder_shapes
from agentc.backends.onnx.weights import Seeded

BASE = DecoderConfig("m", 2, 32, 4, 2, 8, 48, 61, plain_rope(8), (3, 0), (True, True))
CONFIGS = {
    "window": BASE,
    "experts": replace(BASE, dense=(True, False), experts=6, experts_per_token=2, expert_intermediate=24),
}
TOKENS = [3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 9, 3]
SLOTS = 14

holes = st.lists(st.booleans(), min_size=SLOTS, max_size=SLOTS)
ends = st.tuples(st.integers(0, SLOTS), st.integers(0, SLOTS)).map(
    lambda ends: [ends[0] <= slot < SLOTS - ends[1] for slot in range(SLOTS)]
)


@cache
def _model(name: str) -> tuple[Any, dict[str, ort.InferenceSession]]:
    config = CONFIGS[name]
    weights = Seeded(decoder_shapes(config), seed=7)
    file, sessions = WeightFile("weights.bin"), dict[str, ort.InferenceSession]()
    phases: tuple[Phase, ...] = ("prefill", "decode")
    graphs = {phase: build(config, weights, phase, file) for phase in phases}
    with TemporaryDirectory() as folder:
        with Path(folder, "weights.bin").open("wb") as data:
            file.write(data)
        for phase, graph in graphs.items():
            graph.write(Path(folder, f"{phase}.onnx"))
            sessions[phase] = ort.InferenceSession(str(Path(folder, f"{phase}.onnx")))
    longest = [TOKENS[place % len(TOKENS)] for place in range(SLOTS)]
    return decoder_logits(config, weights, longest), sessions


def _run(name: str, mask: np.ndarray, cuts: list[int]) -> np.ndarray:
    """Logits of all slots, of prefills that end where ``cuts`` say and a decode step for every slot behind them."""
    config, sessions = CONFIGS[name], _model(name)[1]
    places = np.maximum(mask.cumsum(1) - 1, 0)
    ids = np.where(mask == 1, np.array(TOKENS)[places % len(TOKENS)], 60)
    parts = [f"past.{layer}.{part}" for layer in range(config.layers) for part in ("key", "value")]
    past: list[Any] = [np.zeros((len(mask), config.kv_heads, 0, config.head_dim), np.float32)] * len(parts)
    found: list[Any] = []
    start = 0
    for end in [*cuts, *range(max(cuts, default=0) + 1, mask.shape[1] + 1)]:
        feed = {"input_ids": ids[:, start:end], "attention_mask": mask[:, :end], **dict(zip(parts, past, strict=True))}
        prefills = end in cuts
        feed |= {"keep": np.arange(end - start)} if prefills else {}
        logits, *past = sessions["prefill" if prefills else "decode"].run(None, feed)
        found.append(logits)
        start = end
    return np.concatenate(found, 1)


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=60, deadline=None)
@given(st.lists(ends | holes, min_size=1, max_size=4), st.data())
def test_a_row_is_what_it_is_without_its_padding(name: str, rows: list[list[bool]], data: st.DataObject) -> None:
    mask = np.array(rows, np.int64)
    cuts = sorted(data.draw(st.sets(st.integers(1, SLOTS), max_size=3)))
    found, expected = _run(name, mask, cuts), _model(name)[0]
    assert np.isfinite(found).all()
    for row, seen in zip(found, mask, strict=True):
        np.testing.assert_allclose(row[seen == 1], expected[: seen.sum()], atol=1e-4)


@pytest.mark.parametrize("name", CONFIGS)
def test_without_a_mask_every_slot_is_a_token(name: str) -> None:
    mask = np.ones((3, SLOTS), np.int64)
    _, sessions = _model(name)
    found = _run(name, mask, [SLOTS])
    names = [one.name for one in sessions["prefill"].get_inputs() if one.name.startswith("past.")]
    past = dict.fromkeys(names, np.zeros((3, 2, 0, 8), np.float32))
    ids = np.array([[TOKENS[place % len(TOKENS)] for place in range(SLOTS)]] * 3)
    logits = sessions["prefill"].run(["logits"], {"input_ids": ids, "keep": np.arange(SLOTS), **past})[0]
    np.testing.assert_array_equal(found, logits)
