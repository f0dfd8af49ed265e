"""Which configurations another makes needless, by the definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agentc.cost.dominance import frontier

TABLES = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.tuples(*[st.integers(0, 2)] * (2 * width)), min_size=1, max_size=12)
)


@given(TABLES)
def test_a_row_goes_where_one_before_it_is_nowhere_larger(rows: list[tuple[int, ...]]):
    """Sorted by what counts, by the rest, then in order: each is held against all that are kept before it."""
    width = len(rows[0]) // 2
    order = sorted(range(len(rows)), key=lambda i: (rows[i][:width], rows[i], i))
    kept: list[int] = []
    for i in order:
        if not any(all(a <= b for a, b in zip(rows[k][:width], rows[i][:width], strict=True)) for k in kept):
            kept.append(i)
    table = np.array(rows, dtype=float)
    assert frontier(table[:, :width], table).nonzero()[0].tolist() == sorted(kept)


@given(TABLES)
def test_what_is_dropped_is_covered_by_what_stays(rows: list[tuple[int, ...]]):
    table = np.array(rows, dtype=float)
    stays = frontier(table, table)
    assert stays.any()
    for row in table[~stays]:
        assert (table[stays] <= row).all(axis=1).any()
