"""From prices and power to dollars, joules and grams of carbon dioxide (arXiv 2507.19635, section 5, and beyond)."""

import math

from agentc.plan.fleet import Device, Financing, Power, Stock
from agentc.support.record import record

HOURS_PER_YEAR = 8766.0
"""365.25 days."""

JOULES_PER_KWH = 3.6e6

_NEGLIGIBLE = 1e-12
"""A monthly rate under which the closed forms lose their digits to rounding."""


def annuity_usd_per_hour(price_usd: float, years: float, interest: float) -> float:
    """What paying ``price_usd`` back in equal monthly rates over ``years`` at ``interest`` a year costs per hour.

    Rate = P r / (1 - (1 + r)^-n) with r = interest / 12 and n = 12 years; without interest P / n.
    """
    months, rate = 12 * years, interest / 12
    monthly = price_usd / months if rate < _NEGLIGIBLE else price_usd * rate / -math.expm1(-months * math.log1p(rate))
    return monthly * 12 / HOURS_PER_YEAR


def owed_share(years: float, interest: float, months_paid: float) -> float:
    """The share of a price that is still owed after ``months_paid`` of the annuity's monthly rates.

    ((1 + r)^n - (1 + r)^k) / ((1 + r)^n - 1); without interest 1 - k / n. One at first, zero after the last rate.
    """
    months, rate = 12 * years, interest / 12
    paid = min(max(months_paid, 0.0), months)
    if rate < _NEGLIGIBLE:
        return 1 - paid / months
    growth = math.log1p(rate)
    return math.expm1((paid - months) * growth) / math.expm1(-months * growth)


@record(slots=True)
class Capital:
    """A device's price as hourly rates: what is still to be paid, and what is paid already."""

    cash_usd_per_hour: float
    sunk_usd_per_hour: float = 0.0


def capital(price_usd: float, financing: Financing, owed: float = 1.0) -> Capital:
    """The annuity of ``price_usd``, parted at the share that is still ``owed``.

    What is left of an owned device's price is spread over the same term as the price of a new one, so that both are
    compared over the same years; the rest is sunk: it is paid wherever the work goes.
    """
    whole = annuity_usd_per_hour(price_usd, financing.years, financing.interest)
    return Capital(whole * owed, whole * (1 - owed))


def power_usd_per_hour(watts: float, financing: Financing) -> float:
    """Electricity: thermal design power x utilization x PUE x price."""
    return watts / 1000 * financing.power_utilization * financing.pue * financing.usd_per_kwh


def owned_usd_per_hour(device: Device, price_usd: float, financing: Financing) -> float:
    """One owned device, everything in: the annuity of its price and its power."""
    return annuity_usd_per_hour(price_usd, financing.years, financing.interest) + power_usd_per_hour(
        device.watts, financing
    )


def power(stock: Stock, financing: Financing) -> Power:
    """What one device of ``stock`` draws: as stated, else its thermal design power x utilization x PUE at all times."""
    if stock.power is not None:
        return stock.power
    watts = stock.device.watts * financing.power_utilization * financing.pue
    return Power(watts, kg_co2_per_kwh=financing.kg_co2_per_kwh)


def extra_watts(drawn: Power, bound_by: str) -> float:
    """What one device draws beyond its idle power while work bound by ``bound_by`` runs."""
    busy = drawn.busy_watts.get(bound_by, drawn.busy_watts.get("other", drawn.idle_watts))
    return max(busy - drawn.idle_watts, 0.0)


def extra_joules(drawn: Power, bound_by: str, busy_seconds: float) -> float:
    """What ``busy_seconds`` of one device take beyond its idle power."""
    return extra_watts(drawn, bound_by) * busy_seconds


def extra_usd(drawn: Power, bound_by: str, busy_seconds: float) -> float:
    """Dollars for the electricity of ``busy_seconds`` beyond idle power, which the rate of a held device covers."""
    return extra_joules(drawn, bound_by, busy_seconds) / JOULES_PER_KWH * drawn.usd_per_kwh


def grams_co2e(joules_: float, kg_co2_per_kwh: float) -> float:
    """Grams of carbon dioxide equivalent of a site's electricity; the making of the hardware is not in it."""
    return joules_ / JOULES_PER_KWH * kg_co2_per_kwh * 1000
