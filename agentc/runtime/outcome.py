"""One request from the command line, and what is printed of it."""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from agentc.runtime.events import Event, Listener
from agentc.runtime.trace import Trace
from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record

SCHEMA = 1


@record(slots=True)
class Outcome:
    """The answers of a run as plain data, and its trace."""

    outputs: Mapping[str, Any]
    trace: Trace
    warnings: tuple[Diagnostic, ...] = ()

    def text(self) -> str:
        """For people: outputs by name, then the table of the trace."""
        rows = [f"{name}: {_shown(value)}" for name, value in self.outputs.items()]
        told = [f"warning: {found.message}" for found in self.warnings]
        return "\n".join([*rows, "", self.trace.table().rstrip(), *told, ""])

    def json(self) -> str:
        """For scripts: schema 1."""
        run, *steps = map(json.loads, self.trace.json_lines().splitlines())
        warnings = [{"slug": found.slug, "message": found.message} for found in self.warnings]
        data = {**run, "schema": SCHEMA, "outputs": self.outputs, "warnings": warnings, "trace": steps}
        return json.dumps(data, ensure_ascii=False, indent=2) + "\n"

    def trace_lines(self) -> str:
        """The trace as JSON lines."""
        return self.trace.json_lines()

    def otlp_line(self) -> str:
        """The trace as a line of OTLP/JSON, which has just ended, under an identity of its own."""
        began = time.time_ns() - round(self.trace.settled_seconds * 1e9)
        return json.dumps(self.trace.spans(secrets.token_hex(16), began), ensure_ascii=False) + "\n"


def execute(
    build: Path,
    request: Mapping[str, Any],
    *,
    bind: Sequence[str] = (),
    state: Path | None = None,
    session: str = "",
    seed: int = 0,
    timeout: float | None = None,
    files: Path | None = None,
    stream: TextIO | None = None,
    target: str | None = None,
) -> Outcome:
    """Open a build and answer one request.

    ``bind``: ``MODEL=URL``, ``TOOL=URL``, ``TOOL=file.py:function`` or ``NODE=file.py:function`` each. ``session``
    names the conversation whose memories are meant.
    ``files``: where sound and pictures go. ``stream`` is shown words as they come.
    ``target``: what kernels run as, ``llvm`` or ``onnx``.

    Raises:
        Refused: ``bad-binding``, and as ``load`` and ``Program.run``; ``unwritable-path`` for ``files``.
    """
    from agentc.runtime import load

    bound = _bindings(bind)
    with load(build, state=state, target=target) as program:
        listener = streamer(stream) if stream is not None else None
        result = program.run(request, bind=bound, on_event=listener, seed=seed, timeout=timeout, session=session)
    try:
        outputs = result.as_json(files)
    except OSError as error:
        raise Refused(Diagnostic("unwritable-path", f"cannot write below `{files}`: {error.strerror}")) from error
    return Outcome(outputs, result.trace, result.warnings)


def streamer(stream: TextIO) -> Listener:
    """Shows words as they come, each stretch after the name of its node."""
    last = ""

    def listen(event: Event) -> None:
        nonlocal last
        if event.kind == "token" and event.data:
            if event.node != last:
                stream.write(f"\n[{event.node}] " if last else f"[{event.node}] ")
                last = event.node
            stream.write(_safe(event.data))
            stream.flush()
        elif last and (event.kind == "outputs" or (event.kind == "end" and event.node == last)):
            stream.write("\n")
            last = ""

    return listen


def _safe(text: str) -> str:
    """What a model says must not steer a terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _bindings(pairs: Sequence[str]) -> dict[str, str]:
    bound: dict[str, str] = {}
    for pair in pairs:
        name, equals, url = pair.partition("=")
        if not (name and equals and url):
            help = "write `--bind MODEL=http://HOST:PORT/v1`, or `--bind TOOL=file.py:function`"
            raise Refused(Diagnostic("bad-binding", f"`{pair}` binds no name to anything", help=help))
        bound[name] = url
    return bound


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return _safe(text)
