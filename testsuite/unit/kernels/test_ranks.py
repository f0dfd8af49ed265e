"""NumPy's functions in kernels on arrays with any number of axes, whose lengths are known or named."""

from typing import Any

import numpy as np
import pytest

from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel
from agentc.support.diagnostics import Refused

SHAPES = ((), (5,), (1,), (3, 5), (2, 3, 5), (2, 1, 3, 5))
BODIES = """
np.sort(x)
np.argsort(x, axis=0)
np.cumsum(x, axis=-1)
np.maximum.accumulate(x, axis=-1)
np.argmax(x, axis=-1)
np.sum(x)
np.std(x, axis=-1)
np.median(x, axis=-1)
np.quantile(x, 0.3, axis=-1)
np.flip(x)
np.roll(x, 1, axis=0)
np.pad(x, 1)
np.repeat(x, 2, axis=-1)
np.diff(x, axis=-1)
x.T
x.reshape(-1)
x[..., ::-1]
x[0]
np.linalg.norm(x, axis=-1)
np.stack([x, x * 2.0])
np.concatenate([x, x], axis=0)
np.tril(x, 1)
np.outer(x, x)
np.inner(x, x)
np.dot(x, x.T)
np.ptp(x, axis=-1)
np.any(x > 1, axis=0)
np.take_along_axis(x, np.argsort(x, axis=-1), axis=-1)
np.exp(x - np.max(x, axis=0)) / np.sum(np.exp(x), axis=0)
""".strip().splitlines()


def wanted(body: str, x: Any) -> Any:
    """What NumPy gives, or ``None`` where it refuses."""
    try:
        with np.errstate(all="ignore"):
            return np.asarray(eval(body, {"np": np, "x": x}))
    except (ValueError, IndexError, TypeError):
        return None


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("body", BODIES)
def test_any_number_of_axes(body: str, known: bool) -> None:
    computed = 0
    for shape in SHAPES if known else [s for s in SHAPES if len(s) in (1, 3)]:
        x = np.random.default_rng(0).standard_normal(shape).astype("f4")
        dims = ", ".join(str(size) if known else f'"{name}"' for name, size in zip("abcd", shape, strict=False))
        text = f"import numpy as np\nfrom agentc import f32\ndef f(x: f32{f'[{dims}]' if dims else ''}):\n    return {body}\n"
        numpys = wanted(body, x)
        try:
            found = compile_kernel(compile_source(parse(text, "k.py"), "f"), threads=1)(x if dims else x[()])
        except Refused:
            continue
        assert numpys is not None, shape
        assert np.shape(found) == numpys.shape
        np.testing.assert_allclose(np.asarray(found, "f8"), numpys.astype("f8"), rtol=2e-5, atol=2e-6)
        computed += 1
    assert computed


def test_the_middle_of_infinities() -> None:
    text = 'import numpy as np\ndef f(x: f32["n", "d"]):\n    return np.median(x, axis=1)\n'
    ends = [-np.inf, 1.0, 2.0, np.inf, np.nan]
    x = np.array([[a, b] for a in ends for b in ends], "f4")
    found = compile_kernel(compile_source(parse(text, "k.py"), "f"), threads=1)(x)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(found, np.median(x, axis=1))
