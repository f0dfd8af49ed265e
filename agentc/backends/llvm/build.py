"""The kernels of a placed module as native code: ``artifacts/llvm``."""

from dataclasses import replace

from agentc.analyses.fleet import fleet
from agentc.backends.llvm import emit
from agentc.backends.request import Request
from agentc.plan.artifacts import Artifact

FOLDER = "artifacts/llvm"

EVERYWHERE = ("x86-64", "x86-64-v3", "aarch64")
"""Emitted whatever the fleet holds, so that a build runs on the machine that tries it."""

PROCESSORS = {"x86-64-v4": "x86-64-v4", "neoverse-v2": "aarch64-neoverse-v2"}
"""A CPU's ``target`` in the catalog -> the backend's name of it, for those beyond ``EVERYWHERE``."""


def emit_build(request: Request) -> list[Artifact]:
    """Write every kernel for the processors of the fleet and for the common ones; nothing without kernels."""
    if not request.kernels:
        return []
    stocks = found.stocks if (found := fleet(request.module)) is not None else ()
    own = [PROCESSORS[stock.device.target] for stock in stocks if stock.device.target in PROCESSORS]
    targets = list(dict.fromkeys((*EVERYWHERE, *own)))
    written = emit(request.kernels, request.out / FOLDER, targets=targets)
    return [replace(artifact, path=f"{FOLDER}/{artifact.path}") for artifact in written]
