"""Other tools' files, broken at random: refused at a place of the file or imported, never a failure.

The number of cases a format is small in the suite; `AGENTC_MUTATIONS=10000` makes it large.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph_sample import CORRECTIVE, FAN_OUT, SUPERVISOR, TOOLS

from agentc.frontends import importers, yaml
from agentc.frontends.importers import crewai, langgraph
from agentc.frontends.importers.json_text import open_source
from agentc.frontends.importers.write import text as to_text
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import parse_yaml
from testsuite.crewai_sample import CREW, FLOW
from testsuite.mutation import CASES, Data, mutants

SAMPLES = sorted((Path(__file__).parents[1] / "corpus" / "samples").iterdir())


def check(data: Any, file: str) -> None:
    document = Data(file, data)
    format = importers.detect(document)
    if format is None:
        return
    try:
        found = importers.read(document, format)
        assert parse_yaml(to_text(found, file), "agent.yaml").data == found.definition
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


TOKEN = re.compile(r"\w+|\n *|\s|[^\w\s]")


@st.composite
def programs(draw: st.DrawFn, text: str) -> str:
    """``text`` with tokens dropped, doubled, or put in another's place."""
    tokens = TOKEN.findall(text)
    for _ in range(draw(st.integers(1, 4))):
        at, other = (draw(st.integers(0, len(tokens) - 1)) for _ in range(2))
        action = draw(st.sampled_from(["drop", "double", "swap", "line"]))
        if action == "drop":
            tokens[at] = ""
        elif action == "double":
            tokens[at] += f" {tokens[at]}"
        elif action == "swap":
            tokens[at], tokens[other] = tokens[other], tokens[at]
        else:
            end = next((i for i in range(at + 1, len(tokens)) if tokens[i].startswith("\n")), len(tokens))
            tokens[at:end] = [""] * (end - at)
    return "".join(tokens)


def check_program(module: Any, text: str, path: Path) -> None:
    path.write_text(text, "utf-8")
    try:
        document, found = module.load(path)
        assert parse_yaml(to_text(found, path.name), "agent.yaml").data == found.definition
        yaml.lower(yaml.define(importers.overlay(document, found), Path("."))).verify()
    except Refused as refused:
        assert all(d.span is not None and d.span.file == str(path) for d in refused.diagnostics)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (crewai, CREW),
        (crewai, FLOW),
        (langgraph, CORRECTIVE),
        (langgraph, FAN_OUT),
        (langgraph, SUPERVISOR),
        (langgraph, TOOLS),
    ],
    ids=["crewai", "crewai-flow", "corrective", "fan-out", "supervisor", "tools"],
)
def test_programs(module: Any, text: str, tmp_path: Path) -> None:
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]

    @settings(max_examples=CASES, suppress_health_check=slow, deadline=None)
    @given(programs(text))
    def mutated(program: str) -> None:
        check_program(module, program, tmp_path / "program.py")

    check_program(module, text, tmp_path / "program.py")
    mutated()
