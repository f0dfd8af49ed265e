"""Tables that are computed while compiling: as the kernel would, by the interpreter of its tensor code."""

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp
from xdsl.dialects.linalg.ops import GenericOp

from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.passes.fold_tables import FoldTablesPass
from agentc.pipelines.kernels import compile_kernel
from agentc.runtime.interpreters import run_kernel

EXPRESSIONS = {
    "waves": "np.cos(np.arange(16).astype(f64) * 0.3).astype(f32)",
    "chosen": "np.where((np.arange(16) & 3) == 1, np.exp(np.arange(16).astype(f32)), -np.inf)",
    "remainders": "((np.arange(16) * 7 + 3) % 5).astype(f32)",
    "quotients": "((np.arange(16) - 8) // 3).astype(f32)",
    "roots": "np.sqrt(np.maximum(np.arange(16).astype(f32) - 3.0, 0.0))",
    "limits": "np.log(np.arange(16).astype(f32))",
    "mirrored": "np.floor(np.abs(np.arange(16).astype(f32) - 7.5) * 1.7)[::-1]",
}


def kernel(expression: str) -> ModuleOp:
    text = (
        f"import numpy as np\nfrom agentc import f32, f64\ndef f(x: f32[16]) -> f32[16]:\n    return x + {expression}\n"
    )
    return compile_source(parse(text, "k.py"), "f")


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_as_computed_at_each_call(name: str) -> None:
    module, x = kernel(EXPRESSIONS[name]), np.linspace(-1, 1, 16, dtype=np.float32)
    [wanted] = run_kernel(module, x)
    folded = module.clone()
    FoldTablesPass().apply(Context(), folded)
    folded.verify()
    dense = [
        op
        for op in folded.walk()
        if isinstance(op, arith.ConstantOp) and isinstance(op.value, DenseIntOrFPElementsAttr)
    ]
    assert len(dense) == 1 and sum(isinstance(op, GenericOp) for op in folded.walk()) == 1
    np.testing.assert_array_equal(run_kernel(folded, x)[0], wanted)
    np.testing.assert_allclose(compile_kernel(module)(x), wanted, rtol=1e-6)


def test_what_depends_on_an_argument_stays() -> None:
    module = kernel("np.cos(x)")
    FoldTablesPass().apply(Context(), module)
    assert not any(isinstance(getattr(op, "value", None), DenseIntOrFPElementsAttr) for op in module.walk())
