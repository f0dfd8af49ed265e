"""Blocks that loops read several vectors of: their place is carried, and what is read stays the same."""

import re

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf, vector
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.parser import Parser

from agentc.analyses.kernel_abi import kernel_abi
from agentc.analyses.kernel_dims import value_dims
from agentc.analyses.read_blocks import block_of, blocks_read
from agentc.backends.llvm.targets import find, optimized
from agentc.backends.llvm.translate import translate
from agentc.passes.outline_kernel_phases import OutlineKernelPhasesPass
from agentc.runtime.interpreters import run_kernel
from agentc.runtime.native import load_module

LOAD = """
      %n{i} = arith.constant {i} : index
      %v{i} = vector.load %x[{place}, %n{i}, %c4] : memref<?x?x6x8xf32>, vector<4xf32>
      %s{next} = arith.addf %s{i}, %v{i} : vector<4xf32>"""


def kernel(place: str = "%i, %j", count: int = 6, low: str = "%c0", step: str = "%c1") -> ModuleOp:
    """Sums over the last four columns of all rows of blocks of 6 x 8, of which ``count`` are read."""
    loads = "".join(LOAD.format(i=i, place=place, next=i + 1) for i in range(count))
    text = f"""
func.func @k(%x: memref<?x?x6x8xf32>, %out: memref<?x4xf32>) attributes {{agentc.dims = [["n", "m", 6 : i64, 8 : i64],
    ["n", 4 : i64]], agentc.names = ["x", "out"], agentc.outputs = 1 : i64}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %n = memref.dim %x, %c0 : memref<?x?x6x8xf32>
  %m = memref.dim %x, %c1 : memref<?x?x6x8xf32>
  "scf.parallel"(%c0, %n, %c1) <{{operandSegmentSizes = array<i32: 1, 1, 1, 0>}}> ({{
  ^bb0(%i: index):
    %zero = arith.constant dense<0.0> : vector<4xf32>
    %all = scf.for %j = {low} to %m step {step} iter_args(%s0 = %zero) -> (vector<4xf32>) {{
      {loads}
      scf.yield %s{count} : vector<4xf32>
    }}
    vector.store %all, %out[%i, %c0] : memref<?x4xf32>, vector<4xf32>
    scf.reduce
  }}) : (index, index, index) -> ()
  func.return
}}
"""
    context = Context()
    for dialect in (Builtin, arith.Arith, func.Func, memref.MemRef, scf.Scf, vector.Vector):
        context.load_dialect(dialect)
    module = Parser(context, text).parse_module()
    module.verify()
    return module


def phases(module: ModuleOp) -> ModuleOp:
    OutlineKernelPhasesPass().apply(Context(), module)
    return module


@pytest.mark.parametrize(("low", "step"), [("%c0", "%c1"), ("%c2", "%c1"), ("%c1", "%c2")])
@pytest.mark.parametrize("count", [3, 6])
def test_vectors_of_blocks_are_those_at_their_indices(count: int, low: str, step: str) -> None:
    module = phases(kernel(count=count, low=low, step=step))
    text = str(translate(module))
    assert len(re.findall(r"= phi +ptr", text)) == (1 if count == 6 else 0)
    x = np.random.default_rng(1).standard_normal((3, 7, 6, 8), np.float32)
    first, by = int(low[-1]), int(step[-1])
    wanted = x[:, first::by, :count, 4:].astype("f8").sum(axis=(1, 2))
    found = load_module(optimized(text, find("host")), kernel_abi(module), threads=1)(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(run_kernel(module, x)[0], wanted, rtol=1e-5, atol=1e-5)
    assert (
        load_module(optimized(text, find("host")), kernel_abi(module), threads=1)(x[:, :0]).tolist() == [[0.0] * 4] * 3
    )


@pytest.mark.parametrize(
    ("place", "carried"), [("%i, %j", True), ("%j, %i", False), ("%i, %i", False), ("%j, %j", True)]
)
def test_a_block_is_what_the_loop_steps_over(place: str, carried: bool) -> None:
    [function] = [op for op in kernel(place).walk() if isinstance(op, func.FuncOp)]
    dims = value_dims(function)
    [loop] = [op for op in function.walk() if isinstance(op, scf.ForOp)]
    known = {*function.body.block.args, *(op.results[0] for op in function.body.block.ops if op.results)}
    [row] = [op.body.block.args[0] for op in function.walk() if isinstance(op, scf.ParallelOp)]
    blocks = blocks_read(loop, known | {row}, dims)
    assert [block.size for block in blocks] == ([48] if carried and place != "%j, %j" else [])
    assert not blocks_read(loop, known, dims)  # not before what it is of
    places = [block_of(op, dims) for op in loop.walk() if isinstance(op, vector.LoadOp)]
    assert [shift for _, shift in filter(None, places)] == [8 * i + 4 for i in range(6)]
