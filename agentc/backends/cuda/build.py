"""The kernels that a placed module runs on NVIDIA devices, as CUDA: ``artifacts/cuda``."""

from dataclasses import replace

from agentc.analyses.fleet import fleet
from agentc.analyses.kernels import kernels
from agentc.backends.cuda import emit
from agentc.backends.request import Request
from agentc.plan.artifacts import Artifact

FOLDER = "artifacts/cuda"


def emit_build(request: Request) -> list[Artifact]:
    """Write each kernel for the compute capabilities of the devices that run it; nothing without such kernels.

    Raises:
        Refused: ``kernel-unsupported`` for one that has no CUDA form, which no plan puts there.
    """
    stocks = found.stocks if (found := fleet(request.module)) is not None else ()
    capability = {s.device.name: s.device.target for s in stocks if s.device.target.startswith("sm_")}
    written: dict[str, Artifact] = {}
    for use in kernels(request.module):
        targets = list(dict.fromkeys(capability[name] for name in use.devices if name in capability))
        if targets and use.name in request.cuda_kernels:
            one = emit({use.name: request.cuda_kernels[use.name]}, request.out / FOLDER, targets=targets)
            written |= {artifact.path: artifact for artifact in one}
    return [replace(artifact, path=f"{FOLDER}/{path}") for path, artifact in written.items()]
