"""Kernels made at random: fused, bufferized and compiled code gives what NumPy gives for the same text."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.linalg.ops import GenericOp

from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, kernel_passes, lower_kernel

UNARY = ("np.tanh({})", "np.abs({})", "-{}", "np.sqrt(np.abs({}) + 1.0)", "np.exp(-np.abs({}))", "{} ** 2")
BINARY = ("({} + {})", "({} - {})", "({} * {})", "np.maximum({}, {})", "np.where({0} > {1}, {0}, {1})")
REDUCING = (
    "np.sum({}, axis={}, keepdims=True) / 8.0",
    "np.max({}, axis={}, keepdims=True)",
    "np.mean({}, axis={}, keepdims=True)",
)


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Some lines, each of an operation on earlier values, all of shape [n, d] after broadcasting with ``x``."""
    lines: list[str] = []
    names = ["x", "v", "w[:, None]"]
    for i in range(draw(st.integers(1, 7))):
        kind = draw(st.integers(0, 2))
        if kind == 0:
            text = draw(st.sampled_from(UNARY)).format(draw(st.sampled_from(names)))
        elif kind == 1:
            text = draw(st.sampled_from(BINARY)).format(draw(st.sampled_from(names)), draw(st.sampled_from(names)))
        else:
            whole = f"(x * 0.5 + {draw(st.sampled_from(names))})"
            text = draw(st.sampled_from(REDUCING)).format(whole, draw(st.integers(0, 1)))
        lines.append(f"    t{i} = {text}")
        names.append(f"t{i}")
    second = draw(st.sampled_from(names))
    body = "\n".join(lines)
    return (
        'import numpy as np\ndef k(x: f32["n", "d"], v: f32["d"], w: f32["n"]):\n'
        f"{body}\n    return x + {names[-1]}, np.sum(x * {second}, axis=1)\n"
    )


@settings(max_examples=25, deadline=None)
@given(programs(), st.integers(1, 9), st.integers(1, 19))
def test_compiled_equals_numpy(text: str, n: int, d: int) -> None:
    names: dict[str, Any] = {}
    exec(text.replace('f32["n", "d"]', "0").replace('f32["d"]', "0").replace('f32["n"]', "0"), names)
    random = np.random.default_rng(n * 32 + d)
    values = [random.uniform(-1, 1, shape).astype(np.float32) for shape in ((n, d), (d,), (n,))]
    wanted = names["k"](*(v.astype(np.float64) for v in values))
    found = compile_kernel(compile_source(parse(text, "k.py"), "k"))(*values)
    for result, value in zip(found, wanted, strict=True):
        np.testing.assert_allclose(result, value, rtol=2e-4, atol=2e-4 * (1 + np.max(np.abs(value))))


@settings(max_examples=10, deadline=None)
@given(programs())
def test_every_step_verifies_and_fusion_never_adds(text: str) -> None:
    from xdsl.context import Context

    module = compile_source(parse(text, "k.py"), "k")
    unfused = sum(isinstance(op, GenericOp) for op in module.walk())
    for step in kernel_passes():
        step.apply(Context(), module)
        module.verify()
        if step.name == "fuse-kernels":
            assert sum(isinstance(op, GenericOp) for op in module.walk()) <= unfused
    assert str(module) == str(lower_kernel(compile_source(parse(text, "k.py"), "k")))
