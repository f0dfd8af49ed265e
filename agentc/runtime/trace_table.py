"""A trace as a table of plain text: a line a node, executions added up, measured beside planned."""

import textwrap
from dataclasses import dataclass

from agentc.runtime.trace import Step, Trace


@dataclass(slots=True)
class _Row:
    node: str
    op: str
    device: str
    times: int = 0
    seconds: float = 0.0
    estimated: float | None = None
    tokens: int = 0
    bytes_: int = 0
    failed: bool = False
    asynchronous: bool = False

    def add(self, step: Step) -> None:
        self.times += 1
        self.seconds += step.seconds
        self.tokens += step.tokens
        self.bytes_ += step.bytes_
        self.failed |= step.failed
        self.asynchronous |= step.asynchronous
        if step.estimated_seconds is not None:
            self.estimated = (self.estimated or 0.0) + step.estimated_seconds

    def cells(self) -> list[str]:
        carried = f"{self.tokens} tok" if self.tokens else amount(self.bytes_)
        times = f" x{self.times}" if self.times > 1 else ""
        mark = " !" if self.failed else (" *" if self.asynchronous else "")
        planned = duration(self.estimated) if self.estimated is not None else "-"
        return [self.node + times + mark, self.op, self.device or "-", duration(self.seconds), planned, carried]


_HEAD = ["node", "op", "planned on", "here", "planned", "result"]
_NUMBERS = (3, 4, 5)


def render(trace: Trace, width: int = 80) -> str:
    """At most ``width`` columns; names that are too long lose their beginning."""
    rows = _rows(trace)
    cells = [_HEAD, *(row.cells() for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEAD))]
    for column in (0, 1, 2):  # names give way, figures do not
        widths[column] = max(8, min(widths[column], width - 2 * (len(widths) - 1) - sum(widths) + widths[column]))
    lines = [_line(row, widths) for row in cells]
    lines.insert(1, "-" * min(width, max(map(len, lines))))
    lines.append(f"answered in {duration(trace.seconds)}, all over in {duration(trace.settled_seconds)}")
    marks = {" *": "*: nothing waits for it", " !": "!: failed"}
    legend = [told for mark, told in marks.items() if any(cell[0].endswith(mark) for cell in cells)]
    legend += ["here: on this machine; planned: on the devices of the plan"] if any(row.device for row in rows) else []
    lines += textwrap.wrap("; ".join(legend), width)
    return "\n".join([*lines, *_notes(trace, width)]) + "\n"


def _notes(trace: Trace, width: int) -> list[str]:
    return [line for note in trace.notes for line in textwrap.wrap(f"note: {note}", width, subsequent_indent="      ")]


def duration(seconds: float) -> str:
    """A time with three digits and its unit."""
    if seconds >= 1:
        return f"{seconds:.3g} s" if seconds < 1000 else f"{seconds:.0f} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} us"


def amount(bytes_: int) -> str:
    """Bytes with a decimal unit."""
    value = float(bytes_)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.3g} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def _rows(trace: Trace) -> list[_Row]:
    rows: dict[tuple[str, str, str], _Row] = {}
    for step in trace.steps:
        key = (step.node, step.op, step.device or "")
        rows.setdefault(key, _Row(*key)).add(step)
    return list(rows.values())


def _line(cells: list[str], widths: list[int]) -> str:
    parts = [
        cell.rjust(width) if column in _NUMBERS else _cut(cell, width).ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(parts).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else "…" + text[len(text) - width + 1 :]
