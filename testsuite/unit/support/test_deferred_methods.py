"""Data classes whose methods are compiled late mean what they mean without; eager ones are the oracle."""

import dataclasses
import subprocess
import sys
import typing
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, field, make_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc.support.deferred_methods import FEW, defer_annotations, defer_dataclass_methods
from agentc.support.record import record

EARLY = sys.version_info < (3, 13)
pytestmark = pytest.mark.skipif(not EARLY, reason="Python compiles the methods of a class in one go")


@pytest.fixture(name="deferred")
def _deferred(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("_create_fn", "inspect"):
        monkeypatch.setattr(dataclasses, name, vars(dataclasses)[name])
    defer_dataclass_methods()
    yield


def _classes(deferred: bool, **options: Any) -> tuple[Any, Any]:
    """A class of two fields and one that inherits it with a third, the way ``deferred`` says."""
    with pytest.MonkeyPatch.context() as patch:
        if deferred:
            for name in ("_create_fn", "inspect"):
                patch.setattr(dataclasses, name, vars(dataclasses)[name])
            defer_dataclass_methods()
        base = make_dataclass("Base", [("a", int), ("b", str, field(default=""))], **options)
        return base, make_dataclass("Heir", [("c", list[int], field(default_factory=list[int]))], bases=(base,))


@given(
    slots=st.booleans(),
    order=st.booleans(),
    left=st.tuples(st.integers(0, 1), st.sampled_from("xy")),
    right=st.tuples(st.integers(0, 1), st.sampled_from("xy")),
)
def test_equality_order_and_text(slots: bool, order: bool, left: tuple[int, str], right: tuple[int, str]) -> None:
    late, eager = (_classes(way, slots=slots, order=order) for way in (True, False))
    for ours, theirs in zip(late, eager, strict=True):
        for _ in range(2):  # the first call compiles, the second comes straight to the method
            assert (ours(*left) == ours(*right)) == (theirs(*left) == theirs(*right))
            assert repr(ours(*left)) == repr(theirs(*left))
            assert not order or (ours(*left) < ours(*right)) == (theirs(*left) < theirs(*right))
    assert late[0](*left) != late[1](*left)


def test_a_frozen_class_stays_frozen_and_hashable(deferred: None) -> None:
    row: Any = make_dataclass("Row", ["a"], frozen=True)
    assert hash(row(1)) == hash(row(1))
    with pytest.raises(FrozenInstanceError):
        row(1).a = 2


def test_a_method_is_compiled_once_and_for_heirs_too(deferred: None) -> None:
    base: Any = make_dataclass("Base", ["a"])
    heir: Any = type("Heir", (base,), {})
    late = base.__init__
    assert heir(1).a == 1
    assert base.__init__ is not late
    assert base.__init__.__qualname__ == late.__qualname__
    assert heir(a=2) == heir(2)


def test_a_wrong_call_says_which_argument(deferred: None) -> None:
    row: Any = make_dataclass("Row", ["a"])
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'a'"):
        row()


def test_a_docstring_is_the_name_where_none_is_written(deferred: None) -> None:
    assert make_dataclass("Row", ["a"]).__doc__ == "Row"
    assert make_dataclass("Row", ["a"], namespace={"__doc__": "A row."}).__doc__ == "A row."
    assert vars(dataclasses)["inspect"].isclass(int)


def _records(deferred: bool, slots: bool) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_create_fn", "inspect"):
            patch.setattr(dataclasses, name, vars(dataclasses)[name])
        if deferred:
            defer_dataclass_methods()

        @record(slots=slots)
        class Row:
            a: int
            b: list[int] = field(default_factory=list[int])
            c: str = "c"

            def __post_init__(self) -> None:
                if self.a == 7:
                    raise ValueError("seven")

        return Row


ARGUMENTS = st.tuples(
    st.lists(st.sampled_from([1, 7, "x"]), max_size=4), st.dictionaries(st.sampled_from("abcd"), st.integers(0, 1))
)


@given(slots=st.booleans(), calls=st.lists(ARGUMENTS, min_size=1, max_size=2 * FEW))
def test_the_first_instances_of_a_record_are_as_all(slots: bool, calls: list[tuple[list[Any], dict[str, Any]]]) -> None:
    late, eager = (_records(way, slots) for way in (True, False))
    for given_, named in calls:
        ours, theirs = (_outcome(cls, given_, named) for cls in (late, eager))
        assert ours == theirs


def _outcome(cls: Any, given_: list[Any], named: dict[str, Any]) -> Any:
    try:
        made = cls(*given_, **named)
    except (TypeError, ValueError) as problem:
        return type(problem), str(problem).rpartition("__init__")[2]
    return repr(made), list(getattr(made, "__dict__", ()))


def test_the_init_of_a_record_is_compiled_when_it_is_called_often(deferred: None) -> None:
    row = _records(True, False)
    first = row.__init__
    made = [row(1) for _ in range(FEW)]
    assert row.__init__ is first and made[0].b is not made[1].b
    row(1)
    assert row.__init__.__code__.co_varnames[:2] == ("self", "a")
    heir = type("Heir", (row,), {})
    assert heir(2, c="d") == heir(2, [], "d")


def test_a_record_whose_fields_are_not_all_arguments_is_made_by_its_own_init(deferred: None) -> None:
    @record
    class Row:
        a: int
        b: int = field(default=3, init=False)

        def __post_init__(self) -> None:
            self.__dict__["b"] = self.a + 1

    assert (Row(1).a, Row(1).b) == (1, 2)
    with pytest.raises(TypeError):
        Row(1, 2)  # pyright: ignore


def test_an_annotation_that_is_a_text_means_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing, "compile", compile, raising=False)
    defer_annotations()

    class Row(typing.TypedDict):
        own: "list[Row]"

    ours = dict[str, Any](vars(Row)["__annotations__"])
    wrong = typing.ForwardRef("1 +")
    monkeypatch.undo()
    assert ours["own"] == typing.ForwardRef("list[Row]", module=__name__)
    told = typing.get_type_hints(type("Told", (), {"__annotations__": ours}), localns={"Row": Row})
    assert told == {"own": list[Row]}
    with pytest.raises(SyntaxError):
        typing.get_type_hints(type("Told", (), {"__annotations__": {"wrong": wrong}}))


def test_a_library_leaves_data_classes_alone() -> None:
    code = (
        "import dataclasses, typing; made = dataclasses._create_fn; import agentc.api;"
        "assert dataclasses._create_fn is made and not hasattr(typing, 'compile')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
