"""The C header of a kernel."""

from collections.abc import Mapping

from agentc.backends.llvm.checked import SUPPORT_NAME, checked_entry
from agentc.plan.kernels import PARALLEL, PREFIX, KernelAbi, Parameter, c_name

C_TYPES: Mapping[str, str] = {
    "f32": "float",
    "f64": "double",
    "i8": "int8_t",
    "i32": "int32_t",
    "i64": "int64_t",
    "i1": "bool",
    "u8": "uint8_t",
    "u32": "uint32_t",
    "u64": "uint64_t",
    "f16": "uint16_t",
    "bf16": "uint16_t",
    "index": "int64_t",
}


def c_parameter(parameter: Parameter, constant: bool) -> str:
    """``const float *docs`` or ``float temperature``."""
    name = C_TYPES[parameter.dtype]
    if parameter.dims is None:
        return f"{name} {c_name(parameter.name)}"
    return f"{'const ' if constant else ''}{name} *{c_name(parameter.name)}"


def header(abi: KernelAbi, place: str = "") -> str:
    """Declares the kernel as one function; what it needs for itself it allocates and frees. ``place`` is the line that
    defines it.
    """
    lines = [f"// Kernel `{abi.name}`. Arrays are contiguous, rows first; results must not overlap anything."]
    if place:
        lines.append(f"//   from {place}")
    for parameter in (*abi.arguments, *abi.results):
        if parameter.dims:
            lines.append(f"//   {parameter.name}: {parameter.dtype}[{', '.join(map(str, parameter.dims))}]")
    parts = [c_parameter(p, True) for p in abi.arguments] + [c_parameter(p, False) for p in abi.results]
    parts += [f"int64_t {c_name(name)}" for name in abi.sizes]
    declaration = f"void {PREFIX}{abi.name}({', '.join(parts)});"
    parallel = f"void {PREFIX}{abi.name}{PARALLEL}({', '.join([*parts, 'agentc_run run', 'void *context'])});"
    return "\n".join(
        [
            *lines,
            "#pragma once",
            f'#include "{SUPPORT_NAME}"',
            "#ifdef __cplusplus",
            'extern "C" {',
            "#endif",
            declaration,
            "// The same on the threads of `run`, for example `agentc_openmp`.",
            parallel,
            "// The same, with shapes, strides, alignment and overlaps checked first.",
            checked_entry(abi, C_TYPES),
            "#ifdef __cplusplus",
            "}",
            "#endif",
            "",
        ]
    )
