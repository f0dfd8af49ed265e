"""The two figures of cost: every pair of devices, searched, against H100::H100."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product

from agentc import catalog
from agentc.cost.environment import environment, resident_environment
from agentc.cost.grid import Grid, kv_shards, model_grid
from agentc.cost.rates import Rates, cheapest_pair, frontier, rates, received, sent
from agentc.cost.roofline import Demand, evaluate
from agentc.plan import demand
from agentc.plan.fleet import Stock
from agentc.plan.quantity import Quantity
from benchmarks.paper.facts import BASELINE, DEVICES, MODELS, PRECISIONS, SHAPES, SLAS, Sla
from benchmarks.paper.settings import Setting, devices, hours, network, priced_as


def _halves(most: int) -> tuple[int, ...]:
    """1, 2, 3, 4, 6, 8, 11, 16, ... : two steps to a doubling."""
    found = (round(2 ** (k / 2)) for k in range(40))
    return tuple(dict.fromkeys(b for b in found if b <= most))


BATCHES = {"prefill": _halves(64), "decode": _halves(4096)}


@dataclass(frozen=True)
class Case:
    """One group of bars: a model, its precision, a shape of requests, and limits."""

    model: str
    precision: str
    shape: tuple[int, int]
    sla: Sla

    @property
    def factors(self) -> Mapping[str, str]:
        """The case in the paper's words."""
        return {
            "model": MODELS[self.model],
            "precision": PRECISIONS[self.precision],
            "shape": f"{self.shape[0]}->{self.shape[1]}",
            "sla": self.sla.name,
        }


CASES = tuple(Case(m, p, s, a) for a, m, p, s in product(SLAS, MODELS, PRECISIONS, SHAPES))


@dataclass(frozen=True)
class Config:
    """How a phase is served: devices of a replica are ``tp x pp``."""

    tp: int
    pp: int
    batch: int

    def __str__(self) -> str:
        return f"tp{self.tp}" + (f" pp{self.pp}" if self.pp > 1 else "") + f" b{self.batch}"


@dataclass(frozen=True)
class Answer:
    """The cheapest way of serving a case on a pair of devices."""

    usd_per_request: float
    ttft_seconds: float
    tbt_seconds: float
    prefill: Config
    decode: Config
    prefill_share: float
    """Of the dollars."""
    decode_per_prefill: float
    """Devices that decode for each device that prefills."""

    def facts(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


Answers = Mapping[tuple[str, str], Answer | None]
"""By (prefill, decode); None where no configuration keeps the limits."""


@cache
def grid(model: str, phase: str) -> Grid:
    """What is searched: tensor parallelism within a chassis, up to four stages, batches."""
    stock = Stock(devices("paper", "uniform")["H100"])
    return model_grid(catalog.model(model), stock, BATCHES[phase])


@cache
def asked(setting: Setting, model: str, precision: str, shape: tuple[int, int], phase: str) -> Demand:
    """Work and memory of a phase over its grid. The cache is kept in the precision of the weights."""
    make = demand.prefill if phase == "prefill" else demand.decode
    stated = {"input_tokens": Quantity(shape[0]), "output_tokens": Quantity(shape[1])}
    tried = grid(model, phase)
    work, own = make(catalog.model(model), precision, precision), resident_environment(stated)
    return evaluate(work, environment(stated), tried.batch, tried.pp, own, priced_as(setting, model))


def kv_bytes(model: str, precision: str, tokens: int) -> float:
    """Of one request: 2 x layers x width of the model x (KV heads / heads) x tokens x bytes."""
    return demand.kv_bytes_per_token(catalog.model(model), precision) * tokens


@cache
def pool(setting: Setting, device: str, model: str, precision: str, shape: tuple[int, int], phase: str) -> Rates:
    """The configurations worth having of a phase on a device, with its KV cache over the network."""
    found = rates(
        asked(setting, model, precision, shape, phase),
        grid(model, phase),
        devices(setting.figures, setting.curves)[device],
        phase=phase,
        precision=precision,
        kv_shards=kv_shards(catalog.model(model)),
    )
    carry = sent if phase == "prefill" else received
    return frontier(carry(found, kv_bytes(model, precision, shape[0]), network()))


def pool_of(setting: Setting, device: str, case: Case, phase: str) -> Rates:
    """``pool`` of a case. What a device costs changes none of it."""
    plain = Setting(setting.figures, setting.curves)
    return pool(plain, device, case.model, case.precision, case.shape, phase)


def answer(setting: Setting, pair: tuple[str, str], case: Case) -> Answer | None:
    """The cheapest way of serving ``case`` on ``pair``, or None."""
    prefill, decode = (pool_of(setting, d, case, p) for d, p in zip(pair, ("prefill", "decode"), strict=True))
    usd = hours(setting)[pair[0]], hours(setting)[pair[1]]
    limits = {"ttft_seconds": case.sla.ttft_seconds, "tbt_seconds": case.sla.tbt_seconds}
    found = cheapest_pair(prefill, decode, usd, **limits)
    if found is None:
        return None
    i, j = found
    first, then = float(prefill.device_seconds[i]), float(decode.device_seconds[j])
    cost = first * usd[0] / 3600, then * usd[1] / 3600
    tbt = float(decode.seconds[j])
    ttft = float(prefill.seconds[i]) + tbt
    return Answer(sum(cost), ttft, tbt, _config(prefill, i), _config(decode, j), cost[0] / sum(cost), then / first)


def answers(setting: Setting, case: Case) -> Answers:
    """All pairs of the six devices."""
    names = tuple(DEVICES.values())
    return {(a, b): answer(setting, (a, b), case) for a in names for b in names}


def benefits(found: Answers) -> dict[str, float | None]:
    """Tokens a dollar over those of the baseline, by ``A::B``; None where either keeps no limits."""
    base = found[BASELINE]
    return {
        "::".join(pair): base.usd_per_request / row.usd_per_request if row and base else None
        for pair, row in found.items()
    }


def _config(found: Rates, index: int) -> Config:
    one = found.grid
    return Config(int(one.tp[index]), int(one.pp[index]), int(one.batch[index]))
