"""Other tools' files, broken at random: refused at a place of the file or imported, never a failure.

The number of cases a format is small in the suite; `AGENTC_MUTATIONS=10000` makes it large.
"""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentc.frontends import importers, yaml
from agentc.frontends.importers.json_text import open_source
from agentc.frontends.importers.write import text
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import parse_yaml
from testsuite.mutation import CASES, Data, mutants

SAMPLES = sorted((Path(__file__).parents[1] / "corpus" / "samples").iterdir())


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
