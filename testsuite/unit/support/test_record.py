"""A record means what a frozen data class means; ``dataclasses`` is the oracle."""

from dataclasses import dataclass, field, fields, make_dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc.support.record import record

NAMES = ("a", "b", "c")
values = st.one_of(st.integers(-2, 2), st.floats(allow_nan=False), st.text(max_size=2), st.tuples(st.integers(0, 1)))
rows = st.integers(0, 3).flatmap(lambda n: st.tuples(*[st.lists(values, min_size=n, max_size=n)] * 2))


@given(rows=rows, slots=st.booleans())
def test_equality_hash_and_text_are_those_of_a_frozen_data_class(
    rows: tuple[list[object], list[object]], slots: bool
) -> None:
    names = NAMES[: len(rows[0])]
    bare = type("Row", (), {"__annotations__": dict.fromkeys(names, object)})
    ours: Any = record(slots=slots)(bare)
    theirs: Any = make_dataclass("Row", names, frozen=True)
    left, right = (ours(*row) for row in rows)
    expected_left, expected_right = (theirs(*row) for row in rows)
    assert (left == right) == (expected_left == expected_right)
    assert (hash(left) == hash(right)) or left != right
    assert repr(left) == repr(expected_left)
    assert replace(left) == left
    assert [each.name for each in fields(left)] == list(names)


@record
class Point:
    x: int
    y: int = 0
    note: str = field(default="", compare=False, repr=False)


@record
class Named(Point):
    name: str = ""

    def __repr__(self) -> str:
        return self.name


def test_fields_that_are_not_compared_or_shown_stay_out() -> None:
    assert Point(1, note="left") == Point(1, note="right")
    assert hash(Point(1, note="left")) == hash(Point(1, note="right"))
    assert repr(Point(1, note="left")) == "Point(x=1, y=0)"


def test_a_record_of_another_class_is_another() -> None:
    @dataclass(frozen=True)
    class Other:
        x: int
        y: int = 0

    assert Point(1) != Other(1)
    assert Point(1) != Named(1)
    assert Named(1, name="a") != Named(1, name="b")


def test_a_method_that_the_class_writes_itself_stays() -> None:
    assert repr(Named(1, name="here")) == "here"


def test_slots_leave_no_room_for_other_names() -> None:
    @record(slots=True)
    class Slim:
        x: int

    with pytest.raises(AttributeError):
        Slim(1).__dict__  # noqa: B018
