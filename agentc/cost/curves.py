"""The fitted figures of the step model and of the serving model, and to whom they apply.

A figure is exp(log base + sum of deviations): of the device family, the precision, the engine, and pairs of them.
Deviations are fitted with a pull towards none (``sd`` of ``QUANTITIES``), so that a family, precision or engine without
rows takes the base; a family without rows of its own takes its parent's deviations first.
``benchmarks/calibrate.py`` writes ``data/curves.json``; ``agentc calibrate`` writes such a file for a user's own rows.
"""

import json
import math
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from agentc.plan.fleet import Calibration, Fleet
from agentc.support.diagnostics import Diagnostic, Refused, Span
from agentc.support.record import record
from agentc.support.yaml_text import json_table, table


@record(slots=True)
class Quantity:
    """One fitted figure: what is believed before any row is seen."""

    prior: float
    sd: float
    """Standard deviation of the logarithm of the base."""
    scopes: Mapping[str, float] = field(default_factory=dict[str, float])
    """Whose deviations are fitted, with the standard deviation of each."""
    meaning: str = ""


QUANTITIES: Final[Mapping[str, Quantity]] = {
    "matrix_compute": Quantity(
        0.6,
        0.3,
        {"precision": 0.05, "family/precision": 0.15, "vendor": 0.2, "engine/vendor": 0.35},
        "share of peak FLOP/s, large dense matrix products",
    ),
    "matrix_memory": Quantity(
        0.75, 0.2, {"precision": 0.05, "family/precision": 0.15}, "share of bandwidth, streaming dense weights"
    ),
    "expert_compute": Quantity(0.5, 0.3, {"precision": 0.15, "engine": 0.15}, "share of peak FLOP/s, routed experts"),
    "expert_memory": Quantity(
        0.6, 0.3, {"precision": 0.15, "family/precision": 0.1}, "share of bandwidth, routed experts"
    ),
    "tile_rows": Quantity(16.0, 0.3, {}, "rows of padding of a grouped product for an expert"),
    "kv_memory": Quantity(0.65, 0.3, {"family": 0.12, "engine/family": 0.3}, "share of bandwidth, reading KV cache"),
    "group_growth": Quantity(0.1, 0.5, {"engine": 0.7}, "time to read KV cache, as a power of the heads that share it"),
    "score_compute": Quantity(0.45, 0.3, {"family": 0.2}, "share of 16-bit peak, attention of a prefill"),
    "latent_compute": Quantity(0.5, 0.4, {"family": 0.15}, "share of 16-bit peak, absorbed latent attention"),
    "activation_memory": Quantity(0.7, 0.3, {"family": 0.1}, "share of bandwidth, activations"),
    "layer_seconds": Quantity(30e-6, 0.5, {"engine": 0.3, "vendor": 0.2, "family": 0.15}, "fixed time of a layer"),
    "routed_seconds": Quantity(25e-6, 0.5, {"engine": 0.3, "family": 0.15}, "more for routing to 8 experts"),
    "latent_seconds": Quantity(25e-6, 0.5, {"engine": 0.3}, "more for latent attention"),
    "index_seconds": Quantity(60e-6, 0.5, {}, "more for the index of sparse attention"),
    "hop_seconds": Quantity(
        10e-6, 0.5, {"family": 0.2, "engine/vendor": 0.6}, "latency of an all-reduce over two devices"
    ),
    "link_share": Quantity(
        0.6, 0.3, {"family": 0.2, "engine": 0.3}, "share of the link's bandwidth, large collectives"
    ),
    "step_seconds": Quantity(0.8e-3, 0.7, {"engine": 0.7}, "engine's time between steps"),
    "sequence_seconds": Quantity(10e-6, 0.7, {"engine": 0.7}, "engine's time for a sequence in a step"),
    "step_factor": Quantity(1.0, 0.05, {"engine/family": 0.25}, "what is left of a step, as a factor"),
    "prompt_factor": Quantity(1.0, 0.05, {"engine/family": 0.25}, "what is left of a prefill, as a factor"),
    "interference": Quantity(1.0, 0.2, {"engine": 0.2}, "part of a prefill that decodes beside it wait for"),
    "first_seconds": Quantity(25e-3, 0.7, {"engine": 0.4, "release": 0.4}, "front end and tokenizer, to a first token"),
    "first_steps": Quantity(1.0, 0.5, {"engine": 0.3, "release": 0.5}, "steps that a prompt waits for on arrival"),
    "burst": Quantity(1.0, 0.3, {"engine": 0.2}, "wait for the prompts of the first burst, as a factor"),
    "queue": Quantity(0.5, 0.5, {"engine": 0.2}, "wait for other prompts: of rho / (1 - rho) prefills"),
    "handover_seconds": Quantity(60e-3, 0.3, {"engine": 0.2}, "to hand a prompt's cache to a pool of its own"),
    "usable_memory": Quantity(0.98, 0.04, {"engine": 0.03}, "share of stated memory for weights and KV cache"),
    "held_output": Quantity(0.75, 0.2, {"engine": 0.2}, "part of its output that a running sequence holds room for"),
    "steady_share": Quantity(0.85, 0.15, {"engine": 0.2}, "throughput of an offline run over that of its full batches"),
}
"""Every figure of the model. Seconds, shares of a peak, or factors."""

DEFAULT_ENGINES: Final[Mapping[str, str]] = {"NVIDIA": "vllm", "AMD": "vllm", "Intel": "habana-2024"}
"""The engine whose figures a plan takes on a vendor's devices: what agentc deploys there."""


