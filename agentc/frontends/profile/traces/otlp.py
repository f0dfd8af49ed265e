"""Spans of OTLP/JSON files, one at a time: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding.

Taken are requests a line (the collector's file exporter, any SDK's OTLP file exporter) and one document, however it is
laid out; field names in camelCase and snake_case, 64-bit integers as text or numbers, gzip by the name's ending. A
file is read in pieces, so that its size does not matter; what is broken is told with its line, and reading goes on.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from json import JSONDecodeError
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from agentc.support.diagnostics import Diagnostic, Diagnostics, Refused, Span, shortened
from agentc.support.record import record

PIECE: Final = 1 << 20
"""Bytes that are read at a time."""

LONGEST: Final = 1 << 25
"""Characters of one span at most; what is longer is no span but a broken file."""

TOLD: Final = 10
"""Broken places that are told one by one."""

_ARRAY: Final = re.compile(r'"spans"\s*:\s*\[')
_BEGIN: Final = re.compile(r"[\s,]*(?:(\{)|(\]))")
_AGAIN: Final = re.compile(r'"spans"\s*:\s*\[|\{\s*"(?:traceId|trace_id)"')
_WHOLE: Final = re.compile(r"-?[0-9]+\Z")
_DECODER: Final = json.JSONDecoder(parse_constant=lambda _: None)


@record(slots=True)
class Recorded:
    """A span as the file has it. Times are nanoseconds; 0: not stated."""

    trace: str
    id: str
    parent: str
    name: str
    start: int
    end: int
    failed: bool
    attributes: dict[str, Any]


def spans(path: str | Path, found: Diagnostics) -> Iterator[Recorded]:
    """The spans of a file in its order; what is wrong with it goes to ``found``.

    Raises:
        Refused: the file cannot be read.
    """
    name = str(path)
    try:
        with _open(path) as stream:
            for row in _Reader(stream, name, found).objects():
                span = recorded(row)
                if span is not None:
                    yield span
    except (OSError, EOFError, zlib.error) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise Refused(Diagnostic("unreadable-file", f"cannot read `{shortened(name)}`: {why}")) from problem


def _open(path: str | Path) -> BinaryIO:
    opened = gzip.open(path, "rb") if str(path).endswith(".gz") else Path(path).open("rb")
    return cast(BinaryIO, opened)


@dataclass
class _Reader:
    stream: BinaryIO
    file: str
    found: Diagnostics
    text: str = ""
    at: int = 0
    """Where reading goes on in ``text``."""
    line: int = 1
    """Of the start of ``text``."""
    over: bool = False
    broken: int = 0
    _rest: bytes = b""
    _places: set[int] = field(default_factory=set[int])

    def objects(self) -> Iterator[dict[str, Any]]:
        """What stands in arrays called ``spans``."""
        while self._find(_ARRAY):
            yield from self._array()
        if self.broken > TOLD:
            message = f"{self.broken - TOLD} more places of `{self.file}` are broken"
            self.found.warning("trace-broken", message, Span(self.file))

    def _array(self) -> Iterator[dict[str, Any]]:
        """The objects up to the array's end; after a broken one from the next that begins like a span."""
        while True:
            begin = self._match()
            if begin is None or begin[2]:
                if begin is not None:
                    self.at = begin.end()
                elif not self.over or self.text[self.at :].strip():
                    self._tell("the list of spans breaks off")
                return
            self.at = begin.start(1)
            value = self._object()
            if value is not None:
                yield value
            elif not self._resume():
                return

    def _resume(self) -> bool:
        """Go to what looks like the next span, or into the next list of spans; False at the end."""
        self.at += 1
        hit = self._find(_AGAIN)
        if hit is not None and hit[0].startswith("{"):
            self.at -= len(hit[0])
        return hit is not None

    def _match(self) -> "re.Match[str] | None":
        """The next object, or the array's end; None where neither follows."""
        while True:
            hit = _BEGIN.match(self.text, self.at)
            if hit is not None or self.text[self.at :].strip(" \t\r\n,"):
                return hit
            if not self._more():
                return None

    def _object(self) -> dict[str, Any] | None:
        """The object at hand; None where it is broken."""
        while True:
            try:
                value, self.at = _DECODER.raw_decode(self.text, self.at)
                return value
            except RecursionError:
                self._tell("a span is nested too deeply")
                return None
            except ValueError as problem:
                final = isinstance(problem, JSONDecodeError) and self._breaks(problem)
                if final or len(self.text) - self.at > LONGEST or not self._more():
                    self._tell(f"a span is no JSON: {getattr(problem, 'msg', problem)}")
                    return None

    def _breaks(self, problem: JSONDecodeError) -> bool:
        """Whether more text cannot mend the span: there is text well behind the mistake, or it holds a line's end."""
        tail = self.text[problem.pos : problem.pos + 64]
        return len(tail) == 64 and not problem.msg.startswith("Unterminated string")

    def _find(self, pattern: "re.Pattern[str]") -> "re.Match[str] | None":
        """The next place that ``pattern`` matches, behind which reading goes on."""
        while True:
            hit = pattern.search(self.text, self.at)
            if hit is not None:
                self.at = hit.end()
                return hit
            self.at = max(self.at, len(self.text) - 256)
            if not self._more():
                return None

    def _more(self) -> bool:
        """Read on; what was dealt with is dropped. False at the end of the file."""
        raw = self.stream.read(max(PIECE, len(self.text) - self.at)) if not self.over else b""
        if not raw:
            self.over = True
            return False
        self.line += self.text.count("\n", 0, self.at)
        data = self._rest + raw
        cut = _whole(data)
        self._rest = data[cut:]
        self.text = self.text[self.at :] + data[:cut].decode("utf-8", "replace")
        self.at = 0
        return True

    def _tell(self, what: str) -> None:
        line = self.line + self.text.count("\n", 0, self.at)
        if line in self._places:
            return
        self._places = {line}
        self.broken += 1
        if self.broken <= TOLD:
            self.found.warning("trace-broken", what, Span(self.file, line))


