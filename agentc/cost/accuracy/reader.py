"""Reads tables of measurements: the columns of published benchmarks, one row a run or a metric.

Wide rows have ``ttft_ms`` and ``tpot_ms``; long rows have ``metric``, ``value`` and ``unit``. Both have ``device``,
``num_devices``, ``tp``, ``pp``, ``model``, ``precision``, ``engine``, ``isl``, ``osl``, ``batch_or_concurrency``;
wide rows may have ``ep``, ``attention_dp``, ``mode``, ``prefill``, ``decode``. A row that cannot be read is left out,
with a diagnostic that names file, row and field; one that is read but of no use here is counted by its reason.
"""

import csv
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from agentc import catalog
from agentc.cost.accuracy.columns import (
    Meaning,
    engine_of,
    meaning_of,
    pool_of,
    precision_of,
    unit_of,
    untangled,
)
from agentc.cost.accuracy.measurement import Measurement, Metric, Mode
from agentc.plan.models import ModelShape
from agentc.support.diagnostics import Diagnostic, Severity, Span

SLUG = "bad-measurement"
NEEDED = ("device", "model", "precision", "isl", "batch_or_concurrency")
LARGEST_GROUP = 8
"""Devices of a tensor-parallel group: a row that states more has lost its worker counts."""


@dataclass
class Reading:
    """What a table held."""

    measurements: list[Measurement] = field(default_factory=list[Measurement])
    left_out: Counter[str] = field(default_factory=Counter[str])
    """Reason -> rows."""
    problems: list[Diagnostic] = field(default_factory=list[Diagnostic])

    def merge(self, other: "Reading") -> None:
        """Add what another table held."""
        self.measurements += other.measurements
        self.left_out.update(other.left_out)
        self.problems += other.problems


class _Bad(Exception):
    """A cell cannot be read."""

    def __init__(self, column: str, message: str, help_: str | None = None) -> None:
        super().__init__(message)
        self.column, self.message, self.help = column, message, help_


class _Useless(Exception):
    """A row is sound but nothing that the model predicts."""


def read(lines: Iterable[str], name: str) -> Reading:
    """The measurements of a CSV table whose name is ``name``."""
    table, reading = csv.DictReader(lines), Reading()
    columns = tuple(table.fieldnames or ())
    missing = [column for column in NEEDED if column not in columns]
    if not missing and "ttft_ms" not in columns and not {"metric", "value", "unit"} <= set(columns):
        missing = ["metric, value, unit (or ttft_ms, tpot_ms)"]
    if missing:
        message = f"the table lacks the columns {', '.join(f'`{column}`' for column in missing)}"
        reading.problems.append(Diagnostic(SLUG, message, Span(name)))
        return reading
    for row in table:
        line = table.line_num
        try:
            reading.measurements += _row({key: (row.get(key) or "").strip() for key in columns}, name, line)
        except _Bad as bad:
            reading.left_out["cannot be read"] += 1
            reading.problems.append(_problem(bad, columns, name, line))
        except _Useless as why:
            reading.left_out[str(why)] += 1
    return reading


def _problem(bad: _Bad, columns: Sequence[str], name: str, line: int) -> Diagnostic:
    place = Span(name, line, columns.index(bad.column) + 1 if bad.column in columns else 1)
    message = f"row {line}, `{bad.column}`: {bad.message}"
    return Diagnostic(SLUG, message, place, Severity.WARNING, help=bad.help)


def _row(row: Mapping[str, str], name: str, line: int) -> Iterator[Measurement]:
    """The measurements of a row: two of a wide one.

    Raises:
        _Bad: A cell cannot be read.
        _Useless: The row is of no use here.
    """
    engine, version = engine_of(row.get("engine", ""))
    device, model = _device(row["device"]), _model(row["model"])
    precision = _precision(row)
    isl = _number(row, "isl", least=1)
    osl = _number(row, "osl", least=1, default=1.0)
    clients = _clients(row["batch_or_concurrency"])
    common = {
        "source": name,
        "row": line,
        "device": device,
        "model": model,
        "precision": precision,
        "engine": era(engine, version, row.get("date/version", "")),
        "version": version,
        "isl": isl,
        "osl": osl,
        "concurrency": clients,
        "pp": int(_number(row, "pp", least=1, default=1.0)),
    }
    wide = "ttft_ms" in row
    found = _wide(row) if wide else _long(row, engine, version)
    for metric, mode, value, parallel in found:
        yield Measurement(**common, **parallel, metric=metric, mode=mode, value=value)  # type: ignore[arg-type]


_Found = tuple[Metric, Mode, float, dict[str, object]]


def _wide(row: Mapping[str, str]) -> Iterator[_Found]:
    mode: Mode = "disaggregated" if row.get("mode", "").startswith("disagg") else "closed"
    devices, tp = int(_number(row, "num_devices", least=1, default=1.0)), 1
    prefill, decode = pool_of(row.get("prefill", "")), pool_of(row.get("decode", ""))
    if mode == "disaggregated":
        if prefill is None or decode is None:
            raise _Useless("disaggregated without worker counts")
        parallel: dict[str, object] = {"devices": devices, "tp": decode.tp, "ep": decode.ep, "dp": decode.dp}
    else:
        tp, ep, dp = (int(_number(row, key, least=1, default=1.0)) for key in ("tp", "ep", "attention_dp"))
        devices, tp, ep, dp = untangled(devices, tp, ep, dp)
        if tp > LARGEST_GROUP:
            raise _Useless(f"tensor parallelism beyond {LARGEST_GROUP} devices: worker counts are lost")
        parallel = {"devices": devices, "tp": tp, "ep": ep, "dp": dp}
    parallel |= {"prefill": prefill, "decode": decode}
    columns: tuple[tuple[Metric, str], ...] = (("ttft", "ttft_ms"), ("tpot", "tpot_ms"))
    for metric, column in columns:
        if row.get(column):
            yield metric, mode, _number(row, column, least=0.0) * 1e-3, parallel


