"""What an hour of one device of a fleet file costs, and what it draws."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from agentc.catalog.devices import Entry
from agentc.catalog.power import measured_power
from agentc.catalog.sources import Rent, chosen
from agentc.plan.fleet import Device, Financing, Power
from agentc.plan.money import annuity_usd_per_hour, capital, owed_share, power_usd_per_hour
from agentc.support.record import record

if TYPE_CHECKING:
    from agentc.catalog.fleet_file import FleetFile, OwnedEntry, SiteEntry, StockEntry
    from agentc.support.diagnostics import Diagnostics
    from agentc.support.yaml_source import Document


@record(slots=True)
class Bill:
    """One device, per hour."""

    usd_per_hour: float
    sunk_usd_per_hour: float = 0.0
    acquired: str = ""
    ours: bool = True
    """Bought, so that its power is paid apart; the power of a rented device is in its rent."""


@record
class Billing:
    """A fleet file's terms; every problem with an entry goes to ``found``."""

    document: "Document"
    file: "FleetFile"
    financing: Financing
    found: "Diagnostics"

    def at(self, site: str) -> Financing:
        """The financing with what is different at ``site``."""
        own: SiteEntry | None = self.file.sites.get(site)
        stated = own.model_dump(exclude_none=True, exclude={"zone"}) if own else {}
        return replace(self.financing, **stated)

    def bill(self, name: str, entry: "StockEntry", known: Entry) -> Bill:
        """What the entry ``name`` says that one costs, power included."""
        self._one_price(name, entry)
        found = self._capital_or_rent(name, entry, known)
        if not found.ours:
            return found
        financing = self.at(entry.site)
        drawn = self.power(entry, known.device, ours=True)
        if drawn is not None and self.file.power.utilization == "measured":
            electricity = drawn.idle_watts / 1000 * financing.usd_per_kwh
        else:
            electricity = power_usd_per_hour(known.device.watts, financing)
        return replace(found, usd_per_hour=found.usd_per_hour + electricity)

    def power(self, entry: "StockEntry", device: Device, *, ours: bool) -> Power | None:
        """What one draws, where that is not its thermal design power by the fleet's own financing."""
        here = self.at(entry.site)
        if self.file.power.utilization == "measured":
            price = here.usd_per_kwh if ours else 0.0
            return measured_power(device, pue=here.pue, usd_per_kwh=price, kg_co2_per_kwh=here.kg_co2_per_kwh)
        if here == self.financing:
            return None
        return Power(device.watts * here.power_utilization * here.pue, kg_co2_per_kwh=here.kg_co2_per_kwh)

    def _capital_or_rent(self, name: str, entry: "StockEntry", known: Entry) -> Bill:
        price = entry.price_usd or (None if entry.acquire == "rent" else known.device.price_usd)
        if entry.rent_usd_per_hour:
            return Bill(entry.rent_usd_per_hour, acquired="rent: as stated", ours=False)
        if entry.owned is not None:
            return self._owned(name, entry.owned, entry.owned.price_usd or price)
        terms = entry.price or (None if entry.acquire == "buy" or entry.price_usd else self.file.price)
        if terms is not None:
            rent = chosen(known.rents, terms.kind, terms.provider)
            if rent is None and entry.price is None:
                rent = chosen(known.rents)
            return _rented(rent) if rent else self._no_price(name, known, (*_terms(known),))
        if price:
            years, interest = self.financing.years, self.financing.interest
            return Bill(annuity_usd_per_hour(price, years, interest), acquired="bought")
        rent = chosen(known.rents)
        if rent and entry.acquire != "buy":
            return _rented(rent)
        return self._no_price(name, known, ())

    def _owned(self, name: str, owned: "OwnedEntry", price: float | None) -> Bill:
        from agentc.catalog.months import months_between

        if price is None:
            return self._no_price(name, None, ())
        owed = 1 - (owned.amortized or 0.0)
        if owned.bought is not None:
            age = months_between(owned.bought, self.file.as_of)
            if age < 0:
                span = self.document.span(("devices", name, "owned", "bought"))
                message = f"`{name}` is bought in {owned.bought}, after {self.file.as_of}"
                self.found.error("wrong-value", message, span, help="state `as_of`, the month that the plan is for")
            years = owned.term_years or self.financing.years
            interest = self.financing.interest if owned.interest is None else owned.interest
            owed = owed_share(years, interest, age)
        parts = capital(price, self.financing, owed)
        return Bill(parts.cash_usd_per_hour, parts.sunk_usd_per_hour, f"owned, {1 - owed:.0%} paid off")

    def _one_price(self, name: str, entry: "StockEntry") -> None:
        """An entry says once what a device costs."""
        stated: Mapping[str, bool] = {
            "a price": entry.price_usd is not None and entry.owned is None,
            "a rent": entry.rent_usd_per_hour is not None,
            "terms of rent": entry.price is not None,
            "that it is owned": entry.owned is not None,
        }
        said = [what for what, there in stated.items() if there]
        if len(said) > 1:
            both, keep = ("both ", "keep one of the two") if len(said) == 2 else ("", "keep one of them")
            message = f"`{name}` states {both}{' and '.join(said)}"
            span = self.document.span(("devices", name), key=True)
            self.found.error("two-prices", message, span, help=keep)

    def _no_price(self, name: str, known: Entry | None, terms: tuple[str, ...]) -> Bill:
        help_ = f"the catalog has {', '.join(terms)}" if terms else "state `price_usd` or `rent_usd_per_hour`"
        what = "rent on these terms" if terms else "price"
        span = self.document.span(("devices", name), key=True)
        self.found.error("no-price", f"the catalog has no {what} for `{name}`", span, help=help_)
        return Bill(0.0)


def _rented(rent: Rent) -> Bill:
    provider = f", {rent.provider}" if rent.provider else ""
    return Bill(rent.usd_per_hour, acquired=f"rent: {rent.kind}{provider}", ours=False)


def _terms(known: Entry) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{rent.kind} of {rent.provider}" for rent in known.rents))
