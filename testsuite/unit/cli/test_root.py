"""The command line's frame: commands on demand, where problems end, exit status."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import click
import pytest

from agentc.cli import main, root
from agentc.cli.boundary import guarded
from agentc.cli.options import diagnostics_option, settings
from agentc.cli.show import colors, show
from agentc.support.diagnostics import Diagnostic, Refused, Span


def command(body: Callable[[], object]) -> click.Command:
    return click.Command("agentc", callback=body, params=[diagnostics_option()])


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("agentc 0.")


@pytest.mark.parametrize("args", [["--no-such-option"], ["explain", "--nope"], ["explain", "a", "b"], ["nope"]])
def test_wrong_usage_is_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    assert "Usage:" in capsys.readouterr().err


@pytest.mark.parametrize("name", root.COMMANDS)
def test_table_tells_what_the_command_tells(name: str) -> None:
    found = root.agentc.get_command(click.Context(root.agentc), name)
    assert found is not None
    assert found.name == name
    assert found.get_short_help_str(limit=200) == root.COMMANDS[name][1]


def test_refusal_is_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> None:
        raise Refused(Diagnostic("a-b", "no `x`", help="write y"))

    assert guarded(command(body), []) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "error[a-b]: no `x`"


def test_a_mistake_of_ours_is_no_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def body() -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.delenv("AGENTC_DEBUG", raising=False)
    assert guarded(command(body), []) == 1
    err = capsys.readouterr().err
    assert "error[internal-error]: ZeroDivisionError: oh" in err
    assert "Traceback" not in err
    monkeypatch.setenv("AGENTC_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        guarded(command(body), [])


def test_interrupt(capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> None:
        raise KeyboardInterrupt

    assert guarded(command(body), []) == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_a_command_gives_its_own_status() -> None:
    assert guarded(command(lambda: 3), []) == 3
    assert guarded(command(lambda: None), []) == 0


@pytest.mark.parametrize(
    "args", [["--diagnostics", "json", "explain", "nope-nope"], ["explain", "nope-nope", "--diagnostics=json"]]
)
def test_diagnostics_format_before_or_after(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 1
    assert json.loads(capsys.readouterr().err)["diagnostics"][0]["slug"] == "unknown-name"


def test_warnings_follow_the_chosen_format(capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> None:
        assert settings().diagnostics == "github"
        show([Diagnostic("a-b", "careful", Span("f", 2))])

    assert guarded(command(body), ["--diagnostics", "github"]) == 0
    assert capsys.readouterr().err.startswith("::error title=a-b,file=f,line=2")


def test_settings_outside_of_a_command() -> None:
    assert settings().diagnostics == "text"


@pytest.mark.parametrize(
    ("terminal", "variables", "colored"),
    [(True, {}, True), (False, {}, False), (True, {"NO_COLOR": "1"}, False), (True, {"TERM": "dumb"}, False)],
)
def test_colors(terminal: bool, variables: dict[str, str], colored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert colors(terminal) is colored


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    code = "import sys; from agentc.cli import main; sys.exit(main(['explain']))"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.stderr, done.returncode) == ("", 1)


def test_an_interrupt_before_the_boundary_stands_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("agentc.cli.boundary.guarded", interrupted)
    assert main(["devices"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
