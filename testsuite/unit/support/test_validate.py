from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Discriminator, Field, RootModel, Tag, field_validator
from pydantic_core import PydanticCustomError

from agentc.support.diagnostics import Refused
from agentc.support.validate import validate
from agentc.support.yaml_source import parse_yaml


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Figure(Strict):
    mean: float
    p95: float | None = None


class Llm(Strict):
    llm: str
    tokens: dict[str, float | Figure] = {}
    mode: Literal["fast", "slow"] = "fast"


class Tool(Strict):
    tool: str
    max_tries: int = Field(default=1, alias="max-tries", gt=0)


class Cat(Strict):
    kind: Literal["cat"]
    lives: int = Field(default=9, gt=0)


class Dog(Strict):
    kind: Literal["dog"]
    barks: bool = True


class Names(RootModel[list[str]]):
    pass


def _arm(value: Any) -> str:
    return "llm" if "llm" in value else "tool"


Tagged = Annotated[Annotated[Llm, Tag("llm")] | Annotated[Tool, Tag("tool")], Discriminator(_arm)]


class Doc(Strict):
    name: str = "x"
    tagged: dict[str, Tagged] = {}
    plain: dict[str, Llm | Tool] = {}
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = []
    names: Names | None = None
    best: Figure | None = None

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        if name == "bad":
            raise PydanticCustomError("bad-name", "`{name}` is a bad name", {"name": name, "help": "rename it"})
        if name == "worse":
            raise ValueError("that is worse")
        return name


def problems(text: str) -> list[tuple[str, str, str | None]]:
    with pytest.raises(Refused) as refused:
        validate(Doc, parse_yaml(text, "f"))
    return [(str(d.span)[2:], f"{d.slug}: {d.message}", d.help) for d in refused.value.diagnostics]


def test_valid() -> None:
    doc = validate(Doc, parse_yaml("plain: {a: {tool: t, max-tries: 2}}\nbest: {mean: 1.5}"))
    assert doc.plain["a"] == Tool.model_validate({"tool": "t", "max-tries": 2})


@pytest.mark.parametrize(
    ("text", "place", "message", "help_"),
    [
        ("nmae: x", "1:1", "unknown-field: unknown field `nmae`", "did you mean `name`?"),
        ("name: bad", "1:7", "bad-name: `bad` is a bad name", "rename it"),
        ("name: worse", "1:7", "wrong-value: `name` is `worse`: that is worse", None),
        ("name: 3", "1:7", "wrong-type: `name` is `3`, but should be text", None),
        ("best: {meen: 3}", "1:8", "unknown-field: unknown field `meen`", "did you mean `mean`?"),
        ("best: {}", "1:1", "missing-field: `best` needs a field `mean`", None),
        (
            "tagged: {llm: {llm: m, mode: fst}}",
            "1:30",
            "unknown-choice: `tagged.llm.mode` is `fst`, which is no choice",
            "did you mean `fast`?",
        ),
        ("tagged: {tool: {tol: a}}", "1:17", "unknown-field: unknown field `tol`", "did you mean `tool`?"),
        ("plain: {a: {tool: a, max_tires: 1}}", "1:22", "unknown-field: unknown field `max_tires`", None),
        (
            "plain: {a: {tool: a, max-tires: 1}}",
            "1:22",
            "unknown-field: unknown field `max-tires`",
            "did you mean `max-tries`?",
        ),
        (
            "plain: {a: {llm: a, tokens: {in: {mena: 1}}}}",
            "1:35",
            "unknown-field: unknown field `mena`",
            "did you mean `mean`?",
        ),
        (
            "plain: {a: {llm: a, tokens: {in: x}}}",
            "1:34",
            "wrong-type: `plain.a.tokens.in` is `x`, but should be a number or a mapping",
            None,
        ),
        (
            "pets: [{kind: cat, lives: -1}]",
            "1:27",
            "wrong-value: `pets[0].lives` is `-1`, but should be greater than 0",
            None,
        ),
        ("pets: [{kind: dgo}]", "1:15", "unknown-choice: `pets[0].kind` is `dgo`, which is no choice", None),
        ("pets: [{}]", "1:8", "missing-field: `pets[0]` needs a field `kind`", None),
        ("names: [a, 2]", "1:12", "wrong-type: `names[1]` is `2`, but should be text", None),
        ("- a", "1:1", "wrong-type: the document is a list, but should be a mapping", None),
        ("", "1:1", "wrong-type: the document is empty, but should be a mapping", None),
        ("tagged: 3", "1:9", "wrong-type: `tagged` is `3`, but should be a mapping", None),
    ],
)
def test_one_problem_is_one_diagnostic(text: str, place: str, message: str, help_: str | None) -> None:
    ((found_place, found, found_help),) = problems(text)
    assert (found_place, found) == (place, message)
    assert help_ is None or found_help == help_


def test_all_problems_at_once() -> None:
    text = "name: 1\nplain: {a: {tool: x, max-tries: 0}}\nbest: {mean: a}\nextra: 1"
    assert [place for place, _, _ in problems(text)] == ["1:7", "2:33", "3:14", "4:1"]


def test_a_missing_field_beside_an_unrelated_unknown_one_is_two() -> None:
    assert [m.split(":")[0] for _, m, _ in problems("best: {zzz: 1}")] == ["missing-field", "unknown-field"]


def test_part_of_a_document() -> None:
    document = parse_yaml("a: [{mean: 1}, {mean: x}]", "f")
    assert validate(Figure, document, ("a", 0)).mean == 1
    with pytest.raises(Refused) as refused:
        validate(Figure, document, ("a", 1))
    assert str(refused.value.diagnostics[0].span) == "f:1:23"


def test_long_values_are_cut() -> None:
    ((_, message, _),) = problems(f"best: {'y' * 200}")
    assert len(message) < 120
    assert "…" in message
