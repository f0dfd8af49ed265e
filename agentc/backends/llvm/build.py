"""The kernels of a placed module as native code: ``artifacts/llvm``."""

from dataclasses import replace

from agentc.analyses.fleet import fleet
from agentc.analyses.kernels import kernels
from agentc.backends.llvm import emit
from agentc.backends.request import Request
from agentc.plan.artifacts import Artifact

FOLDER = "artifacts/llvm"

EVERYWHERE = ("x86-64", "x86-64-v3", "aarch64")
"""Emitted whatever the fleet holds, so that a build runs on the machine that tries it."""


def emit_build(request: Request) -> list[Artifact]:
    """Write every kernel for the processors of the fleet and for the common ones, and those that run on a GPU of AMD's
    for it; nothing without kernels.

    Raises:
        Refused: ``kernel-unsupported`` for one that has no form there, which no plan puts there.
    """
    if not request.kernels:
        return []
    from agentc.backends.llvm.targets import is_processor

    stocks = found.stocks if (found := fleet(request.module)) is not None else ()
    own = [stock.device.target for stock in stocks if is_processor(stock.device.target)]
    targets = list(dict.fromkeys((*EVERYWHERE, *own)))
    written = emit(request.kernels, request.out / FOLDER, targets=targets)
    written += _on_gpus(request, {s.device.name: s.device.target for s in stocks if s.device.target.startswith("gfx")})
    return [replace(artifact, path=f"{FOLDER}/{artifact.path}") for artifact in written]


def _on_gpus(request: Request, architectures: dict[str, str]) -> list[Artifact]:
    from agentc.backends.llvm.gpu import emit_gpu

    written: dict[str, Artifact] = {}
    for use in kernels(request.module):
        targets = list(dict.fromkeys(architectures[name] for name in use.devices if name in architectures))
        if targets and use.name in request.gpu_kernels:
            one = emit_gpu({use.name: request.gpu_kernels[use.name]}, request.out / FOLDER, targets=targets)
            written |= {artifact.path: artifact for artifact in one}
    return list(written.values())
