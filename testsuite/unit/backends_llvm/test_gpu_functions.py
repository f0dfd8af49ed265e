"""Math functions of GPUs: the same IR on this machine against NumPy, and machine code of each for each maker's GPUs."""

import ctypes
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from llvmlite import binding, ir

from agentc.backends.llvm.gpu_functions import GpuFunctions
from agentc.backends.llvm.targets import find, optimize

TYPES = {"f32": (ir.FloatType(), ctypes.c_float, np.float32), "f64": (ir.DoubleType(), ctypes.c_double, np.float64)}
INF, NAN = np.inf, np.nan
ENGINES: list[Any] = []


def compiled(name: str, short: str) -> Callable[..., float]:
    type_, ctype, _ = TYPES[short]
    count = 2 if name == "pow" else 1
    module = ir.Module("agentc")
    made = GpuFunctions(module).get(name, type_)
    function = ir.Function(module, ir.FunctionType(type_, [type_] * count), "entry")
    build = ir.IRBuilder(function.append_basic_block())
    build.ret(build.call(made, function.args))
    parsed = binding.parse_assembly(optimize(str(module), find("host")))
    machine = binding.Target.from_default_triple().create_target_machine()
    ENGINES.append(binding.create_mcjit_compiler(parsed, machine))
    ENGINES[-1].finalize_object()
    return ctypes.CFUNCTYPE(ctype, *[ctype] * count)(ENGINES[-1].get_function_address("entry"))


def spread(name: str) -> np.ndarray:
    if name == "log":
        return np.concatenate([np.exp(np.linspace(-80, 80, 2001)), [0.0, -1.0, 1e-310, INF, -INF, NAN, 1.0]])
    limit = 12 if name == "tanh" else 50
    edges = [0.0, -0.0, 0.625, 1e-30, NAN, *([INF, -INF] if name in ("tanh", "exp") else [])]
    return np.concatenate([np.linspace(-limit, limit, 2001), edges])


@pytest.mark.parametrize("short", ["f32", "f64"])
@pytest.mark.parametrize("name", ["sin", "cos", "log", "tanh", "exp"])
def test_within_three_units_in_the_last_place_of_one(name: str, short: str) -> None:
    dtype = TYPES[short][2]
    x = spread(name).astype(dtype)
    function = compiled(name, short)
    found = np.array([function(float(value)) for value in x], dtype)
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(x.astype(np.longdouble)).astype(dtype)
    special = ~np.isfinite(wanted)
    np.testing.assert_array_equal(found[special], wanted[special])
    # Sines are small near multiples of pi, where their error is that of the reduced angle.
    least = 1.0 if name in ("sin", "cos") else 0.0
    step = np.spacing(np.maximum(np.abs(wanted[~special]), dtype(least)))
    assert np.max(np.abs(found[~special].astype(np.float64) - wanted[~special]) / step) <= 3


@pytest.mark.parametrize("x", [1e5, 12345678.9, 1e9, 2.0**49, np.pi * 1e6])
def test_sines_of_large_angles(x: float) -> None:
    assert compiled("sin", "f64")(x) == pytest.approx(np.sin(x), abs=1e-15)
    assert compiled("cos", "f64")(x) == pytest.approx(np.cos(x), abs=1e-15)
    assert compiled("sin", "f32")(x) == pytest.approx(np.sin(np.float64(np.float32(x))), abs=2e-7)


@pytest.mark.parametrize("short", ["f32", "f64"])
def test_powers(short: str) -> None:
    library = ctypes.CDLL(None).pow  # C's own: NumPy takes the square root of -0.0 for its power
    library.argtypes, library.restype = [ctypes.c_double, ctypes.c_double], ctypes.c_double
    function = compiled("pow", short)
    numbers = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, 2.5, 1e10, -7.0, INF, -INF, NAN]
    for x in numbers:
        for y in numbers:
            wanted, found = TYPES[short][2](library(x, y)), function(x, y)
            assert found == pytest.approx(wanted, rel=1e-12 if short == "f64" else 1e-6, nan_ok=True), (x, y)
            if wanted == 0:
                assert np.signbit(found) == np.signbit(wanted), (x, y)


EVERY = """
import sys
from llvmlite import ir
from agentc.backends.llvm.gpu import assembly, find_gpu
from agentc.backends.llvm.gpu_functions import NAMES, GpuFunctions
for target in ("gfx90a", "gfx942", "gfx950", "gfx1100", "sm_80", "sm_90a"):
    found = find_gpu(target)
    for type_ in (ir.HalfType(), ir.FloatType(), ir.DoubleType()):
        for name in sorted(NAMES):
            module = ir.Module("agentc")
            module.triple = found.triple
            made = GpuFunctions(module).get(name, type_)
            count = len(made.args)
            function = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.PointerType(), *[type_] * count]), "entry")
            build = ir.IRBuilder(function.append_basic_block())
            build.store(build.call(made, function.args[1:]), function.args[0])
            build.ret_void()
            text = assembly(str(module), found)
            assert "entry" in text and not {"sin", "cos", "pow", "log", "exp", "tanh"} & set(text.split()), (target, name)
print("all")
"""


def test_each_has_machine_code_on_each_gpu() -> None:
    """In a process of its own, which LLVM ends where it finds no instruction."""
    done = subprocess.run([sys.executable, "-c", EVERY], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "all" and "libcall" not in done.stderr, done.stderr[-2000:]
