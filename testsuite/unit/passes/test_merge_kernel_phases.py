"""Trips of a loop of the source are compiled once, and the answer is the one of as many functions."""

import numpy as np

from agentc.analyses.kernel_abi import kernel_abi
from agentc.frontends.kernels import builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import compile_kernel, lower_kernel

TRIPS = """
import agentc, numpy as np

@agentc.kernel
def powers(x: f32["n", "n"]) -> f32["n"]:
    y = np.sum(x, axis=1)
    for trip in range(4):
        y = np.sum(x * np.exp(y), axis=1)
    return y
"""


def test_trips_share_a_function() -> None:
    symbols = [phase.symbol for phase in kernel_abi(lower_kernel(builtin("maximal_marginal_relevance"))).phases]
    assert len(symbols) == 16 and len(set(symbols)) == 6


def test_shared_functions_work_on_their_own_memory() -> None:
    x = np.random.default_rng(0).random((9, 9)).astype(np.float32) * 0.1
    module = compile_source(parse(TRIPS, "trips.py"), "powers")
    symbols = [phase.symbol for phase in kernel_abi(lower_kernel(module)).phases]
    assert len(set(symbols)) < len(symbols)
    wanted = x.sum(1)
    for _ in range(4):
        wanted = (x * np.exp(wanted)).sum(1)
    assert np.allclose(compile_kernel(module)(x), wanted, rtol=1e-5)
