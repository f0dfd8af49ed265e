"""Built-in functions: each by cases, and the table that documents them."""

from pathlib import Path
from typing import Any

import pytest

from agentc.plan.builtins import BUILTINS
from agentc.runtime.builtins import FUNCTIONS, call, fill_template
from agentc.runtime.values import Mistyped
from agentc.support.diagnostics import Refused

ROWS = [{"n": "b", "k": 2}, {"n": "a", "k": 1}]
CASES: list[tuple[str, list[Any], dict[str, Any], Any]] = [
    ("concat", ["a", None, 1], {"separator": "-"}, "a--1"),
    ("template", ["x", {"k": 1}], {"template": "{1} {0} {other}"}, '{"k": 1} x {other}'),
    ("strip", [" a\n"], {}, "a"),
    ("lower", ["Ab"], {}, "ab"),
    ("upper", ["Ab"], {}, "AB"),
    ("title", ["two words"], {}, "Two Words"),
    ("truncate", ["abcdef"], {"length": 4}, "abc…"),
    ("truncate", ["abc"], {"length": 4}, "abc"),
    ("replace", ["a.b.c"], {"old": ".", "new": "/"}, "a/b/c"),
    ("regex_replace", ["a1b22"], {"pattern": r"(\d+)", "replacement": r"<\1>"}, "a<1>b<22>"),
    ("regex_extract", ["order 4711!"], {"pattern": r"order (\d+)"}, "4711"),
    ("regex_extract", ["nothing"], {"pattern": r"\d"}, ""),
    ("markdown_strip", ["# Title\n\n- **bold** [link](http://x) `code`"], {}, "Title\n\nbold link code"),
    ("split", ["a, b,,c"], {"separator": ","}, ["a", "b", "c"]),
    ("lines", ["a\n\n b"], {}, ["a", " b"]),
    ("join", [["a", 1]], {"separator": "+"}, "a+1"),
    ("json_parse", ['Sure:\n```json\n{"a": [1]}\n```'], {}, {"a": [1]}),
    ("json_format", [{"a": "é"}], {}, '{"a": "é"}'),
    ("record", ["x", 1], {"names": "a, b"}, {"a": "x", "b": 1}),
    ("merge", [{"a": 1}, None, {"a": 2, "b": 3}], {}, {"a": 2, "b": 3}),
    ("select", [{"a": [{"b": 7}]}], {"field": "a.0.b"}, 7),
    ("select", [None], {"field": "a"}, None),
    ("default", [None, " ", "x"], {}, "x"),
    ("list", ["a", None], {}, ["a", None]),
    ("first", [[]], {}, None),
    ("last", [[1, 2]], {}, 2),
    ("take", [[1, 2, 3]], {"count": 2}, [1, 2]),
    ("reverse", [[1, 2]], {}, [2, 1]),
    ("flatten", [[[1], [2, 3]]], {}, [1, 2, 3]),
    ("unique", [["a", "b", "a", {"x": 1}, {"x": 1}]], {}, ["a", "b", {"x": 1}]),
    ("sort", [ROWS], {"field": "k"}, ROWS[::-1]),
    ("sort", [[1, 3, 2]], {"descending": True}, [3, 2, 1]),
    ("filter", [ROWS], {"field": "n", "value": "a"}, [ROWS[1]]),
    ("pluck", [ROWS], {"field": "n"}, ["b", "a"]),
    ("length", ["abc"], {}, 3),
    ("length", [None], {}, 0),
    ("sum", [1, 2.5], {}, 3.5),
    ("mean", [[1, 2]], {}, 1.5),
    ("min", [[3, 1]], {}, 1),
    ("max", [3, 1], {}, 3),
    ("equals", [True, "True"], {}, True),
    ("equals", ["7"], {"value": 7}, True),
    ("contains", ["haystack"], {"value": "st"}, True),
    ("contains", [["a"], "b"], {}, False),
    ("contains", [{"k": 1}, "k"], {}, True),
    ("matches", ["abc"], {"pattern": "^b"}, False),
    ("less", [1, 2], {}, True),
    ("greater", [3], {"value": 2}, True),
    ("not", ["false"], {}, True),
    ("and", [True, False], {}, False),
    ("or", [True, False], {}, True),
    ("is_empty", [[]], {}, True),
    ("is_empty", [0], {}, False),
    ("documents", [["t"]], {}, [{"id": "0", "text": "t", "score": 0.0, "metadata": {}}]),
    ("document_texts", [[{"text": "a"}, {"text": "b"}]], {}, ["a", "b"]),
    ("identity", [5], {}, 5),
]


@pytest.mark.parametrize(("name", "inputs", "options", "expected"), CASES)
def test_function(name: str, inputs: list[Any], options: dict[str, Any], expected: Any) -> None:
    assert call(name, inputs, options) == expected


def test_every_function_is_documented_tested_and_there() -> None:
    assert set(FUNCTIONS) == set(BUILTINS) == {"opaque", *(name for name, *_ in CASES)}


def test_manual_lists_them_all() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "running.md").read_text(encoding="utf-8")
    for name, known in BUILTINS.items():
        options = "; ".join(f"`{key}`: {text}" for key, text in known.options.items()) or "-"
        assert f"| `{name}` | {known.gives} | {known.doc} | {options} |" in manual


@pytest.mark.parametrize(
    ("name", "inputs", "options", "words"),
    [
        ("uper", ["a"], {}, "did you mean `upper`?"),
        ("upper", ["a", "b"], {}, "2 inputs, where it takes 1 to 1"),
        ("upper", ["a"], {"seperator": ""}, "no option `seperator`"),
        ("truncate", ["a"], {}, "option 'length' is missing"),
        ("select", [{"a": 1}], {"field": "b"}, "no field `b`; there are `a`"),
        ("json_parse", ["{"], {}, "Expecting property name"),
        ("regex_replace", ["a"], {"pattern": "("}, "missing )"),
        ("sum", ["x"], {}, "could not convert"),
        ("template", [], {"template": "{3}"}, "`{3}` stands for no input"),
    ],
)
def test_misuse_is_told(name: str, inputs: list[Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused) as refused:
        call(name, inputs, options)
    found = refused.value.diagnostics[0]
    assert words in f"{found.message} {found.help}"


def test_template_leaves_other_braces_alone() -> None:
    assert fill_template('{"a": {0}} {x}', ["1"]) == '{"a": 1} {x}'
    with pytest.raises(Mistyped):
        fill_template("{1}", ["only one"])
