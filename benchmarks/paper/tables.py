"""Tables 3 and 5, computed, beside what the paper prints."""

from dataclasses import dataclass

from agentc import catalog
from agentc.catalog.devices import operating_usd_per_hour
from agentc.plan.fleet import Device
from agentc.plan.money import annuity_usd_per_hour, power_usd_per_hour
from agentc.plan.placement import Deadline, Hop, Option, PlacementEdge, PlacementProblem, PlacementTask
from agentc.solve import evaluate, solve
from benchmarks.paper.facts import (
    DEVICES,
    TABLE_3,
    TABLE_3_PRINTED,
    TABLE_3_SLA_SECONDS,
    TABLE_3_TOKENS,
    TABLE_3_TRANSFER,
)
from benchmarks.paper.settings import FINANCING


@dataclass(frozen=True)
class OptionRow:
    """One option of table 3, by our evaluator, and as printed."""

    name: str
    prefill: str
    decode: str
    seconds: float
    usd: float
    feasible: bool
    chosen: bool
    """Whether the solver takes it."""
    printed_seconds: float
    printed_usd: float


def example() -> PlacementProblem:
    """Table 3 as a placement problem: 1,000 input and 500 output tokens, priced per token."""
    tasks: dict[str, list[Option]] = {}
    for task, device, seconds, usd_per_token in TABLE_3:
        usd = usd_per_token * TABLE_3_TOKENS[task]
        option = Option(device, None, device, device, "disaggregated", seconds=seconds, usd=usd)
        tasks.setdefault(task, []).append(option)
    stay, carry = Hop(0.0), Hop(TABLE_3_TRANSFER[0], TABLE_3_TRANSFER[1] * TABLE_3_TOKENS["prefill"])
    hops = {("HP", "HP"): stay, ("CO", "CO"): stay, ("HP", "CO"): carry}
    rows = tuple(PlacementTask(task, tuple(options)) for task, options in tasks.items())
    limit = Deadline("end_to_end", TABLE_3_SLA_SECONDS)
    return PlacementProblem(rows, (PlacementEdge("prefill", "decode", hops),), {}, (limit,))


def table_3() -> tuple[OptionRow, ...]:
    """Options A, B and C."""
    problem = example()
    best = dict(solve(problem).choice)
    rows: list[OptionRow] = []
    for name, (prefill, decode, seconds, usd) in TABLE_3_PRINTED.items():
        choice = {"prefill": prefill, "decode": decode}
        found = evaluate(problem, choice)
        rows.append(
            OptionRow(
                name,
                prefill,
                decode,
                found.end_to_end_seconds,
                found.usd_per_request,
                found.feasible,
                choice == best,
                seconds,
                usd,
            )
        )
    return tuple(rows)


@dataclass(frozen=True)
class DeviceRow:
    """One device of table 5: printed, and by its datasheet; dollars an hour as we count them."""

    name: str
    printed: Device
    datasheet: Device
    printed_operating: float
    annuity: float
    power: float

    @property
    def usd_per_hour(self) -> float:
        """Annuity of the printed price and power at thermal design power."""
        return self.annuity + self.power

    @property
    def rate_factor(self) -> float:
        """The printed FP16 rate over the dense rate of the datasheet at 16 bit."""
        return self.printed.flops_per_second["bf16"] / self.datasheet.flops_per_second["bf16"]

    @property
    def unexplained(self) -> float:
        """The printed operating cost without power."""
        return self.printed_operating - self.power


def table_5() -> tuple[DeviceRow, ...]:
    """The six devices in the paper's order."""
    rows: list[DeviceRow] = []
    for name, title in DEVICES.items():
        printed, datasheet = catalog.device(name, "paper"), catalog.device(name)
        annuity = annuity_usd_per_hour(printed.price_usd or 0.0, FINANCING.years, FINANCING.interest)
        power = power_usd_per_hour(printed.watts, FINANCING)
        rows.append(DeviceRow(title, printed, datasheet, operating_usd_per_hour(name) or 0.0, annuity, power))
    return tuple(rows)
