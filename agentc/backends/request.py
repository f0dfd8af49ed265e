"""What a backend is given."""

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from agentc.plan.artifacts import REFUSAL, Artifact
from agentc.support.diagnostics import Refused
from agentc.support.record import record


@record
class Request:
    """One build to write."""

    module: ModuleOp
    """The placed module."""
    out: Path
    """Root of the build; artifacts name their path relative to it."""
    base: Path
    """Folder of the agent's definition, against which the definition's paths are meant."""
    kernels: Mapping[str, ModuleOp] = field(default_factory=dict[str, ModuleOp])
    """Kernel name -> module with its function, lowered for a CPU."""
    gpu_kernels: Mapping[str, ModuleOp] = field(default_factory=dict[str, ModuleOp])
    """The kernels that some op runs on a GPU that LLVM emits for, lowered for one."""
    cuda_kernels: Mapping[str, ModuleOp] = field(default_factory=dict[str, ModuleOp])
    """Those that some op runs on a GPU of the CUDA backend, which keeps selections and sorts, lowered for that."""


def left_out(kernel: str, target: str, folder: Path, refused: Refused) -> Artifact:
    """Write into ``folder`` why there is no code of ``kernel`` for ``target``."""
    why = refused.diagnostics[0].message
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{kernel}.{target}.log").write_text(why + "\n", encoding="utf-8", newline="\n")
    return Artifact(f"{kernel}.{target}.log", REFUSAL, target, kernel, f"not emitted: {why}")
