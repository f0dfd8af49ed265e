"""How far predictions are from measurements: tables by metric, vendor, device, model, precision, mode."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from agentc import catalog
from agentc.cost.accuracy.measurement import Measurement
from agentc.support.record import record


@record
class Error:
    """Absolute percentage errors of some rows."""

    rows: int
    groups: int
    mean: float
    median: float
    p90: float
    bias: float
    """Median of the logarithm of predicted over measured: above 0 where predictions are too high."""
    inside: float
    """Share of rows within the predicted p10-p90 interval; 0 where none was predicted."""


@record
class Scored:
    """A measurement and what was predicted for it."""

    measurement: Measurement
    predicted: float
    band: tuple[float, float] = (1.0, 1.0)

    @property
    def error(self) -> float:
        """Absolute percentage error, as a share."""
        return abs(self.predicted / self.measurement.value - 1)

    @property
    def inside(self) -> bool:
        """Whether the interval holds the measured value."""
        low, high = self.band
        return self.predicted * low <= self.measurement.value <= self.predicted * high


METRICS: Mapping[str, str] = {"ttft": "TTFT", "tpot": "TBT", "throughput": "throughput", "latency": "batch latency"}
Key = Callable[[Measurement], str]


def kind(m: Measurement) -> str:
    """``moe`` or ``dense``."""
    return "moe" if catalog.model(m.model).experts else "dense"


def family(m: Measurement) -> str:
    """The device family of a row."""
    return catalog.device(m.device).family


VIEWS: Mapping[str, Key] = {
    "all": lambda m: "all",
    "vendor": lambda m: f"{catalog.device(m.device).vendor} {kind(m)}",
    "device": lambda m: m.device,
    "model": lambda m: m.model,
    "precision": lambda m: m.precision,
    "mode": lambda m: m.mode,
    "engine": lambda m: m.engine,
    "source": lambda m: m.source,
}


def summarized(rows: Sequence[Scored]) -> Error:
    """The errors of some rows, at least one."""
    errors = sorted(row.error for row in rows)
    ratios = sorted(math.log(row.predicted / row.measurement.value) for row in rows)
    groups = len({row.measurement.group for row in rows})
    inside = sum(row.inside for row in rows) / len(rows)
    return Error(
        len(rows), groups, sum(errors) / len(errors), quantile(errors, 0.5), quantile(errors, 0.9),
        quantile(ratios, 0.5), inside,
    )  # fmt: skip


def tables(rows: Sequence[Scored]) -> dict[str, dict[str, dict[str, Error]]]:
    """View -> metric -> name -> errors."""
    found: dict[str, dict[str, dict[str, Error]]] = {}
    for view, key in VIEWS.items():
        found[view] = {}
        for metric in METRICS:
            by_name: dict[str, list[Scored]] = defaultdict(list)
            for row in rows:
                if row.measurement.metric == metric:
                    by_name[key(row.measurement)].append(row)
            if by_name:
                found[view][metric] = {name: summarized(by_name[name]) for name in sorted(by_name)}
    return found


def bands(rows: Sequence[Scored]) -> dict[str, tuple[float, float]]:
    """p10 and p90 of measured over predicted by metric, family and kind; where at least ``ENOUGH`` rows say so."""
    ratios: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        m, ratio = row.measurement, row.measurement.value / row.predicted
        for name in (m.metric, f"{m.metric} {kind(m)}", f"{m.metric} {family(m)}", f"{m.metric} {family(m)} {kind(m)}"):
            ratios[name].append(ratio)
    kept = {name: sorted(found) for name, found in ratios.items() if len(found) >= ENOUGH}
    return {name: (quantile(found, 0.1), quantile(found, 0.9)) for name, found in kept.items()}


ENOUGH = 20
"""Rows from which a quantile is taken."""


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the ordered values lie, linear between neighbors."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
