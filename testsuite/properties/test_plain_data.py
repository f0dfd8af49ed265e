"""Plain data printed at once reads as its attributes do, which are the oracle."""

from io import StringIO
from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st
from xdsl.printer import Printer

from agentc.dialects.data import print_value, to_attr
from agentc.plan.fleet import Link
from agentc.plan.formula import parse

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**62), 2**62), st.floats(), st.text(), st.just(parse("2 * batch + 1"))
)
links = st.builds(Link, st.text(max_size=3), st.floats(1, 2), st.floats(0, 1), st.text(max_size=3))
values = st.recursive(
    leaves | links,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=3),
        st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=3).map(MappingProxyType),
    ),
    max_leaves=10,
)


@given(values)
def test_a_value_prints_as_its_attribute(value: object) -> None:
    direct, through = StringIO(), StringIO()
    print_value(Printer(direct), value)
    Printer(through).print_attribute(to_attr(value))
    assert direct.getvalue() == through.getvalue()
