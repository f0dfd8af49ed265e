"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), as chat endpoints send them."""

from collections.abc import Callable, Iterator
from typing import Final

MAX_BYTES: Final = 64_000_000
"""An answer larger than this is refused."""


class TooMuch(ValueError):
    """The stream is longer than ``MAX_BYTES``."""


def events(read: Callable[[], bytes]) -> Iterator[str]:
    """The data of each event. ``read`` gives the next bytes, or none at the end.

    Raises:
        TooMuch: the stream is too long.
        UnicodeDecodeError: it is not UTF-8.
    """
    data: list[str] = []
    for line in _lines(read):
        if not line and data:
            yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
    if data:
        yield "\n".join(data)


def _lines(read: Callable[[], bytes]) -> Iterator[str]:
    pending, total = b"", 0
    while chunk := read():
        total += len(chunk)
        if total > MAX_BYTES:
            raise TooMuch(f"more than {MAX_BYTES} bytes")
        *lines, pending = (pending + chunk).split(b"\n")
        yield from (line.removesuffix(b"\r").decode("utf-8") for line in lines)
    if pending:
        yield pending.decode("utf-8")
