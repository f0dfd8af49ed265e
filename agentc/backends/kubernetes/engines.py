"""How each vendor's devices are asked for and served: resource name, node label, engine image, KV connector settings.

Facts of vLLM 0.33.0's KV transfer: its documentation of NixlConnector, MoRIIOConnector and the Gaudi plug-in.
"""

from dataclasses import field

from agentc.support.record import record


@record
class Engine:
    """A build of vLLM for one vendor."""

    vendor: str
    image: str
    resource: str | None
    """Extended resource of the device plug-in; ``None`` on CPUs."""
    label: str
    """Node label that tells device classes apart."""
    kv_buffer_device: str
    env: dict[str, str] = field(default_factory=dict[str, str])
    """What KV transfer needs in the environment."""


ENGINES = {
    "nvidia": Engine(
        "nvidia", "vllm/vllm-openai", "nvidia.com/gpu", "nvidia.com/gpu.product", "cuda", {"UCX_TLS": "all"}
    ),
    "amd": Engine(
        "amd", "vllm/vllm-openai-rocm", "amd.com/gpu", "amd.com/gpu.product-name", "cuda", {"UCX_TLS": "all"}
    ),
    "intel": Engine(
        "intel",
        "vllm/vllm-gaudi",
        "habana.ai/gaudi",
        "agentc/device",
        "hpu",
        {"UCX_TLS": "gaudi_gdr,rc,ud,ib", "VLLM_HPU_HETERO_KV_LAYOUT": "true"},
    ),
    "cpu": Engine("cpu", "vllm/vllm-openai-cpu", None, "agentc/device", "cpu", {}),
}

PRODUCTS = {
    "a100-40gb": "NVIDIA-A100-SXM4-40GB",
    "a100-80gb": "NVIDIA-A100-SXM4-80GB",
    "h100-sxm": "NVIDIA-H100-80GB-HBM3",
    "h200": "NVIDIA-H200",
    "b200": "NVIDIA-B200",
    "l4": "NVIDIA-L4",
    "l40s": "NVIDIA-L40S",
    "t4": "Tesla-T4",
    "v100": "Tesla-V100-SXM2-32GB",
}
"""``nvidia.com/gpu.product`` as NVIDIA's GPU feature discovery writes it; other classes carry their own name."""


def engine_of(vendor: str, kind: str) -> Engine | None:
    """The engine for a vendor's devices, or ``None`` where vLLM has no build for them."""
    if kind == "cpu":
        return ENGINES["cpu"]
    return ENGINES.get(vendor.lower())
