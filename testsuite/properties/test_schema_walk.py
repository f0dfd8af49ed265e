"""Every key of an agent file with every kind of wrong value: refused at its place, or compiled; never a traceback.

And the published JSON Schema says the same as the loader, so that an editor's word can be trusted.
"""

import copy
import functools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from agentc import catalog
from agentc.catalog.fleet_file import FleetFile
from agentc.frontends import yaml
from agentc.frontends.yaml.document import Overlay, replaced
from agentc.frontends.yaml.rules import base, file, nodes, parts
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import load_yaml, parse_yaml

FOLDER = Path(__file__).parents[1] / "every_key"
DOCUMENT = load_yaml(FOLDER / "agent.yaml", "agent.yaml")
AGENT_SCHEMA = Draft202012Validator(yaml.schema())

Place = tuple[str | int, ...]

HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2.0, 0.5, 10**30, -(10**400), 1e15, 1e-300, 5e-324),
    *("", " ", "x", "4", "\u202e\U0001f600é", "a\nb", "a" * 3000, "../../etc/passwd", "/dev/null", "*", ".", "x.y.z", "\0"),
    *([], [None], [[]], ["x"], [0.1]),
    *({}, {"x": 1}, {"": ""}, {"mean": None}, {"mean": 0}, {"mean": 1e15}, {"p50": 0, "p99": 1e15}, {"\U0001f600": []}),
    *({"nodes": {}}, {"\n": None}, {"lookup": None}, {"file": "\0"}),
)  # fmt: skip
BEYOND_JSON = (math.inf, -math.inf, math.nan)
"""What YAML can say and JSON cannot: the loader refuses it; a schema has no opinion."""


def places(data: Any, path: Place = ()) -> Iterator[Place]:
    """All places in ``data``."""
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def takes(model: type[BaseModel], data: Any) -> bool:
    """Whether ``data`` keeps the rules of the parts."""
    try:
        model.model_validate(data)
    except ValidationError:
        return False
    return True


def compiled(data: Any) -> None:
    """Define and lower ``data``; what is refused must say where."""
    try:
        module = yaml.lower(yaml.define(Overlay(DOCUMENT, data), FOLDER))
    except Refused as refused:
        assert all(found.span is not None and found.message for found in refused.diagnostics)
        assert all(len(found.message) < 1000 for found in refused.diagnostics)
        return
    module.verify()


PLACES = list(places(DOCUMENT.data))
HELD = list(dict.fromkeys(PLACES[1:]))


def stated(part: Any) -> Iterator[tuple[str, str]]:
    """The class and name of every field that is stated in ``part``, and inside."""
    if isinstance(part, BaseModel):
        for name in part.model_fields_set:
            yield type(part).__name__, name
            yield from stated(getattr(part, name))
    elif isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from stated(inner)


def fields() -> set[tuple[str, str]]:
    """All fields of the format."""
    found: set[tuple[str, str]] = set()
    for module in (base, parts, nodes, file):
        for part in vars(module).values():
            if isinstance(part, type) and issubclass(part, base.Part) and part not in (base.Part, nodes.Common):
                found |= {(part.__name__, name) for name in part.model_fields}
    return found


def test_the_walk_starts_from_every_key() -> None:
    """A key that the sample lacks would be walked by nobody. Common keys count once, not for each node type."""
    common = set(nodes.Common.model_fields)
    files = (DOCUMENT, load_yaml(FOLDER / "other.yaml"))
    seen = {key for one in files for key in stated(file.Definition.model_validate(one.data))}
    missing = {(part, name) for part, name in fields() - seen if name not in common}
    assert missing == set()
    assert {name for _, name in seen} >= common


def test_the_sample_compiles() -> None:
    assert AGENT_SCHEMA.is_valid(DOCUMENT.data)
    compiled(DOCUMENT.data)
    assert yaml.define(DOCUMENT, FOLDER).warnings == ()


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:30])
def test_schema_and_loader_agree_at_every_place(value: Any) -> None:
    """Small pieces are compared, each with one wrong value: a section, or the whole file without sections."""
    wrong = [place for place in HELD if not agree(sliced(place, value))]
    assert wrong == []


@functools.cache
def without_sections(keep: Place) -> Any:
    """The sample with only what stands around ``keep``: an entry of a section, or a key of the file."""
    data = copy.copy(DOCUMENT.data)
    for section in ("models", "tools", "memories", "agents", "inputs", "nodes"):
        entries = data[section]
        data[section] = {keep[1]: entries[keep[1]]} if keep[:1] == (section,) and len(keep) > 1 else {}
    return data


