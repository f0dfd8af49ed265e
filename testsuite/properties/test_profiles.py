"""Any profile is taken, or refused at a place in it; and its schema says the same as its loader."""

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from agentc.frontends import profile as profiles
from agentc.frontends import yaml
from agentc.frontends.profile.revised import with_edits
from agentc.frontends.profile.rules import ProfileFile
from agentc.frontends.yaml.document import Overlay, replaced, without
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import Document, load_yaml

FOLDER = Path(__file__).parents[1] / "every_key"
AGENT = load_yaml(FOLDER / "agent.yaml", "agent.yaml")
PROFILE = load_yaml(FOLDER / "profile.yaml", "profile.yaml")
SCHEMA = Draft202012Validator(profiles.schema())

Place = tuple[str | int, ...]
HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2.0, 0.5, 10**30, -(10**400), 1e15, 1e-300),
    *("", " ", "x", "4", "\U0001f600", "a\nb", "a" * 3000, "*", ".", "x.y.z", "\0", "ask", "pick"),
    *([], [None], [[]], ["x"], [0.1]),
    *(
        {},
        {"x": 1},
        {"": ""},
        {"mean": None},
        {"mean": 0},
        {"mean": 1e15},
        {"p50": 9, "p99": 1},
        {"tokens": {"output": 4}},
    ),
    *({"nodes": {}}, {"sub.n": {"tokens": {"input": 3}}}, {"cases": {"x": 1.0}}),
)


def places(data: Any, path: Place = ()) -> list[Place]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in items for place in places(value, (*path, key)))]


PLACES = [place for place in places(PROFILE.data) if place]


def takes(data: Any) -> bool:
    try:
        ProfileFile.model_validate(data)
    except ValidationError:
        return False
    return True


def mutated(draw: st.DataObject) -> Any:
    data: Any = PROFILE.data
    for _ in range(draw.draw(st.integers(1, 3))):
        place = draw.draw(st.sampled_from(PLACES))
        if not Overlay(PROFILE, data).has(place):
            continue
        if draw.draw(st.booleans()):
            data = replaced(data, place, draw.draw(st.sampled_from(HOSTILE)))
        else:
            value = Overlay(PROFILE, data).data
            for step in place:
                value = value[step]
            moved = draw.draw(st.sampled_from(PLACES))[-1] if isinstance(place[-1], str) else place[-1]
            data = with_edits(without(data, place), [((*place[:-1], moved), value)])
    return data


def test_the_whole_profile_is_taken() -> None:
    Draft202012Validator.check_schema(profiles.schema())
    assert SCHEMA.is_valid(PROFILE.data) and takes(PROFILE.data)
    patch = profiles.bind(profiles.Profile(PROFILE), AGENT, FOLDER)
    yaml.lower(yaml.define(AGENT, FOLDER, patch=patch))
    assert set(ProfileFile.model_fields) - set(PROFILE.data) == set(), "every key is tried"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_schema_and_loader_agree(draw: st.DataObject) -> None:
    data = mutated(draw)
    assert SCHEMA.is_valid(data) == takes(data)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_refused_in_words_or_compiled(draw: st.DataObject) -> None:
    data = mutated(draw)
    document = Overlay(Document("profile.yaml", "", None), data) if data is not PROFILE.data else PROFILE
    if not isinstance(data, dict):
        return
    try:
        profile = profiles._checked(document)  # pyright: ignore[reportPrivateUsage]
        made = yaml.lower(yaml.define(AGENT, FOLDER, patch=profiles.bind(profile, AGENT, FOLDER)))
        made.verify()
    except Refused as refused:
        assert not takes(data) or refused.diagnostics
        assert all(d.span is not None for d in refused.diagnostics)
        errors = [d for d in refused.diagnostics if d.severity.value == "error"]
        assert errors and {d.span.file for d in errors if d.span} == {"profile.yaml"}
    else:
        assert takes(data)


AGENT_PLACES = [place for place in places(AGENT.data) if place]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_definition_takes_a_profile_or_is_refused(draw: st.DataObject) -> None:
    """What is wrong with a definition is told as without a profile: nothing trips over it."""
    data: Any = AGENT.data
    for _ in range(draw.draw(st.integers(1, 3))):
        place = draw.draw(st.sampled_from(AGENT_PLACES))
        if Overlay(AGENT, data).has(place):
            data = replaced(data, place, draw.draw(st.sampled_from(HOSTILE)))
    document = Overlay(AGENT, data)
    try:
        patch = profiles.bind(profiles.Profile(PROFILE), document, FOLDER)
        yaml.lower(yaml.define(document, FOLDER, patch=patch)).verify()
    except Refused as refused:
        assert refused.diagnostics
