"""Pinned outputs: whole, in files that ``make golden`` rewrites."""

import difflib
import io
import os
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

REWRITE = os.environ.get("AGENTC_GOLDEN") == "write"


def agentc(args: list[str], directory: Path) -> str:
    """What ``agentc ARGS`` leaves when it is called in ``directory``: exit status, stdout and stderr."""
    from agentc.cli import main

    out, err = io.StringIO(), io.StringIO()
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    try:
        with chdir(directory), redirect_stdout(out), redirect_stderr(err):
            status = main(args)
    finally:
        os.environ.pop("COLUMNS") if columns is None else os.environ.update(COLUMNS=columns)
    shown = " ".join(args)
    return f"$ agentc {shown}\nexit {status}\n--- stdout\n{out.getvalue()}--- stderr\n{err.getvalue()}"


def compare(path: Path, text: str) -> None:
    """Compare ``text`` with the pinned file, or pin it when ``AGENTC_GOLDEN=write``.

    Raises:
        AssertionError: They differ; the message is the difference.
    """
    if REWRITE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return
    pinned = path.read_text("utf-8") if path.exists() else ""
    lines = difflib.unified_diff(pinned.splitlines(), text.splitlines(), str(path), "now", lineterm="")
    assert pinned == text, "not as pinned (`make golden` rewrites):\n" + "\n".join(lines)
