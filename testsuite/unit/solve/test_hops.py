"""Splits of transfer matrices: exact where asked, below where a bound is asked, small where links are few."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc.solve.hops import missing, split, underestimate

PLACES = "abcdef"
MATRICES = st.fixed_dictionaries({(a, b): st.sampled_from([0.0, 0.1, 0.5, 2.0]) for a in PLACES for b in PLACES})


@given(MATRICES)
def test_a_split_adds_up(matrix: dict[tuple[str, str], float]):
    parts = split(matrix)
    for (a, b), value in matrix.items():
        assert parts.row[a] + parts.column[b] + parts.rest.get((a, b), 0.0) == pytest.approx(value)


@given(MATRICES)
def test_an_underestimate_is_never_above(matrix: dict[tuple[str, str], float]):
    parts = underestimate(matrix)
    assert not parts.rest
    for (a, b), value in matrix.items():
        assert parts.row[a] + parts.column[b] <= value + 1e-12


def test_one_network_and_nothing_inside_a_class_leaves_only_the_diagonal():
    matrix = {(a, b): 0.0 if a == b else 0.3 for a in PLACES for b in PLACES}
    assert set(split(matrix).rest) == {(a, a) for a in PLACES}


def test_missing_pairs_by_source():
    assert missing([("a", "a"), ("b", "a")], ["a", "b"], ["a", "b"]) == {"a": ["b"], "b": ["b"]}
