import json
import subprocess
import sys

import pytest

from agentc.support.diagnostics import Diagnostic, Label, Severity, Span
from agentc.support.render import RENDERERS, text

SOURCE = {"f.yaml": "name: x\nmodels:\n  mind: {catalog: llama}\nname: y\n"}
ERROR = Diagnostic(
    "yaml-duplicate-key",
    "`name` is defined twice",
    Span("f.yaml", 4, 1, 4, 5),
    labels=(Label(Span("f.yaml", 1, 1, 1, 5), "first defined here"),),
    notes=("a note",),
    help="remove one",
)


def test_text_whole() -> None:
    assert text.render([ERROR], SOURCE) == (
        "error[yaml-duplicate-key]: `name` is defined twice\n"
        " --> f.yaml:4:1\n"
        "  |\n"
        "4 | name: y\n"
        "  | ^^^^\n"
        " --> f.yaml:1:1\n"
        "  |\n"
        "1 | name: x\n"
        "  | ---- first defined here\n"
        "  = note: a note\n"
        "  = help: remove one\n"
        "\n"
        "1 error; more: agentc explain yaml-duplicate-key\n"
    )


def test_text_of_nothing_is_empty() -> None:
    assert text.render([], {}) == ""


def test_text_counts() -> None:
    warning = Diagnostic("a-b", "careful", severity=Severity.WARNING)
    rendered = text.render([ERROR, ERROR, warning], SOURCE)
    assert rendered.endswith("2 errors, 1 warning; more: agentc explain SLUG\n")


def carets(line: str, span: Span) -> str:
    rendered = text.render([Diagnostic("a-b", "m", span)], {"f": line})
    shown, marks = rendered.splitlines()[3:5]
    return f"{shown[4:]}\n{marks[4:]}"


@pytest.mark.parametrize(
    ("line", "span", "shown"),
    [
        ("a: é b", Span("f", 1, 6, 1, 7), "a: é b\n     ^"),
        ("a: 中 b", Span("f", 1, 4, 1, 5), "a: 中 b\n   ^^"),
        ("\ta: b", Span("f", 1, 2, 1, 3), "    a: b\n    ^"),
        ("a: b", Span("f", 1, 4, 9, 1), "a: b\n   ^"),
        ("ab", Span("f", 1, 99, 1, 100), "ab\n  ^"),
        ("a: \x1b[31m", Span("f", 1, 4, 1, 5), "a: \N{REPLACEMENT CHARACTER}[31m\n   ^"),
    ],
)
def test_carets_stand_under_the_text(line: str, span: Span, shown: str) -> None:
    assert carets(line, span) == shown


def test_long_lines_are_cut_around_the_carets() -> None:
    line = "x" * 5000 + "HERE" + "y" * 5000
    shown, marks = carets(line, Span("f", 1, 5001, 1, 5005)).splitlines()
    assert len(shown) < 200
    assert shown[marks.index("^") : marks.rindex("^") + 1] == "HERE"


def test_messages_cannot_steer_the_terminal() -> None:
    rendered = text.render([Diagnostic("a-b", "x\x1b[2Jy\nz", help="\x07")], {})
    assert "\x1b" not in rendered
    assert "\x07" not in rendered


def test_color_is_asked_for() -> None:
    assert "\x1b[1;31m" in text.render([ERROR], SOURCE, color=True)
    assert "\x1b" not in text.render([ERROR], SOURCE)


def test_source_that_is_gone_shows_the_place_only() -> None:
    rendered = text.render([Diagnostic("a-b", "m", Span("no/such.yaml", 3, 1))], {})
    assert rendered.splitlines()[:2] == ["error[a-b]: m", " --> no/such.yaml:3:1"]


def test_json() -> None:
    (found,) = json.loads(RENDERERS["json"]([ERROR], {}))["diagnostics"]
    assert found["slug"] == "yaml-duplicate-key"
    assert found["span"] == {"file": "f.yaml", "line": 4, "column": 1, "end_line": 4, "end_column": 5}
    assert found["labels"][0]["text"] == "first defined here"
    assert (found["notes"], found["help"], found["severity"]) == (["a note"], "remove one", "error")


def test_github_escapes() -> None:
    problem = Diagnostic("a-b", "50% of\nit", Span("dir,x/f:1.yaml", 4, 1, 4, 5), Severity.WARNING)
    assert RENDERERS["github"]([problem], {}) == (
        "::warning title=a-b,file=dir%2Cx/f%3A1.yaml,line=4,endLine=4,col=1,endColumn=4::50%25 of%0Ait\n"
    )


def test_sarif() -> None:
    log = json.loads(RENDERERS["sarif"]([ERROR, ERROR, Diagnostic("a-b", "m")], {}))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["yaml-duplicate-key", "a-b"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "f.yaml"
    assert place["region"] == {"startLine": 4, "startColumn": 1, "endLine": 4, "endColumn": 5}
    assert run["results"][0]["relatedLocations"][0]["message"]["text"] == "first defined here"
    assert "locations" not in run["results"][2]


@pytest.mark.parametrize("name", RENDERERS)
def test_every_rendering_takes_nothing(name: str) -> None:
    RENDERERS[name]([], {})


def test_rendering_text_loads_no_library() -> None:
    code = "import sys, agentc.support.render.text; print({'yaml', 'pydantic', 'rich'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
