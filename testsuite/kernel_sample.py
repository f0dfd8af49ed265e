"""Arguments for the built-in kernels, and what plain NumPy makes of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentc.frontends.kernels import BUILTINS, library_text
from agentc.plan.kernels import KernelAbi, Parameter
from agentc.plan.sizes import Sizes

SIZES: Mapping[str, int] = {
    "n": 37,
    "d": 20,
    "k": 11,
    "m": 13,
    "t": 23,
    "lists": 5,
    "g": 3,
    "q": 4,
    "h": 2,
    "r": 6,
    "b": 5,
    "v": 90,
}
NUMPY = {
    "i8": "i1",
    "i32": "i4",
    "i64": "i8",
    "u8": "u1",
    "u32": "u4",
    "u64": "u8",
    "f32": "f4",
    "f64": "f8",
    "i1": "?",
}
SCALARS: Mapping[str, Any] = {"seed": np.uint64(2026), "length": np.int64(17)}
TEXT = b"call 555 123-4567 or me.you+x@mail.example.com, order 12345. a@b not. x@y.co, 4111-1111-1111-1111; "


def arguments(abi: KernelAbi, sizes: Mapping[str, int] = SIZES, seed: int = 0) -> list[Any]:
    """Arrays that suit the kernel ``abi``."""
    random = np.random.default_rng(seed)
    known = Sizes(sizes)
    if abi.name.startswith("log_mel"):
        known["t"] = 50 * sizes["t"]
    return [_argument(random, p, known) for p in abi.arguments]


def _argument(random: np.random.Generator, parameter: Parameter, sizes: Mapping[str, int]) -> Any:
    if parameter.dims is None:
        return SCALARS.get(parameter.name, np.float32(0.5))
    shape = [d if isinstance(d, int) else sizes[d] for d in parameter.dims]
    if parameter.name == "text":
        return np.frombuffer((TEXT * (shape[0] // len(TEXT) + 1))[: shape[0]], np.uint8).copy()
    if parameter.dtype[0] in "iu":
        low = 0 if parameter.dtype[0] == "u" else -127
        return random.integers(low, low + 255, shape).astype(NUMPY[parameter.dtype])
    if parameter.name in ("ranks", "mask", "frequencies"):
        return random.integers(0, 2 if parameter.name == "mask" else 9, shape).astype(np.float32)
    values = random.standard_normal(shape).astype(NUMPY[parameter.dtype])
    return np.abs(values) if parameter.name == "lengths" else values


def reference(name: str, values: list[Any]) -> list[Any]:
    """The results of a built-in kernel, run as the plain Python that it is, in double precision."""
    names: dict[str, Any] = {}
    exec(compile(library_text(name), BUILTINS[name], "exec"), names)
    wide = [v.astype(np.float64) if getattr(v, "dtype", None) == np.float32 else v for v in values]
    with np.errstate(over="ignore"):
        found = names[name](*wide)
    return list(found) if isinstance(found, tuple) else [found]


def assert_close(found: Any, wanted: Any, tolerance: float = 2e-5) -> None:
    """Equal to single precision; codes may differ by the one step that rounding a tie decides."""
    assert found.shape == np.shape(wanted)
    slack = 1.0 if found.dtype == np.int8 else 0.0
    np.testing.assert_allclose(
        found.astype(np.float64), np.asarray(wanted).astype(np.float64), rtol=tolerance, atol=tolerance + slack
    )


def parsed(text: str) -> Any:
    """A module of kernel dialects."""
    from xdsl.context import Context
    from xdsl.dialects import arith, builtin, func, linalg, memref, tensor
    from xdsl.parser import Parser

    context = Context()
    for dialect in (builtin.Builtin, arith.Arith, func.Func, linalg.Linalg, memref.MemRef, tensor.Tensor):
        context.load_dialect(dialect)
    return Parser(context, text).parse_module()
