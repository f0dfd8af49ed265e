"""One HTTP exchange with an endpoint that may be slow, wrong or hostile. Standard library only."""

import json
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import field
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record

_RETRIED = frozenset({429, 500, 502, 503, 504})
"""Statuses that may pass: overload and gateways."""
_LONGEST_PAUSE_SECONDS = 8.0


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would carry the key to another host: it is refused like an error."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        return None


@record(slots=True)
class Endpoint:
    """Where requests go. ``timeout`` (seconds) is for each wait on the network, ``deadline`` for a whole answer."""

    url: str
    api_key: str | None = None
    timeout: float = 60.0
    deadline: float = 600.0
    retries: int = 2
    """How often a request is sent again that failed before its answer began."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Sent with every request, beside those that every request has."""

    def __post_init__(self) -> None:
        if not _is_address(self.url):
            message = f"`{clean(self.url)}` is not the address of an endpoint"
            raise Refused(Diagnostic("endpoint-unreachable", message, help="write http://HOST:PORT/v1"))
        if self.api_key and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise self.refused("endpoint-unreachable", "its key holds characters that no HTTP header can carry")

    def __repr__(self) -> str:
        return f"Endpoint({self.url!r})"

    @contextmanager
    def open(self, path: str, body: Mapping[str, Any] | None = None) -> Generator["Answering"]:
        """Send ``body`` (GET without one) and give the answer as it comes.

        Raises:
            Refused: ``endpoint-unreachable``, ``endpoint-timeout``, ``endpoint-error`` or ``endpoint-answer``.
        """
        end = time.monotonic() + self.deadline
        response = self._send(path, body, end)
        try:
            with response:
                yield Answering(self, response, end)
        except TimeoutError as error:
            raise self.late() from error
        except (OSError, HTTPException) as error:
            raise self.refused("endpoint-answer", f"the answer broke off: {error or type(error).__name__}") from error

    def _send(self, path: str, body: Mapping[str, Any] | None, end: float) -> HTTPResponse:
        for attempt in range(self.retries + 1):
            try:
                return self._try(path, body)
            except HTTPError as error:
                last = error.code not in _RETRIED or attempt == self.retries
                pause = _pause(error.headers.get("Retry-After"), attempt)
                if last or time.monotonic() + pause > end:
                    raise self._status(error) from error
            except (OSError, HTTPException, ValueError) as error:
                pause = _pause(None, attempt)
                if attempt == self.retries or _is_late(error):
                    raise self.late() if _is_late(error) else self._unreachable(error) from error
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _try(self, path: str, body: Mapping[str, Any] | None) -> HTTPResponse:
        headers = {"Accept": "text/event-stream, application/json", "User-Agent": "agentc", **self.headers}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body, ensure_ascii=False).encode("utf-8", errors="replace")
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        request = Request(self.url + path, data=data, headers=headers)
        return cast(HTTPResponse, build_opener(_NoRedirect).open(request, timeout=self.timeout))

    def refused(self, slug: str, why: str, *notes: str) -> Refused:
        """A refusal that names the endpoint, without a password that its address may hold."""
        parts = urlsplit(self.url)
        shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        return Refused(Diagnostic(slug, f"endpoint {clean(shown)}: {why}", notes=notes))

    def late(self) -> Refused:
        """The refusal of an answer that took too long."""
        limits = f"{self.timeout:g} s a step, {self.deadline:g} s in all"
        return self.refused("endpoint-timeout", f"no answer in time ({limits})")

    def _unreachable(self, error: Exception) -> Refused:
        reason = error.reason if isinstance(error, URLError) else error
        return self.refused("endpoint-unreachable", f"cannot be reached: {clean(str(reason))}")

    def _status(self, error: HTTPError) -> Refused:
        try:
            said = clean(error.read(65536).decode("utf-8", errors="replace"))
        except (OSError, HTTPException):
            said = ""
        why = f"status {error.code} {clean(str(error.reason))}"
        return self.refused("endpoint-error", why, *([said] if said else []))


@record(slots=True)
class Answering:
    """An answer that is coming."""

    endpoint: Endpoint
    response: HTTPResponse
    end: float
    """When to give up, on the monotonic clock."""

    @property
    def is_stream(self) -> bool:
        """Whether the answer comes as events rather than as one document."""
        return self.response.headers.get_content_type() == "text/event-stream"

    def read(self) -> bytes:
        """The next bytes; none at the end.

        Raises:
            Refused: ``endpoint-timeout``, if the deadline is over (a server that drips bytes does not hold us).
        """
        if time.monotonic() > self.end:
            raise self.endpoint.late()
        return self.response.read1(65536)

    def json(self, limit: int = 64_000_000) -> Any:
        """The whole answer as JSON.

        Raises:
            Refused: ``endpoint-answer``, if it is too large or not JSON.
        """
        parts, total = list[bytes](), 0
        while part := self.read():
            parts.append(part)
            total += len(part)
            if total > limit:
                raise self.endpoint.refused("endpoint-answer", f"the answer has more than {limit} bytes")
        return parse_json(self.endpoint, b"".join(parts))


def parse_json(endpoint: Endpoint, text: str | bytes) -> Any:
    """JSON that the endpoint sent.

    Raises:
        Refused: ``endpoint-answer``.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        shown = clean(text if isinstance(text, str) else text.decode("utf-8", errors="replace"))
        raise endpoint.refused("endpoint-answer", f"the answer is not JSON: {clean(str(error))}", shown) from error


def clean(text: str, limit: int = 300) -> str:
    """Foreign text that is safe to show: no control characters, not long."""
    flat = "".join(c if c.isprintable() else " " for c in text[: 4 * limit]).strip()
    return flat if len(flat) <= limit else flat[:limit] + "…"


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _is_late(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or (isinstance(error, URLError) and isinstance(error.reason, TimeoutError))


def _pause(retry_after: str | None, attempt: int) -> float:
    """Seconds before the next attempt: as the server says, else doubling from a quarter of a second."""
    stated = float(retry_after) if retry_after and retry_after.isdecimal() else 0.25 * 2**attempt
    return min(stated, _LONGEST_PAUSE_SECONDS)
