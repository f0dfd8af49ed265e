"""CUDA C++ of tensor kernels, with PTX and machine code where a compiler is here."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agentc.backends.cuda.targets import DEFAULT_TARGETS, capability, retired
from agentc.plan.artifacts import LOG, Artifact

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp


def emit(kernels: "Mapping[str, ModuleOp]", out: Path, *, targets: Sequence[str] = DEFAULT_TARGETS) -> list[Artifact]:
    """Write, for each kernel lowered for a GPU, ``NAME.cu`` and ``NAME.abi.json``, the headers that it includes, and
    ``SM/NAME.ptx`` and ``.cubin`` for each target (``SM/NAME.log`` where the compiler refuses, with the reason in its
    note). Without a compiler the source's note says so.

    Raises:
        Refused: ``kernel-target`` for what is no ``sm_…``, ``kernel-unsupported`` for what is no lowered kernel.
    """
    from agentc.analyses.kernel_abi import kernel_abi
    from agentc.backends.cuda.compiler import HEADERS, INCLUDE, compiler
    from agentc.backends.cuda.source import source

    _check(targets)
    written: list[Artifact] = []
    note = "" if compiler() else "source only: neither nvcc nor NVRTC was there when it was emitted"
    for name, module in sorted(kernels.items()):
        text = source(module)
        written.append(_write(out, f"{name}.cu", text.encode(), "cuda-source", "cuda", name, note))
        abi = kernel_abi(module).to_json().encode()
        written.append(_write(out, f"{name}.abi.json", abi, "kernel-abi", "cuda", name))
        for target in targets if compiler() else ():
            written += _compile(text, out, name, target)
    for header in HEADERS if kernels else ():
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(INCLUDE / header, out / header)
        written.append(Artifact(header, "cuda-header", "cuda", ""))
    return written


def check(module: "ModuleOp") -> None:
    """See whether the kernel ``module``, lowered for CUDA, has a CUDA form.

    Raises:
        Refused: ``kernel-unsupported``.
    """
    from agentc.backends.cuda.source import source

    source(module)


def _check(targets: Sequence[str]) -> None:
    from agentc.support.diagnostics import Diagnostic, Refused

    for target in targets:
        if capability(target) is None:
            help = "write for example `sm_90a`"
            raise Refused(Diagnostic("kernel-target", f"the CUDA backend has no target `{target}`", help=help))


def _compile(text: str, out: Path, name: str, target: str) -> list[Artifact]:
    from agentc.backends.cuda.compiler import compile_source

    made = compile_source(text, target)
    if made.problem:
        note = f"not compiled: {retired(target) or made.problem.splitlines()[0]}"
        return [_write(out, f"{target}/{name}.log", made.problem.encode(), LOG, target, name, note)]
    return [
        _write(out, f"{target}/{name}.ptx", made.ptx, "ptx", target, name),
        _write(out, f"{target}/{name}.cubin", made.cubin, "cubin", target, name),
    ]


def _write(out: Path, path: str, data: bytes, kind: str, target: str, of: str, note: str = "") -> Artifact:
    place = out / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return Artifact(path, kind, target, of, note)
