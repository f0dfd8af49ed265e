"""What a user asked for that can stand in the way of a placement, as data and as sentences."""

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

from agentc.solve.evaluate import over, replicas_for
from agentc.solve.milp import DemandKey
from agentc.solve.presolve import everything, least_hop
from agentc.solve.tables import NO_POOL, Bound, Tables
from agentc.support.record import record

Kind: TypeAlias = Literal["task", "link", "rule", "together", "deadline", "stock", "memory"]

LISTED = 3
"""Device classes that are told one by one; more are told in one sentence."""

SHOWN = 8
"""Sentences about tasks before the rest is counted."""


@record(slots=True)
class Demand:
    """One demand of a conflict."""

    kind: Kind
    name: str
    """Task, edge ``a -> b``, device class, pool, or ``sla.ttft_ms``, ``sla.tbt_ms``, ``sla.end_to_end_ms``."""
    limit: float
    """Milliseconds of a deadline, devices of a stock, bytes of a memory, else the number of options."""
    sentence: str


@record(slots=True)
class Relaxation:
    """One demand that, changed alone from ``current`` to ``needed``, makes the problem feasible."""

    kind: Literal["deadline", "stock", "load"]
    name: str
    current: float
    needed: float

    def is_of(self, metric: str, seconds: float) -> bool:
        """Whether this is a change of a line of the SLA."""
        return self.name == sla_name(metric) and self.current == seconds * 1e3

    @property
    def change(self) -> str:
        """``sla.ttft_ms: 250 -> 310``."""
        return f"{self.name}: {self.current:g} -> {self.needed:g}"

    @property
    def sentence(self) -> str:
        """``sla.ttft_ms: 250 -> 310 would do``."""
        return f"{self.change} would do"


@record(slots=True)
class Conflict:
    """Demands that cannot hold together, and the smallest change of each that would help alone."""

    demands: tuple[Demand, ...]
    relaxations: tuple[Relaxation, ...] = ()
    jointly: tuple[Relaxation, ...] = ()
    """Where none would help alone: changes that help together, each of which is needed."""
    minimal: bool = True
    """Every demand is needed for the conflict; False where time ran out before all were tried."""

    @property
    def demand_sentences(self) -> tuple[str, ...]:
        """What conflicts. Long lists of tasks are cut short and counted."""
        tasks = [d.sentence for d in self.demands if d.kind == "task"]
        stocks = [d for d in self.demands if d.kind == "stock"]
        others = [d.sentence for d in self.demands if d.kind not in ("task", "stock")]
        held = [d.sentence for d in stocks]
        if len(stocks) > LISTED:
            held = [f"the fleet has {', '.join(f'{d.limit:g} of `{d.name}`' for d in stocks)}"]
        if len(tasks) > SHOWN:
            tasks = [*tasks[:SHOWN], f"and so it is with {len(tasks) - SHOWN} more tasks"]
        return (*others, *held, *tasks)

    @property
    def cure_sentences(self) -> tuple[str, ...]:
        """What would help: single changes, else one sentence on what would help together."""
        cures = [r.sentence for r in self.relaxations]
        if self.jointly:
            *first, last = [r.change for r in self.jointly]
            cures.append(f"{', '.join(first)} and {last} would do together")
        return tuple(cures)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The demands, then what would help."""
        return (*self.demand_sentences, *self.cure_sentences)


def sla_name(metric: str) -> str:
    """The name that a user knows a metric's deadline by."""
    return f"sla.{metric}_ms"


def describe(tables: Tables, key: DemandKey, conflict: set[DemandKey]) -> Demand:
    """The demand behind ``key``, told in the light of the others in ``conflict``."""
    kind, number = key
    if kind == "deadline":
        return _deadline(tables, number)
    if kind == "stock":
        device, count = list(tables.problem.stock.items())[number]
        return Demand("stock", device, count, f"the fleet has {count} of `{device}`")
    if kind == "memory":
        pool = tables.pools[number]
        text = f"a `{pool.device}` has {pool.memory / 1e9:.4g} GB for all that shares it"
        return Demand("memory", pool.name, pool.memory, text)
    if kind == "link":
        return _link(tables, number)
    if kind == "together":
        names = sorted({tables.name(t) for t, _ in tables.groups[number]})
        quoted = ", ".join(f"`{name}`" for name in names)
        return Demand("together", ", ".join(names), len(names), f"{quoted} take one of their options only all at once")
    return _task(tables, number, conflict)


