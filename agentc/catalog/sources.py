"""What an hour of a device costs in a cloud, by terms and provider; and where a figure of the catalog was read."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias

from agentc.catalog.data_files import table
from agentc.support.record import record

RentKind: TypeAlias = Literal["on-demand", "reserved", "spot"]
RENT_KINDS: Final = ("on-demand", "reserved", "spot")


@record(slots=True)
class Source:
    """Where a figure was read, and the month that it is of."""

    source: str
    date: str
    estimated: bool = False
    """The figure was inferred: no published one was read."""


@record(slots=True)
class Rent:
    """An hour of one device."""

    usd_per_hour: float
    kind: RentKind
    provider: str
    source: Source


def source(entry: Any, estimated: bool = False) -> Source:
    """The source that ``entry`` names (a key of the catalog's ``sources.yaml``) or is.

    Raises KeyError for a key that the catalog does not hold.
    """
    row = table("sources")[entry] if isinstance(entry, str) else entry
    return Source(row["source"], str(row["date"]), estimated)


def told(source_: Source) -> str:
    """A source in a line."""
    return f"{source_.source} ({source_.date})"


def rent_of(row: Any) -> Rent:
    """A row of a device's ``rents``."""
    estimated = row.get("estimated", False)
    return Rent(
        row["usd_per_hour"],
        row.get("kind", "on-demand"),
        row.get("provider", ""),
        source(row["source"], estimated),
    )


def chosen(rents: Iterable[Rent], kind: RentKind | None = None, provider: str | None = None) -> Rent | None:
    """The first of ``rents`` where neither is asked for; else the cheapest of that kind and provider, if there is one.

    A provider is asked for by the start of its name, in any case.
    """
    wanted = (provider or "").lower()
    found = [rent for rent in rents if kind in (None, rent.kind) and rent.provider.lower().startswith(wanted)]
    if kind is None and provider is None:
        return next(iter(found), None)
    return min(found, key=lambda rent: rent.usd_per_hour, default=None)


def sourced(sources: Mapping[str, Any], figure: str) -> Any:
    """The entry of ``sources`` for a figure: its own, else its group's, else that of all; ``None`` without one."""
    return sources.get(figure) or sources.get(figure.partition(".")[0]) or sources.get("*")


def figures(row: Mapping[str, Any]) -> list[str]:
    """The dotted names of the row's figures; the rents are apart, since each has a source of its own."""
    alone = [name for name in ("cores", "memory_gb", "bandwidth_gbs", "watts", "price_usd") if row.get(name)]
    groups = ("tflops", "scale_up", "scale_out")
    return [*(f"{group}.{name}" for group in groups for name in row[group] if name != "name"), *alone]