@record
class Target:
    """To what a figure applies. Unknown names take the base."""

    family: str = ""
    vendor: str = ""
    engine: str = ""
    release: str = ""
    """The engine's release where it is one that starts answers unlike those after it."""

    def keys(self, scope: str, precision: str) -> Iterator[str]:
        """The names that a deviation of ``scope`` may have, the nearest first."""
        families = lineage(self.family) if "family" in scope else (self.family,)
        for family in families:
            words = {"family": family, "vendor": self.vendor, "engine": self.engine, "release": self.release}
            words["precision"] = precision
            yield "/".join(words[word] for word in scope.split("/"))


@dataclass(frozen=True, eq=False)
class Curves:
    """All figures of one calibration."""

    base: Mapping[str, float]
    deviations: Mapping[str, Mapping[str, float]]
    """Quantity -> ``scope=name`` -> logarithm of the factor."""
    measured: frozenset[str] = frozenset()
    """Families that have serving rows of their own."""
    bands: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    """``metric``, ``metric family``, ``metric moe`` or ``metric family moe`` -> p10, p90 of measured over predicted."""
    origin: str = ""

    def value(self, quantity: str, target: Target, precision: str = "") -> float:
        """The figure for a target; ``precision`` where the figure has one."""
        total = math.log(self.base.get(quantity, QUANTITIES[quantity].prior))
        known = self.deviations.get(quantity, {})
        for scope in QUANTITIES[quantity].scopes:
            total += next((known[k] for key in target.keys(scope, precision) if (k := f"{scope}={key}") in known), 0.0)
        return math.exp(total)

    def calibrated(self, family: str) -> bool:
        """Whether serving rows of the family itself were seen."""
        return family in self.measured

    def band(self, metric: str, family: str, kind: str) -> tuple[float, float]:
        """p10 and p90 of measured over predicted; wider where the family has no rows of its own."""
        names = (f"{metric} {family} {kind}", f"{metric} {family}", f"{metric} {kind}", metric)
        low, high = next((self.bands[name] for name in names if name in self.bands), (0.7, 1.4))
        if not self.calibrated(family):
            low, high = low / UNSEEN, high * UNSEEN
        return min(low, 1.0), max(high, 1.0)


UNSEEN = 1.3
"""Factor by which the band of a family without rows of its own is wider on either side."""


@cache
def lineage(family: str) -> tuple[str, ...]:
    """A family and those that it inherits from."""
    families: dict[str, dict[str, Any]] = table("agentc.cost", "efficiency")["families"]
    found = [family]
    while (parent := families.get(found[-1], {}).get("parent")) and parent not in found:
        found.append(str(parent))
    return tuple(found)


def curves_of(data: Mapping[str, Any]) -> Curves:
    """Curves from the content of a curves file.

    Raises:
        ValueError: A quantity is unknown, or a figure is no finite number in its range.
    """
    base: dict[str, float] = {}
    deviations: dict[str, Mapping[str, float]] = {}
    for name, row in _mapping(data.get("quantities"), "quantities").items():
        if name not in QUANTITIES:
            raise ValueError(f"`{name}` is no quantity of the cost model; known: {', '.join(QUANTITIES)}")
        entry = _mapping(row, name)
        base[name] = _number(entry.get("base"), f"{name}.base", 0.0)
        rows = _mapping(entry.get("deviations", {}), f"{name}.deviations")
        deviations[name] = {str(key): _number(value, f"{name}.{key}", -20.0, 20.0) for key, value in rows.items()}
    bands: dict[str, tuple[float, float]] = {}
    for name, pair in _mapping(data.get("bands", {}), "bands").items():
        if not isinstance(pair, list | tuple) or len(pair) != 2:  # pyright: ignore[reportUnknownArgumentType]
            raise ValueError(f"`bands.{name}` should be two numbers")
        low, high = (_number(value, f"bands.{name}", 0.0) for value in pair)  # pyright: ignore[reportUnknownVariableType]
        bands[str(name)] = (low, high)
    return Curves(base, deviations, frozenset(map(str, data.get("measured", ()))), bands, str(data.get("origin", "")))


@cache
def shipped() -> Curves:
    """The curves of the package."""
    return curves_of(json_table("agentc.cost", "curves"))


_USED: ContextVar[Curves | None] = ContextVar("curves", default=None)


def active() -> Curves:
    """The curves in use: the package's, unless ``using`` says otherwise."""
    return _USED.get() or shipped()


@contextmanager
def using(curves: Curves | None) -> Generator[None]:
    """Take ``curves`` within the block; None keeps those in use."""
    token = _USED.set(curves or _USED.get())
    try:
        yield
    finally:
        _USED.reset(token)


@contextmanager
def of_fleet(fleet: Fleet) -> Generator[None]:
    """Take the curves that a fleet states within the block, unless others are in use.

    Raises:
        Refused: ``bad-calibration``: they are no curves.
    """
    stated = fleet.calibration if _USED.get() is None else None
    with using(_parsed(stated) if stated is not None else None):
        yield


@cache
def _parsed(calibration: Calibration) -> Curves:
    try:
        return curves_of(_mapping(json.loads(calibration.text), "the file"))
    except ValueError as problem:
        message = f"cannot take curves from `{calibration.file}`: {problem}"
        help_ = "`agentc calibrate` writes such a file"
        raise Refused(Diagnostic("bad-calibration", message, Span(calibration.file), help=help_)) from problem


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"`{name}` should be a table of names and figures")
    return {str(key): entry for key, entry in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _number(value: Any, name: str, low: float, high: float = 1e12) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low < value < high:
        raise ValueError(f"`{name}` is `{value}`, but should be a number between {low:g} and {high:g}")
    return float(value)
