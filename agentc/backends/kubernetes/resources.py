"""Deployment and Service of an engine pool, as plain data."""

import json
import math
from typing import Any

from agentc.backends.kubernetes.engines import PRODUCTS
from agentc.backends.kubernetes.pools import SERVED, EnginePool

PORT = 8000
SIDE_CHANNEL_PORT = 5600


def deployment(pool: EnginePool) -> dict[str, Any]:
    """``apps/v1`` Deployment: the pool's replicas, each holding tp x pp x dp devices of the planned class."""
    labels = {"app.kubernetes.io/name": pool.slug, "app.kubernetes.io/managed-by": "agentc", "agentc/role": pool.role}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": pool.slug, "labels": labels},
        "spec": {
            "replicas": pool.on.replicas,
            "selector": {"matchLabels": {"app.kubernetes.io/name": pool.slug}},
            "template": {"metadata": {"labels": dict(labels)}, "spec": _pod(pool)},
        },
    }


def service(pool: EnginePool) -> dict[str, Any]:
    """``v1`` Service in front of the pool's replicas."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": pool.slug, "labels": {"app.kubernetes.io/managed-by": "agentc"}},
        "spec": {
            "selector": {"app.kubernetes.io/name": pool.slug},
            "ports": [{"name": "http", "port": PORT, "targetPort": "http"}],
        },
    }


def _pod(pool: EnginePool) -> dict[str, Any]:
    devices = pool.on.devices
    resource = pool.engine.resource
    limits = {resource: str(devices)} if resource is not None else {"cpu": str(max(pool.device.cores, 1))}
    container: dict[str, Any] = {
        "name": "engine",
        "image": f"{pool.engine.image}:v0.33.0",
        "command": ["vllm", "serve", pool.model],
        "args": arguments(pool),
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": {"limits": limits, "requests": dict(limits)},
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 10},
        "startupProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 10, "failureThreshold": 180},
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
    }
    if pool.role != "both":
        container["env"] = _transfer_env(pool)
        container["ports"].append({"name": "kv", "containerPort": SIDE_CHANNEL_PORT})
    label = pool.engine.label
    product = (
        PRODUCTS.get(pool.device.name, pool.device.name) if label == "nvidia.com/gpu.product" else pool.device.name
    )
    return {
        "nodeSelector": {label: product},
        "containers": [container],
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory"}}],
    }


CACHE_TYPES = {"bf16": "bfloat16", "fp16": "float16"}
"""vLLM's names of KV cache types, where they are not ours."""


def arguments(pool: EnginePool) -> list[str]:
    """vLLM's command line for the pool."""
    on = pool.on
    args = [*SERVED[pool.kind], "--tensor-parallel-size", str(on.tp)]
    if on.pp > 1:
        args += ["--pipeline-parallel-size", str(on.pp)]
    if on.dp > 1:
        args += ["--data-parallel-size", str(on.dp), "--enable-expert-parallel"]
    args += ["--max-num-seqs", str(-(-on.batch // on.dp))]
    if pool.memory_share is not None:
        args += ["--gpu-memory-utilization", f"{pool.memory_share:.2f}"]
    if pool.precision == "fp8":
        args += ["--quantization", "fp8"]
    if pool.kv_precision is not None:
        args += ["--kv-cache-dtype", CACHE_TYPES.get(pool.kv_precision, pool.kv_precision)]
    if pool.draft is not None:
        settings = {"model": pool.draft[0], "num_speculative_tokens": pool.draft[1]}
        args += ["--speculative-config", json.dumps(settings, separators=(",", ":"))]
    if on.cache == "offloaded" and pool.role == "both":
        size = math.ceil(on.host_bytes * on.devices / 2**30)
        args += ["--kv-offloading-backend", "native", "--kv-offloading-size", str(size)]
    if pool.kind == "decoder":
        args.append("--enable-chunked-prefill")
    if pool.role != "both":
        args += ["--kv-transfer-config", json.dumps(transfer_config(pool), separators=(",", ":"))]
    return args


def transfer_config(pool: EnginePool) -> dict[str, Any]:
    """``--kv-transfer-config``: NIXL, or MoRI-IO where both ends are AMD's.

    Between vendors the handshake's equality check is relaxed and the KV layout permuted.
    """
    vendors = {pool.engine.vendor, *pool.peers}
    config: dict[str, Any] = {
        "kv_connector": "MoRIIOConnector" if vendors == {"amd"} else "NixlConnector",
        "kv_role": "kv_producer" if pool.role == "prefill" else "kv_consumer",
        "kv_buffer_device": pool.engine.kv_buffer_device,
    }
    if len(vendors) > 1:
        config["enable_permute_local_kv"] = True
        config["kv_connector_extra_config"] = {"enforce_handshake_compat": False}
    return config


def _transfer_env(pool: EnginePool) -> list[dict[str, Any]]:
    address = {"valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return [
        {"name": "VLLM_NIXL_SIDE_CHANNEL_HOST", **address},
        {"name": "VLLM_NIXL_SIDE_CHANNEL_PORT", "value": str(SIDE_CHANNEL_PORT)},
        *({"name": name, "value": value} for name, value in pool.engine.env.items()),
    ]
