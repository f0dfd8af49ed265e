"""What a calibration leaves behind: curves as YAML, and measurements as a compact table."""

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from yaml import YAMLError

from agentc.cost.accuracy.measurement import Measurement, Pool
from agentc.cost.curves import QUANTITIES, Curves, curves_of
from agentc.support.diagnostics import Diagnostic, Refused, Span
from agentc.support.yaml_text import dump, json_table, load

COLUMNS = tuple(f.name for f in fields(Measurement))


def curves_text(curves: Curves, head: str = "") -> str:
    """``curves`` as a file, with a comment before it."""
    return head + dump([curves_data(curves)])


def curves_data(curves: Curves) -> dict[str, Any]:
    """``curves`` as plain data, rounded. A deviation of none is kept: a family without it would take its parent's."""
    quantities: dict[str, Any] = {}
    for name, quantity in QUANTITIES.items():
        rows = {key: round(value, 3) for key, value in sorted(curves.deviations.get(name, {}).items())}
        quantities[name] = {"meaning": quantity.meaning, "base": float(f"{curves.base[name]:.4g}"), "deviations": rows}
    data: dict[str, Any] = {"origin": curves.origin, "measured": sorted(curves.measured), "quantities": quantities}
    if curves.bands:
        data["bands"] = {key: [round(low, 3), round(high, 3)] for key, (low, high) in sorted(curves.bands.items())}
    return data


def read_curves(path: str | Path) -> Curves:
    """The curves of a file.

    Raises:
        Refused: It cannot be read, or holds no curves.
    """
    try:
        data: object = load(Path(path).read_text(encoding="utf-8"))
        if not isinstance(data, Mapping):
            raise ValueError("it holds no table")
        return curves_of({str(key): value for key, value in data.items()})  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    except (OSError, ValueError, UnicodeDecodeError, YAMLError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else " ".join(str(problem).split())
        message = f"cannot take curves from `{path}`: {why}"
        help_ = "`agentc calibrate` writes such a file"
        raise Refused(Diagnostic("bad-calibration", message, Span(str(path)), help=help_)) from problem


@cache
def folds() -> tuple[Curves, ...]:
    """The curves of the package's cross-validation: each did not see one fold."""
    return tuple(curves_of(data) for data in json_table("agentc.cost", "folds")["folds"])


@cache
def shipped_measurements() -> tuple[Measurement, ...]:
    """The package's measurements, that no rule left out."""
    packed = resources.files("agentc.cost").joinpath("data", "measurements.csv.gz").read_bytes()
    return tuple(unpacked(gzip.decompress(packed).decode().splitlines()))


def packed(measurements: Iterable[Measurement]) -> bytes:
    """Measurements as a compressed table, the same bytes for the same rows."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(getattr(m, name)) for name in COLUMNS] for m in measurements)
    return gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0)


def unpacked(lines: Iterable[str]) -> Iterator[Measurement]:
    """The measurements of ``packed``."""
    for row in csv.DictReader(lines):
        yield _measurement(row)


def _cell(value: object) -> str:
    if isinstance(value, Pool):
        return f"{value.workers} {value.tp} {value.dp} {value.ep}"
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)


_WHOLE = ("row", "devices", "tp", "pp", "ep", "dp")
_REAL = ("isl", "osl", "concurrency", "value")


def _measurement(row: Mapping[str, str]) -> Measurement:
    figures: dict[str, Any] = dict(row)
    figures |= {name: int(row[name]) for name in _WHOLE} | {name: float(row[name]) for name in _REAL}
    figures |= {name: _pool(row[name].split()) for name in ("prefill", "decode")}
    return Measurement(**figures)


def _pool(words: Sequence[str]) -> Pool | None:
    return Pool(*(int(word) for word in words)) if words else None
