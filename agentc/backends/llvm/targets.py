"""Processors that the LLVM backend knows, and the optimizer."""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import platform
from collections.abc import Mapping
from functools import cache

from llvmlite import binding

from agentc.support.diagnostics import Diagnostic, Refused, did_you_mean
from agentc.support.record import record


@record
class Target:
    """What LLVM is told of a processor."""

    triple: str
    cpu: str
    features: str = ""


TARGETS: Mapping[str, Target] = {
    "x86-64": Target("x86_64-unknown-linux-gnu", "x86-64"),
    "x86-64-v3": Target("x86_64-unknown-linux-gnu", "x86-64-v3"),
    "x86-64-v4": Target("x86_64-unknown-linux-gnu", "x86-64-v4", "-prefer-256-bit"),
    "aarch64": Target("aarch64-unknown-linux-gnu", "generic"),
    "aarch64-neoverse-v2": Target("aarch64-unknown-linux-gnu", "neoverse-v2"),
}
"""Name in ``emit(targets=…)`` -> processor. ``host`` is this machine, for code that runs at once and is not kept."""


@cache
def _initialize() -> None:
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()


def find(name: str) -> Target:
    """The target ``name``.

    Raises:
        Refused: ``kernel-target``.
    """
    if name == "host":
        _initialize()
        return Target(
            binding.get_process_triple(), binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()
        )
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
    """LLVM's code generator for ``target``: position-independent, at its highest level."""
    _initialize()
    return binding.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="pic", codemodel="default"
    )


def optimize(text: str, target: Target) -> str:
    """LLVM IR ``text`` after the standard O3 pipeline for ``target``."""
    generator = machine(target)
    module = binding.parse_assembly(text)
    module.triple = target.triple
    module.data_layout = str(generator.target_data)
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    options.slp_vectorization = True
    builder = binding.create_pass_builder(generator, options)
    builder.getModulePassManager().run(module, builder)
    return str(module)


def object_code(text: str, target: Target) -> bytes:
    """The object file of optimized IR. Parsed anew, as code generation changes the module."""
    return machine(target).emit_object(binding.parse_assembly(text))
