"""Runs lit's RUN lines inside this process: starting Python for each line costs more than most tests do.

``agentc-opt`` and ``filecheck`` are called as functions; a line with anything else goes to the shell. The command
``lit testsuite/filecheck`` runs the same files through lit itself.
"""

import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

MACROS = {
    "AGENTC_ROUNDTRIP": "agentc-opt %s --split-input-file | agentc-opt --split-input-file | filecheck %s",
    "AGENTC_GENERIC_ROUNDTRIP": (
        "agentc-opt %s --print-op-generic --split-input-file | agentc-opt --split-input-file | filecheck %s"
    ),
}
"""What nearly all tests of the IR run."""

_RUN = re.compile(r"(?://|#|;)\s*RUN:\s*(.*)")


@dataclass(frozen=True)
class Outcome:
    """What a command left."""

    status: int
    stdout: str
    stderr: str


class RunFailed(Exception):
    """A RUN line failed; the text holds the line and all output."""


def run_lines(text: str) -> list[str]:
    """The RUN lines of a test, continuation lines joined."""
    lines: list[str] = []
    joined = ""
    for match in _RUN.finditer(text):
        part = match[1].rstrip()
        joined += part.removesuffix("\\")
        if not part.endswith("\\"):
            lines.append(joined)
            joined = ""
    return [*lines, joined] if joined else lines


def run_file(path: Path) -> None:
    """Run a test.

    Raises:
        RunFailed: A line exits with another status than 0, or there is none.
    """
    lines = run_lines(path.read_text("utf-8"))
    if not lines:
        raise RunFailed(f"{path}: no RUN line")
    with tempfile.TemporaryDirectory() as scratch:
        for line in lines:
            outcome = _run_line(substitute(line, path, Path(scratch)))
            if outcome.status:
                raise RunFailed(f"RUN: {line}\nexit {outcome.status}\n{outcome.stdout}{outcome.stderr}")


def substitute(line: str, path: Path, scratch: Path) -> str:
    """lit's substitutions and ours."""
    for name, text in MACROS.items():
        line = re.sub(rf"\b{name}\b", lambda _, text=text: text, line)
    stem = str(scratch / path.name)
    table = {"%%": "%", "%s": str(path), "%S": str(path.parent), "%t": f"{stem}.tmp", "%T": str(scratch)}
    return re.sub(r"%[%sStT]", lambda match: table[match[0]], line)


def _run_line(line: str) -> Outcome:
    stages = _stages(line)
    if stages is None:
        return _shell(line)
    text, status, errors = "", 0, ""
    for tokens in stages:
        merged = "2>&1" in tokens
        outcome = _call([token for token in tokens if token != "2>&1"], text)
        text = outcome.stdout + outcome.stderr if merged else outcome.stdout
        errors += "" if merged else outcome.stderr
        status = status or outcome.status
    return Outcome(status, text, errors)


def _stages(line: str) -> list[list[str]] | None:
    """The commands of a pipe, or ``None`` if the line needs a shell."""
    stages: list[list[str]] = [[]]
    for token in shlex.split(line.replace("2>&1", " 2>&1 ")):
        if token == "|":
            stages.append([])
        else:
            stages[-1].append(token)
    plain = all(t == "2>&1" or not (set(t) <= set("<>&;")) for stage in stages for t in stage)
    known = all(stage and _tool(stage)[1] in _TOOLS for stage in stages)
    return stages if plain and known and not re.search(r"[$`~]|[<>](?!&1)|&&", _unquoted(line)) else None


def _unquoted(line: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"", "", line).replace("2>&1", "")


def _tool(stage: Sequence[str]) -> tuple[bool, str]:
    negated = stage[0] in ("not", "!")
    return negated, stage[1] if negated and len(stage) > 1 else stage[0]


def _call(stage: list[str], stdin: str) -> Outcome:
    """Run one command of a pipe as a function."""
    negated, tool = _tool(stage)
    args = stage[2:] if negated else stage[1:]
    out, err = _Stream(), _Stream()
    with _streams(stdin, out, err), _restored():
        try:
            status = _TOOLS[tool](args)
        except SystemExit as exit_:
            status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
        except Exception as problem:
            print(f"Traceback: {type(problem).__name__}: {problem}", file=sys.stderr)
            status, negated = 134, False
    status = int(not status) if negated else status
    return Outcome(status, out.text(), err.text())


class _Stream(io.TextIOWrapper):
    """Text output with a ``buffer``, as a process has."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", newline="")

    def text(self) -> str:
        self.flush()
        self.seek(0)
        return self.read()


@contextmanager
def _streams(stdin: str, out: _Stream, err: _Stream) -> Generator[None, None, None]:
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
    try:
        with redirect_stdout(out), redirect_stderr(err):
            yield
    finally:
        sys.stdin = before


@contextmanager
def _restored() -> Generator[None, None, None]:
    """Undo what xdsl-opt's options change for the whole process."""
    from xdsl.ir import Attribute
    from xdsl.utils.diagnostic import Diagnostic

    verify, colored = Attribute.__post_init__, Diagnostic.colored
    try:
        yield
    finally:
        Attribute.__post_init__, Diagnostic.colored = verify, colored


def _agentc_opt(args: list[str]) -> int:
    from agentc.cli.opt import main

    return main(args)


def _agentc(args: list[str]) -> int:
    from agentc.cli import main

    return main(args)


def _filecheck(args: list[str]) -> int:
    from filecheck.main import main

    main(["filecheck", *args])
    return 0


_TOOLS: dict[str, Callable[[list[str]], int]] = {
    "agentc": _agentc,
    "agentc-opt": _agentc_opt,
    "filecheck": _filecheck,
}


def _shell(line: str) -> Outcome:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["bash", "-c", f"set -o pipefail\n{line}"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PATH": path}, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)
