"""Derived sizes: one spelling for equal sizes, and their values."""

import pytest

from agentc.plan import sizes
from agentc.plan.sizes import Size, Sizes, canonical, evaluate


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("n", "n"),
        ("m+n", "m + n"),
        ("n + 1 - 1", "n"),
        ("2 * (n + m) - n", "2*m + n"),
        ("(n*32)//32", "n"),
        ("(n - 400)//160 + 1", "(n - 400)//160 + 1"),
        ("max(n - 1, 0)", "max(n - 1, 0)"),
        ("max(n, 0)", "n"),
        ("min(n + 2, n)", "n"),
        ("d//2*2", "2*(d//2)"),
        ("n*m//m", "n"),
        ("7//2", 3),
        ("n - n", 0),
        ("-n + 3", "-n + 3"),
    ],
)
def test_one_spelling(text: str, wanted: Size) -> None:
    found = canonical(text)
    assert found == wanted
    assert canonical(str(found)) == found
    for n, m, d in ((0, 1, 5), (7, 3, 8), (500, 2, 9)):
        known = {"n": n, "m": m, "d": d}
        assert evaluate(found, known) == eval(text, {"max": max, "min": min}, known)


@pytest.mark.parametrize("text", ["n +", "f(n)", "n / 2", "n[0]", "n ** 2", "1.5", ""])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="no size"):
        canonical(text)


def test_sizes_follow() -> None:
    known = Sizes(n=5)
    assert known["n"] == 5
    assert known["2*n + 1"] == 11
    with pytest.raises(KeyError):
        known["m"]


def test_arithmetic() -> None:
    assert sizes.add("n", 2) == "n + 2"
    assert sizes.subtract("n + 2", "n") == 2
    assert sizes.floordiv("n", "n") == 1
    assert sizes.modulo("n", 4) == "n - 4*(n//4)"
    assert sizes.names("max(n - m, 0)*n") == ["n", "m"]
