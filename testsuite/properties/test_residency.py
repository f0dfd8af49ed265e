"""Where KV caches lie, for any figures."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agentc.cost.residency import Residency, reside

BYTES = st.floats(0.0, 1e12)
FIGURES = st.fixed_dictionaries(
    {
        "rest": BYTES,
        "reserved": BYTES,
        "mean": BYTES,
        "spread": st.floats(0.0, 1e11),
        "room": st.floats(1e9, 1e12),
        "host_bytes": BYTES,
        "host_rates": st.sampled_from([0.0, 2.5e10, 3.6e11]),
        "again": st.floats(0.0, 10.0),
    }
)


def of(figures: dict[str, float]) -> Residency:
    return reside(**{name: np.array([value]) for name, value in figures.items()})


@given(FIGURES)
def test_never_faster_and_never_less_memory_than_physical(figures: dict[str, float]):
    found = of(figures)
    assert found.added[0] >= 0
    held = figures["rest"] + min(figures["mean"], figures["reserved"])
    assert found.memory[0] + found.host[0] >= held * (1 - 1e-9)
    if found.fits[0]:
        assert found.memory[0] <= figures["room"] * (1 + 1e-9)


@given(FIGURES, st.floats(1.0, 4.0), st.sampled_from(["room", "host_bytes", "host_rates"]))
def test_more_memory_and_faster_links_never_cost_more(figures: dict[str, float], more: float, what: str):
    before, after = of(figures), of({**figures, what: figures[what] * more})
    assert after.fits[0] or not before.fits[0]
    assert after.added[0] <= before.added[0] * (1 + 1e-9) + 1e-12


@given(FIGURES, st.floats(1.0, 4.0), st.sampled_from(["rest", "mean", "spread", "reserved", "again"]))
def test_more_to_hold_never_costs_less(figures: dict[str, float], more: float, what: str):
    before, after = of(figures), of({**figures, what: figures[what] * more})
    assert before.fits[0] or not after.fits[0]
    assert after.added[0] >= before.added[0] * (1 - 1e-9) - 1e-12
