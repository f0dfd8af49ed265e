"""Tools of real servers, over stdio and over HTTP on the loopback, become a definition."""

import builtins
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentc import api
from agentc.cli import main
from agentc.frontends import mcp, mcp_definition
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import parse_yaml

pytest.importorskip("mcp", reason="needs the extra `mcp`")

SAMPLE = str(Path(__file__).parents[2] / "mcp_sample.py")


def command(how: str) -> list[str]:
    return [sys.executable, SAMPLE, how]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server over Streamable HTTP."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, SAMPLE, "http", str(port)], stderr=subprocess.DEVNULL)
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/mcp"
    process.kill()
    process.wait()


def test_stdio() -> None:
    text, told = api.import_mcp(command("stdio"))
    made: dict[str, Any] = parse_yaml(text).data
    assert made["name"] == "travel_desk" and told == ()
    assert made["tools"]["book"] == {
        "mcp": "travel desk/book",
        "command": command("stdio"),
        "description": "Books seats.\n\nAsks nobody.",
        "parameters": {"flight": "text", "seats": "number", "names": "list<text>"},
        "returns": "record",
    }
    assert made["tools"]["search"]["pure"] is True and made["tools"]["search"]["parameters"] == {"query": "text"}
    assert made["nodes"]["search"] == {"tool": "search", "in": {"query": "search_query"}}
    assert made["nodes"]["now"] == {"tool": "now"}
    assert "# assumed: optional arguments are left out: `limit` (number)" in text


def test_http_and_the_definition_compiles(address: str, tmp_path: Path) -> None:
    out = tmp_path / "agent.yaml"
    assert main(["import", "mcp", address, "-o", str(out)]) == 0
    made = parse_yaml(out.read_text()).data
    assert [made["tools"][name]["mcp"] for name in ("search", "now")] == [f"{address}#search", f"{address}#now"]
    assert main(["compile", str(out), "--stop-after", "task"]) == 0


def test_the_runtime_calls_what_was_imported(address: str) -> None:
    from agentc.runtime.tools.remote import call_mcp

    made = parse_yaml(api.import_mcp([address])[0]).data
    answer = call_mcp("search", made["tools"]["search"]["mcp"], {"query": "lisbon", "limit": 2}, 20.0)
    assert answer == {"result": ["lisbon", "lisbon"]}


@pytest.mark.parametrize(
    ("words", "message", "note"),
    [
        (command("dies"), "failed: Connection closed", "it said: no key for the desk"),
        (command("silent"), "did not answer within 2 s", ""),
        (command("noise"), "did not answer within 2 s", ""),
        (["no-such-program-here"], "cannot be started: No such file", ""),
        (["http://127.0.0.1:9/mcp"], "cannot be reached", ""),
    ],
)
def test_failures_are_told(words: list[str], message: str, note: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refused) as why:
        api.import_mcp(words, 2.0)
    (told,) = why.value.diagnostics
    assert told.slug == "mcp-failed" and message in told.message
    assert (note in told.notes) if note else told.notes == ()
    assert "Traceback" not in capfd.readouterr().err


def test_an_address_that_is_no_server(address: str) -> None:
    with pytest.raises(Refused) as why:
        api.import_mcp([address.replace("/mcp", "/other")], 5.0)
    assert why.value.diagnostics[0].slug == "mcp-failed"


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "mcp":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Refused) as why:
        api.import_mcp(["x"])
    assert why.value.diagnostics[0].slug == "extra-missing" and "agentc[mcp]" in str(why.value.diagnostics[0].help)


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "text"),
        ({"type": ["integer", "null"]}, "number"),
        ({"type": ["integer", "string"]}, "any"),
        ({"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}}, "list<list<bool>>"),
        ({"type": "array"}, "list<any>"),
        ({"anyOf": [{"type": "string"}]}, "any"),
        ({"type": 7}, "any"),
    ],
)
def test_types(schema: dict[str, Any], kind: str) -> None:
    assert mcp_definition.kind_of(schema) == kind


def test_hostile_descriptions() -> None:
    """A server says what it likes: names twice, names that are none, schemas that are none."""
    strange = {"properties": {"bad name": {"type": "string"}, "q": 7}, "required": ["bad name", "q", "unsaid", 3]}
    tools = (
        mcp.Tool("a b", "x\x00\n\n  y\u2028", strange, {}, False),
        mcp.Tool("a_b", "", {"properties": [], "required": "q"}, {"type": "array"}, True),
        mcp.Tool("", "z" * 5000, {}, {}, False),
    )
    text, told = mcp_definition.to_yaml(mcp.Server("\u202e", ("place",), False, tools))
    made = parse_yaml(text).data
    assert list(made["tools"]) == ["a_b", "a_b_2", "tool"]
    assert made["tools"]["a_b"]["parameters"] == {"q": "any", "unsaid": "any"}
    assert [d.slug for d in told] == ["import-left-out"] and "bad name" in told[0].message


def test_several_sources_are_for_mcp_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "auto", "a", "b"]) == 2
    assert "one SOURCE at a time" in capsys.readouterr().err
