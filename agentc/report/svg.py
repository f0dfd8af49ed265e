"""The placement as a picture: tasks from top to bottom along the data flow, colored by device, with transfers."""

from agentc.report.colors import colors
from agentc.report.escape import escape
from agentc.report.facts import Facts, TaskFact
from agentc.report.layout import Layout, arrange
from agentc.support.units import format_bytes, format_seconds

BOX_WIDTH, BOX_HEIGHT = 196, 62
GAP_Y = 40
MARGIN, LEGEND = 24, 20
"""LEGEND: height of a row of it, and of the space below."""
NARROWEST, LONGEST = 340, 26
"""Pixels of a picture; letters of a name."""
Corner = tuple[float, float]
"""Left and upper end of what is laid out, in pixels."""
FONT = "font-family='system-ui, sans-serif'"


def render(facts: Facts) -> str:
    """An SVG document that needs nothing else."""
    layout = arrange([task.name for task in facts.tasks], facts.links)
    paint, width = colors(facts), _width(layout)
    legend, rows = _legend(paint, width)
    top = MARGIN + (rows + 1) * LEGEND
    height = top + MARGIN + layout.layers * (BOX_HEIGHT + GAP_Y) - GAP_Y
    corner = ((width - layout.width * BOX_WIDTH) / 2, top)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' "
        f"style='--w: {width}px' role='img' aria-label='{escape(facts.agent)} placed on {escape(facts.fleet)}'>",
        "<defs><marker id='arrow' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' orient='auto'>"
        "<path d='M0 0 L8 4 L0 8 z' fill='#6b7780'/></marker></defs>",
        f"<rect width='{width}' height='{height}' fill='#fff'/>",
        *_edges(facts, layout, corner),
        *(_box(task, layout.boxes[task.name], corner, paint[task.on.device]) for task in facts.tasks),
        *legend,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _middle(spot: tuple[float, int], corner: Corner) -> tuple[float, float]:
    x, layer = spot
    return round(corner[0] + x * BOX_WIDTH, 1), corner[1] + layer * (BOX_HEIGHT + GAP_Y) + BOX_HEIGHT / 2


def _box(task: TaskFact, spot: tuple[float, int], corner: Corner, color: str) -> str:
    x, y = _middle(spot, corner)
    x, y = x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2
    on = task.on
    size = f" x{on.devices}" if on.devices > 1 else ""
    dash = " stroke-dasharray='5 3'" if task.asynchronous else ""
    title = f"{task.name}: {task.op} on {on.device}, {on.mode}, bound by {on.bottleneck or 'nothing'}"
    frame = f"x='{x:g}' y='{y:g}' width='{BOX_WIDTH}' height='{BOX_HEIGHT}' rx='7'"
    return (
        f"<g><title>{escape(title)}</title><rect {frame} fill='#fff'/>"
        f"<rect {frame} fill='{color}' fill-opacity='0.12' stroke='{color}' stroke-width='1.6'{dash}/>"
        f"<text x='{x + 11:g}' y='{y + 20:g}' {FONT} font-size='12.5' font-weight='600' "
        f"fill='#1d2529'{_fit(task.name)}>{escape(_short(task.name, LONGEST))}</text>"
        f"<text x='{x + 11:g}' y='{y + 37:g}' {FONT} font-size='11.5' fill='{color}'>{escape(on.device)}{size}</text>"
        f"<text x='{x + 11:g}' y='{y + 53:g}' {FONT} font-size='11' fill='#55626a'>"
        f"{format_seconds(on.seconds)}, batch {on.batch}, {escape(on.bottleneck or 'free')}</text></g>"
    )


def _edges(facts: Facts, layout: Layout, corner: Corner) -> list[str]:
    moved = {(row.src, row.dst): row for row in facts.transfers}
    lines: list[str] = []
    for (src, dst), lane in layout.routes.items():
        x1, y1 = _middle(layout.boxes[src], corner)
        x2, y2 = _middle(layout.boxes[dst], corner)
        points = [(x1, y1 + BOX_HEIGHT / 2), *_passed(lane, corner), (x2, y2 - BOX_HEIGHT / 2 - 2)]
        lines.append(
            f"<path d='{_curve(points)}' fill='none' stroke='#9aa5ac' stroke-width='1.4' marker-end='url(#arrow)'/>"
        )
        row = moved.get((src, dst))
        if row is not None and row.bytes_ >= 1e6:
            x, y = (points[0][0] + points[1][0]) / 2 + 7, y1 + (BOX_HEIGHT + GAP_Y) / 2 + 4
            lines.append(
                f"<text x='{x:g}' y='{y:g}' {FONT} font-size='10.5' fill='#55626a'>{format_bytes(row.bytes_)}, "
                f"+{format_seconds(row.seconds)}</text>"
            )
    return lines


def _passed(lane: tuple[tuple[float, int], ...], corner: Corner) -> list[tuple[float, float]]:
    """The upper and lower end of each layer that an edge passes."""
    middles = [_middle(spot, corner) for spot in lane]
    return [(x, y + half) for x, y in middles for half in (-BOX_HEIGHT / 2, BOX_HEIGHT / 2)]


def _curve(points: list[tuple[float, float]]) -> str:
    """A path through ``points`` that leaves and reaches each one vertically."""
    path = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for (x1, y1), (x2, y2) in zip(points, points[1:], strict=False):
        bend = (y2 - y1) / 2
        path.append(f"C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}")
    return " ".join(path)


def _width(layout: Layout) -> int:
    return max(round(2 * MARGIN + layout.width * BOX_WIDTH), NARROWEST)


def _legend(paint: dict[str, str], width: int) -> tuple[list[str], int]:
    """The devices' colors, as many in a row as fit; and the rows."""
    parts: list[str] = []
    x, row = MARGIN, 0
    for device, color in paint.items():
        wide = 19 + 8 * len(device)
        if x > MARGIN and x + wide > width - MARGIN:
            x, row = MARGIN, row + 1
        y = MARGIN + row * LEGEND
        parts.append(
            f"<rect x='{x}' y='{y - 8}' width='13' height='13' rx='3' fill='{color}'/>"
            f"<text x='{x + 19}' y='{y + 3}' {FONT} font-size='12' fill='#1d2529'>{escape(device)}</text>"
        )
        x += wide + 22
    return parts, row + 1


def _fit(name: str) -> str:
    """A name that fills the box is made as wide as it, whatever the font."""
    return f" textLength='{BOX_WIDTH - 22}' lengthAdjust='spacingAndGlyphs'" if len(name) > LONGEST - 3 else ""


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else "…" + text[1 - limit :]
