"""Prompts, names, numbers and JSON of other tools; and the YAML that is written of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc.frontends import importers, load
from agentc.frontends.importers import prompts
from agentc.frontends.importers.frame import Imported, Names, clean
from agentc.frontends.importers.json_text import as_yaml, open_source
from agentc.frontends.importers.model_map import read_model_map
from agentc.frontends.importers.models import _STAND_INS  # pyright: ignore[reportPrivateUsage]
from agentc.frontends.importers.source import Part
from agentc.frontends.importers.write import scalar, text
from agentc.frontends.yaml import templates
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import parse_yaml


def translated(source: str, *known: str) -> str:
    return prompts.translate(source, prompts.JINJA, lambda name: prompts.input_name(name) if name in known else None)


@pytest.mark.parametrize(
    ("source", "ours"),
    [
        ("Hello {{ name }}!", "Hello {name}!"),
        ("{{name|upper}}", "{name}"),
        ("{{ other }}", "{{{{ other }}}}"),
        ('{"a": "{{name}}"}', '{"a": "{name}"}'),
        ("{{{name}}}", "{ {name} }"),
        ("{name} and {0}", "{{name} and (0)"),
    ],
)
def test_templates(source: str, ours: str) -> None:
    assert translated(source, "name") == ours


def filled(template: str, **values: str) -> str:
    """What our templates make of ``template``."""
    places = templates.positional(template, dict.fromkeys(values))
    for i, value in enumerate(values.values()):
        places = places.replace(f"{{{i}}}", value)
    return places


@given(st.text("ab{}% \n", max_size=20), st.text("ab{}% \n", max_size=20))
def test_what_is_no_place_stays_as_it_is(before: str, after: str) -> None:
    ours = prompts.translate(f"{before} {{{{ x }}}} {after}", prompts.JINJA, {"x": "x"}.get)
    assert "x" in templates.names(ours)
    expected = f"{before} VALUE {after}".strip()
    assert filled(ours, x="VALUE").replace(" ", "") == expected.replace(" ", "")


def test_loops_over_a_value_become_the_value() -> None:
    jinja = "{% for d in docs %}{{ d.text }}{% endfor %}{% if x %}\nAnswer {{ q }}{# a remark #}{% endif %}"
    assert prompts.plain(jinja) == "{{ docs }}\nAnswer {{ q }}"


@pytest.mark.parametrize(
    ("name", "ours"), [("a b-c", "a_b_c"), ("条件", "node"), ("7up", "node_7up"), ("É", "E"), ("", "node")]
)
def test_names(name: str, ours: str) -> None:
    assert clean(name) == ours


def test_names_are_given_once() -> None:
    names = Names(("a",))
    assert [names.new("a"), names.new("a"), names.new("item")] == ["a_2", "a_3", "item_2"]


def test_parts_that_are_not_what_is_asked() -> None:
    part = Part.of(parse_yaml("a: {b: [1, '2', x]}\nc: true\n", "f.yaml"))
    assert part["a"]["b"][1].number() == 2.0
    assert part["a"].number() is None and part["c"].number() is None
    assert part["a"]["b"]["c"]["d"].texts() == [] and not part["nothing"]
    assert str(part["a"]["b"][2].span) == "f.yaml:1:17"
    assert str(part["a"]["zzz"]["y"].span) == "f.yaml:1:4"


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**12), 10**12), st.floats(allow_nan=False, allow_infinity=False)
)
PLAIN = st.recursive(
    st.one_of(SCALARS, st.text(st.characters(codec="utf-8"), max_size=30), st.text("ab: #-'\"\n{}[]", max_size=30)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text("ab_ :1", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["nodes", "name", "on", "x y"]), PLAIN, min_size=1), st.text(max_size=30))
def test_what_is_written_reads_back(definition: dict[str, object], why: str) -> None:
    first = next(iter(definition))
    imported = Imported("tool", definition, {}, {(first,): why}, ())
    assert parse_yaml(text(imported, "x.yaml"), "a.yaml").data == definition


def test_assumptions_are_comments() -> None:
    imported = Imported("tool", {"a": {"max": 3}, "b": {}}, {}, {("a", "max"): "a guess", ("b",): "nothing known"}, ())
    lines = text(imported, "x.yaml").splitlines()
    assert lines[1:] == ["a:", "  max: 3  # assumed: a guess", "b: {}  # assumed: nothing known"]


@pytest.mark.parametrize(
    ("value", "written"), [(1e-5, "1.0e-05"), (2.0, "2"), ("no", '"no"'), ("a b", "a b"), ("\x85", '"\\u0085"')]
)
def test_scalars(value: object, written: str) -> None:
    assert scalar(value) == written
    assert parse_yaml(f"x: {written}", "a.yaml").data == {"x": value}


def test_json_with_tabs_and_surrogates(tmp_path: Path) -> None:
    raw = b'{\n\t"a": "tab \\t and \\ud83d\\ude00 and \\\\ud83d and \\ud800",\n\t"b":\t[1]\n}\n'
    (tmp_path / "x.json").write_bytes(raw)
    document = open_source(tmp_path / "x.json")
    assert document.data == {"a": "tab \t and \U0001f600 and \\ud83d and \ufffd", "b": [1]}
    assert document.span(("b",), key=True).column == 2
    assert as_yaml(b'"\\\\"') == b'"\\\\"'


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        open_source(tmp_path / "x.json")
    assert caught.value.diagnostics[0].slug == "unreadable-file"


def test_model_maps(tmp_path: Path) -> None:
    path = tmp_path / "names.yaml"
    path.write_text("gpt-4o: llama-3.3-70b\nmine: {catalog: llama-3.1-8b}\n")
    assert read_model_map(path) == {"gpt-4o": "llama-3.3-70b", "mine": {"catalog": "llama-3.1-8b"}}
    path.write_text("gpt-4o: 4\nother: [x]\n")
    with pytest.raises(Refused) as caught:
        read_model_map(path)
    assert [(d.slug, d.span.line if d.span else 0) for d in caught.value.diagnostics] == [
        ("wrong-type", 1),
        ("wrong-type", 2),
    ]


def test_the_catalog_has_what_stands_in() -> None:
    from agentc import catalog

    assert {kind: catalog.model(name).kind for kind, name in _STAND_INS.items()} == {kind: kind for kind in _STAND_INS}


def test_a_canvas_in_a_text(tmp_path: Path) -> None:
    canvas = {
        "nodes": [
            {
                "id": "c",
                "data": {"name": "chatOpenAI", "category": "Chat Models", "inputs": {"modelName": "qwen3-8b"}},
            },
            {
                "id": "a",
                "data": {
                    "name": "conversationChain",
                    "category": "Chains",
                    "inputs": {"systemMessagePrompt": "Hi “x”."},
                },
            },
        ],
        "edges": [{"source": "c", "target": "a", "sourceHandle": "c-output", "targetHandle": "a-input-model-Base"}],
    }
    path = tmp_path / "flow.json"
    path.write_text(json.dumps({"name": "Bot", "flowData": json.dumps(canvas)}))
    inside, _ = importers.to_yaml(path, "auto", {})
    path.write_text(json.dumps({"name": "Bot", "flowData": canvas}))
    assert importers.to_yaml(path, "auto", {})[0] == inside
    assert "catalog: qwen3-8b" in inside


@pytest.mark.parametrize("text", ['{"nodes": [\n 1, }', "[]", "", '{"a": 1, "a": 2}'])
def test_a_canvas_that_is_none_is_told_at_the_text(text: str, tmp_path: Path) -> None:
    path = tmp_path / "flow.json"
    path.write_text('{"name": "x",\n"flowData": ' + json.dumps(text) + "}")
    with pytest.raises(Refused) as caught:
        importers.to_yaml(path, "auto", {})
    assert {d.span and d.span.line for d in caught.value.diagnostics} <= {1, 2}


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ({"agents": [], "tools": [], "blocks": []}, "is a file of Letta"),
        ({"nodes": [], "connections": {}}, "is a file of n8n"),
        ({"x": 1}, "is of no format that is known"),
    ],
)
def test_files_of_others_are_told_once(data: dict[str, Any], what: str, tmp_path: Path) -> None:
    path = tmp_path / "their.json"
    path.write_text(json.dumps(data))
    with pytest.raises(Refused) as caught:
        load(path)
    [told] = caught.value.diagnostics
    assert (told.slug, told.span and told.span.line) == ("import-format", 1)
    assert what in told.message


@pytest.mark.parametrize("model", ["{{ model }}", "${MODEL}", "<your-model>", "$MODEL"])
def test_a_model_that_nobody_filled_in(model: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(f"name: a\nagent_class: LlmAgent\ninstruction: Do it.\nmodel: {json.dumps(model)}\n")
    told = importers.to_yaml(path, "auto", {})[1]
    assert [(d.slug, d.span and d.span.line, "nobody filled in" in d.message) for d in told] == [
        ("import-model", 4, True)
    ]


def test_a_template_in_our_own_yaml() -> None:
    with pytest.raises(Refused) as caught:
        parse_yaml("agentc: v1\nname: {{ name }}\n", "agent.yaml")
    assert "nobody filled in" in str(caught.value.diagnostics[0].help)