def _long(row: Mapping[str, str], engine: str, version: str) -> Iterator[_Found]:
    meaning = meaning_of(row["metric"])
    if meaning is None:
        raise _Useless("neither time nor throughput")
    factor = unit_of(row["unit"])
    if factor is None:
        raise _Bad("unit", f"unknown unit `{row['unit']}`", "write ms, s or tok/s")
    if (meaning.metric == "throughput") != (row["unit"].lower().startswith("tok")):
        raise _Bad("unit", f"`{row['unit']}` is no unit of {meaning.metric}")
    if not row["value"]:
        raise _Useless("no value")
    devices = int(_number(row, "num_devices", least=1, default=1.0))
    groups = re.fullmatch(r"DEP(\d+)", row.get("tp", ""))
    dp = int(groups[1]) if groups else 1
    tp = 1 if groups else int(_number(row, "tp", least=1, default=float(devices)))
    value = _number(row, "value", least=0.0) * factor * (devices if meaning.per_device else 1)
    if meaning.with_input:
        isl, osl = _number(row, "isl", least=1), _number(row, "osl", least=1)
        value *= osl / (isl + osl)
    mode = _mode(meaning, engine, version, row)
    if mode == "static" and meaning.metric != "ttft" and not row.get("osl"):
        raise _Useless("output length is not stated")
    pp = int(_number(row, "pp", least=1, default=1.0))
    if engine == "llama.cpp":
        raise _Useless("llama.cpp: no serving engine that a plan deploys")
    if tp * dp * pp > devices:
        raise _Bad("tp", f"tp {tp} x pp {pp} needs more than {devices} devices")
    yield meaning.metric, mode, value, {"devices": devices, "tp": tp, "ep": dp, "dp": dp}


def _mode(meaning: Meaning, engine: str, version: str, row: Mapping[str, str]) -> Mode:
    """A stated batch of a static run; a load without limit is offline."""
    if meaning.mode == "offline" and ("static" in version or engine == "habana"):
        return "static"
    if meaning.mode == "offline" and meaning.metric == "throughput" and row.get("mode") in ("closed", "agg"):
        return "closed"
    return meaning.mode


def era(engine: str, version: str, date: str) -> str:
    """The engine with the year of its software, as far as that made it another: 2023, 2024, or today."""
    year = re.search(r"20(2\d)", date)
    minor = re.match(r"v?0\.(\d+)", version)
    if engine == "vllm" and minor and int(minor[1]) < 4:
        return "vllm-2023"
    return f"{engine}-2024" if year and int(year[1]) <= 24 else engine


@cache
def _device(name: str) -> str:
    try:
        return catalog.device(name).name
    except catalog.UnknownName as unknown:
        raise _Bad("device", str(unknown)) from unknown


@cache
def _model(name: str) -> str:
    """The first model of the catalog with the same shape: what is equal counts as one."""
    try:
        shape = catalog.model(name)
    except catalog.UnknownName as unknown:
        raise _Bad("model", str(unknown)) from unknown
    if shape.kind != "decoder":
        raise _Useless("no language model")
    return next(other for other, known in catalog.models().items() if _alike(known, shape))


def _alike(a: ModelShape, b: ModelShape) -> bool:
    return _figures(a) == _figures(b)


def _figures(shape: ModelShape) -> tuple[object, ...]:
    skipped = ("name", "source", "vocab", "max_tokens", "parameters", "tied_embeddings")
    return tuple(getattr(shape, name) for name in shape.__slots__ if name not in skipped)


def _precision(row: Mapping[str, str]) -> str:
    text = row["precision"]
    if not text and "ttft_ms" in row:
        return "bf16"
    if not text:
        raise _Useless("precision is not stated")
    found = precision_of(text)
    if found is None:
        raise _Bad("precision", f"unknown precision `{text}`", "write bf16, fp16, fp8, fp4, int8 or int4")
    return found


def _clients(text: str) -> float:
    """Concurrency or batch; 0 where the load has no limit."""
    if not text or text.lower().startswith("inf"):
        return 0.0
    try:
        found = float(text)
    except ValueError:
        raise _Bad("batch_or_concurrency", f"`{text}` is no number") from None
    if not 1 <= found < 1e7:
        raise _Bad("batch_or_concurrency", f"`{text}` is no number of requests")
    return found


def _number(row: Mapping[str, str], column: str, least: float, default: float | None = None) -> float:
    text = row.get(column, "")
    if not text:
        if default is None:
            raise _Useless(f"`{column}` is not stated")
        return default
    try:
        found = float(text)
    except ValueError:
        raise _Bad(column, f"`{text}` is no number") from None
    if not math.isfinite(found) or found < least or found <= 0 or found > 1e9:
        raise _Bad(column, f"`{text}` should be a positive number")
    return found
