"""What sums begin with: running ones of every kind and type, and reductions that start from another number."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernel_sample import parsed

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.cuda.host import HostKernel, host_compiler
from agentc.backends.cuda.source import source
from agentc.backends.onnx.kernels import kernel_model
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.runtime.interpreters import run_kernel
from agentc.runtime.onnx_kernels import run_model

RUNNING = ("np.cumsum", "np.cumprod", "np.maximum.accumulate", "np.minimum.accumulate")
DTYPES = {"i8": "i1", "i32": "i4", "i64": "i8", "u8": "u1", "u32": "u4", "f32": "f4", "f64": "f8"}


def everywhere(module: Any, *values: Any) -> list[Any]:
    """What each road makes of the first result."""
    lowered = [run_kernel(lower_kernel(module, device), *values)[0] for device in ("cpu", "gpu")]
    native = compile_kernel(module, threads=1)(*values)
    graph = run_model(kernel_model(module), list(values))[0]
    return [run_kernel(module, *values)[0], *lowered, native, graph]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", RUNNING)
def test_running_results(kind: str, dtype: str) -> None:
    text = f'import numpy as np\ndef k(x: {dtype}["n", "m"]):\n    return {kind}(x, axis=1)\n'
    x = np.random.default_rng(3).integers(0 if dtype[0] == "u" else -3, 4, (3, 5)).astype(DTYPES[dtype])
    wanted = eval(f"{kind}(x, axis=1)", {"np": np, "x": x})
    for found in everywhere(compile_source(parse(text, "k.py"), "k"), x):
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype.kind == wanted.dtype.kind


STARTED = """
func.func @k(%x: tensor<?xf32>) -> tensor<f32> attributes {agentc.dims = [["n"], []], agentc.names = ["x", "out"]} {
  %first = arith.constant FIRST : f32
  %e = tensor.empty() : tensor<f32>
  %z = linalg.fill ins(%first : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%x : tensor<?xf32>) outs(%z : tensor<f32>) {
  ^bb0(%v: f32, %acc: f32):
    %m = arith.COMBINE %acc, %v : f32
    linalg.yield %m : f32
  } -> tensor<f32>
  func.return %s : tensor<f32>
}
"""


@pytest.mark.parametrize(
    ("combine", "first", "wanted"),
    [("addf", "5.0", 11.0), ("mulf", "2.0", 12.0), ("maximumf", "4.0", 4.0), ("minimumf", "0.5", 0.5)],
)
def test_a_reduction_that_starts_elsewhere(combine: str, first: str, wanted: float) -> None:
    module = parsed(STARTED.replace("FIRST", first).replace("COMBINE", combine))
    for found in everywhere(module, np.array([1.0, 2.0, 3.0], np.float32)):
        assert float(found) == wanted


@pytest.mark.skipif(host_compiler() is None, reason="needs a C++ compiler")
@pytest.mark.parametrize("count", [3, 40_000])
def test_cuda_text_starts_there_too(count: int, tmp_path: Path) -> None:
    """Short ones in one block; of long ones each block has a part, and the start counts once."""
    module = lower_kernel(parsed(STARTED.replace("FIRST", "5.0").replace("COMBINE", "addf")), "cuda")
    result = np.zeros((), np.float32)
    HostKernel(source(module), kernel_abi(module), tmp_path, check=True)(
        [np.ones(count, np.float32)], [result], [count]
    )
    assert float(result) == 5.0 + count
