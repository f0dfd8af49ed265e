"""Where KV caches lie, by hand and in plans."""

from dataclasses import replace

import numpy as np
import pytest

from agentc import catalog, cost
from agentc.cost.residency import BLOCK_TOKENS, HOST_SHARE, P95, WATERMARK, held, host_rate, reside
from agentc.plan import demand
from agentc.plan.fleet import Fleet, Stock
from agentc.plan.graph import Limit, Load, Task, TaskGraph
from agentc.plan.models import ModelShape
from agentc.plan.placement import CachePolicy, Option
from agentc.plan.quantity import Quantity
from agentc.solve import brute_force, solve

MIND = catalog.model("llama-3.1-8b")
LONG = {"input_tokens": Quantity(6000, p95=24000), "output_tokens": Quantity(600, p95=2400)}


def test_a_request_in_flight_holds_its_prompt_and_half_its_answer():
    tokens = held(Quantity(1000), Quantity(240))
    assert tokens.mean == pytest.approx(1120)
    assert tokens.spread == pytest.approx(240 / 12**0.5)


def test_longer_answers_are_in_flight_more_often():
    """By simulation: requests one after the other in a slot, seen at even times."""
    random = np.random.default_rng(1)
    answers = np.maximum(random.normal(400, 80, 200_000), 1)
    prompts = random.normal(900, 200, len(answers))
    ends = np.cumsum(answers)
    seen = random.uniform(0, ends[-1], 400_000)
    which = np.searchsorted(ends, seen)
    lies = prompts[which] + answers[which] - (ends[which] - seen)
    tokens = held(Quantity(900, p95=900 + P95 * 200), Quantity(400, p95=400 + P95 * 80))
    assert tokens.mean == pytest.approx(lies.mean(), rel=0.005)
    assert tokens.spread == pytest.approx(lies.std(), rel=0.01)


def one(room: float, **more: float) -> tuple[int, float, float, float]:
    """Weights of 10, a reserved cache of 60, pages of 30 +- 4 bytes."""
    known = {"rest": 10e9, "reserved": 60e9, "mean": 30e9, "spread": 4e9, "host_bytes": 80e9, "host_rates": 20e9}
    known |= {"again": 0.5, "room": room, **more}
    found = reside(**{name: np.array([value]) for name, value in known.items()})
    return int(found.policy[0]), float(found.added[0]), float(found.memory[0]), float(found.host[0])


def test_what_has_room_for_all_costs_nothing():
    assert one(70e9) == (0, 0.0, 70e9, 0.0)


def test_pages_take_the_spread_of_a_sum():
    """Two spreads above the mean: full 2.3 % of the time, which computes as many prompts again."""
    policy, added, memory, host = one(10e9 + 38e9 / (1 - WATERMARK), host_rates=0.0)
    assert (policy, host) == (1, 0.0)
    assert added == pytest.approx(0.02275 * 0.5, rel=1e-3)
    assert memory == pytest.approx(10e9 + (30e9 + P95 * 4e9) / (1 - WATERMARK))


def test_what_finds_no_block_waits_in_the_host():
    """Room for the mean only: half of the time there is more, by 0.8 spreads then; at 99.9 % by 3.09."""
    policy, added, memory, host = one(10e9 + 30e9 / (1 - WATERMARK))
    assert policy == 2
    assert host == pytest.approx(3.09 * 4e9, rel=1e-3)
    assert added == pytest.approx(0.3989 * 4e9 / 20e9, rel=1e-3)
    assert memory == pytest.approx(10e9 + 30e9 / (1 - WATERMARK))


def test_a_batch_that_has_no_room_in_the_mean_does_not_run():
    assert one(10e9 + 29e9 / (1 - WATERMARK))[1] == float("inf")


@pytest.mark.parametrize(("host", "rate"), [(10e9, 20e9), (80e9, 0.0)], ids=["too little host memory", "no link"])
def test_what_fits_nowhere_says_the_least_that_would(host: float, rate: float):
    _, added, memory, _ = one(10e9 + 31e9 / (1 - WATERMARK), host_bytes=host, host_rates=rate)
    assert added == float("inf")
    assert memory == pytest.approx(10e9 + (30e9 + P95 * 4e9) / (1 - WATERMARK))


def test_links_to_the_host():
    assert host_rate(catalog.device("h100")) == 64e9 * HOST_SHARE
    assert host_rate(catalog.device("gh200")) == 450e9 * HOST_SHARE
    assert host_rate(catalog.device("cpu-epyc-9655")) == 0.0


