"""From a device's price and power to dollars per hour (arXiv 2507.19635, section 5)."""

from agentc.plan.fleet import Device, Financing

HOURS_PER_YEAR = 8766.0
"""365.25 days."""


def annuity_usd_per_hour(price_usd: float, years: float, interest: float) -> float:
    """What paying ``price_usd`` back in equal monthly rates over ``years`` at ``interest`` a year costs per hour.

    Rate = P r / (1 - (1 + r)^-n) with r = interest / 12 and n = 12 years; without interest P / n.
    """
    months, rate = 12 * years, interest / 12
    monthly = price_usd / months if rate == 0 else price_usd * rate / (1 - (1 + rate) ** -months)
    return monthly * 12 / HOURS_PER_YEAR


def power_usd_per_hour(watts: float, financing: Financing) -> float:
    """Electricity: thermal design power x utilization x PUE x price."""
    return watts / 1000 * financing.power_utilization * financing.pue * financing.usd_per_kwh


def owned_usd_per_hour(device: Device, price_usd: float, financing: Financing) -> float:
    """One owned device, everything in: the annuity of its price and its power."""
    return annuity_usd_per_hour(price_usd, financing.years, financing.interest) + power_usd_per_hour(
        device.watts, financing
    )
