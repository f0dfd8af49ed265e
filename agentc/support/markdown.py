"""Markdown for a terminal."""

import re
import textwrap
from collections.abc import Iterable, Iterator

WIDTH = 80
"""Columns of a line, but for code."""

_AS_IT_IS = re.compile(r"#|\||    | *$")
"""How titles, rows of tables, indented code and empty lines begin."""
_ITEM = re.compile(r" *(?:[-*]|\d+\.) +")
_FENCE = "```"


def wrapped(text: str) -> str:
    """``text`` with paragraphs and items of lists in lines of at most ``WIDTH`` columns; code and tables stay."""
    return "\n".join(_lines(text.split("\n")))


def filled(paragraph: str, indent: str = "") -> str:
    """One paragraph in such lines, ``indent`` before all but the first. A longer word gets a line of its own."""
    return textwrap.fill(paragraph, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _lines(lines: Iterable[str]) -> Iterator[str]:
    paragraph: list[str] = []
    code = False
    for line in lines:
        fence = line.lstrip().startswith(_FENCE)
        if code or fence or _AS_IT_IS.match(line):
            yield from _flushed(paragraph)
            yield line
            code ^= fence
        else:
            if _ITEM.match(line):
                yield from _flushed(paragraph)
            paragraph.append(line if not paragraph else line.strip())
    yield from _flushed(paragraph)


def _flushed(paragraph: list[str]) -> Iterator[str]:
    """The lines of ``paragraph``, which is empty then."""
    if paragraph:
        bullet = _ITEM.match(paragraph[0])
        yield filled(" ".join(paragraph), " " * len(bullet[0]) if bullet else "")
        paragraph.clear()
