"""An expected figure of a request: a mean and, where known, percentiles."""

from typing import Literal, TypeAlias

from agentc.support.record import record

Percentile: TypeAlias = Literal["mean", "p50", "p90", "p95", "p99"]


@record(slots=True)
class Quantity:
    """A figure with a distribution, for example the output tokens of a call.

    ``assumed`` is true where the user stated nothing and a default stands in; every report marks it.
    Percentiles that are not stated are ``None``.
    """

    mean: float
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    assumed: bool = False

    def at(self, percentile: str) -> float:
        """The figure at ``percentile``, or at the next lower one that is stated, or the mean."""
        order = ("mean", "p50", "p90", "p95", "p99")
        for name in reversed(order[: order.index(percentile) + 1]):
            value: float | None = getattr(self, name)
            if value is not None:
                return value
        return self.mean
