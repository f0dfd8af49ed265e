"""How tokens are chosen."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc.runtime.models.sampling import GREEDY, Sampler, log_softmax

LOGITS = np.log(np.array([0.5, 0.05, 0.3, 0.15]))


def test_greedy_takes_the_likeliest_that_is_allowed() -> None:
    choice = GREEDY.start()
    assert choice.pick(LOGITS) == 0
    assert choice.pick(LOGITS, np.array([False, True, False, True])) == 3
    assert choice.pick(np.array([1.0, 2.0, 2.0])) == 1


def test_draws_follow_the_probabilities() -> None:
    choice = Sampler(1.0, seed=1).start()
    counts = np.bincount([choice.pick(LOGITS) for _ in range(20000)], minlength=4) / 20000
    np.testing.assert_allclose(counts, np.exp(LOGITS), atol=0.01)


def test_temperature_sharpens_and_flattens() -> None:
    def share(temperature: float) -> float:
        choice = Sampler(temperature, seed=1).start()
        return float(np.mean([choice.pick(LOGITS) == 0 for _ in range(4000)]))

    assert share(0.5) == pytest.approx(0.5**2 / (0.5**2 + 0.05**2 + 0.3**2 + 0.15**2), abs=0.03)
    assert share(100.0) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(("top_p", "kept"), [(0.4, {0}), (0.6, {0, 2}), (0.9, {0, 2, 3}), (1.0, {0, 1, 2, 3})])
def test_the_nucleus_is_the_smallest_set(top_p: float, kept: set[int]) -> None:
    choice = Sampler(1.0, top_p, seed=2).start()
    assert {choice.pick(LOGITS) for _ in range(2000)} == kept


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=20), st.floats(0, 3), st.floats(0.01, 1), st.data())
def test_nothing_that_is_not_allowed_is_ever_picked(
    logits: list[float], temperature: float, top_p: float, data: st.DataObject
) -> None:
    allowed = np.array(data.draw(st.lists(st.booleans(), min_size=len(logits), max_size=len(logits)).filter(any)))
    choice = Sampler(temperature, top_p).start()
    assert all(allowed[choice.pick(np.array(logits), allowed)] for _ in range(5))


@pytest.mark.parametrize("options", [{"temperature": -1}, {"temperature": np.nan}, {"top_p": 0}, {"top_p": 1.1}])
def test_options_out_of_bounds_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Sampler(**options)


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=9))
def test_log_probabilities_sum_to_one(logits: list[float]) -> None:
    assert np.exp(log_softmax(np.array(logits))).sum() == pytest.approx(1)
