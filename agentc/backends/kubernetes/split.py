"""Traffic split: a route of the Gateway API for each node whose requests several pools share, by their weights."""

from collections.abc import Iterable, Mapping
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from agentc.analyses.names import task_name
from agentc.backends.kubernetes.pools import EnginePool, role, slug
from agentc.backends.kubernetes.resources import PORT
from agentc.dialects.place import ways
from agentc.dialects.provenance import node_path

WHOLE = 10_000
"""The sum of a route's weights, so that they are shares in four digits (the Gateway API allows a million)."""

NODE = "x-agentc-node"
"""Header that says whose request it is: two nodes that call one model may split their requests differently."""

DECODE = "x-agentc-decode"
"""Header of a request for a prefill: the Service whose pool decodes the answer."""

GATEWAY = "agentc"
"""Name of the Gateway that the routes are attached to."""

NOTE = f"send requests with `{NODE}`, for a prefill with `{DECODE}` too, to the Gateway `{GATEWAY}` of your cluster"


def routes(module: ModuleOp, pools: list[EnginePool]) -> list[dict[str, Any]]:
    """``gateway.networking.k8s.io/v1`` HTTPRoutes in program order, of each node that goes several ways.

    A request goes to the pool that makes the answer, by weight. What pairs it with a prefill asks again, with the
    Service that decodes: only those pools were planned to exchange caches that are on one way.
    """
    slugs = {pool.name: pool.slug for pool in pools}
    nodes: dict[str, list[Operation]] = {}
    for op in module.walk():
        served = ways(op)
        if len(served) > 1 and all(on.pool in slugs for on in served):
            nodes.setdefault(node_path(op) or task_name(op), []).append(op)
    return [_route(node, ops, slugs) for node, ops in nodes.items()]


def _route(node: str, ops: list[Operation], slugs: dict[str, str]) -> dict[str, Any]:
    shares = [on.share for on in ways(ops[0])]
    prefills, answers = ([""] * len(shares) for _ in range(2))
    for op in ops:
        for number, on in enumerate(ways(op)):
            (prefills if role(op, on) == "prefill" else answers)[number] = slugs[on.pool or ""]
    rules = [_rule({NODE: node}, zip(answers, shares, strict=True))]
    for answer in dict.fromkeys(answers):
        joined = [(p, share) for p, a, share in zip(prefills, answers, shares, strict=True) if a == answer and p]
        if joined:
            rules.append(_rule({NODE: node, DECODE: answer}, joined))
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": slug(node), "labels": {"app.kubernetes.io/managed-by": "agentc"}},
        "spec": {"parentRefs": [{"name": GATEWAY}], "rules": rules},
    }


def _rule(headers: Mapping[str, str], shares: Iterable[tuple[str, float]]) -> dict[str, Any]:
    """A rule that sends on by weight; a pool on several ways has the sum of theirs."""
    backends: dict[str, float] = {}
    for name, share in shares:
        backends[name] = backends.get(name, 0.0) + share
    whole = sum(backends.values())
    return {
        "matches": [{"headers": [{"name": name, "value": value} for name, value in headers.items()]}],
        "backendRefs": [
            {"name": name, "port": PORT, "weight": round(share / whole * WHOLE)} for name, share in backends.items()
        ],
    }
