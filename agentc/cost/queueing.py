"""Waiting before service: how full a pool may be, and how long a request waits then."""

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

INTERACTIVE_SHARE = 0.7
"""Busy share of replicas that a pool is planned for where the agent has latency limits."""
OFFLINE_SHARE = 0.9
"""The same without limits."""
ROUNDING = 1e-9
"""Relative slack with which loads that fill their replicas do so."""
_TAIL = {"mean": None, "p50": 0.5, "p90": 0.1, "p95": 0.05, "p99": 0.01}


def wait_seconds(
    service: "float | Array",
    busy: "float | Array",
    arrivals_per_second: float,
    share: float,
    percentile: str = "mean",
    *,
    crowded: bool = False,
) -> "float | Array":
    """How long a request waits for one of the c replicas that ``share`` and its own load call for.

    c = ceil(arrivals x busy / share). Deterministic service, Poisson arrivals: mean wait of M/D/c by the usual
    scaling of M/D/1, rho s / (2 (1 - rho) c), which is no less than Allen and Cunneen's, as rho is no less than
    Erlang's C; tail P(W > t) = rho exp(-2 (1 - rho) c t / s), the heavy-traffic form (Kingman 1962), or where longer
    rho (1 - t / s)^c, that all c are busy for t more: what matters in light traffic. ``service`` is the time of one
    batch, ``busy`` the replica time of one request. ``crowded``: others use the replicas too, which may then be as busy
    as ``share`` allows; with their load come more replicas, so that it is no longer than with these c.
    """
    import numpy as np

    load = arrivals_per_second * np.asarray(busy, dtype=float)
    replicas = np.maximum(np.ceil(load / share * (1 - ROUNDING)), 1.0)
    rho = np.full_like(load, share) if crowded else load / replicas
    pace = service / (2 * (1 - rho) * replicas)
    tail = _TAIL.get(percentile)
    if tail is None:
        wait = pace * rho
    else:
        often = np.maximum(rho / tail, 1.0)
        wait = np.maximum(pace * np.log(often), service * (1 - often ** (-1 / replicas)))
    return wait if np.ndim(wait) else float(wait)
