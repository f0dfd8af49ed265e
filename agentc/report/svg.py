"""The placement as a picture: tasks in columns of the data flow, colored by device, transfers on the edges."""

from html import escape

from agentc.report.colors import colors
from agentc.report.facts import Facts, TaskFact
from agentc.report.layout import Spot, spots
from agentc.support.units import format_bytes, format_seconds

BOX_WIDTH, BOX_HEIGHT = 190, 62
GAP_X, GAP_Y = 66, 26
MARGIN, LEGEND = 24, 40
FONT = "font-family='system-ui, sans-serif'"


def render(facts: Facts) -> str:
    """An SVG document that needs nothing else."""
    names = [task.name for task in facts.tasks]
    grid = spots(names, facts.links)
    columns = max((spot.column for spot in grid.values()), default=0) + 1
    rows = max((spot.row for spot in grid.values()), default=0) + 1
    width = max(2 * MARGIN + columns * BOX_WIDTH + (columns - 1) * GAP_X, 480)
    height = 2 * MARGIN + LEGEND + rows * BOX_HEIGHT + (rows - 1) * GAP_Y
    paint = colors(facts)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' "
        f"role='img' aria-label='{escape(facts.agent)} placed on {escape(facts.fleet)}'>",
        "<defs><marker id='arrow' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' orient='auto'>"
        "<path d='M0 0 L8 4 L0 8 z' fill='#6b7780'/></marker></defs>",
        f"<rect width='{width}' height='{height}' fill='#fff'/>",
        *_edges(facts, grid),
        *(_box(task, grid[task.name], paint[task.on.device]) for task in facts.tasks),
        *_legend(paint),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _corner(spot: Spot) -> tuple[int, int]:
    return MARGIN + spot.column * (BOX_WIDTH + GAP_X), MARGIN + LEGEND + spot.row * (BOX_HEIGHT + GAP_Y)


def _box(task: TaskFact, spot: Spot, color: str) -> str:
    x, y = _corner(spot)
    on = task.on
    size = f" x{on.tp * on.pp}" if on.tp * on.pp > 1 else ""
    dash = " stroke-dasharray='5 3'" if task.asynchronous else ""
    title = f"{task.name}: {task.op} on {on.device}, {on.mode}, bound by {on.bottleneck or 'nothing'}"
    return (
        f"<g><title>{escape(title)}</title>"
        f"<rect x='{x}' y='{y}' width='{BOX_WIDTH}' height='{BOX_HEIGHT}' rx='7' fill='{color}1f' stroke='{color}' "
        f"stroke-width='1.6'{dash}/>"
        f"<text x='{x + 11}' y='{y + 20}' {FONT} font-size='12.5' font-weight='600' fill='#1d2529'>"
        f"{escape(_short(task.name, 25))}</text>"
        f"<text x='{x + 11}' y='{y + 37}' {FONT} font-size='11.5' fill='{color}'>{escape(on.device)}{size}</text>"
        f"<text x='{x + 11}' y='{y + 53}' {FONT} font-size='11' fill='#55626a'>"
        f"{format_seconds(on.seconds)}, batch {on.batch}, {escape(on.bottleneck or 'free')}</text></g>"
    )


def _edges(facts: Facts, grid: dict[str, Spot]) -> list[str]:
    moved = {(row.src, row.dst): row for row in facts.transfers}
    lines: list[str] = []
    for src, dst in facts.links:
        if src == dst or src not in grid:
            continue
        (x1, y1), (x2, y2) = _corner(grid[src]), _corner(grid[dst])
        x1, y1, y2 = x1 + BOX_WIDTH, y1 + BOX_HEIGHT // 2, y2 + BOX_HEIGHT // 2
        bend = max(24, abs(x2 - x1) // 2)
        lines.append(
            f"<path d='M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2 - 2} {y2}' fill='none' stroke='#9aa5ac' "
            "stroke-width='1.4' marker-end='url(#arrow)'/>"
        )
        row = moved.get((src, dst))
        if row is not None and row.bytes_ >= 1e6:
            lines.append(
                f"<text x='{(x1 + x2) // 2}' y='{(y1 + y2) // 2 - 5}' {FONT} font-size='10' fill='#55626a' "
                f"text-anchor='middle'>{format_bytes(row.bytes_)}</text>"
            )
    return lines


def _legend(paint: dict[str, str]) -> list[str]:
    parts: list[str] = []
    x = MARGIN
    for device, color in paint.items():
        parts.append(
            f"<rect x='{x}' y='{MARGIN - 8}' width='13' height='13' rx='3' fill='{color}'/>"
            f"<text x='{x + 19}' y='{MARGIN + 3}' {FONT} font-size='12' fill='#1d2529'>{escape(device)}</text>"
        )
        x += 19 + 8 * len(device) + 22
    return parts


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else "…" + text[1 - limit :]