def _deadline(tables: Tables, number: int) -> Demand:
    bound = tables.bounds[number]
    name, limit = sla_name(bound.metric), bound.limit * 1e3
    members = ", ".join(f"`{tables.name(t)}`" for t in bound.tasks)
    for_whom = "from end to end" if bound.on_path else f"for {members}"
    hops = math.fsum(least_hop(tables, everything(tables), tables.links[n], path=False) for n in bound.links)
    transfer = f", and transfers between them take {hops * 1e3:.4g} ms or more" if hops else ""
    return Demand("deadline", name, limit, f"`{name}` allows {limit:g} ms {for_whom}{transfer}")


def _link(tables: Tables, number: int) -> Demand:
    link, rule = tables.links[number], tables.problem.edges[number].rule
    src, dst = tables.name(link.src), tables.name(link.dst)
    pairs = sorted(link.carries)
    if rule:
        return Demand("rule", f"{src} -> {dst}", len(pairs), rule)
    joined = ", ".join(f"{a} -> {b}" for a, b in pairs[:4]) + (", …" if len(pairs) > 4 else "")
    only = f"only {joined}" if pairs else "nothing"
    return Demand("link", f"{src} -> {dst}", len(pairs), f"from `{src}` to `{dst}` links join {only}")


def _task(tables: Tables, t: int, conflict: set[DemandKey]) -> Demand:
    name, row = tables.name(t), tables.cells[t]
    if not row:
        return Demand("task", name, 0, f"`{name}` has no option: nothing in the fleet can run it")
    devices = list(dict.fromkeys(cell.option.device for cell in row))
    shown = ", ".join(f"`{d}`" for d in devices[:6]) + (f" and {len(devices) - 6} more" if len(devices) > 6 else "")
    facts = _facts(tables, t, conflict)
    return Demand("task", name, len(row), f"`{name}` can run on {shown}" + (f": {facts}" if facts else ""))


def _facts(tables: Tables, t: int, conflict: set[DemandKey]) -> str:
    """The least that the task takes of what the conflict is about."""
    row = range(len(tables.cells[t]))
    facts: list[str] = []
    bounds = [tables.bounds[n] for kind, n in sorted(conflict) if kind == "deadline"]
    for metric in dict.fromkeys(b.metric for b in bounds if t in b.tasks):
        bound = next(b for b in bounds if b.metric == metric)
        facts.append(f"{metric} takes {min(tables.metric(bound, t, o) for o in row) * 1e3:.4g} ms or more")
    if any(b.on_path for b in bounds):
        facts.append(f"takes {min(tables.cells[t][o].seconds for o in row) * 1e3:.4g} ms or more on the path")
    stocks = list(tables.problem.stock)
    needs = {
        device: count
        for device in (stocks[n] for kind, n in sorted(conflict) if kind == "stock")
        if (count := _devices(tables, t, device, bounds))
    }
    if needs:
        rows = [f"{count} `{device}`" for device, count in list(needs.items())[:LISTED]]
        more = f" and {len(needs) - LISTED} more classes" if len(needs) > LISTED else ""
        facts.append(f"takes at least {' or '.join(rows)}{more if len(rows) == LISTED else ''}")
    return ", ".join(facts)


def _devices(tables: Tables, t: int, device: str, bounds: Sequence[Bound]) -> int:
    """Fewest devices of a class that the task's work alone holds, by options that are on time if there are any there;
    zero where it has no option there."""
    there = {
        o: replicas_for(cell.load) * tables.pools[cell.pool].devices
        for o, cell in enumerate(tables.cells[t])
        if cell.pool != NO_POOL and tables.pools[cell.pool].device == device
    }
    timely = [count for o, count in there.items() if all(_timely(tables, t, o, bound) for bound in bounds)]
    return min(timely or there.values(), default=0)


def _timely(tables: Tables, t: int, o: int, bound: Bound) -> bool:
    """The option alone keeps the deadline, or has no part in it."""
    own = tables.cells[t][o].seconds if bound.on_path else tables.metric(bound, t, o) if t in bound.tasks else 0.0
    return not over(own, bound.limit)


def round_up(value: float, digits: int = 4) -> float:
    """``value`` to ``digits`` figures, never below it, so that the printed limit is kept."""
    if value <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    return float(f"{math.ceil(value / step - 1e-9) * step:.{digits + 2}g}")


def round_down(value: float, digits: int = 3) -> float:
    """``value`` to ``digits`` figures, never above it."""
    if value <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
    return float(f"{math.floor(value / step + 1e-9) * step:.{digits + 2}g}")
