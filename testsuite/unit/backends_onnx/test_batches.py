"""Rows of a batch are of any lengths, and each is what it is alone: against transformers, family by family."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from decoder_families import CASES, answers, tiny_model, write_tokenizer
from onnx_reference import TINY_DECODER as BASE

from agentc.backends.onnx import emit_model
from agentc.plan.models import ModelShape
from agentc.runtime.models import batching
from agentc.runtime.models.llm import Decoder
from agentc.runtime.models.part import Part

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

STEPS = 8
LENGTHS = (6, 11, 1, 13)
OF_THE_BATCH = ("llama-dynamic", "phi3-partial-longrope")
"""Where transformers turns all rows by the length of the longest, so that a batch is not what its rows are alone."""
ENDS = 3
"""After so many steps the second row has ended."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several passes, which rows leave one by one, and buffers that have to grow on the way."""
    monkeypatch.setattr("agentc.runtime.models.stepping._ROOM", 3)
    monkeypatch.setattr("agentc.runtime.models.batching.CHUNK", 20)


def _emitted(model: Any, folder: Path, precision: str = "") -> Decoder:
    model.save_pretrained(folder / "in")
    write_tokenizer(folder / "in")
    shape = ModelShape("m", "decoder")
    emit_model(shape, folder / "out", role="decoder", weights=folder / "in", precision=precision)
    return Decoder(folder / "out", 1)


def _rows() -> list[list[int]]:
    random = np.random.default_rng(3)
    return [random.integers(3, BASE["vocab_size"], length + STEPS).tolist() for length in LENGTHS]


def _stepped(decoder: Decoder, rows: list[list[int]]) -> np.ndarray:
    """Logits ``[rows, 1 + STEPS, vocab]`` from the last token of each prompt on; of the row that ends, zeros after."""
    cache = batching.prefill(decoder, [row[:-STEPS] for row in rows])
    steps = batching._steps(decoder, cache)
    found = [np.array(cache.logits)]
    for place in range(STEPS):
        tokens = [row[len(row) - STEPS + place] for row in rows]
        ended = place >= ENDS
        logits = steps.advance([None if ended and row == 1 else token for row, token in enumerate(tokens)]).copy()
        logits[1] *= not ended
        found.append(logits)
    return np.stack(found, 1)


def _alone(model: Any, rows: list[list[int]]) -> np.ndarray:
    expected = np.stack([answers(model, row, STEPS)[-1 - STEPS :] for row in rows])
    expected[1, 1 + ENDS :] = 0
    return expected


def _padded(prompts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and mask of a batch that is padded on the left, as users of transformers pad."""
    longest = max(map(len, prompts))
    ids = np.array([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = np.array([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    return ids, mask


def _masked(model: Any, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Logits of the last tokens as transformers gives them for the batch."""
    places = np.maximum(mask.cumsum(1) - 1, 0)
    with torch.no_grad():
        inputs = (torch.tensor(array) for array in (ids, mask, places))
        logits = model(next(inputs), attention_mask=next(inputs), position_ids=next(inputs)).logits
    return logits[:, -1].float().numpy()


def _masked_here(decoder: Decoder, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The same by our graphs: all but the last tokens at once, those in a decode step."""
    cached, reach = ids.shape[1] - 1, tuple(mask.sum(1).tolist())
    _, past = decoder.run(decoder.nothing(len(ids)), 0, Part(ids[:, :-1], (0,), reach, mask[:, :-1]))
    return decoder.run_one(past, cached, Part(ids[:, -1:], (0,), reach, mask))[0][:, 0]


@pytest.mark.parametrize("case", CASES)
def test_rows_are_as_transformers_answers_them_alone(case: str, tmp_path: Path) -> None:
    model, rows = tiny_model(*CASES[case]), _rows()
    decoder = _emitted(model, tmp_path)
    expected = _alone(model, rows)
    np.testing.assert_allclose(_stepped(decoder, rows), expected, atol=2e-5, rtol=2e-5)
    decoder._in_place = None  # then by standard operators
    np.testing.assert_allclose(_stepped(decoder, rows), expected, atol=2e-5, rtol=2e-5)
    batch = _padded([row[:-STEPS] for row in rows])
    np.testing.assert_allclose(_masked_here(decoder, *batch), expected[:, 0], atol=2e-5, rtol=2e-5)
    if case not in OF_THE_BATCH:
        np.testing.assert_allclose(_masked(model, *batch), expected[:, 0], atol=2e-5, rtol=2e-5)
