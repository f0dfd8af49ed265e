"""The small rows of the table kernel x target: what each target makes of a built-in is what NumPy makes of it."""

import pytest

from agentc.frontends.kernels import BUILTINS
from testsuite.backends.survey import ONES, SMALL, TOLERANCE, error, measure

LOOPS = ("cosine_gate", "quantize_int8", "gqa_decode", "sample_top_p", "maximal_marginal_relevance", "mean_pool")


@pytest.mark.parametrize("target", ["interpreter", "onnx"])
@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_a_target_means_what_numpy_means(name: str, target: str) -> None:
    assert measure(name, target, SMALL, 1) <= TOLERANCE


@pytest.mark.parametrize("target", ["loops", "unfused", "llvm"])
@pytest.mark.parametrize("name", LOOPS)
def test_lowering_changes_nothing(name: str, target: str) -> None:
    assert measure(name, target, ONES, 0) <= TOLERANCE
    assert measure(name, target, SMALL, 1) <= TOLERANCE


def test_an_error_is_measured() -> None:
    assert error([[1.0, 2.0]], [[1.0, 2.0]]) == 0.0
    assert error([[float("inf"), float("nan")]], [[float("inf"), float("nan")]]) == 0.0
    assert error([[float("nan")]], [[1.0]]) == float("inf")
    assert error([[1.0]], [[1.0, 2.0]]) == float("inf")
    assert error([[3.0]], [[1.0]]) == 1.0
