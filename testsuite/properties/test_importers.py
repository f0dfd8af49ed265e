"""Other tools' files, broken at random: refused at a place of the file or imported, never a failure.

The number of cases a format is small in the suite; `AGENTC_MUTATIONS=10000` makes it large.
"""

import copy
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentc.frontends import importers, yaml
from agentc.frontends.importers.json_text import open_source
from agentc.frontends.importers.write import text
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import Document, parse_yaml

SAMPLES = sorted((Path(__file__).parents[1] / "corpus" / "samples").iterdir())
CASES = int(os.environ.get("AGENTC_MUTATIONS", "40"))
JUNK: list[Any] = [
    None, "", 0, -1, 3.5, 1e300, True, "x" * 300, "a.b", "条件", "{{x}}", "{0} }}", "${a.b}", "{{#a.b#}}", "*", "item", "../..",
    [], {}, [[]], [None], {"a": {}}, {"$component_ref": "end"},
]  # fmt: skip

Path_ = tuple[Any, ...]


def paths(value: Any, at: Path_ = ()) -> list[Path_]:
    """The places of a document, from the root on."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, each in inner for path in paths(each, (*at, key)))]


def value_at(data: Any, path: Path_) -> Any:
    for step in path:
        data = data[step]
    return data


@st.composite
def mutants(draw: st.DrawFn, data: Any) -> Any:
    """``data`` with parts dropped, replaced, repeated, or put in another's place."""
    made = copy.deepcopy(data)
    for _ in range(draw(st.integers(1, 4))):
        places = paths(made)[1:]
        if not places:
            return made
        path = draw(st.sampled_from(places))
        holder = value_at(made, path[:-1])
        action = draw(st.sampled_from(["drop", "junk", "copy", "repeat"]))
        if action == "drop":
            del holder[path[-1]]
        elif action == "junk":
            holder[path[-1]] = copy.deepcopy(draw(st.sampled_from(JUNK)))
        elif action == "copy":
            holder[path[-1]] = copy.deepcopy(value_at(made, draw(st.sampled_from(places))))
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[path[-1]]))
    return made


class Data(Document):
    """A document without a text: all places are those of the file."""

    def __init__(self, file: str, data: Any) -> None:
        super().__init__(file, "", None)
        self._data = data

    @property
    def data(self) -> Any:
        return self._data


def check(data: Any, file: str) -> None:
    document = Data(file, data)
    format = importers.detect(document)
    if format is None:
        return
    try:
        found = importers.read(document, format)
        assert parse_yaml(text(found, file), "agent.yaml").data == found.definition
        yaml.lower(yaml.define(importers.overlay(document, found), Path("."))).verify()
    except Refused as refused:
        assert all(d.span is not None and d.span.file == file for d in refused.diagnostics)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_mutations(path: Path) -> None:
    data = open_source(path).data

    @settings(max_examples=CASES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(mutants(data))
    def mutated(mutant: Any) -> None:
        check(mutant, path.name)

    mutated()


@given(st.sampled_from(SAMPLES), st.data())
@settings(max_examples=40)
def test_files_that_end_too_soon_and_bytes_that_changed(path: Path, data: st.DataObject) -> None:
    raw = bytearray(path.read_bytes())
    end = data.draw(st.integers(0, len(raw)))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.sampled_from(b"\x00\xff{[\"':-\n\t&*!|a"))
    try:
        document = parse_yaml(bytes(raw[:end]), path.name)
    except Refused as refused:
        assert all(d.span is not None for d in refused.diagnostics)
        return
    check(document.data, path.name)