def call(shape: dict[str, Quantity], model: ModelShape = MIND) -> tuple[Task, Task]:
    works = {"prefill": demand.prefill(model, "bf16"), "decode": demand.decode(model, "bf16")}
    prefill, decode = (
        Task(f"say.{half}", f"llm.{half}", "a:1:1", work, shape, model, "bf16") for half, work in works.items()
    )
    return replace(prefill, pair="say.decode"), replace(decode, pair="say.prefill")


def agent(rate: float, limits: tuple[Limit, ...] = (), shape: dict[str, Quantity] = LONG) -> TaskGraph:
    return TaskGraph("test", call(shape), (), limits, Load(rate))


def stock(name: str = "l40s", share: float = 1.0, count: int | None = None) -> Fleet:
    device = catalog.device(name)
    return Fleet("test", (Stock(replace(device, memory_bytes=device.memory_bytes * share), count, 1.0),))


def decodes(table: cost.OptionTable, policy: CachePolicy) -> list[Option]:
    return [option for option in table.options["say.decode"] if option.cache == policy]


def test_long_requests_of_uneven_length_are_served_from_pages_and_from_the_host():
    table = cost.options(agent(2.0, (Limit("end_to_end", 300.0), Limit("ttft", 60.0))), stock())
    assert decodes(table, "reserved") and decodes(table, "paged") and decodes(table, "offloaded")
    for mode, tp, pp in {(o.mode, o.tp, o.pp) for o in table.options["say.decode"]}:
        alike = [o for o in table.options["say.decode"] if (o.mode, o.tp, o.pp) == (mode, tp, pp)]
        order = [o.cache == "reserved" for o in sorted(alike, key=lambda o: o.batch)]
        assert order == sorted(order, reverse=True), "what is reserved are the smaller batches"
    room = 0.9 * catalog.device("l40s").memory_bytes
    for option in table.options["say.decode"]:
        assert option.memory_bytes <= room * (1 + 1e-9)
        assert (option.host_bytes > 0) == (option.cache == "offloaded")


def test_a_cache_in_pages_holds_what_lies_there_in_the_mean():
    """By hand: bytes of a token times the tokens of a request in flight, and half a block."""
    tokens = held(LONG["input_tokens"], LONG["output_tokens"])
    a_token = 2 * MIND.layers * MIND.kv_heads * MIND.head_dim * 2
    for option in decodes(cost.options(agent(2.0), stock()), "paged"):
        ways = min(option.tp, MIND.kv_heads) * option.pp
        lies = option.batch * a_token * (tokens.mean + (BLOCK_TOKENS - 1) / 2) / ways
        weights = 2 * 8.03e9 / (option.tp * option.pp)
        assert option.memory_bytes > 0.99 * (lies + weights)


def test_short_and_even_requests_reserve():
    short = {"input_tokens": Quantity(100), "output_tokens": Quantity(20)}
    table = cost.options(agent(1.0, shape=short), stock("h200"))
    assert {option.cache for option in table.options["say.decode"]} == {"reserved"}


@pytest.mark.parametrize("rate", [0.5, 4.0])
@pytest.mark.parametrize("limits", [(), (Limit("tbt", 0.2),), (Limit("ttft", 3.0), Limit("tbt", 0.1))])
def test_the_best_plan_is_that_of_brute_force(rate: float, limits: tuple[Limit, ...]):
    problem = cost.problem(agent(rate, limits), stock(count=4))[0]
    answer, best = solve(problem), brute_force(problem)
    assert {o.cache for task in problem.tasks for o in task.options} > {"reserved"}
    assert (answer.status == "infeasible") == (best is None)
    if best is not None:
        assert answer.usd_per_hour == pytest.approx(best[1].usd_per_hour)


def test_pages_make_plans_cheaper(monkeypatch: pytest.MonkeyPatch):
    """Against the same agent where every request has room for its longest."""
    pages = solve(cost.problem(agent(4.0), stock("a100-40gb"))[0])
    monkeypatch.setattr("agentc.cost.serving._residency", lambda *_: None)
    problem = cost.problem(agent(4.0), stock("a100-40gb"))[0]
    assert {option.cache for task in problem.tasks for option in task.options} == {"reserved"}
    assert pages.usd_per_hour < solve(problem).usd_per_hour


@pytest.mark.parametrize("rate", [0.5, 4.0])
def test_more_memory_never_costs_more(rate: float):
    spent = [solve(cost.problem(agent(rate), stock(share=share))[0]).usd_per_hour for share in (0.7, 1.0, 1.3, 2.0)]
    assert spent == sorted(spent, reverse=True)