def _whole(data: bytes) -> int:
    """How many bytes of ``data`` are whole characters of UTF-8."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            size = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if size > back else len(data)
    return len(data)


def recorded(row: object) -> Recorded | None:
    """A span of plain data; None where it has no trace or is no mapping."""
    if not isinstance(row, dict):
        return None
    data = cast("dict[str, Any]", row)
    trace = _text(data, "traceId", "trace_id")
    if not trace:
        return None
    attributes = _attributes(data.get("attributes"))
    status = cast("dict[str, Any]", data["status"]) if isinstance(data.get("status"), dict) else {}
    failed = status.get("code") in (2, "2", "STATUS_CODE_ERROR", "ERROR") or bool(attributes.get("error.type"))
    return Recorded(
        trace,
        _text(data, "spanId", "span_id"),
        _text(data, "parentSpanId", "parent_span_id"),
        _text(data, "name")[:1000],
        _nanoseconds(data, "startTimeUnixNano", "start_time_unix_nano"),
        _nanoseconds(data, "endTimeUnixNano", "end_time_unix_nano"),
        failed,
        attributes,
    )


def _text(data: dict[str, Any], *names: str) -> str:
    return next((value for name in names if isinstance(value := data.get(name), str)), "")


def _nanoseconds(data: dict[str, Any], *names: str) -> int:
    value = next((data[name] for name in names if data.get(name) is not None), 0)
    number = whole(value)
    return number if number is not None and 0 < number < 1 << 64 else 0


def whole(value: object) -> int | None:
    """A 64-bit integer, which JSON may hold as text."""
    if isinstance(value, str):
        value = int(value) if len(value) < 21 and _WHOLE.match(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return int(value) if abs(value) < 1 << 64 else None


_KINDS: Final = ("string", "int", "double", "bool")


def _attributes(stated: object) -> dict[str, Any]:
    """Keys -> plain values; lists and mappings within are left out."""
    if isinstance(stated, dict):
        plain = cast("dict[str, Any]", stated)
        return {key: value for key, value in plain.items() if isinstance(value, str | int | float | bool)}
    found: dict[str, Any] = {}
    for row in cast("list[Any]", stated) if isinstance(stated, list) else ():
        pair = cast("dict[str, Any]", row) if isinstance(row, dict) else {}
        key, value = pair.get("key"), pair.get("value")
        if isinstance(key, str) and isinstance(value, dict):
            found |= {key: plain} if (plain := _plain(cast("dict[str, Any]", value))) is not None else {}
    return found


def _plain(value: dict[str, Any]) -> str | int | float | bool | None:
    for kind in _KINDS:
        stated = value.get(f"{kind}Value", value.get(f"{kind}_value"))
        if stated is not None:
            if kind == "int":
                return whole(stated)
            return stated if isinstance(stated, str | int | float | bool) else None
    return None
