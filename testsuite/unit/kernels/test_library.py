"""Every built-in kernel, compiled, gives what its own text gives as plain NumPy."""

import numpy as np
import pytest
from kernel_sample import arguments, assert_close, reference

from agentc.frontends.kernels import BUILTINS, builtin
from agentc.pipelines.kernels import compile_kernel
from agentc.support.diagnostics import Refused


@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_native_code_matches_numpy(name: str) -> None:
    kernel = compile_kernel(builtin(name))
    values = arguments(kernel.abi)
    found = kernel(*values)
    for result, wanted in zip(found if isinstance(found, tuple) else (found,), reference(name, values), strict=True):
        assert_close(result, wanted)


def test_quantization_is_undone_within_half_a_step() -> None:
    rows = np.random.default_rng(1).standard_normal((9, 33)).astype(np.float32)
    codes, scale = compile_kernel(builtin("quantize_int8"))(rows)
    again = compile_kernel(builtin("dequantize_int8"))(codes, scale)
    assert np.all(np.abs(again - rows) <= scale[:, None] * 0.5001)


def test_rows_of_zeros_have_no_direction() -> None:
    zeros = np.zeros((3, 4), np.float32)
    assert np.all(compile_kernel(builtin("l2_normalize"))(zeros) == 0)
    assert np.all(compile_kernel(builtin("cosine_scores"))(np.ones(4, np.float32), zeros) == 0)


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(Refused) as refused:
        builtin("softmx")
    [problem] = refused.value.diagnostics
    assert problem.slug == "kernel-not-found"
    assert problem.help == "did you mean `softmax`?"