def sliced(place: Place, value: Any) -> Any:
    """The part of the sample around ``place`` with ``value`` there."""
    return replaced(without_sections(place[:2]), place, value)


def agree(data: Any) -> bool:
    return AGENT_SCHEMA.is_valid(data) == takes(file.Definition, data)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from((*HOSTILE, *BEYOND_JSON)))
def test_any_value_at_any_place_is_refused_or_compiled(place: Place, value: Any) -> None:
    compiled(replaced(DOCUMENT.data, place, value))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(PLACES))
def test_any_part_in_the_place_of_another(place: Place, other: Place) -> None:
    value = DOCUMENT.data
    for step in other:
        value = value[step]
    compiled(replaced(DOCUMENT.data, place, value))


SLIPS: tuple[tuple[Place, Any, str], ...] = (
    (("sla", "end_to_end_ms", "p95"), 5e-324, "wrong-value"),
    (("sla", "ttft_ms"), {"p95": -1, "usd_per_ms": 1}, "wrong-value"),
    (("sla", "ttft_ms"), {"p95": None}, "missing-field"),
    (("load",), {"concurrency": None}, "one-of"),
    (("nodes", "ask", "tokens", "input"), {"mean": None}, "missing-field"),
    (("nodes", "each", "map", "width"), 0, "bad-quantity"),
    (("nodes", "last", "memory", "load"), None, "one-of"),
    (("memories", "facts", "embed"), "nobody", "unknown-model"),
    (("memories", "facts", "path"), "a" * 3000, "unreadable-file"),
    (("models", "file", "config"), "a" * 3000, "bad-model-config"),
    (("models", "mind", "weights", "path"), "no\0where", "wrong-value"),
    (("agents", "other", "file"), "\0", "wrong-value"),
    (("tools", "local", "python"), "\0.py:f", "wrong-value"),
    (("tools", "search", "latency_ms", "mean"), [], "wrong-type"),
)
"""What once ended in a traceback, or in silence."""


@pytest.mark.parametrize(("place", "value", "slug"), SLIPS, ids=lambda part: ascii(part)[:40])
def test_slips(place: Place, value: Any, slug: str) -> None:
    with pytest.raises(Refused) as refused:
        yaml.define(Overlay(DOCUMENT, replaced(DOCUMENT.data, place, value)), FOLDER)
    assert slug in {found.slug for found in refused.value.diagnostics}
    assert all(found.span is not None for found in refused.value.diagnostics)


def test_inputs_that_are_empty_on_average() -> None:
    """A map over what a request seldom brings is no mistake of the map."""
    compiled(replaced(replaced(DOCUMENT.data, ("inputs", "many", "width"), 0), ("nodes", "each", "map", "width"), None))


FLEET = parse_yaml(
    """
agentc: v1
name: mine
profile: datasheet
devices:
  h100-sxm: {count: 8, price_usd: 30000, acquire: buy, per_host: 8, site: main}
  l40s: {count: unlimited, rent_usd_per_hour: 1, acquire: rent}
  mi300x: {count: 2, price: {kind: on-demand, provider: nebius}}
  ours: {device: gaudi3, count: 8, owned: {price_usd: 9000, bought: 2024-06, term_years: 4, interest: 0.05}}
  theirs: {device: a100-80gb, owned: {amortized: 0.5}}
  b200: 4
links:
  - {between: [h100-sxm, "*"], bandwidth_gbps: 400, latency_us: 5, name: roce}
financing: {years: 4, interest: 0.08}
power: {usd_per_kwh: 0.4, utilization: 1, pue: 1.2, kg_co2_per_kwh: 0.4}
source: me
""",
    "fleet.yaml",
)
FLEET_SCHEMA = Draft202012Validator(catalog.fleet_schema())


@pytest.mark.parametrize("value", (*HOSTILE, {"bought": None}, {"amortized": 2}), ids=lambda value: ascii(value)[:30])
def test_fleets(value: Any, tmp_path: Path) -> None:
    """As agents: refused at its place or taken, and the schema says the same."""
    for place in places(FLEET.data):
        data = replaced(FLEET.data, place, value)
        assert FLEET_SCHEMA.is_valid(data) == takes(FleetFile, data), place
    path = tmp_path / "fleet.yaml"
    for place in PLACES_OF_FLEET:
        path.write_text(json.dumps(replaced(FLEET.data, place, value)))
        try:
            catalog.load_fleet(path)
        except Refused as refused:
            assert all(found.span is not None for found in refused.diagnostics), place


PLACES_OF_FLEET = [place for place in places(FLEET.data) if place[:1] in ((), ("devices",), ("financing",), ("links",))]
