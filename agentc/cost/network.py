"""Transfers between places: which link joins two device classes, and what bytes take over it."""

from collections.abc import Callable, Iterable, Mapping

from agentc.plan.fleet import Fleet, Link, Stock
from agentc.plan.placement import Hop

HOSTED = "hosted"
AGGREGATED = "+agg"
"""Suffix of the place of an aggregated pool: a device class whose KV cache does not travel."""
INTERNET = Link("internet", 1e9 / 8, 0.020, "assumed: 1 Gbit/s and 20 ms to a hosted service")
TAIL_SHARE = 1 / 16
"""Part of a streamed transfer that is left when its producer ends: the last layers of a KV cache."""


def device_of(place: str) -> str:
    """The device class of a place."""
    return place.removesuffix(AGGREGATED)


def link_between(fleet: Fleet, a: str, b: str) -> Link:
    """The link from a device of class ``a`` to one of class ``b``.

    One host that holds all devices of a class joins them by its scale-up link. Else what the fleet states for the
    pair, in either direction; else what it states for one of them and ``*`` (the slower one, if for both); else for
    ``*`` and ``*``; else the slower of the two devices' own network links.
    """
    if HOSTED in (a, b):
        return INTERNET
    stocks = {stock.device.name: stock for stock in fleet.stocks}
    if a == b and _one_host(stocks[a]):
        return stocks[a].device.scale_up
    for keys in ((f"{a}->{b}", f"{b}->{a}"), _half_open(a, b), ("*->*",)):
        if found := [fleet.links[key] for key in keys if key in fleet.links]:
            return _slower(found)
    return _slower((stocks[a].device.scale_out, stocks[b].device.scale_out))


def transfer_seconds(bytes_: float, link: Link) -> float:
    """Latency and bytes over bandwidth, through the link of one device at either end."""
    return link.latency_seconds + bytes_ / link.bytes_per_second


def streamed_seconds(bytes_: float, link: Link, producer_seconds: float) -> float:
    """What is left of a transfer after its producer ends, where each part leaves as soon as it is made.

    The transfer runs beside the producer; left are at least the last parts (``TAIL_SHARE``).
    """
    whole = bytes_ / link.bytes_per_second
    return link.latency_seconds + max(whole - producer_seconds * (1 - TAIL_SHARE), whole * TAIL_SHARE)


def hops(
    link: Callable[[str, str], Link],
    sources: Mapping[str, float],
    targets: Iterable[str],
    bytes_: float,
    *,
    streams: bool = False,
    paired: bool = False,
) -> dict[tuple[str, str], Hop]:
    """The hops of an edge for all pairs of places. ``sources`` gives each place the least time of its producer;
    ``link`` what joins two device classes.

    ``paired`` is the edge between the prefill and the decode of one call: within an aggregated pool nothing travels,
    and an aggregated half goes with no other. Over a link that carries nothing there is no hop.
    """
    result: dict[tuple[str, str], Hop] = {}
    for a, producer in sources.items():
        for b in targets:
            if paired and (a.endswith(AGGREGATED) or b.endswith(AGGREGATED)):
                if a == b:
                    result[a, b] = Hop(0.0, link="none")
                continue
            way = link(device_of(a), device_of(b))
            if way.bytes_per_second > 0:
                result[a, b] = _hop(way, bytes_, producer if streams else None)
    return result


def _hop(link: Link, bytes_: float, producer: float | None) -> Hop:
    seconds = transfer_seconds(bytes_, link) if producer is None else streamed_seconds(bytes_, link, producer)
    return Hop(seconds, link=link.name, bytes_=bytes_)


def _one_host(stock: Stock) -> bool:
    return stock.count is not None and stock.count <= stock.per_host


def _half_open(a: str, b: str) -> tuple[str, ...]:
    return f"{a}->*", f"*->{a}", f"{b}->*", f"*->{b}"


def _slower(links: Iterable[Link]) -> Link:
    return min(links, key=lambda link: link.bytes_per_second)
