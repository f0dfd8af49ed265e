"""``file.py:name``: the definition that a Python file builds, got from a process of its own.

The user's file is code. It runs in another interpreter with a time limit, and only JSON comes back, so that it can
neither crash nor change the compiler.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from agentc.support.diagnostics import Diagnostic, Diagnostics, Refused, Span

if TYPE_CHECKING:
    from agentc.frontends.yaml import Definition
    from agentc.support.yaml_source import Document

SECONDS: Final = 30.0
"""Longest that a file may take to build its agent."""

MAX_BYTES: Final = 10_000_000

_SCRIPT: Final = """
import os, runpy, sys
answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
path, name = sys.argv[1:3]
sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
found = runpy.run_path(path, run_name="__agentc__")
if name not in found:
    import difflib
    from agentc.frontends.builder import Agent
    agents = [key for key, value in found.items() if isinstance(value, Agent)]
    print("agentc-missing " + " ".join(agents), file=sys.stderr)
    sys.exit(3)
if not hasattr(found[name], "to_json"):
    sys.exit(4)
answer.write(found[name].to_json())
answer.close()
"""


def load(source: str, *, overrides: Mapping[str, object] | None = None, seconds: float = SECONDS) -> "Definition":
    """The checked definition of ``file.py:name``; ``name`` is ``agent`` where none is stated.

    Raises:
        Refused: the file cannot be run, builds no such agent, or the agent breaks a rule.
    """
    from agentc.frontends.yaml import define

    document = read(source, seconds=seconds)
    return define(document, Path(document.file).parent, overrides=overrides)


def read(source: str, *, seconds: float = SECONDS) -> "Document":
    """What ``file.py:name`` builds, before its rules are checked.

    Raises:
        Refused: the file cannot be run, or builds no such agent.
    """
    file, _, name = source.partition(".py:")
    file = f"{file.removesuffix('.py')}.py"
    return _document(file, _run(file, name or "agent", seconds))


def _run(file: str, name: str, seconds: float) -> dict[str, Any]:
    if not Path(file).is_file():
        raise Refused(Diagnostic("unreadable-file", f"cannot read `{file}`: no such file"))
    try:
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, file, name],
            capture_output=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (_home(), os.environ.get("PYTHONPATH"))))},
            check=False,
        )
    except subprocess.TimeoutExpired as problem:
        message = f"`{file}` took more than {seconds:g} s to build its agent"
        raise Refused(Diagnostic("builder-failed", message, Span(file))) from problem
    if done.returncode != 0:
        raise Refused(_failure(file, name, done.returncode, done.stderr.decode(errors="replace")))
    if len(done.stdout) > MAX_BYTES:
        raise Refused(Diagnostic("yaml-too-large", f"the agent of `{file}` is larger than {MAX_BYTES // 1_000_000} MB"))
    return cast("dict[str, Any]", json.loads(done.stdout))


def _home() -> str:
    """The folder that holds this package, so that the other interpreter finds the same one."""
    return str(Path(__file__).resolve().parents[2])


def _failure(file: str, name: str, status: int, errors: str) -> Diagnostic:
    if status == 3:
        listed = errors.rpartition("agentc-missing")[2].split()
        help = (
            f"it holds {', '.join(f'`{file}:{one}`' for one in listed)}" if listed else "build an `agentc.Agent` in it"
        )
        return Diagnostic("builder-failed", f"`{file}` has nothing called `{name}`", Span(file), help=help)
    if status == 4:
        return Diagnostic("builder-failed", f"`{name}` of `{file}` is no `agentc.Agent`", Span(file))
    lines = [line for line in errors.strip().splitlines() if line.strip()]
    own = [line for line in lines if line.strip().startswith(f'File "{file}", line ')]
    line = int(own[-1].split(", line ")[1].split(",")[0]) if own else 1
    why = lines[-1] if lines else f"it ended with status {status}"
    return Diagnostic("builder-failed", f"`{file}` failed: {why}", Span(file, line))


def _document(file: str, answer: Mapping[str, Any]) -> "Document":
    """The definition as a document whose places are lines of the Python file."""
    from agentc.frontends.yaml.document import Overlay
    from agentc.support.yaml_source import Document

    found = Diagnostics()
    places: dict[tuple[str | int, ...], Span] = {}
    for path, where, line in answer["places"]:
        places[tuple(path)] = Span(_shown(file, where), line)
    for path, where, line in answer["twice"]:
        found.error(
            "duplicate-name", f"`{path[-1] if path else 'agent'}` is defined twice", Span(_shown(file, where), line)
        )
    found.raise_if_errors()
    return Overlay(Document(file, "", None), answer["definition"], places)


def _shown(file: str, where: str) -> str:
    """A file of the user as it is named on the command line, or relative to that one."""
    if os.path.realpath(where) == os.path.realpath(file):
        return file
    return os.path.join(os.path.dirname(file), os.path.relpath(where, os.path.dirname(os.path.abspath(file))))
