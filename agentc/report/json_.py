"""The facts as JSON, schema 1: for scripts. Keys are only ever added within a schema."""

import json
from typing import Any

from agentc.plan.placement import Alternative, Assignment
from agentc.report.facts import SCHEMA, Facts, TaskFact, TransferFact


def render(facts: Facts) -> str:
    """The facts as indented JSON with a final newline."""
    return json.dumps(payload(facts), indent=2, allow_nan=False) + "\n"


def payload(facts: Facts) -> dict[str, Any]:
    """The facts as plain data, ready for ``json``."""
    summary = facts.summary
    return {
        "schema": SCHEMA,
        "agent": facts.agent,
        "fleet": facts.fleet,
        "objective": summary.objective,
        "then": list(summary.then),
        "status": summary.status,
        "gap": summary.gap,
        "solve_seconds": facts.solve_seconds,
        "cost": {
            "usd_per_hour": summary.usd_per_hour,
            "usd_per_request": summary.usd_per_request,
            "sunk_usd_per_hour": summary.sunk_usd_per_hour,
            "penalty_usd_per_hour": summary.penalty_usd_per_hour,
        },
        "energy": {
            "watts": summary.watts,
            "wh_per_request": summary.wh_per_request,
            "g_co2e_per_hour": summary.grams_per_hour,
            "g_co2e_per_request": summary.grams_per_request,
        },
        "latency": {
            "ttft_ms": _ms(summary.ttft_seconds),
            "tbt_ms": _ms(summary.tbt_seconds),
            "end_to_end_ms": _ms(summary.end_to_end_seconds),
            "critical_path": list(summary.critical_path),
        },
        "sla": _sla(facts),
        "load": {
            "requests_per_second": facts.load.requests_per_second,
            "concurrency": facts.load.concurrency,
            "assumed": facts.load.assumed,
        },
        "tasks": [_task(task) for task in facts.tasks],
        "transfers": [_transfer(transfer) for transfer in facts.transfers],
        "pools": [
            {
                "name": pool.name,
                "device": pool.device,
                "replicas": pool.replicas,
                "devices": pool.devices,
                "usd_per_hour": pool.usd_per_hour,
                "utilization": pool.utilization,
                "watts": pool.watts,
                "g_co2e_per_hour": pool.grams_per_hour,
            }
            for pool in summary.pools
        ],
        "baselines": [
            {"name": row.name, "usd_per_hour": row.usd_per_hour, "devices": list(row.devices)}
            for row in summary.baselines
        ],
        "choices": list(facts.choices),
        **({"profile": {"name": facts.profile, "figures": list(facts.profiled)}} if facts.profiled else {}),
        "assumptions": list(summary.assumptions),
        "conflict": list(summary.conflict) or None,
    }


def _sla(facts: Facts) -> dict[str, Any]:
    limits: dict[str, Any] = {"ttft_ms": None, "tbt_ms": None, "end_to_end_ms": None}
    for limit in facts.limits:
        limits[f"{limit.metric}_ms"] = _ms(limit.seconds)
    return limits | {
        "met": all(facts.kept(limit) for limit in facts.limits),
        "percentiles": {limit.metric: limit.percentile for limit in facts.limits},
        "soft": {limit.metric: limit.usd_per_ms for limit in facts.limits if limit.usd_per_ms is not None},
    }


def _task(task: TaskFact) -> dict[str, Any]:
    return {
        "name": task.name,
        "op": task.op,
        "source": task.source,
        **_on(task.on),
        **({"share": task.on.share, "routes": [_way(on) for on in task.routes]} if task.routes else {}),
        "asynchronous": task.asynchronous,
        "made_by": list(task.made_by),
        "assumed": list(task.assumed),
        "alternatives": [_alternative(row) for row in task.alternatives],
    }


def _on(on: Assignment) -> dict[str, Any]:
    return {
        "device": on.device,
        "mode": on.mode,
        "pool": on.pool,
        "tp": on.tp,
        "pp": on.pp,
        "dp": on.dp,
        "batch": on.batch,
        "replicas": on.replicas,
        "devices_held": on.devices_held,
        "time_ms": _ms(on.seconds),
        "usd_per_request": on.usd_per_request,
        "interval_ms": [_ms(on.low_seconds), _ms(on.high_seconds)] if on.high_seconds else None,
        "bottleneck": on.bottleneck,
        "memory_bytes": on.memory_bytes,
        "cache": on.cache,
        "host_bytes": on.host_bytes,
    }


def _way(on: Assignment) -> dict[str, Any]:
    return {"share": on.share, **_on(on)}


def _alternative(row: Alternative) -> dict[str, Any]:
    return {
        "device": row.device,
        "verdict": row.verdict,
        "why": row.why,
        "time_ms": _ms(row.seconds),
        "usd_per_request": row.usd_per_request,
        "usd_per_hour_delta": row.usd_per_hour_delta,
    }


def _transfer(row: TransferFact) -> dict[str, Any]:
    return {"from": row.src, "to": row.dst, "bytes": row.bytes_, "link": row.link, "time_ms": _ms(row.seconds)}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 6)
