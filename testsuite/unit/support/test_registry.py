import pytest

from agentc.support.diagnostics import Refused
from agentc.support.registry import LazyTable, load, loader

TABLE: LazyTable[type] = LazyTable("thing", {"fraction": "fractions:Fraction", "absent": "no_such_module:X"})


def test_loads_on_demand() -> None:
    from fractions import Fraction

    assert list(TABLE) == ["fraction", "absent"]
    assert len(TABLE) == 2
    assert TABLE["fraction"] is Fraction
    assert TABLE.find("fraction") is Fraction


def test_a_broken_entry_is_a_mistake_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError):
        TABLE.find("absent")


def test_unknown_name_is_a_diagnostic() -> None:
    with pytest.raises(Refused) as refused:
        TABLE.find("fracton")
    (found,) = refused.value.diagnostics
    assert (found.slug, found.message) == ("unknown-name", "there is no thing `fracton`")
    assert found.help == "did you mean `fraction`?"


def test_package_prefix() -> None:
    assert LazyTable("x", {"a": "abc:Mapping"}, package="collections").targets == {"a": "collections.abc:Mapping"}


def test_load_and_loader() -> None:
    assert load("os.path:join") is loader("os.path:join")()
