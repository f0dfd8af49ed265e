"""The fields of structured answers."""

from typing import Any

import jsonschema
import pytest

from agentc.runtime.models.fields import Field, check_answer, object_schema, parse_fields

FIELDS = parse_fields({"go": "bool", "why": "text", "score": "number", "mood": "enum[good, bad]", "kind": ["a", "b"]})
GOOD: dict[str, Any] = {"go": True, "why": "x", "score": 1.5, "mood": "bad", "kind": "a"}


def test_kinds() -> None:
    assert FIELDS == (
        Field("go", "bool"),
        Field("why", "text"),
        Field("score", "number"),
        Field("mood", "enum", ("good", "bad")),
        Field("kind", "enum", ("a", "b")),
    )


@pytest.mark.parametrize("kind", ["int", "enum", "enum[]", "enum[a, a]", "enum[a,]", [], ""])
def test_unknown_kinds_are_refused(kind: str | list[str]) -> None:
    with pytest.raises(ValueError, match="field `x`"):
        parse_fields({"x": kind})


def test_answers_are_checked_as_the_schema_checks_them() -> None:
    assert check_answer(GOOD | {"more": 1}, FIELDS) == GOOD
    schema = object_schema(FIELDS)
    jsonschema.validate(GOOD, schema)
    for name, value in [("go", 1), ("why", None), ("score", True), ("score", "1"), ("mood", "so-so"), ("kind", 2)]:
        with pytest.raises(ValueError, match=f"`{name}` is {value!r}"):
            check_answer(GOOD | {name: value}, FIELDS)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(GOOD | {name: value}, schema)
    with pytest.raises(ValueError, match="lacks `go`"):
        check_answer({}, FIELDS)
    with pytest.raises(ValueError, match="not a JSON object"):
        check_answer([GOOD], FIELDS)
    with pytest.raises(ValueError, match="`score` is nan"):
        check_answer(GOOD | {"score": float("nan")}, FIELDS)
