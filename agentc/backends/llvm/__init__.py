"""LLVM IR and native objects of tensor kernels, for several processors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentc.plan.artifacts import Artifact

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

DEFAULT_TARGETS = ("x86-64", "x86-64-v3", "x86-64-v4", "aarch64")


def emit(modules: "Mapping[str, ModuleOp]", out: Path, *, targets: Sequence[str] = DEFAULT_TARGETS) -> list[Artifact]:
    """Write, for each lowered kernel, ``NAME.h`` and ``NAME.abi.json``; for each target ``TARGET/NAME.ll``, ``.o`` and,
    where a linker is here, ``.so``. Where none is, the object's note says so.

    Raises:
        Refused: ``kernel-target`` for an unknown target, ``kernel-unsupported`` for what is no lowered kernel.
    """
    from agentc.analyses.kernel_abi import kernel_abi, kernels
    from agentc.analyses.kernel_sources import lines
    from agentc.backends.llvm.checked import SUPPORT_NAME, support_header
    from agentc.backends.llvm.header import header
    from agentc.backends.llvm.targets import find

    chosen = {name: find(name) for name in targets}
    written: list[Artifact] = []
    if modules:
        written.append(_write(out, SUPPORT_NAME, support_header().encode(), "c-header", "llvm", ""))
    for name, module in sorted(modules.items()):
        abi = kernel_abi(module)
        written.append(
            _write(out, f"{name}.h", header(abi, lines(kernels(module)[0])).encode(), "c-header", "llvm", name)
        )
        written.append(_write(out, f"{name}.abi.json", abi.to_json().encode(), "kernel-abi", "llvm", name))
        for target in chosen:
            written += _emit_for(module, name, out, target)
    return written


def check(module: "ModuleOp") -> None:
    """See whether the kernel ``module``, lowered for a processor, has an LLVM form.

    Raises:
        Refused: ``kernel-unsupported``.
    """
    from agentc.backends.llvm.translate import translate

    translate(module, phases=True)


def _emit_for(module: "ModuleOp", name: str, out: Path, target: str) -> list[Artifact]:
    from agentc.backends.llvm.linker import link_shared
    from agentc.backends.llvm.targets import find, object_code

    text = optimized_ir(module, target, lines=True)
    code = object_code(text, find(target))
    linked = link_shared(code, find(target).triple)
    note = f"no shared library: {linked.problem}" if linked.problem else ""
    written = [
        _write(out, f"{target}/{name}.ll", (places(module) + text).encode(), "llvm-ir", target, name),
        _write(out, f"{target}/{name}.o", code, "object", target, name, note),
    ]
    if linked.library:
        written.append(_write(out, f"{target}/{name}.so", linked.library, "shared-library", target, name))
    return written


def places(module: "ModuleOp") -> str:
    """Comments that tell which lines each function of a lowered kernel comes from, for whoever reads the text."""
    from xdsl.dialects.func import FuncOp

    from agentc.analyses.kernel_sources import lines
    from agentc.plan.kernels import PREFIX

    functions = (op for op in module.body.block.ops if isinstance(op, FuncOp))
    told = ((function.sym_name.data, lines(function)) for function in functions)
    return "".join(f"; {PREFIX}{name}: from {place}\n" for name, place in told if place)


def _write(out: Path, path: str, data: bytes, kind: str, target: str, of: str, note: str = "") -> Artifact:
    place = out / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return Artifact(path, kind, target, of, note)


def optimized_ir(module: "ModuleOp", target: str, lines: bool = False) -> str:
    """The optimized LLVM IR of a lowered kernel for ``target`` (``host``: this machine), with ``lines`` of its source.

    Raises:
        Refused: as ``emit``.
    """
    return str(optimized_module(module, target, lines))


def optimized_module(module: "ModuleOp", target: str, lines: bool = False) -> Any:
    """As ``optimized_ir``, as a module of LLVM's, for whoever runs it at once.

    Raises:
        Refused: as ``emit``.
    """
    from agentc.backends.llvm.targets import find, optimized
    from agentc.backends.llvm.translate import translate

    processor = find(target)
    return optimized(str(translate(module, processor.traits, lines)), processor)


def phases_code(module: "ModuleOp", target: str) -> bytes:
    """The object file of the phases of a lowered kernel for ``target`` (``host``: this machine), for a runtime that
    calls them one by one.

    Raises:
        Refused: as ``emit``.
    """
    from agentc.backends.llvm.targets import find, object_of, optimized
    from agentc.backends.llvm.translate import translate

    processor = find(target)
    return object_of(optimized(str(translate(module, processor.traits, phases=True)), processor), processor)
