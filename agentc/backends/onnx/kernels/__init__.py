"""Tensor kernels as ONNX graphs (opset 23): the portable form, for runtimes that take no machine code.

Integers of every width are 64 bits inside and wrap where their type says; f16 is kept as such, bf16 as f32.
Sorting and selection of NaN, and the order in which equal rows are scattered, are the runtime's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from agentc.plan.artifacts import Artifact

if TYPE_CHECKING:
    import onnx
    from xdsl.dialects.builtin import ModuleOp


def kernel_model(module: "ModuleOp") -> "onnx.ModelProto":
    """The kernel on tensors that ``module`` holds, as a checked model. Inputs and outputs have its names.

    Raises:
        Refused: ``kernel-unsupported``: an op has no ONNX form.
    """
    from agentc.backends.onnx.kernels.module import translate

    return translate(module)


def emit_kernels(kernels: "Mapping[str, ModuleOp]", out: Path) -> list[Artifact]:
    """Write ``NAME.onnx`` for each kernel on tensors.

    Raises:
        Refused: as ``kernel_model``.
    """
    out.mkdir(parents=True, exist_ok=True)
    written: list[Artifact] = []
    for name, module in sorted(kernels.items()):
        (out / f"{name}.onnx").write_bytes(kernel_model(module).SerializeToString(deterministic=True))
        written.append(Artifact(f"{name}.onnx", "onnx-kernel", "onnx", name))
    return written
