"""Service-level agreement and load as plan data."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from agentc.frontends import defaults
from agentc.plan.graph import Limit, Load, Metric
from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record

if TYPE_CHECKING:
    from agentc.frontends.yaml.rules.file import Definition
    from agentc.frontends.yaml.rules.parts import Bounds, Sla

_METRICS: Final[tuple[tuple[Metric, str], ...]] = (
    ("ttft", "ttft_ms"),
    ("tbt", "tbt_ms"),
    ("end_to_end", "end_to_end_ms"),
)


def limits(sla: "Sla") -> tuple[Limit, ...]:
    """Each stated bound."""
    return tuple(limit for metric, key in _METRICS for limit in _limits(metric, getattr(sla, key)))


def _limits(metric: Metric, stated: "float | Bounds | None") -> list[Limit]:
    if stated is None:
        return []
    if isinstance(stated, int | float):
        return [Limit(metric, stated / 1000, defaults.SLA_PERCENTILE)]
    rows = {name: getattr(stated, name) for name in ("p50", "p90", "p95", "p99")}
    price = stated.usd_per_ms
    return [Limit(metric, ms / 1000, name, price) for name, ms in rows.items() if ms is not None]


def load(spec: "Definition") -> Load:
    """The stated load. From users in flight a rate follows by Little's law, with the latency that the SLA allows."""
    stated = spec.load
    if stated is None:
        return Load(defaults.REQUESTS_PER_SECOND, assumed=True)
    if stated.requests_per_second is not None:
        return Load(float(stated.requests_per_second))
    bounds = [limit.seconds for limit in limits(spec.sla) if limit.metric == "end_to_end"]
    latency = min(bounds, default=defaults.LATENCY_FOR_CONCURRENCY_SECONDS)
    users = float(stated.concurrency or 1.0)
    return Load(users / latency, users, assumed=True)


@record
class Terms:
    """Bounds and load by themselves, for a source that is no definition."""

    limits: tuple[Limit, ...]
    load: Load | None


def from_overrides(overrides: Mapping[str, object], file: str) -> Terms:
    """Dotted values of ``sla`` and ``load``, by the same rules as in a definition.

    Raises:
        Refused: a value is none that a definition takes, or belongs to another section.
    """
    from agentc.frontends.yaml.document import Overlay, with_values
    from agentc.frontends.yaml.rules.file import Definition
    from agentc.support.validate import validate
    from agentc.support.yaml_source import Document

    base = Overlay(Document(file, "", None), {"agentc": "v1", "name": "overrides", "nodes": {}})
    foreign = [key for key in overrides if key.partition(".")[0] not in ("sla", "load")]
    if foreign:
        message = f"`{foreign[0]}` cannot be set of a module: only `sla` and `load` can"
        raise Refused(Diagnostic("bad-override", message))
    spec = validate(Definition, with_values(base, overrides))
    return Terms(limits(spec.sla), load(spec) if spec.load is not None else None)
