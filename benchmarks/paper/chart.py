"""The two figures of cost as bars: SVG that needs nothing else, and a page that holds them."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from agentc.report.colors import PALETTE
from benchmarks.paper.facts import COMPARED, SLAS
from benchmarks.paper.results import Results
from benchmarks.paper.settings import Setting
from benchmarks.paper.tco import CASES, Answers, Case, benefits

LABEL, BAR, STEP = 150, 170, 17
PANEL_WIDTH, MARGIN, HEAD, TITLE = LABEL + BAR + 50, 20, 34, 44
FONT = "font-family='system-ui, sans-serif'"
OTHERS = 3
"""Pairs that are drawn beside the compared ones: the best of the rest."""
_INK = "#1d2529"


def write(found: Results, folder: Path) -> list[Path]:
    """One SVG for each setting and SLA, and ``index.html``. Raises OSError where it cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    pictures: list[str] = []
    for setting, by in found.answers.items():
        for sla in SLAS:
            picture = draw(setting, sla.name, by)
            path = folder / f"tco-{setting.figures}-{sla.name}.svg"
            path.write_text(picture, encoding="utf-8")
            paths.append(path)
            pictures.append(f"<figure>{picture}</figure>")
    page = folder / "index.html"
    head = "<!doctype html>\n<html lang='en'><meta charset='utf-8'><title>TCO benefit over H100::H100</title>\n"
    page.write_text(head + "<body style='margin:24px'>\n" + "\n".join(pictures) + "</body></html>\n", encoding="utf-8")
    return [*paths, page]


def draw(setting: Setting, sla: str, by: Mapping[Case, Answers]) -> str:
    """A panel for each model, precision and shape."""
    cases = [case for case in CASES if case.sla.name == sla]
    found = {case: benefits(by[case]) for case in cases}
    top = max(value for row in found.values() for value in row.values() if value)
    height_of = HEAD + (len(COMPARED) + OTHERS) * STEP + 12
    width, height = 2 * MARGIN + 2 * PANEL_WIDTH, 2 * MARGIN + TITLE + height_of * ((len(cases) + 1) // 2)
    title = f"TCO benefit over H100::H100, {sla}"
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' "
        f"role='img' aria-label='{escape(title)}: {escape(setting.words)}'>",
        f"<rect width='{width}' height='{height}' fill='#fff'/>",
        _text(MARGIN, MARGIN + 8, title, size=14, bold=True),
        _text(MARGIN, MARGIN + 27, setting.words),
    ]
    for i, case in enumerate(cases):
        x, y = MARGIN + (i % 2) * PANEL_WIDTH, MARGIN + TITLE + (i // 2) * height_of
        parts += _panel(case, found[case], x, y, top)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(case: Case, row: Mapping[str, float | None], x: float, y: float, top: float) -> list[str]:
    named = ["::".join(pair) for pair in COMPARED]
    others = sorted((pair for pair in row if pair not in named), key=lambda pair: (-(row[pair] or 0.0), pair))
    factors = case.factors
    words = f"Llama 3 {factors['model']} {factors['precision']}, {factors['shape']}"
    base, end = x + LABEL + BAR / top, y + HEAD + (len(named) + OTHERS) * STEP - 8
    mark = f"<line x1='{base:.1f}' x2='{base:.1f}' y1='{y + HEAD - 10:g}' y2='{end:g}' stroke='#9aa5ac' "
    parts = [_text(x, y + 16, words, size=12, bold=True), mark + "stroke-dasharray='2 3'/>"]
    for i, pair in enumerate([*named, *others[:OTHERS]]):
        line, value = y + HEAD + i * STEP, row[pair] or 0.0
        color = PALETTE[0] if pair in named else PALETTE[8]
        color = PALETTE[1] if pair == "B200::Gaudi3" else color
        parts += [
            _text(x + LABEL - 6, line + 4, pair, anchor="end"),
            f"<rect x='{x + LABEL:g}' y='{line - 6:g}' width='{value / top * BAR:.1f}' height='12' fill='{color}'/>",
            _text(x + LABEL + value / top * BAR + 5, line + 4, f"{value:.2f}" if value else "too late, or too large"),
        ]
    return parts


def _text(x: float, y: float, words: str, *, size: int = 11, bold: bool = False, anchor: str = "start") -> str:
    weight = " font-weight='600'" if bold else ""
    place = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'"
    return f"<text {place} {FONT} font-size='{size}'{weight} fill='{_INK}'>{escape(words)}</text>"
