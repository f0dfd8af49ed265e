"""Kubernetes files of a placement: a Deployment and a Service for each pool that serves a model with vLLM.

Tools, memories and kernels run in agentc's own runtime and get no file of their own.
"""

from pathlib import Path
from typing import Any

from agentc.backends.kubernetes.pools import EnginePool, engine_pools
from agentc.backends.kubernetes.resources import deployment, service
from agentc.backends.kubernetes.split import NOTE, routes
from agentc.backends.request import Request
from agentc.plan.artifacts import Artifact
from agentc.support import yaml_text

FOLDER = "deploy/kubernetes"
ROUTES = "routes.yaml"


def emit_build(request: Request) -> list[Artifact]:
    """Write ``deploy/kubernetes``: a file a pool, one of traffic splits, a kustomization; nothing without an engine."""
    pools = engine_pools(request.module)
    if not pools:
        return []
    folder = request.out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    artifacts: list[Artifact] = []
    for pool in pools:
        name = f"{pool.slug}.yaml"
        _write(folder / name, pool_header(pool), [deployment(pool), service(pool)])
        artifacts.append(Artifact(f"{FOLDER}/{name}", "manifest", "kubernetes", pool.name, pool.note))
    shared = routes(request.module, pools)
    if shared:
        _write(folder / ROUTES, f"# {NOTE}\n", shared)
        artifacts.append(Artifact(f"{FOLDER}/{ROUTES}", "manifest", "kubernetes", "routes", NOTE))
    listed = kustomization(pools, [ROUTES] if shared else [])
    _write(folder / "kustomization.yaml", KUSTOMIZATION_HEADER, [listed])
    return [*artifacts, Artifact(f"{FOLDER}/kustomization.yaml", "kustomization", "kubernetes", "pools")]


KUSTOMIZATION_HEADER = "# kubectl apply -k .  Set `newName` and `newTag` to the images that your cluster pulls.\n"


def kustomization(pools: list[EnginePool], more: list[str]) -> dict[str, Any]:
    """All files of the folder, and the engine images in one place."""
    images = dict.fromkeys(pool.engine.image for pool in pools)
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [*(f"{pool.slug}.yaml" for pool in pools), *more],
        "images": [{"name": name, "newName": name, "newTag": "v0.33.0"} for name in images],
    }


def pool_header(pool: EnginePool) -> str:
    """What a reader of the file should know, as comments."""
    lines = [f"{pool.name}: {', '.join(pool.tasks)}", *([pool.note] if pool.note else [])]
    return "".join(f"# {line}\n" for line in lines)


def _write(path: Path, header: str, documents: list[dict[str, Any]]) -> None:
    text = yaml_text.dump(documents)
    path.write_text(header + text, encoding="utf-8", newline="\n")
