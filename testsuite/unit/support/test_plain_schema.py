"""Against the reference implementation: what breaks a schema here breaks it there."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agentc.plan.manifest import Manifest, ManifestFile, schema
from agentc.support.plain_schema import violations

FILE = ManifestFile("artifacts/a.o", "object", "llvm", "score", "0" * 64, 12, note="a note")
PLACED = {
    "t": {"op": "o", "device": "cpu", "mode": "m", "pool": "p", "tp": 1, "pp": 1, "dp": 1, "batch": 1, "replicas": 1}
}
MODELS = {"m": {"name": "n", "kind": "decoder", "precision": "fp8"}}
PAYLOAD = Manifest("a", "f", "cost", "optimal", 0.0, 1.5, 0.1, PLACED, MODELS, (FILE,)).payload()
VALIDATOR = Draft202012Validator(schema())
HOSTILE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1,
    2.0,
    0.5,
    1e300,
    10**40,
    "",
    "x",
    "f" * 64,
    [],
    [1],
    {},
    {"x": 1},
    [{}],
)


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in items for place in places(value, (*path, key)))]


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    fresh = dict(data) if isinstance(data, dict) else list(data)
    fresh[path[0]] = changed(data[path[0]], path[1:], value)
    return fresh


def test_a_manifest_keeps_its_schema() -> None:
    Draft202012Validator.check_schema(schema())
    assert VALIDATOR.is_valid(PAYLOAD) and list(violations(PAYLOAD, schema())) == []


@pytest.mark.parametrize("place", places(PAYLOAD), ids=str)
def test_any_value_at_any_place(place: tuple[Any, ...]) -> None:
    for value in HOSTILE:
        data = changed(PAYLOAD, place, value)
        assert bool(list(violations(data, schema()))) != VALIDATOR.is_valid(data), (place, value)
        if isinstance(data, dict):
            assert loads(data) == VALIDATOR.is_valid(data), (place, value)


def loads(data: dict[str, Any]) -> bool:
    try:
        Manifest.read(data)
    except ValueError:
        return False
    return True


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_fields_added_and_taken_away(data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([p for p in places(PAYLOAD) if p]))
    inner: Any = PAYLOAD
    for step in place[:-1]:
        inner = inner[step]
    if isinstance(inner, dict):
        less = {key: value for key, value in inner.items() if key != place[-1]}
        more = inner | {data.draw(st.text(max_size=5)): data.draw(st.sampled_from(HOSTILE))}
        for fresh in (less, more):
            made = changed(PAYLOAD, place[:-1], fresh)
            assert loads(made) == VALIDATOR.is_valid(made)


def test_sentences_name_the_place() -> None:
    assert list(violations(PAYLOAD | {"gap": -1, "fleet": 3}, schema())) == [
        "`fleet` is `3`, and should be a string",
        "`gap` is `-1`, less than 0",
    ]
