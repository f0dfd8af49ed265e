"""How much of a device's peak a phase reaches, with the origin of each figure."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Literal

from agentc.support.record import record
from agentc.support.yaml_text import table

Phase = Literal["prefill", "decode", "other"]


@record(slots=True)
class Efficiency:
    """Shares of peak, each in (0, 1], and fixed times."""

    compute: float
    memory: float
    collective: float
    overhead_seconds: float
    """Fixed time of one sublayer."""
    calibrated: bool
    """False where a figure is assumed or inherited from another family, precision or phase."""
    source: str


@cache
def efficiency(family: str, phase: str, precision: str) -> Efficiency:
    """The figures of ``family`` in ``phase`` at ``precision`` (that of the arithmetic).

    The row of the family itself where there is one. Else the family's BF16 row, or its only one, uncalibrated; else the
    parent family's, uncalibrated; at last ``default``. ``other`` (encoders, kernels) takes the prefill rows,
    uncalibrated.
    """
    row, exact = _row(family, "prefill" if phase == "other" else phase, precision)
    trait, own_trait = _trait(family)
    return Efficiency(
        compute=float(row["compute"]),
        memory=float(row["memory"]),
        collective=float(trait.get("collective", 0.6)),
        overhead_seconds=float(trait.get("overhead_us", 20)) * 1e-6,
        calibrated=exact and own_trait and phase != "other" and bool(row.get("calibrated", True)),
        source=str(row["source"]),
    )


def mixed(compute: Efficiency, memory: Efficiency) -> Efficiency:
    """Compute of one row, memory of another (weights stored in a narrower format than the arithmetic)."""
    return replace(compute, memory=memory.memory, calibrated=compute.calibrated and memory.calibrated)


def _table() -> Mapping[str, Any]:
    return table("agentc.cost", "efficiency")


def _row(family: str, phase: str, precision: str) -> tuple[dict[str, Any], bool]:
    """The nearest row, and whether it is the family's own for that precision."""
    rows: dict[str, dict[str, Any]] = {
        row["precision"]: row for row in _table()["rows"] if row["family"] == family and row["phase"] == phase
    }
    native = "bf16" if precision == "fp16" else precision
    if native in rows:
        return rows[native], True
    if rows:
        return rows.get("bf16") or next(iter(rows.values())), False
    parent = _table()["families"].get(family, {}).get("parent", "default")
    return _row(parent, phase, precision)[0], False


def _trait(family: str) -> tuple[dict[str, Any], bool]:
    """Overhead and collective share of a family, and whether they are its own and measured."""
    families: dict[str, dict[str, Any]] = _table()["families"]
    own = families.get(family, {})
    if "overhead_us" in own:
        return own, "calibrated" in own or "aic-comm" in str(own.get("source"))
    return families.get(str(own.get("parent", "default")), families["default"]), False
