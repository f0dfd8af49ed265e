"""Which figures a node has, and where the definition states them."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from agentc.frontends.profile.sites import Site, tree
from agentc.frontends.yaml.document import Path

Slot: TypeAlias = tuple[str, ...]
"""A figure of a profile's entry: ``("tokens", "input")``."""

_INPUT: Final[Slot] = ("tokens", "input")
_OUTPUT: Final[Slot] = ("tokens", "output")


def _same(*slots: Slot) -> dict[Slot, Path]:
    return {slot: slot for slot in slots}


SLOTS: Final[Mapping[str, Mapping[Slot, Path]]] = {
    "llm": _same(_INPUT, _OUTPUT),
    "stt": _same(("seconds",), _OUTPUT),
    "tts": _same(("seconds",), _INPUT),
    "embed": _same(_INPUT, ("documents",)),
    "rerank": _same(_INPUT, ("documents",)),
    "diffusion": _same(("steps",), ("pixels",), _INPUT),
    "vision": _same(("pixels",)),
    "tool": {("latency_ms",): (), ("cpu_ms",): ()},
    "lookup": _same(("k",)),
    "memory": _same(("bytes",)),
    "observe": _same(("bytes",)),
    "compute": {("cpu_ms",): ("compute", "cpu_ms")},
    "kernel": {("sizes",): ("shape",)},
    "branch": {("cases",): ("branch", "cases")},
    "loop": {("trips",): ("loop", "expected")},
    "map": {("width",): ("map", "width")},
    "agent": {},
}
"""Kind of node -> its figures, each with its place below the node. A tool's stand with the tool."""


def kind_in_full(site: Site) -> str:
    """The kind of a node as ``SLOTS`` has it: lookups and kernels have figures of their own."""
    if site.kind == "memory":
        return "lookup" if "lookup" in tree(site.data["memory"]) else "memory"
    if site.kind == "compute":
        return "kernel" if "kernel" in tree(site.data["compute"]) else "compute"
    return site.kind


def condition(site: Site) -> str | None:
    """``when`` or ``unless``, if the node has one."""
    return next((key for key in ("when", "unless") if site.data.get(key) is not None), None)


def stated(entry: Mapping[str, Any]) -> dict[Slot, Any]:
    """The figures of a profile's entry: those of ``tokens`` one by one."""
    found: dict[Slot, Any] = {}
    for name, value in entry.items():
        if value is None:
            continue
        if name == "tokens":
            found |= {("tokens", part): figure for part, figure in tree(value).items() if figure is not None}
        else:
            found[(name,)] = value
    return found


def mean(figure: Any) -> float:
    """The mean of a figure as YAML has it."""
    from agentc.frontends.defaults import mean_of

    if not isinstance(figure, dict):
        return float(figure)
    rows = {name: float(value) for name, value in tree(figure).items() if value is not None}
    if "mean" in rows:
        return rows["mean"]
    return mean_of({name: rows[name] for name in ("p50", "p90", "p95", "p99") if name in rows})


def shares(stated: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    """The probability of every case: ``stated`` ones as they are; the others share the rest as ``before``."""
    others = {label: share for label, share in before.items() if label not in stated}
    left, whole = max(1.0 - sum(stated.values()), 0.0), sum(others.values())
    even = 1 / len(others) if others else 0.0
    return {
        label: stated[label] if label in stated else round(left * (before[label] / whole if whole else even), 9)
        for label in before
    }
