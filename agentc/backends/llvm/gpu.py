"""Kernels as machine code of AMD GPUs, and as PTX, by LLVM: one GPU function per phase."""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentc.plan.artifacts import Artifact
from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

AMD = "amdgcn-amd-amdhsa"
NVIDIA = "nvptx64-nvidia-cuda"
WAVE64 = re.compile(r"gfx9[0-9a-f]{2}")
"""Compute GPUs of the CDNA line, whose waves have 64 lanes; others are compiled for 32."""


@record(slots=True)
class GpuTarget:
    """What LLVM is told of a GPU."""

    name: str
    triple: str
    features: str
    lanes: int

    @property
    def amd(self) -> bool:
        """Whether it is one of AMD's."""
        return self.triple == AMD


def find_gpu(name: str) -> GpuTarget:
    """The GPU ``gfx…`` or ``sm_…``.

    Raises:
        Refused: ``kernel-target``.
    """
    if re.fullmatch(r"gfx[0-9]{2,3}[0-9a-f]{1,2}", name):
        wide = bool(WAVE64.fullmatch(name))
        return GpuTarget(name, AMD, "+wavefrontsize64" if wide else "+wavefrontsize32", 64 if wide else 32)
    if re.fullmatch(r"sm_\d{2,3}[af]?", name):
        return GpuTarget(name, NVIDIA, "", 32)
    help = "write for example `gfx942` or `sm_90a`"
    raise Refused(Diagnostic("kernel-target", f"the LLVM backend has no GPU `{name}`", help=help))


def lacks(target: str) -> str:
    """Why no kernel has code for the GPU ``target``; empty where kernels have."""
    try:
        find_gpu(target)
    except Refused as refused:
        return refused.diagnostics[0].message
    return ""


def check(module: "ModuleOp") -> None:
    """See whether the kernel ``module``, lowered for a GPU, has a form for GPUs: as none depends on the size of waves,
    for one of AMD's.

    Raises:
        Refused: ``kernel-unsupported``.
    """
    from agentc.backends.llvm.gpu_phases import translate_gpu

    translate_gpu(module, find_gpu("gfx942"))


def emit_gpu(kernels: "Mapping[str, ModuleOp]", out: Path, *, targets: Sequence[str]) -> list[Artifact]:
    """Write, for each kernel lowered for a GPU, ``NAME.gpu.json`` (how each phase is launched) and per target
    ``TARGET/NAME.ll`` with ``.o`` and ``.hsaco`` for AMD's, ``.ptx`` for NVIDIA's.

    Raises:
        Refused: ``kernel-target``, ``kernel-unsupported``.
    """
    from agentc.backends.llvm import places
    from agentc.backends.llvm.gpu_phases import launches

    chosen = [find_gpu(name) for name in targets]
    written: list[Artifact] = []
    for name, module in sorted(kernels.items()):
        texts = [gpu_ir(module, target) for target in chosen]  # all that may be refused, before anything is written
        told = json.dumps({"schema": 1, "kernel": name, "phases": launches(module)}, indent=1) + "\n"
        written.append(_write(out, f"{name}.gpu.json", told.encode(), "gpu-launch", "llvm", name))
        for text, target in zip(texts, chosen, strict=True):
            written += _emit_for(text, places(module), name, out, target)
    return written


def _emit_for(text: str, told: str, name: str, out: Path, target: GpuTarget) -> list[Artifact]:
    """``told`` are comments of LLVM IR that say where the functions come from."""
    place = f"{target.name}/{name}"
    written = [_write(out, f"{place}.ll", (told + text).encode(), "llvm-ir", target.name, name)]
    if not target.amd:
        ptx = told.replace("; ", "// ", 1).replace("\n; ", "\n// ") + assembly(text, target)
        return [*written, _write(out, f"{place}.ptx", ptx.encode(), "ptx", target.name, name)]
    from agentc.backends.llvm.linker import link_gpu

    code = gpu_object(text, target)
    linked = link_gpu(code)
    note = f"no HSACO: {linked.problem}" if linked.problem else ""
    written.append(_write(out, f"{place}.o", code, "object", target.name, name, note))
    if linked.library:
        written.append(_write(out, f"{place}.hsaco", linked.library, "hsaco", target.name, name))
    return written


def _write(out: Path, path: str, data: bytes, kind: str, target: str, of: str, note: str = "") -> Artifact:
    place = out / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return Artifact(path, kind, target, of, note)


def _machine(target: GpuTarget) -> Any:
    from llvmlite import binding

    from agentc.backends.llvm.targets import initialize

    initialize()
    return binding.Target.from_triple(target.triple).create_target_machine(
        cpu=target.name, features=target.features, opt=3, reloc="pic", codemodel="default"
    )


def gpu_ir(module: "ModuleOp", target: GpuTarget) -> str:
    """The optimized LLVM IR of a kernel lowered for a GPU.

    Raises:
        Refused: ``kernel-unsupported``.
    """
    from llvmlite import binding

    from agentc.backends.llvm.gpu_phases import translate_gpu

    machine = _machine(target)
    parsed = binding.parse_assembly(translate_gpu(module, target))
    parsed.triple = target.triple
    parsed.data_layout = str(machine.target_data)
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = False
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(parsed, builder)
    parsed.verify()
    return str(parsed)


def gpu_object(text: str, target: GpuTarget) -> bytes:
    """The object file of optimized IR. Parsed anew: code generation changes the module and may not be run twice."""
    from llvmlite import binding

    return _machine(target).emit_object(binding.parse_assembly(text))


def assembly(text: str, target: GpuTarget) -> str:
    """The assembly of optimized IR: PTX for NVIDIA's."""
    from llvmlite import binding

    return _machine(target).emit_assembly(binding.parse_assembly(text))
