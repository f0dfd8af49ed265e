"""Sizes made at random: what is said of them for all names holds for each; places in memory are trusted to it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agentc.plan import sizes
from agentc.plan.sizes import Size

NAMES = st.sampled_from(["n", "m"])
TEXTS = st.recursive(
    st.one_of(NAMES, st.integers(0, 5).map(str)),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        st.tuples(inner, st.sampled_from(["//", "%"]), st.integers(1, 4)).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    ),
    max_leaves=5,
)
FUNCTIONS = {"min": min, "max": max}


def value(size: Size, n: int, m: int) -> int:
    return sizes.evaluate(size, {"n": n, "m": m})


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS)
def test_what_is_said_of_sizes_holds_for_all_names(left: str, right: str) -> None:
    one, other = sizes.canonical(left), sizes.canonical(right)
    low, high = sizes.minimum(one, other), sizes.maximum(one, other)
    never, same = sizes.is_never_negative(one), sizes.same_unless_empty(one, other)
    for n in range(7):
        for m in (0, 1, 2, 5, 9):
            a, b = value(one, n, m), value(other, n, m)
            assert a == eval(left, FUNCTIONS, {"n": n, "m": m})
            assert (value(low, n, m), value(high, n, m)) == (min(a, b), max(a, b))
            assert a >= 0 or not never
            assert a == b or not same or 0 in (n, m)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_a_size_is_itself_plus_what_empty_arrays_lack(text: str) -> None:
    size = sizes.canonical(text)
    assert sizes.same_unless_empty(size, size)
    assert sizes.same_unless_empty(sizes.maximum("n", 1), "n")
    assert not sizes.same_unless_empty(size, sizes.add(size, 1))
