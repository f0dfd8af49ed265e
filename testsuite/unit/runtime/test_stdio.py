"""Servers that a definition names a command for: real ones of the package `mcp`, started by a run."""

import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agentc import api
from agentc.cli import main
from agentc.runtime import load
from agentc.runtime.tools.remote import OPENING, call_process
from agentc.runtime.tools.stdio import Server, Servers
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import parse_yaml

pytest.importorskip("mcp", reason="needs the extra `mcp`")

SAMPLE = str(Path(__file__).parents[2] / "mcp_sample.py")
COMMAND = [sys.executable, SAMPLE, "stdio"]


@pytest.fixture
def servers():
    opened = Servers()
    yield opened
    opened.close()


def call(
    servers: Servers, name: str, arguments: dict[str, Any], seconds: float = 20.0, env: tuple[str, ...] = ()
) -> Any:
    return call_process(
        name, f"travel desk/{name}", lambda limit: servers.server(COMMAND, env, OPENING, limit), arguments, seconds
    )


def processes(servers: Servers) -> list[Server]:
    return list(servers._open.values())  # pyright: ignore[reportPrivateUsage]


def test_one_process_answers_all_calls_and_ends_with_the_program(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_KEY", "k1")
    monkeypatch.setenv("OTHER_KEY", "k2")
    env = ("DESK_KEY",)
    assert call(servers, "count", {"by": 2}, env=env) == {"result": "1 2 k1 None"}
    assert call(servers, "count", {"by": 3}, env=env) == {"result": "2 5 k1 None"}
    answers: list[Any] = []
    threads = [
        threading.Thread(
            target=lambda n=n: answers.append(call(servers, "search", {"query": f"q{n}", "limit": 1}, env=env))
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["result"][0] for answer in answers) == [f"q{n}" for n in range(8)]
    (server,) = processes(servers)
    assert server.runs
    servers.close()
    assert not server.runs and processes(servers) == []


def test_failures_are_told(servers: Servers) -> None:
    with pytest.raises(Refused) as failed:
        call(servers, "fail", {"why": "no seats"})
    assert failed.value.diagnostics[0].slug == "tool-failed" and "no seats" in failed.value.diagnostics[0].message
    with pytest.raises(Refused) as slow:
        call(servers, "sleep", {"seconds": 1.5}, 0.3)
    assert "did not answer `tools/call` within 0.3 s" in slow.value.diagnostics[0].message
    with pytest.raises(Refused) as dead:
        call(servers, "die", {"how": 3})
    (told,) = dead.value.diagnostics
    assert told.slug == "mcp-failed" and "ended before it answered" in told.message
    assert told.notes == ("it said: the desk is closed",)
    assert call(servers, "count", {"by": 1}) == {"result": "1 1 None None"}, "a server that died is started again"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["no-such-program-here"], "cannot be started: No such file"),
        ([sys.executable, SAMPLE, "dies"], "ended before it answered"),
        ([sys.executable, SAMPLE, "noise"], "did not answer `initialize` within 2 s"),
    ],
)
def test_what_is_no_server_is_told(servers: Servers, command: list[str], why: str) -> None:
    with pytest.raises(Refused) as refused:
        servers.server(command, (), OPENING, 2.0)
    (told,) = refused.value.diagnostics
    assert told.slug == "mcp-failed" and why in told.message


def test_a_process_that_will_not_end_is_made_to() -> None:
    stubborn = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(60)"
    )
    server = Server([sys.executable, "-c", stubborn], ())
    time.sleep(0.3)
    server.close()
    assert not server.runs


def test_an_imported_server_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent = tmp_path / "agent.yaml"
    agent.write_text(
        f"""agentc: v1
name: desk
inputs: {{by: {{type: number}}}}
tools:
  count: {{mcp: travel desk/count, command: {COMMAND!r}, parameters: {{by: number}}, returns: any}}
nodes:
  first: {{tool: count, in: {{by: by}}}}
outputs: {{answer: first}}
"""
    )
    build = api.compile(agent, out=tmp_path / "build").path
    assert build is not None
    with load(build, state=tmp_path / "state") as program:
        assert program.run({"by": 4}).outputs == {"answer": {"result": "1 4 None None"}}
        assert program.run({"by": 5}).outputs == {"answer": {"result": "2 9 None None"}}, "the process goes on"
    imported = tmp_path / "imported.yaml"
    assert main(["import", "mcp", "-o", str(imported), "--", *COMMAND]) == 0
    assert parse_yaml(imported.read_text()).data["tools"]["count"]["command"] == COMMAND
    assert main(["import", "mcp", "--", *COMMAND, "--api-key=abc"]) == 0
    told = capsys.readouterr()
    assert "abc" not in told.out + told.err and "its word 4 may hold a secret" in told.err
