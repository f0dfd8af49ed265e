"""Waits, against closed forms and a simulated queue: what is planned with is no less than what happens."""

import heapq
import math
from random import Random

import pytest

from agentc.cost.queueing import wait_seconds

REQUESTS = 60_000


def erlang_c(load: float, servers: int) -> float:
    """The share of arrivals that wait in M/M/c (Erlang 1917), by the recursion of Erlang's B."""
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    rho = load / servers
    return blocked / (1 - rho * (1 - blocked))


def allen_cunneen(load: float, servers: int, service: float, squared_variation: float) -> float:
    """Mean wait of M/G/c (Allen, Probability, Statistics, and Queueing Theory, 1990, section 5.3)."""
    pace = service / (servers * (1 - load / servers))
    return erlang_c(load, servers) * pace * (1 + squared_variation) / 2


def simulated(arrivals_per_second: float, servers: int, service: float, seed: int = 1) -> list[float]:
    """The waits of Poisson arrivals at ``servers`` servers that take ``service`` each, first come, first served."""
    rng, free, now, waits = Random(seed), [0.0] * servers, 0.0, list[float]()
    heapq.heapify(free)
    for _ in range(REQUESTS):
        now += rng.expovariate(arrivals_per_second)
        begins = max(now, heapq.heappop(free))
        waits.append(begins - now)
        heapq.heappush(free, begins + service)
    return waits[REQUESTS // 10 :]


def percentile(waits: list[float], share: float) -> float:
    return sorted(waits)[int(share * len(waits))]


def servers_of(load: float, share: float) -> int:
    return max(1, math.ceil(load / share - 1e-9))


def test_one_server_is_exact():
    load, service = 0.6, 0.2
    found = wait_seconds(service, service, load / service, 0.7)
    assert found == pytest.approx(allen_cunneen(load, 1, service, 0.0))  # Pollaczek and Khinchine's
    assert found == pytest.approx(0.6 * 0.2 / (2 * 0.4))


@pytest.mark.parametrize("share", [0.7, 0.9])
@pytest.mark.parametrize("load", [0.05, 0.6, 1.3, 2.7, 6.9, 40.0])
def test_the_mean_is_no_less_than_that_of_several_servers(load: float, share: float):
    servers = servers_of(load, share)
    found = wait_seconds(0.3, 0.3, load / 0.3, share)
    least = allen_cunneen(load, servers, 0.3, 0.0)
    assert least <= found * (1 + 1e-9)
    # Who arrives waits at least as often by this as by Erlang: the estimate is above by no more than that.
    assert found <= least * (load / servers) / erlang_c(load, servers) * (1 + 1e-9)


@pytest.mark.parametrize("load", [0.5, 1.3, 2.7, 5.5])
def test_simulated_queues_are_no_slower(load: float):
    service, share = 1.0, 0.7
    waits = simulated(load / service, servers_of(load, share), service)
    mean = math.fsum(waits) / len(waits)
    assert mean <= 1.05 * float(wait_seconds(service, service, load / service, share))
    for name, part in (("p90", 0.9), ("p95", 0.95), ("p99", 0.99)):
        planned = float(wait_seconds(service, service, load / service, share, name))
        assert percentile(waits, part) <= 1.05 * planned, name
        assert planned <= 2.5 * percentile(waits, part) + 0.5 * service, name  # an estimate, not any large figure


@pytest.mark.parametrize(("own", "others"), [(0.1, 0.55), (0.3, 1.0), (1.2, 1.5)])
def test_a_pool_that_others_use_too_is_as_slow_as_it_may_get(own: float, others: float):
    """A call that keeps a tenth of a replica busy waits for those of the others, too."""
    service, share = 1.0, 0.7
    waits = simulated((own + others) / service, servers_of(own + others, share), service)
    crowded = float(wait_seconds(service, service, own / service, share, "p95", crowded=True))
    assert percentile(waits, 0.95) <= 1.05 * crowded
    alone = float(wait_seconds(service, service, own / service, share, "p95"))
    assert crowded >= alone


def test_a_call_alone_in_its_pool_is_not_charged_for_others():
    waits = simulated(0.1, 1, 1.0)
    alone = float(wait_seconds(1.0, 1.0, 0.1, 0.7, "p95"))
    crowded = float(wait_seconds(1.0, 1.0, 0.1, 0.7, "p95", crowded=True))
    assert percentile(waits, 0.95) <= 1.1 * alone < crowded
