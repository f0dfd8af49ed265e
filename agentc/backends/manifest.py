"""Writes ``manifest.yaml``: the decisions of a build and every file of it with its checksum."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from agentc.dialects.agent import GraphOp
from agentc.dialects.model import SpecOp
from agentc.dialects.place import FleetOp, PlanOp, assignment, ways
from agentc.plan.artifacts import Artifact
from agentc.plan.manifest import Manifest, ManifestFile
from agentc.plan.placement import Assignment, PlanSummary
from agentc.support import yaml_text

NAME = "manifest.yaml"


def write(module: ModuleOp, out: Path, artifacts: Iterable[Artifact]) -> Manifest:
    """Write the manifest of the build below ``out``, whose other files are all there."""
    manifest = describe(module, [_file(out, artifact) for artifact in artifacts])
    text = yaml_text.dump([manifest.payload()])
    (out / NAME).write_text(text, encoding="utf-8", newline="\n")
    return manifest


def describe(module: ModuleOp, files: Iterable[ManifestFile]) -> Manifest:
    """The manifest of a placed module and its files, sorted by path."""
    graph = next(op for op in module.walk() if isinstance(op, GraphOp) and op.entry is not None)
    fleet = next((op for op in module.walk() if isinstance(op, FleetOp)), None)
    plan = next((op.summary.data for op in module.walk() if isinstance(op, PlanOp)), None)
    summary = plan or PlanSummary("feasible", "cost")
    return Manifest(
        agent=graph.sym_name.data,
        fleet=fleet.sym_name.data if fleet is not None else "",
        objective=summary.objective,
        status=summary.status,
        gap=summary.gap,
        usd_per_hour=summary.usd_per_hour,
        usd_per_request=summary.usd_per_request,
        placement=_placement(graph),
        models=_models(module),
        files=tuple(sorted(files, key=lambda row: row.path)),
    )


def _placement(graph: GraphOp) -> dict[str, dict[str, Any]]:
    from agentc.analyses.names import task_name

    rows: dict[str, dict[str, Any]] = {}
    for op in graph.walk():
        if (on := assignment(op)) is not None:
            further = ways(op)[1:]
            rows[task_name(op)] = {
                "op": op.name,
                **_on(on),
                **(
                    {"share": on.share, "routes": [{**_on(way), "share": way.share} for way in further]}
                    if further
                    else {}
                ),
            }
    return rows


def _on(on: Assignment) -> dict[str, Any]:
    return {
        "device": on.device,
        "mode": on.mode,
        **({"pool": on.pool} if on.pool is not None else {}),
        "tp": on.tp,
        "pp": on.pp,
        "dp": on.dp,
        "batch": on.batch,
        "replicas": on.replicas,
    }


def _models(module: ModuleOp) -> dict[str, dict[str, Any]]:
    specs = [op for op in module.walk() if isinstance(op, SpecOp)]
    return {
        spec.sym_name.data: {
            "name": spec.shape.data.name,
            "kind": spec.shape.data.kind,
            "precision": spec.precision.data,
        }
        for spec in specs
    }


def _file(out: Path, artifact: Artifact) -> ManifestFile:
    content = (out / artifact.path).read_bytes()
    return ManifestFile(
        path=artifact.path,
        kind=artifact.kind,
        target=artifact.target,
        of=artifact.of,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        note=artifact.note,
    )
