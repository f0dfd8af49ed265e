"""Pools of a placed module that an engine serves, as plain data."""

import re
from collections.abc import Iterator
from itertools import product

from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.ir import Operation

from agentc.analyses.names import task_name
from agentc.backends.kubernetes.engines import Engine, engine_of
from agentc.dialects.model import SpecOp, spec_of
from agentc.dialects.place import FleetOp, ways
from agentc.plan.fleet import Device
from agentc.plan.models import ModelShape
from agentc.plan.placement import SHARED, Assignment
from agentc.support.record import record

SERVED = {"decoder": (), "stt": (), "embedding": ("--runner", "pooling"), "rerank": ("--runner", "pooling")}
"""Kinds of model that vLLM serves, and the arguments that say so."""

QUANTIZED = ("int8", "int4", "fp4")
"""Precisions that vLLM takes from the checkpoint; fp8 it makes itself from a bf16 one."""


@record
class EnginePool:
    """Replicas of one engine configuration."""

    name: str
    slug: str
    tasks: tuple[str, ...]
    model: str
    """What the engine loads: a repository's name or a path."""
    precision: str
    kv_precision: str | None
    """Of the KV cache, where the definition states it."""
    kind: str
    on: Assignment
    role: str
    """``both``, ``prefill`` or ``decode``."""
    device: Device
    engine: Engine
    peers: tuple[str, ...] = ()
    """Vendors of the pools that it exchanges KV caches with."""
    note: str = ""
    draft: tuple[str, int] | None = None
    """What drafts for it, as the engine loads it, and how many tokens."""
    memory_share: float | None = None
    """The part of a device's memory that it may take; ``None``: what the engine takes by itself."""


def engine_pools(module: ModuleOp) -> list[EnginePool]:
    """The module's pools that vLLM serves, in program order, each once; of a pool of several models one a model."""
    devices = {
        stock.device.name: stock.device
        for op in module.walk()
        if isinstance(op, FleetOp)
        for stock in op.fleet().stocks
    }
    grouped: dict[str, list[tuple[Operation, Assignment, SpecOp]]] = {}
    for op, on, spec in _model_ops(module):
        if on.pool is not None and on.device in devices and spec.shape.data.kind in SERVED:
            name = f"{on.pool}/{spec.sym_name.data}" if _shares(on) else on.pool
            grouped.setdefault(name, []).append((op, on, spec))
    vendors = {name: devices[members[0][1].device].vendor.lower() for name, members in grouped.items()}
    partners = _partners(module)
    found: list[EnginePool] = []
    for name, members in grouped.items():
        device = devices[members[0][1].device]
        engine = engine_of(device.vendor, device.kind)
        if engine is not None:
            peers = tuple(sorted({vendors[peer] for peer in partners.get(name, set()) if peer in vendors}))
            found.append(_pool(name, members, device, engine, peers))
    return found


def _pool(
    name: str,
    members: list[tuple[Operation, Assignment, SpecOp]],
    device: Device,
    engine: Engine,
    peers: tuple[str, ...],
) -> EnginePool:
    op, on, spec = members[0]
    shape = spec.shape.data
    spans = on.devices > device.scale_up_size
    notes = [
        "spans hosts: give its replicas to a multi-host controller such as LeaderWorkerSet" if spans else "",
        f"expects a checkpoint that is quantized to {spec.precision.data}" if spec.precision.data in QUANTIZED else "",
        "shares its devices with other pools: the nodes need GPU sharing" if _shares(on) else "",
        f"keeps {on.host_bytes / 1e9:.0f} GB of KV cache a device in the host's memory: "
        "join an OffloadingConnector to its connector"
        if on.cache == "offloaded" and on.mode == "disaggregated"
        else "",
        "needs a router that pairs prefill and decode replicas, such as llm-d's" if on.mode == "disaggregated" else "",
    ]
    return EnginePool(
        name=name,
        slug=slug(name),
        tasks=tuple(dict.fromkeys(task_name(member) for member, _, _ in members)),
        model=_repository(shape),
        precision=spec.precision.data,
        kv_precision=spec.kv_precision.data if spec.kv_precision is not None else None,
        kind=shape.kind,
        on=on,
        role=role(op, on),
        device=device,
        engine=engine,
        peers=peers,
        draft=(_repository(draft.model), draft.tokens) if (draft := spec.drafted) is not None else None,
        memory_share=max(0.05, on.memory_bytes / device.memory_bytes + 0.02) if _shares(on) else None,
        note="; ".join(note for note in notes if note),
    )


def _repository(shape: ModelShape) -> str:
    return shape.source.removeprefix("hf:") if shape.source.startswith("hf:") else shape.name


def _shares(on: Assignment) -> bool:
    return on.pool is not None and on.pool.startswith(SHARED)


def _model_ops(module: ModuleOp) -> Iterator[tuple[Operation, Assignment, SpecOp]]:
    for op in module.walk():
        if isinstance(op.properties.get("model"), SymbolRefAttr):
            for on in ways(op):
                yield op, on, spec_of(op)


def role(op: Operation, on: Assignment) -> str:
    """What a pool does for an op: ``both``, ``prefill`` or ``decode``."""
    if on.mode != "disaggregated":
        return "both"
    phase = op.properties.get("phase")
    decoding = op.name.endswith(".decode") or (phase is not None and "decode" in str(phase))
    return "decode" if decoding else "prefill"


def _partners(module: ModuleOp) -> dict[str, set[str]]:
    """Pool -> pools at the other end of its KV transfers."""
    found: dict[str, set[str]] = {}
    for op in module.walk():
        if op.name != "kv.transfer":
            continue
        before = _before(op)
        for after in [_after(use.operation) for use in op.results[0].uses]:
            # Routes of one step stay apart; between steps each may meet each.
            same = len(before) == len(after)
            for one, two in zip(before, after, strict=True) if same else product(before, after):
                if one.pool is not None and two.pool is not None and one.pool != two.pool:
                    found.setdefault(one.pool, set()).add(two.pool)
                    found.setdefault(two.pool, set()).add(one.pool)
    return found


def _before(op: Operation) -> tuple[Assignment, ...]:
    owner = op.operands[0].owner
    while isinstance(owner, Operation):
        if found := ways(owner):
            return found
        owner = owner.operands[0].owner if owner.operands else None
    return ()


def _after(op: Operation) -> tuple[Assignment, ...]:
    while not (found := ways(op)):
        uses = [use.operation for result in op.results for use in result.uses]
        if not uses:
            return ()
        op = uses[0]
    return found


def slug(name: str) -> str:
    """A DNS label (RFC 1123) for a pool's name: lower case, digits and hyphens, at most 52 characters."""
    text = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return text[:52].rstrip("-")
