"""`agentc check` of every format of agents, told as SARIF, GitHub annotations and JSON: valid, and at the user's lines."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from jsonschema import Draft202012Validator
from langgraph_sample import CORRECTIVE

from agentc.cli import main

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "testsuite" / "corpus" / "samples").iterdir())
SOURCES = [*SAMPLES, ROOT / "testsuite" / "every_key" / "agent.yaml"]

TEXT = {"type": "string", "minLength": 1}
MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": TEXT}}
REGION = {
    "type": "object",
    "required": ["startLine", "startColumn", "endLine", "endColumn"],
    "additionalProperties": {"type": "integer", "minimum": 1},
}
LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "message": MESSAGE,
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "properties": {
                "artifactLocation": {
                    "required": ["uri"],
                    "properties": {
                        "uri": {"type": "string", "pattern": r"^([A-Za-z0-9._~/!$&'()*+,;=:@-]|%[0-9A-F]{2})+$"}
                    },
                },
                "region": REGION,
            },
        },
    },
}
SARIF = Draft202012Validator(
    {
        "type": "object",
        "required": ["$schema", "version", "runs"],
        "properties": {
            "version": {"const": "2.1.0"},
            "runs": {
                "type": "array",
                "minItems": 1,
                "maxItems": 1,
                "items": {
                    "required": ["tool", "results", "columnKind"],
                    "properties": {
                        "columnKind": {"const": "unicodeCodePoints"},
                        "tool": {
                            "properties": {
                                "driver": {
                                    "required": ["name", "rules"],
                                    "properties": {
                                        "rules": {
                                            "type": "array",
                                            "uniqueItems": True,
                                            "items": {
                                                "required": ["id", "shortDescription", "help"],
                                                "properties": {
                                                    "id": TEXT,
                                                    "shortDescription": MESSAGE,
                                                    "help": MESSAGE,
                                                },
                                            },
                                        }
                                    },
                                }
                            }
                        },
                        "results": {
                            "type": "array",
                            "items": {
                                "required": ["ruleId", "ruleIndex", "level", "message"],
                                "properties": {
                                    "ruleId": TEXT,
                                    "ruleIndex": {"type": "integer", "minimum": 0},
                                    "level": {"enum": ["none", "note", "warning", "error"]},
                                    "message": MESSAGE,
                                    "locations": {"type": "array", "minItems": 1, "maxItems": 1, "items": LOCATION},
                                    "relatedLocations": {"type": "array", "items": LOCATION},
                                },
                            },
                        },
                    },
                },
            },
        },
    }
)
"""What SARIF 2.1.0 (OASIS, section 3) asks of a log with one run, and code scanning of a result."""


def told(capsys: pytest.CaptureFixture[str], form: str, *args: str) -> str:
    capsys.readouterr()
    assert main(["check", *args, "--diagnostics", form]) in (0, 1)
    return capsys.readouterr().err


def places(log: dict[str, Any]) -> Iterator[tuple[str, dict[str, int]]]:
    for result in log["runs"][0]["results"]:
        for location in (*result.get("locations", ()), *result.get("relatedLocations", ())):
            physical = location["physicalLocation"]
            yield unquote(physical["artifactLocation"]["uri"]), physical["region"]


def holds(path: Path, region: dict[str, int]) -> bool:
    """Whether the region is within the file: columns are of characters, from 1, the end exclusive."""
    lines = path.read_text("utf-8", errors="replace").split("\n")
    start, end = (region["startLine"], region["startColumn"]), (region["endLine"], region["endColumn"])
    widths = [len(lines[line - 1]) for line in (start[0], end[0]) if line <= len(lines)]
    return len(widths) == 2 and start < end and start[1] <= widths[0] + 1 and end[1] <= widths[1] + 2


def check(path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> list[dict[str, Any]]:
    log = json.loads(told(capsys, "sarif", str(path), *more))
    assert [problem.message for problem in SARIF.iter_errors(log)] == []
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    for uri, region in places(log):
        assert Path(uri).is_file() and holds(Path(uri), region), (uri, region)
    plain = json.loads(told(capsys, "json", str(path), *more))["diagnostics"]
    assert [row["slug"] for row in plain] == [result["ruleId"] for result in run["results"]]
    github = told(capsys, "github", str(path), *more).splitlines()
    assert len(github) == len(plain)
    for line, row in zip(github, plain, strict=True):
        command = re.fullmatch(
            r"::(error|warning|notice) title=([\w-]+)(,file=[^,:]+,line=\d+,endLine=\d+,col=\d+,endColumn=\d+)?::.+",
            line,
        )
        assert command and command[2] == row["slug"] and bool(command[3]) == (row["span"] is not None)
    return plain


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_each_format_as_it_is(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = check(source, capsys)
    assert not any(row["severity"] == "error" for row in found)


def test_a_graph_in_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "graph.py"
    path.write_text(CORRECTIVE)
    assert not any(row["severity"] == "error" for row in check(path, capsys))
    path.write_text(CORRECTIVE[: len(CORRECTIVE) // 2] + "\n)(\n")
    assert any(row["severity"] == "error" for row in check(path, capsys))


@pytest.mark.parametrize("source", SAMPLES, ids=lambda path: path.name)
@pytest.mark.parametrize("share", [0.15, 0.4, 0.6, 0.9])
def test_each_format_broken_off(source: Path, share: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a folder whose name needs escapes."""
    text = source.read_text("utf-8")
    path = tmp_path / "my agents, 100 % #1" / f"é{source.suffix}"
    path.parent.mkdir()
    path.write_text(text[: int(len(text) * share)], "utf-8")
    check(path, capsys)


@pytest.mark.parametrize("source", SAMPLES, ids=lambda path: path.name)
def test_each_format_with_wrong_values(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every seventh line's value is another one: many problems in one file, all told in one run."""
    lines = source.read_text("utf-8").split("\n")
    for at in range(6):
        fresh = [
            re.sub(r'(: )("[^"]*"|[\w.-]+)(,?)$', r"\g<1>[7]\3", line) if i % 6 == at else line
            for i, line in enumerate(lines)
        ]
        path = tmp_path / f"{at}{source.suffix}"
        path.write_text("\n".join(fresh), "utf-8")
        check(path, capsys)


def test_all_problems_of_definition_and_profile_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "agent.yaml").write_text(
        "agentc: v1\nname: x\nmodels: {m: llama-3.1-8b, n: nope}\ninputs: {q: {type: text}}\n"
        "nodes:\n  a: {llm: m, in: w}\n  b: {lm: m, in: q}\noutputs: {o: a}\n"
    )
    (tmp_path / "p.yaml").write_text(
        "nodes:\n  c: {trips: 2}\n  a: {trips: 2, tokens: {output: {p50: 9, p95: 1}}}\nlaod: 3\n"
    )
    found = check(tmp_path / "agent.yaml", capsys, "--profile", str(tmp_path / "p.yaml"))
    assert {(Path(row["span"]["file"]).name, row["slug"], row["span"]["line"]) for row in found} >= {
        ("agent.yaml", "unknown-model", 3),
        ("agent.yaml", "unknown-reference", 6),
        ("agent.yaml", "unknown-node-type", 7),
        ("p.yaml", "profile-name", 2),
        ("p.yaml", "profile-figure", 3),
        ("p.yaml", "bad-quantity", 3),
        ("p.yaml", "unknown-field", 4),
    }


@pytest.mark.parametrize("form", ["sarif", "json", "github"])
def test_nothing_wrong_is_a_whole_log_too(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, form, str(ROOT / "examples" / "figure7" / "agent.yaml"))
    assert text == "" if form == "github" else json.loads(text)
