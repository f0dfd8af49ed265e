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
_TAIL = {"mean": None, "p50": 0.5, "p90": 0.1, "p95": 0.05, "p99": 0.01}


def wait_seconds(
    service: "float | Array", busy: "float | Array", arrivals_per_second: float, share: float, percentile: str = "mean"
) -> "float | Array":
    """How long a request waits for one of the c replicas that ``share`` and its own load call for.

    c = ceil(arrivals x busy / share). Deterministic service, Poisson arrivals: mean wait of M/D/c by the usual
    scaling of M/D/1, rho s / (2 (1 - rho) c); tail P(W > t) = rho exp(-2 (1 - rho) c t / s), the heavy-traffic
    form (Kingman 1962). ``service`` is the time of one batch, ``busy`` the replica time of one request.
    """
    import numpy as np

    load = arrivals_per_second * np.asarray(busy, dtype=float)
    replicas = np.maximum(np.ceil(load / share), 1.0)
    rho = load / replicas
    pace = service / (2 * (1 - rho) * replicas)
    tail = _TAIL.get(percentile)
    wait = pace * rho if tail is None else pace * np.maximum(np.log(np.maximum(rho, 1e-300) / tail), 0.0)
    return wait if np.ndim(wait) else float(wait)
