"""The published JSON Schema and the loader take and refuse the same files."""

import copy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from agentc.frontends import yaml
from agentc.frontends.yaml.rules.file import Definition
from agentc.support.yaml_source import load_yaml

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*/agent.yaml"))
VALIDATOR = Draft202012Validator(yaml.schema())


def loader_takes(data: Any) -> bool:
    try:
        Definition.model_validate(data)
    except ValidationError:
        return False
    return True


def agree(data: Any) -> bool:
    return VALIDATOR.is_valid(data) == loader_takes(data)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """All places in ``data``."""
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    fresh = copy.deepcopy(data)
    inner = fresh
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return fresh


def test_schema_is_one() -> None:
    Draft202012Validator.check_schema(yaml.schema())
    assert yaml.schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_field_of_a_node_is_described() -> None:
    nodes = [part for name, part in yaml.schema()["$defs"].items() if name.endswith("Node")]
    assert len(nodes) == 15 and all(part.get("description") for part in nodes)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.parent.name)
def test_examples(path: Path) -> None:
    data = load_yaml(path).data
    assert VALIDATOR.is_valid(data) and loader_takes(data)


VALUES: list[Any] = [
    None,
    True,
    0,
    1,
    -1,
    2.0,
    0.5,
    1e30,
    "",
    "x",
    "a b",
    "a.b",
    [],
    [1],
    ["a"],
    {},
    {"mean": 1},
    {"x": 1},
]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.parent.name)
def test_any_value_at_any_place(path: Path) -> None:
    data = load_yaml(path).data
    wrong: list[Any] = []
    for n, place in enumerate(list(places(data))[1:]):
        for value in VALUES[n % 8 :: 8]:
            if not agree(changed(data, place, value)):
                wrong.append((place, value))
    assert wrong == []


@pytest.mark.parametrize("path", EXAMPLES[-2:-4:-1], ids=lambda p: p.parent.name)
def test_any_field_added_or_missing(path: Path) -> None:
    data = load_yaml(path).data
    wrong: list[Any] = []
    for place in list(places(data))[1:]:
        fresh = copy.deepcopy(data)
        inner = fresh
        for key in place[:-1]:
            inner = inner[key]
        if isinstance(inner, dict):
            del inner[place[-1]]
            added = changed(data, (*place[:-1], "zzz"), 1)
            wrong += [place for one in (fresh, added) if not agree(one)]
    assert wrong == []


def test_only_the_kinds_that_stand_there_are_built() -> None:
    program = """
from pathlib import Path
from agentc.frontends import yaml
from agentc.frontends.yaml.rules.nodes import KINDS
from agentc.support.yaml_source import parse_yaml
text = "agentc: v1\\nname: a\\nmodels: {m: llama-3.1-8b}\\ninputs: {q: {type: text}}\\nnodes: {n: {llm: m, in: q}}\\n"
yaml.define(parse_yaml(text, "a.yaml"), Path())
print([kind for kind, cls in KINDS.items() if cls.__pydantic_complete__])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "['llm']\n", done.stderr


def test_mistakes_in_nodes_have_their_kind_in_the_place() -> None:
    data = {
        "agentc": "v1",
        "name": "a",
        "nodes": {
            "x": {"llm": "{what}", "tokns": 1, "max_tokens": 0},
            "y": {"loop": {"max": 2, "until": "z", "nodes": {"z": {"tool": "t", "returns": 3}}}},
        },
    }
    with pytest.raises(ValidationError) as caught:
        Definition.model_validate(data)
    found = {error["loc"]: (error["type"], error["msg"]) for error in caught.value.errors()}
    assert found.keys() == {
        ("nodes", "x", "llm", "llm"),
        ("nodes", "x", "llm", "tokns"),
        ("nodes", "x", "llm", "max_tokens"),
        ("nodes", "y", "loop", "loop", "nodes", "z", "tool", "returns"),
    }
    kind, message = found["nodes", "x", "llm", "llm"]
    assert kind == "wrong-value" and message.startswith("`{what}` is no name")
