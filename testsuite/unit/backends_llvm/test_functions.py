"""The polynomials of exp, log and tanh against NumPy in double precision, everywhere and at the edges."""

import platform

import numpy as np
import pytest

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.llvm import phases_code
from agentc.backends.llvm.functions import Traits
from agentc.backends.llvm.targets import find, optimized
from agentc.backends.llvm.translate import translate
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.runtime.native import NativeKernel, best_target, load_module, load_object

EDGES = [0.0, -0.0, 1e-45, -1e-45, 1e-38, 1e-30, 1e30, 3e38, 88.7, 89.0, -87.4, -103.0, -104.0, np.inf, -np.inf, np.nan]


def compiled(name: str, dtype: str) -> NativeKernel:
    text = f'import numpy as np\ndef k(x: {dtype}["n"]) -> {dtype}["n"]:\n    return np.{name}(x)\n'
    return compile_kernel(compile_source(parse(text, "k.py"), "k"))


def inputs(name: str, dtype: str) -> np.ndarray:
    limit = {"exp": 104.0, "tanh": 12.0, "log": 80.0}[name] * (7 if (name, dtype) == ("exp", "f64") else 1)
    spread = np.linspace(-limit, limit, 20011)
    spread = np.exp(spread) if name == "log" else spread
    return np.concatenate([spread, EDGES]).astype({"f32": np.float32, "f64": np.float64}[dtype])


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("name", ["exp", "log", "tanh"])
def test_within_three_units_in_the_last_place(name: str, dtype: str) -> None:
    x = inputs(name, dtype)
    found = compiled(name, dtype)(x)
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(x.astype(np.longdouble)).astype(x.dtype)
    special = ~np.isfinite(wanted)
    np.testing.assert_array_equal(found[special], wanted[special])
    step = np.spacing(np.abs(wanted[~special]))
    assert np.max(np.abs(found[~special].astype(np.float64) - wanted[~special]) / step) <= 3


EXP = 'import numpy as np\nfrom agentc import f32\ndef f(x: f32["n"]) -> f32["n"]:\n    return np.exp(x)\n'
LEVELS = ("x86-64", "x86-64-v3", "x86-64-v4")


def runs_here(target: str) -> bool:
    return platform.machine() == "x86_64" and best_target([target]) == target


@pytest.mark.parametrize("target", ["host", *LEVELS])
def test_exp_of_single_precision_is_closer(target: str) -> None:
    if target != "host" and not runs_here(target):
        pytest.skip(f"this machine does not run {target}")
    lowered = lower_kernel(compile_source(parse(EXP, "k.py"), "f"))
    x = np.linspace(-104, 89, 1_000_003).astype(np.float32)
    nan = np.arange(0x7F800001, 0x80000000, 9973, dtype=np.uint32)
    nan = np.concatenate([nan, nan | np.uint32(1 << 31)]).view(np.float32)
    found = load_object(phases_code(lowered, target), kernel_abi(lowered))(np.concatenate([x, nan]))
    exact = np.exp(x.astype(np.float64))
    with np.errstate(over="ignore"):
        wanted = exact.astype(np.float32)
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(found[: x.size][~finite], wanted[~finite])
    assert np.max(np.abs(found[: x.size][finite] - exact[finite]) / np.spacing(wanted[finite])) <= 1.15
    assert np.isnan(found[x.size :]).all()


def test_the_loop_is_vectorized() -> None:
    from agentc.backends.llvm import optimized_ir
    from agentc.frontends.kernels import builtin
    from agentc.pipelines.kernels import lower_kernel

    text = optimized_ir(lower_kernel(builtin("softmax_rows")), "x86-64-v4")
    assert "fmul reassoc" in text or "fadd reassoc" in text
    assert "<16 x float>" in text
    assert "call float @expf" not in text and "@llvm.exp.f32" not in text


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_powers_of_two_in_one_instruction_and_in_several(dtype: str) -> None:
    text = f'import numpy as np\nfrom agentc import {dtype}\ndef f(x: {dtype}["n"]) -> {dtype}["n"]:\n    return np.exp(x)\n'
    lowered = lower_kernel(compile_source(parse(text, "k.py"), "f"))
    widest = {"f32": 110.0, "f64": 760.0}[dtype]
    x = np.concatenate([np.linspace(-widest, widest, 4001), [np.inf, -np.inf, np.nan, 0.0]]).astype(
        {"f32": "f4", "f64": "f8"}[dtype]
    )
    found: list[np.ndarray] = []
    for scales in (False, True):
        ir = optimized(str(translate(lowered, Traits(scales))), find("host"))
        assert ("llvm.ldexp" in str(ir)) == scales
        found.append(load_module(ir, kernel_abi(lowered))(x))
    np.testing.assert_array_equal(found[0], found[1])
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(
            found[1], np.exp(x), rtol={"f32": 3e-7, "f64": 1e-15}[dtype], atol={"f32": 1.5e-45, "f64": 5e-324}[dtype]
        )


def test_which_targets_have_such_an_instruction() -> None:
    assert all(find(name).traits.scales for name in ("x86-64-v4", "znver4", "sapphirerapids"))
    assert not any(find(name).traits.scales for name in ("x86-64", "x86-64-v3", "znver3", "aarch64"))
