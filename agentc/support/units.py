"""Figures for people: bytes, seconds, dollars and rates as text, and text back to SI."""

import re

_DECIMAL = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_SECONDS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))

_BYTES = (
    {"b": 1.0, "byte": 1.0, "bytes": 1.0}
    | {f"{prefix}b": 1000.0**power for power, prefix in enumerate("kmgtp", start=1)}
    | {f"{prefix}ib": 1024.0**power for power, prefix in enumerate("kmgtp", start=1)}
)
_BITS_PER_SECOND = {f"{prefix}bps": 1000.0**power / 8 for power, prefix in enumerate(("", "k", "m", "g", "t"))}
_TIMES = {unit: seconds for seconds, unit in _SECONDS} | {"µs": 1e-6, "sec": 1.0, "m": 60.0, "d": 86400.0}
_FIGURE = re.compile(r"\s*([0-9][0-9_,]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+)\s*([^\s\d]*)\s*\Z")


def format_figure(value: float, digits: int = 3) -> str:
    """``value`` to ``digits`` significant digits, without an exponent where a person would not write one."""
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits}g}"
    whole = f"{value:,.0f}"
    short = f"{value:.{digits}g}"
    return whole if abs(value) >= 10**digits or "e" in short else short


def _rounded(value: float) -> float:
    """To the digits that are shown, before a unit is chosen: 999.9 ms are 1 s, not 1,000 ms."""
    return float(f"{value:.3g}")


def _scaled(value: float, unit: str) -> str:
    value = _rounded(value)
    for factor, prefix in _DECIMAL:
        if abs(value) >= factor:
            return f"{format_figure(value / factor)} {prefix}{unit}"
    return f"{format_figure(value)} {unit}"


def format_bytes(bytes_: float) -> str:
    """Decimal, as data sheets count: ``80 GB``."""
    return _scaled(bytes_, "B")


def format_flops(flop: float) -> str:
    """``989 TFLOP``."""
    return _scaled(flop, "FLOP")


def format_rate(bytes_per_second: float) -> str:
    """``3.35 TB/s``."""
    return _scaled(bytes_per_second, "B/s")


def format_seconds(seconds: float) -> str:
    """In the largest unit that leaves at least one: ``41.2 ms``."""
    seconds = _rounded(seconds)
    for factor, unit in _SECONDS:
        if abs(seconds) >= factor:
            return f"{format_figure(seconds / factor)} {unit}"
    return "0 s" if seconds == 0 else f"{format_figure(seconds)} s"


def format_usd(usd: float) -> str:
    """Dollars from 10,000 on, cents from 1 on, else three significant digits: ``$12.40``, ``$0.00123``."""
    sign = "-" if usd < 0 else ""
    size = abs(usd)
    if size >= 10_000:
        return f"{sign}${size:,.0f}"
    return f"{sign}${size:,.2f}" if size >= 1 or size == 0 else f"{sign}${_plain(size)}"


def _plain(value: float) -> str:
    """Three significant digits below one, never with an exponent down to a billionth."""
    if value < 1e-9:
        return f"{value:.3g}"
    places = next(p for p in range(2, 13) if round(value, p) >= 10 ** (2 - p) or p == 12)
    return f"{value:.{places}f}"


def parse_bytes(text: str | float) -> float:
    """``80 GB``, ``141GiB``, or a number of bytes.

    Raises:
        ValueError: It is no such figure.
    """
    return _parse(text, _BYTES, "a size such as `80 GB`")


def parse_seconds(text: str | float) -> float:
    """``250 ms``, ``4 s``, ``2 h``, or a number of seconds.

    Raises:
        ValueError: It is no such figure.
    """
    return _parse(text, _TIMES, "a time such as `250 ms`")


def parse_rate(text: str | float) -> float:
    """``400 Gbps`` (bits), ``3.35 TB/s`` (bytes), or a number of bytes per second.

    Raises:
        ValueError: It is no such figure.
    """
    rates = _BITS_PER_SECOND | {f"{unit}/s": factor for unit, factor in _BYTES.items()}
    rates |= {unit.replace("bps", "bit/s"): factor for unit, factor in _BITS_PER_SECOND.items()}
    return _parse(text, rates, "a rate such as `400 Gbps` or `3.35 TB/s`")


def _parse(text: str | float, units: dict[str, float], wanted: str) -> float:
    if not isinstance(text, str):
        return float(text)
    found = _FIGURE.match(text)
    factor = units.get(found[2].casefold(), None if found[2] else 1.0) if found else None
    if found is None or factor is None:
        raise ValueError(f"`{text}` is not {wanted}")
    return float(found[1].replace("_", "").replace(",", "")) * factor
