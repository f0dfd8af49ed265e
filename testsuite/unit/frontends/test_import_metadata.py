"""`metadata.agentc.values` of Agent Spec: written into the file's own text, and read again."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentc import api
from agentc.frontends import importers
from agentc.frontends.importers.frame import path_of, pointer_of
from agentc.frontends.importers.json_text import open_source
from agentc.support.diagnostics import Refused

AGENT = """# an agent
component_type: Agent
id: a
name: helper  # its name
{metadata}agentspec_version: 25.4.1
system_prompt: Help.
llm_config: {{component_type: VllmConfig, id: l, name: l, model_id: meta-llama/Llama-3.1-8B-Instruct, url: "http://x"}}
tools:
- {{component_type: ServerTool, id: t, name: look, inputs: [{{title: q, type: string}}], outputs: []}}
"""
POINTERS = ["/tools/look/http", "/nodes/work/loop/max", "/nodes/work/loop/expected"]
METADATA = ["", "metadata:\n", "metadata: {}\n", "metadata: null\n", "metadata: ~\n", "metadata: {x: 1}\n",
    "metadata:\n    y: 2 # two\n", "metadata:\n  agentc: {}\n", "metadata:\n  agentc:\n    max: 4\n",
    "metadata: {agentc: {values: {/nodes/work/loop/max: 6}}}\n",
    "metadata:\n  agentc:\n    values:\n      /nodes/work/loop/max: 6\n",
]  # fmt: skip


def write(path: Path, text: str) -> tuple[str, Any]:
    path.write_text(text, "utf-8")
    made, _ = api.import_(path, "agentspec", metadata=True)
    path.write_text(made, "utf-8")
    return made, importers.read(open_source(path), "agentspec")


@pytest.mark.parametrize("metadata", METADATA)
def test_all_else_of_the_file_stays(metadata: str, tmp_path: Path) -> None:
    text = AGENT.format(metadata=metadata)
    made, again = write(tmp_path / "agent.yaml", text)
    assert not again.assumptions
    kept = iter(made)
    left = text.replace("null\n", "\n").replace("~\n", "\n")
    assert all(letter in kept for letter in left)  # in its order
    assert again.definition["nodes"]["work"]["loop"]["max"] == (6 if "6" in metadata else 4 if "4" in metadata else 10)
    assert write(tmp_path / "agent.yaml", made)[0] == made


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_json(indent: int | str | None, tmp_path: Path) -> None:
    data: dict[str, Any] = {
        "component_type": "Agent", "id": "a", "name": "h", "agentspec_version": "25.4.1", "system_prompt": "Hélp \u2028.",
        "llm_config": {"component_type": "VllmConfig", "id": "l", "name": "l", "model_id": "qwen3-8b", "url": "x"},
        "tools": [{"component_type": "ServerTool", "id": "t", "name": "look", "inputs": [], "outputs": []}],
        "metadata": None,
    }  # fmt: skip
    made, again = write(tmp_path / "agent.json", json.dumps(data, indent=indent, ensure_ascii=False))
    assert not again.assumptions
    stated = json.loads(made)
    assert sorted(stated.pop("metadata")["agentc"]["values"]) == sorted(POINTERS)
    data.pop("metadata")
    assert stated == data


def test_a_value_is_told_at_its_place(tmp_path: Path) -> None:
    values = "metadata: {agentc: {values: {/nodes/work/loop/max: many, /nodes/wrok: 1, nodes: 2, /nodes: {}}}}\n"
    path = tmp_path / "agent.yaml"
    path.write_text(AGENT.format(metadata=values))
    with pytest.raises(Refused) as caught:
        api.import_(path)
    assert [(d.slug, d.span and d.span.line) for d in caught.value.diagnostics] == [("wrong-type", 5)]
    path.write_text(AGENT.format(metadata=values.replace("many", "3")))
    found = [d for d in api.import_(path)[1] if d.slug == "import-left-out"]
    assert [d.message.split("`")[1] for d in found] == ["/nodes/wrok", "nodes", "/nodes"]


def test_files_that_take_nothing(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(AGENT.format(metadata="metadata: 3\n"))
    with pytest.raises(Refused) as caught:
        api.import_(path, metadata=True)
    assert [(d.slug, d.span and d.span.line) for d in caught.value.diagnostics] == [("import-metadata", 5)]
    path.write_text("name: a\ninstruction: Help.\n")
    with pytest.raises(Refused) as caught:
        api.import_(path, metadata=True)
    assert [d.slug for d in caught.value.diagnostics] == ["import-metadata"]


def test_pointers() -> None:
    data = {"a/b": {"~": [{"": 1}]}}
    path = ("a/b", "~", 0, "")
    assert pointer_of(path) == "/a~1b/~0/0/"
    assert path_of("/a~1b/~0/0/", data) == path
    assert [path_of(text, data) for text in ("", "/", "/a~1b", "/a~1b/~0/1", "/a~1b/~0/-1", "a")] == [None] * 6
