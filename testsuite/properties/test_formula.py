"""Formulas: what holds for all of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agentc.plan.formula import Formula, constant, maximum, minimum, parse, symbol

NAMES = ("a", "b", "c.d")
figures = st.one_of(st.integers(-1000, 1000).map(float), st.floats(-1e6, 1e6))
leaves = st.one_of(figures.map(constant), st.sampled_from(NAMES).map(symbol))


def _combine(children: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
    pairs = st.tuples(children, children)
    return st.one_of(
        pairs.map(lambda p: p[0] + p[1]),
        pairs.map(lambda p: p[0] - p[1]),
        pairs.map(lambda p: p[0] * p[1]),
        pairs.map(lambda p: p[0] / (p[1] * p[1] + 1)),
        children.map(lambda f: minimum(maximum(f, 1), 10) ** symbol("a")),
        st.lists(children, min_size=2, max_size=4).map(lambda f: minimum(*f)),
        st.lists(children, min_size=2, max_size=4).map(lambda f: maximum(*f)),
    )


formulas = st.recursive(leaves, _combine, max_leaves=12)


@given(formulas)
def test_parse_reads_back_what_is_printed(formula: Formula):
    again = parse(str(formula))
    assert again == formula
    assert str(again) == str(formula)


@given(formulas, st.lists(st.floats(0.5, 3), min_size=3, max_size=3))
def test_arrays_give_what_floats_give(formula: Formula, values: list[float]):
    env: dict[str, float] = dict(zip(NAMES, values, strict=True))
    with np.errstate(all="ignore"):
        one = formula.evaluate(env)
        many = formula.evaluate({name: np.array([value, value]) for name, value in env.items()})
    np.testing.assert_allclose(np.broadcast_to(many, (2,)), [one, one], rtol=1e-9)


@given(formulas, st.floats(0.5, 3))
def test_substitution_then_evaluation_is_evaluation(formula: Formula, value: float):
    env = {"a": value, "b": 2.0, "c.d": 0.5}
    np.testing.assert_allclose(formula.substitute(env).evaluate({}), formula.evaluate(env), rtol=1e-9)
