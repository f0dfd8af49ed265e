"""Arguments for the built-in kernels, and what plain NumPy makes of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from agentc.frontends.kernels import BUILTINS, library_text
from agentc.plan.kernels import KernelAbi

SIZES: Mapping[str, int] = {"n": 37, "d": 20, "k": 11, "m": 13, "t": 23, "lists": 5}


def arguments(abi: KernelAbi, sizes: Mapping[str, int] = SIZES, seed: int = 0) -> list[Any]:
    """Arrays that suit the kernel ``abi``."""
    random = np.random.default_rng(seed)
    values: list[Any] = []
    for parameter in abi.arguments:
        if parameter.dims is None:
            values.append(np.float32(0.5))
            continue
        shape = [d if isinstance(d, int) else sizes[d] for d in parameter.dims]
        if parameter.dtype == "i8":
            values.append(random.integers(-127, 128, shape).astype(np.int8))
        elif parameter.name in ("ranks", "mask"):
            values.append(random.integers(0, 9 if parameter.name == "ranks" else 2, shape).astype(np.float32))
        else:
            values.append(random.standard_normal(shape).astype(np.float32))
    return values


def reference(name: str, values: list[Any]) -> list[Any]:
    """The results of a built-in kernel, run as the plain Python that it is, in double precision."""
    names: dict[str, Any] = {}
    exec(compile(library_text(name), BUILTINS[name], "exec"), names)
    wide = [v.astype(np.float64) if getattr(v, "dtype", None) == np.float32 else v for v in values]
    found = names[name](*wide)
    return list(found) if isinstance(found, tuple) else [found]


def assert_close(found: Any, wanted: Any, tolerance: float = 2e-5) -> None:
    """Equal to single precision; integers may differ by the one step that rounding a tie decides."""
    assert found.shape == np.shape(wanted)
    slack = 1.0 if found.dtype == np.int8 else 0.0
    np.testing.assert_allclose(found.astype(np.float64), wanted, rtol=tolerance, atol=tolerance + slack)
