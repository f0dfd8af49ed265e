"""The work of a kernel against a count by hand."""

import pytest
from xdsl.dialects.func import FuncOp

from agentc.frontends import kernels
from agentc.frontends.yaml.kernel_work import kernel_work, size_places


def function(name: str) -> FuncOp:
    return next(op for op in kernels.builtin(name).ops if isinstance(op, FuncOp))


def test_cosine_scores() -> None:
    n, d = 7.0, 5.0
    work = kernel_work(function("cosine_scores"))
    env = {"n": n, "d": d, "batch": 2.0}
    # docs * docs, their sum; query * query, its sum; product, root; docs @ query; maximum, division.
    by_hand = n * d + n * d + d + d + n + n + 2 * n * d + n + n
    assert work.flops["fp32"].evaluate(env) == pytest.approx(2 * by_hand)
    assert work.bytes_read.evaluate(env) == 2 * 4 * (d + n * d)
    assert work.bytes_written.evaluate(env) == 2 * 4 * n


@pytest.mark.parametrize("name", list(kernels.BUILTINS))
def test_every_builtin_has_work_over_its_own_sizes(name: str) -> None:
    kernel = function(name)
    work = kernel_work(kernel)
    places = size_places(kernel)
    assert work.flops["fp32"].symbols <= {*places, "batch"}
    assert work.flops["fp32"].evaluate({**dict.fromkeys(places, 3.0), "batch": 1.0}) > 0
    assert work.bytes_read.evaluate({**dict.fromkeys(places, 3.0), "batch": 1.0}) > 0
