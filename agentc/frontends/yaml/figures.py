"""Figures of the definition as plan quantities."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from agentc.frontends.defaults import mean_of
from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.read import Source
from agentc.plan.quantity import Quantity
from agentc.support.diagnostics import Diagnostics

if TYPE_CHECKING:
    from agentc.frontends.yaml.rules.base import Distribution
    from agentc.support.yaml_source import Document


def quantity(stated: "float | Distribution", scale: float = 1.0) -> Quantity:
    """A stated figure, times ``scale`` (0.001 for milliseconds)."""
    if isinstance(stated, int | float):
        return Quantity(rounded(float(stated) * scale) if scale != 1 else float(stated))
    percentiles = stated.percentiles()
    mean = rounded(mean_of(percentiles)) if stated.mean is None else stated.mean
    tail = {name: rounded(value * scale) if scale != 1 else float(value) for name, value in percentiles.items()}
    return Quantity(rounded(mean * scale) if scale != 1 else float(mean), **tail)  # pyright: ignore[reportArgumentType]


def rounded(value: float) -> float:
    """To six significant digits: what was derived is no more exact, and reads better."""
    return float(f"{value:.6g}")


def total(parts: Iterable[Quantity]) -> Quantity:
    """Means added up; so are 95th percentiles where one is known, which is on the safe side. Marked as assumed."""
    rows = list(parts)
    mean = rounded(sum(part.mean for part in rows))
    known = any(part.p95 is not None for part in rows)
    return Quantity(mean, p95=rounded(sum(part.at("p95") for part in rows)) if known else None, assumed=True)


def scaled(figure: Quantity, factor: float) -> Quantity:
    """``figure`` times ``factor``, marked as assumed: a conversion stands behind it."""
    row = {name: getattr(figure, name) for name in ("p50", "p90", "p95", "p99")}
    tail = {name: rounded(value * factor) for name, value in row.items() if value is not None}
    return Quantity(rounded(figure.mean * factor), **tail, assumed=True)


def check(source: Source, found: Diagnostics) -> None:
    """As ``check_document``, of a definition."""
    check_document(source.document, found)


def check_document(source: "Document", found: Diagnostics) -> None:
    """Percentiles must rise; a mean above the 95th is unusual enough to say so."""
    for path, value in _distributions(source.data, ()):
        stated = {name: value[name] for name in ("p50", "p90", "p95", "p99") if value.get(name) is not None}
        mean = value.get("mean")
        if not all(isinstance(v, int | float) for v in (*stated.values(), 0 if mean is None else mean)):
            continue
        names = list(stated)
        for lower, upper in zip(names, names[1:], strict=False):
            if stated[lower] > stated[upper]:
                message = f"{lower} is {stated[lower]}, above {upper}, which is {stated[upper]}"
                found.error("bad-quantity", message, source.span((*path, upper)), help="percentiles rise")
        high = next((name for name in ("p95", "p99") if name in stated), None)
        if high and mean is not None and mean > stated[high]:
            message = f"the mean is {mean}, above {high}, which is {stated[high]}"
            found.warning("suspicious-quantity", message, source.span((*path, "mean")), help="state both in one unit")


def _distributions(value: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Mappings that look like distributions, wherever they stand."""
    stack: list[tuple[Path, Any]] = [(path, value)]
    while stack:
        at, here = stack.pop()
        if isinstance(here, dict):
            if here and here.keys() <= {"mean", "p50", "p90", "p95", "p99", "usd_per_ms"}:  # pyright: ignore[reportUnknownMemberType]
                yield at, here  # pyright: ignore[reportUnknownVariableType]
            stack.extend(((*at, key), inner) for key, inner in here.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        elif isinstance(here, list):
            stack.extend(((*at, i), inner) for i, inner in enumerate(here))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
