"""Processors that the LLVM backend knows, and the optimizer."""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import platform
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from llvmlite import binding

from agentc.backends.llvm.functions import Traits
from agentc.support.diagnostics import Diagnostic, Refused, did_you_mean
from agentc.support.record import record


@record
class Target:
    """What LLVM is told of a processor."""

    triple: str
    cpu: str
    features: str = ""

    @property
    def traits(self) -> Traits:
        """What code may count on, or should mind."""
        x86, features = self.triple.startswith("x86_64"), self.features.split(",")
        wide = x86 and not {WIDE, "+avx512f"}.isdisjoint(features)
        intel = x86 and not self.cpu.startswith(("x86-64", "znver", "bdver", "btver", "amdfam"))
        plain = x86 and ("-f16c" in features or (self.cpu in ("x86-64", "x86-64-v2") and "+f16c" not in features))
        registers = 32 * 64 if wide else Traits.registers
        return Traits(scales=wide, fetches_pages=intel, lacks_halves=plain, registers=registers)


X86 = "x86_64-unknown-linux-gnu"
ARM = "aarch64-unknown-linux-gnu"
WIDE = "-prefer-256-bit"
"""Whole 512-bit vectors: LLVM's models of some processors ask for halves, which cost kernels of streams a fifth."""

TARGETS: Mapping[str, Target] = {
    "x86-64": Target(X86, "x86-64"),
    "x86-64-v2": Target(X86, "x86-64-v2"),
    "x86-64-v3": Target(X86, "x86-64-v3"),
    "x86-64-v4": Target(X86, "x86-64-v4", WIDE),
    **{name: Target(X86, name) for name in ("haswell", "sierraforest", "znver1", "znver2", "znver3")},
    **{name: Target(X86, name, WIDE) for name in ("skylake-avx512", "cascadelake", "icelake-server")},
    **{name: Target(X86, name, WIDE) for name in ("sapphirerapids", "emeraldrapids", "graniterapids")},
    **{name: Target(X86, name, WIDE) for name in ("znver4", "znver5")},
    "aarch64": Target(ARM, "generic"),
    "aarch64-neoverse-v2": Target(ARM, "neoverse-v2"),
    **{name: Target(ARM, name) for name in ("neoverse-n1", "neoverse-n2", "neoverse-n3")},
    **{name: Target(ARM, name) for name in ("neoverse-v1", "neoverse-v2", "neoverse-v3", "ampere1", "ampere1a")},
}
"""Name in ``emit(targets=…)`` and in a fleet -> processor. ``host`` is this machine, for code that is not kept."""


@cache
def initialize() -> None:
    """Make every processor and GPU that this LLVM was built with known."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()


def is_processor(name: str) -> bool:
    """Whether ``name``, for example a device's ``target`` in a fleet, is a processor that this backend knows."""
    return name in TARGETS


def find(name: str) -> Target:
    """The target ``name``.

    Raises:
        Refused: ``kernel-target``.
    """
    if name == "host":
        initialize()
        features = binding.get_host_cpu_features()
        wide = f",{WIDE}" if features.get("avx512f") else ""
        return Target(binding.get_process_triple(), binding.get_host_cpu_name(), features.flatten() + wide)
    if name not in TARGETS:
        help = did_you_mean(name, TARGETS)
        raise Refused(Diagnostic("kernel-target", f"the LLVM backend has no target `{name}`", help=help))
    return TARGETS[name]


def host_target() -> str:
    """The most capable named target that this machine runs."""
    if platform.machine() in ("aarch64", "arm64"):
        return "aarch64"
    features = binding.get_host_cpu_features()
    if all(features.get(f) for f in ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")):
        return "x86-64-v4"
    return "x86-64-v3" if all(features.get(f) for f in ("avx2", "fma", "bmi2")) else "x86-64"


def machine(target: Target) -> binding.TargetMachine:
    """LLVM's code generator for ``target``: position-independent, at its usual level, as more gains nothing."""
    initialize()
    return binding.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=2, reloc="pic", codemodel="default"
    )


@cache
def _shared(target: Target) -> binding.TargetMachine:
    """One ``machine`` for all kernels, as it works out once what follows from the target's features. llvmlite lets in
    one thread at a time. An engine would free what it is given, so it is given one of its own.
    """
    return machine(target)


def optimize(text: str, target: Target) -> str:
    """LLVM IR ``text`` after the standard O2 pipeline for ``target``, of which O3 made no kernel faster."""
    return str(optimized(text, target))


def optimized(text: str, target: Target) -> Any:
    """As ``optimize``, as a module of LLVM's: read again, tables of numbers take longer than all passes over them."""
    generator = _shared(target)
    module = binding.parse_assembly(text)
    module.verify()
    module.triple = target.triple
    module.data_layout = str(generator.target_data)
    options = binding.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = True
    # What is vectorized is interleaved as well, and what is not waits for itself: copies took half of the time.
    options.loop_unrolling = False
    # Loops are vectorized as loops; packing what stands side by side only lengthens chains of table look-ups.
    options.slp_vectorization = False
    builder = binding.create_pass_builder(generator, options)
    builder.getModulePassManager().run(module, builder)
    return module


def object_code(text: str, target: Target) -> bytes:
    """The object file of optimized IR. Parsed anew, as code generation changes the module."""
    return object_of(binding.parse_assembly(text), target)


def object_of(module: Any, target: Target) -> bytes:
    """The object file of an optimized module, which is of no use afterwards."""
    generator = _shared(target)
    with _lean(target):
        return generator.emit_object(module)


EMITTING = Lock()
LEAN: dict[str, tuple[str, ...]] = {X86: ("disable-lsr", "disable-post-ra"), ARM: ("disable-lsr",)}
"""Triple -> options of LLVM that are on while it emits code. Loop strength reduction takes a third of code generation,
but the addresses of kernels are rows and places in them as it is, and none ran slower without; the second scheduler
(6 %, on processors of AMD) orders what these order by themselves."""


@contextmanager
def _lean(target: Target) -> Generator[None]:
    """With the options of ``LEAN``. LLVM has them for a process only, so they are on meanwhile and no longer: others,
    such as numba, use the same library.
    """
    options = LEAN.get(target.triple, ("disable-lsr",))
    with EMITTING:
        for option in options:
            binding.set_option("agentc", f"-{option}=true")
        try:
            yield
        finally:
            for option in options:
                binding.set_option("agentc", f"-{option}=false")
