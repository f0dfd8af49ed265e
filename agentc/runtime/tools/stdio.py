"""Servers of the Model Context Protocol that a definition names a command for: processes of this run.

https://modelcontextprotocol.io/specification/2025-03-26/basic/transports: one JSON-RPC message a line, in on stdin and
out on stdout. A server is started at the first call of one of its tools and serves all of them until the program
closes; nothing but the command of the definition is ever started, and no shell reads it.
"""

import io
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, Final, cast

from agentc.support.diagnostics import Diagnostic, Refused, shortened

HANDED_ON: Final = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER", "USERPROFILE", "SYSTEMROOT")
"""Variables that every server gets; others, which may hold keys, only where the definition names them."""

MOST_BYTES: Final = 64_000_000
"""Of one message."""

GRACE_SECONDS: Final = 2.0
"""Between asking a server to end and making it."""

_METHOD_NOT_FOUND: Final = -32601
_GONE: Final = object()


class Servers:
    """The processes of a program: one for each command and set of variables."""

    def __init__(self) -> None:
        self._open: dict[tuple[tuple[str, ...], tuple[str, ...]], Server] = {}
        self._lock = threading.Lock()

    def server(
        self, command: Sequence[str], variables: Sequence[str], opening: Mapping[str, Any], seconds: float
    ) -> "Server":
        """The server of ``command``, started and greeted where it does not run.

        Raises:
            Refused: ``mcp-failed``.
        """
        key = (tuple(command), tuple(variables))
        with self._lock:
            known = self._open.get(key)
            if known is None or not known.runs:
                self._open[key] = known = Server(command, variables)
                known.request("initialize", opening, seconds)
                known.notify("notifications/initialized", {})
            return known

    def close(self) -> None:
        """End all."""
        with self._lock:
            for server in self._open.values():
                server.close()
            self._open.clear()


class Server:
    """One process and the calls that wait for it."""

    def __init__(self, command: Sequence[str], variables: Sequence[str]) -> None:
        """Start it.

        Raises:
            Refused: ``mcp-failed``: there is no such program.
        """
        self._place = shortened(" ".join(command))
        self._errors = cast(IO[bytes], tempfile.TemporaryFile())
        handed = {name: os.environ[name] for name in (*HANDED_ON, *variables) if name in os.environ}
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=handed,
                bufsize=0,
                start_new_session=True,
            )
        except (OSError, ValueError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else str(problem)
            raise self._failed(f"cannot be started: {why}") from problem
        self._waiting: dict[int, queue.SimpleQueue[Any]] = {}
        self._number = 0
        self._lock = threading.Lock()
        self._over = False
        threading.Thread(target=self._listen, name="agentc-mcp", daemon=True).start()

    @property
    def runs(self) -> bool:
        """Whether it can be asked."""
        return not self._over and self._process.poll() is None

    def request(self, method: str, params: Mapping[str, Any], seconds: float) -> Any:
        """The result of a request.

        Raises:
            Refused: ``mcp-failed``: the server ends, does not answer within ``seconds``, or answers with an error.
        """
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._lock:
            self._number += 1
            number = self._number
            self._waiting[number] = answers
        if self._over:
            answers.put(_GONE)
        try:
            self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            message = answers.get(timeout=seconds)
        except queue.Empty:
            self.notify("notifications/cancelled", {"requestId": number})
            raise self._failed(f"did not answer `{method}` within {seconds:g} s") from None
        finally:
            self._waiting.pop(number, None)
        if message is _GONE:
            raise self._failed("ended before it answered")
        if error := message.get("error"):
            said = cast("dict[str, Any]", error).get("message", error) if isinstance(error, dict) else error
            raise self._failed(f"answers with an error: {shortened(str(said), 300)}")
        return message.get("result")

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Tell it something that it does not answer."""
        with suppress(Refused):
            self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def close(self) -> None:
        """End it: its input ends, then it is asked, then made to."""
        if self._lock.acquire(timeout=GRACE_SECONDS):  # else a call is stuck in a full pipe, which its end opens
            with suppress(OSError):
                cast(IO[bytes], self._process.stdin).close()
            self._lock.release()
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                self._signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_SECONDS)
                break
        self._errors.close()

    def _signal(self, number: int) -> None:
        """To the process and those that it started, such as the one behind a launcher."""
        with suppress(OSError):
            os.killpg(self._process.pid, number)

    def _send(self, message: Mapping[str, Any]) -> None:
        stdin = cast(IO[bytes], self._process.stdin)
        rest = memoryview(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        try:
            with self._lock:
                while rest:
                    rest = rest[stdin.write(rest) :]
        except (OSError, ValueError) as problem:
            raise self._failed("ended before it answered") from problem

    def _listen(self) -> None:
        """Hand on what it says, until it says no more."""
        with suppress(OSError, ValueError), io.BufferedReader(cast(io.RawIOBase, self._process.stdout)) as stdout:
            while (line := stdout.readline(MOST_BYTES)) and len(line) < MOST_BYTES:
                self._heard(line)
        self._over = True
        for answers in list(self._waiting.values()):
            answers.put(_GONE)

    def _heard(self, line: bytes) -> None:
        try:
            message: Any = json.loads(line)
        except (ValueError, RecursionError):
            return  # servers print what is no message, whatever the specification says
        if not isinstance(message, dict):
            return
        told = cast("dict[str, Any]", message)
        number, method = told.get("id"), told.get("method")
        if isinstance(method, str):
            if number is not None:
                self._answer(number, method)
        elif isinstance(number, int) and (answers := self._waiting.get(number)) is not None:
            answers.put(told)

    def _answer(self, number: Any, method: str) -> None:
        """A server may ask too: whether we are there, and for what we do not offer."""
        error = {"code": _METHOD_NOT_FOUND, "message": f"{method} is not offered"}
        said: dict[str, Any] = {"result": {}} if method == "ping" else {"error": error}
        with suppress(Refused):
            self._send({"jsonrpc": "2.0", "id": number, **said})

    def _failed(self, why: str) -> Refused:
        return Refused(Diagnostic("mcp-failed", f"the server `{self._place}` {why}", notes=self._last_words()))

    def _last_words(self) -> tuple[str, ...]:
        """What it said on stderr in the end; read beside its position, which the process shares."""
        try:
            file = self._errors.fileno()
            tail = os.pread(file, 10_000, max(os.fstat(file).st_size - 10_000, 0))
        except (OSError, ValueError):
            return ()
        lines = [line.rstrip()[:200] for line in tail.decode("utf-8", "replace").splitlines() if line.strip()]
        return tuple(f"it said: {line}" for line in lines[-3:])
