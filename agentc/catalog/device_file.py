"""The schema of device tables: the catalog's own, and those of users; strict, so that a wrong figure has no way in."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, RootModel

from agentc.catalog.data_files import table
from agentc.catalog.devices import Entry, entry_of
from agentc.catalog.months import Month
from agentc.catalog.sources import figures, sourced
from agentc.support.diagnostics import Diagnostics, did_you_mean
from agentc.support.validate import validate
from agentc.support.yaml_source import load_yaml

Precision = Literal["fp32", "tf32", "bf16", "fp16", "fp8", "int8", "fp4"]
Tflops = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Gigabytes = Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
"""GB/s or Gbit/s."""
Microseconds = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Watts = Annotated[float, Field(gt=0, le=20_000, allow_inf_nan=False)]
Price = Annotated[float, Field(gt=0, le=1e7, allow_inf_nan=False)]
Rent = Annotated[float, Field(gt=0, le=1e4, allow_inf_nan=False)]

ORDER = ("fp32", "tf32", "bf16", "fp8", "fp4")
"""From wide to narrow: no unit is slower at a narrower format that it has."""

RIDGE = (0.5, 10_000.0)
"""FLOP a byte between which the fastest rate over bandwidth must lie: beyond, one of them is in another unit."""


class Row(BaseModel):
    """A row of a table: no unknown fields, no coercion of text to numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class SourceRow(Row):
    """Where a figure was read, and the month that it is of."""

    source: Annotated[str, Field(min_length=1)]
    date: Month


class ScaleUpRow(Row):
    """The link inside a host: one direction per device in GB/s, latency of one round in microseconds."""

    name: str
    gbs: Rate
    us: Microseconds
    size: Annotated[int, Field(ge=1, le=100_000)]


class ScaleOutRow(Row):
    """The network between hosts: Gbit/s per device, latency in microseconds."""

    name: str
    gbps: Rate
    us: Microseconds


class RentRow(Row):
    """What somebody asks for an hour of one device, and on which terms."""

    usd_per_hour: Rent
    kind: Literal["on-demand", "reserved", "spot"] = "on-demand"
    provider: str = ""
    source: str | SourceRow
    estimated: bool = False


class DeviceRow(Row):
    """One device class."""

    vendor: str
    kind: Literal["gpu", "accelerator", "cpu"]
    family: str
    aliases: list[str] = []
    target: str = ""
    tflops: Annotated[dict[Precision, Tflops], Field(min_length=1)]
    cores: Annotated[int, Field(ge=0)] = 0
    memory_gb: Gigabytes
    bandwidth_gbs: Rate
    watts: Watts
    scale_up: ScaleUpRow
    scale_out: ScaleOutRow
    price_usd: Price | None = None
    rents: list[RentRow] = []
    sources: Annotated[dict[str, str | SourceRow], Field(min_length=1)]
    estimated: list[str] = []


class DeviceFile(RootModel[dict[str, DeviceRow]]):
    """Device classes by name."""


def read_devices(path: str | Path, file: str | None = None) -> Mapping[str, Entry]:
    """The device classes of a user's table, in the catalog's form.

    Raises:
        Refused: The file is wrong: every problem with its file, row and field.
    """
    document = load_yaml(path, file)
    rows = validate(DeviceFile, document).root
    found = Diagnostics()
    for name, row in rows.items():
        for wrong in (*_contradictions(row), *_unsourced(row)):
            span = document.span((name, *wrong.path))
            found.error(wrong.slug, f"`{name}`: {wrong.message}", span, help=wrong.help)
    found.raise_if_errors()
    return {name: entry_of(name, row.model_dump(exclude_none=True)) for name, row in rows.items()}


class _Wrong(NamedTuple):
    path: tuple[str | int, ...]
    message: str
    help: str | None = None
    slug: str = "inconsistent-device"


def _contradictions(row: DeviceRow) -> Iterator[_Wrong]:
    stated = [(name, row.tflops[name]) for name in ORDER if name in row.tflops]
    for (wide, slower), (narrow, faster) in zip(stated, stated[1:], strict=False):
        if faster < slower:
            message = f"`tflops.{narrow}` is {faster:g}, less than the {slower:g} of the wider `{wide}`"
            yield _Wrong(("tflops", narrow), message, f"leave `{narrow}` out where the device has no unit for it")
    ridge = max(row.tflops.values()) * 1e3 / row.bandwidth_gbs
    if not RIDGE[0] <= ridge <= RIDGE[1]:
        message = f"its peak rate over its bandwidth is {ridge:.3g} FLOP a byte, which no device is built for"
        yield _Wrong(("bandwidth_gbs",), message, "rates are in TFLOPS, bandwidth in GB/s (10^9 bytes)")


def _unsourced(row: DeviceRow) -> Iterator[_Wrong]:
    """Figures without a source, and names in ``sources`` and ``estimated`` that stand for nothing."""
    names = figures(row.model_dump())
    groups = {*names, *(name.partition(".")[0] for name in names)}
    for i, name in enumerate(row.estimated):
        if name not in groups:
            yield _Wrong(("estimated", i), f"`{name}` is no figure of this row", did_you_mean(name, groups))
    for name in row.sources:
        if name not in (*groups, "*"):
            yield _Wrong(("sources", name), f"`{name}` is no figure of this row", did_you_mean(name, groups))
    for name in names:
        if sourced(row.sources, name) is None:
            message = f"`sources` does not say where `{name}` is from"
            yield _Wrong(("sources",), message, 'name it, or `"*"` for all that are not named', "missing-field")
    keys = [(("sources", name), value) for name, value in row.sources.items()]
    for path, key in [*keys, *((("rents", i, "source"), rent.source) for i, rent in enumerate(row.rents))]:
        if isinstance(key, str) and key not in table("sources"):
            message = f"the catalog has no source `{key}`; state one as `{{source: …, date: 2026-06}}`"
            yield _Wrong(path, message, did_you_mean(key, table("sources")), "unknown-name")
