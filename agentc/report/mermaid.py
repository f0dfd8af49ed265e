"""The placement as a Mermaid flowchart, tasks colored by device."""

import re

from agentc.report.colors import colors
from agentc.report.facts import Facts
from agentc.support.units import format_bytes, format_seconds


def render(facts: Facts) -> str:
    """Mermaid text; renders in Markdown viewers that know Mermaid."""
    keys = {task.name: f"t{i}" for i, task in enumerate(facts.tasks)}
    moved = {(row.src, row.dst): row for row in facts.transfers}
    lines = ["flowchart LR"]
    for task in facts.tasks:
        on = task.on
        size = f" x{on.devices}" if on.devices > 1 else ""
        label = f"{task.name}<br/>{on.device}{size}, {format_seconds(on.seconds)}"
        lines.append(f'  {keys[task.name]}["{_safe(label)}"]:::{_css(on.device)}')
    for src, dst in facts.links:
        row = moved.get((src, dst))
        label = f"|{format_bytes(row.bytes_)}, {format_seconds(row.seconds)}|" if row is not None else ""
        lines.append(f"  {keys[src]} -->{label} {keys[dst]}")
    lines += [f"  classDef {_css(name)} fill:{color},color:#fff,stroke:#333" for name, color in colors(facts).items()]
    return "\n".join(lines) + "\n"


def _css(device: str) -> str:
    return "d_" + re.sub(r"\W", "_", device)


def _safe(text: str) -> str:
    return text.replace('"', "'")
