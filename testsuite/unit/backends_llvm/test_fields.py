"""Fields of words as numbers, masked and looked up, for every place and width that there is."""

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf, vector
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.parser import Parser

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.llvm.functions import Traits
from agentc.backends.llvm.targets import find, optimized
from agentc.backends.llvm.translate import translate
from agentc.dialects.vector_ext import MOST_ADDED, VectorExt
from agentc.passes.outline_kernel_phases import OutlineKernelPhasesPass
from agentc.runtime.interpreters import run_kernel
from agentc.runtime.native import load_module


def kernel(bits: int, plus: int) -> ModuleOp:
    """Every field of ``bits`` bits of 16 words, a row of the result for each."""
    rows = "\n".join(
        f"""
        %r{at} = arith.constant {at} : index
        %f{at} = vector_ext.field %words at {at} bits {bits} plus {plus} : vector<16xi32> to vector<16xf32>
        vector.store %f{at}, %out[%i, %r{at}, %c0] : memref<?x32x16xf32>, vector<16xf32>"""
        for at in range(33 - bits)
    )
    text = f"""
func.func @k(%x: memref<?x4x16xi8>, %out: memref<?x32x16xf32>) attributes {{agentc.dims = [["n", 4 : i64, 16 : i64],
    ["n", 32 : i64, 16 : i64]], agentc.names = ["x", "out"], agentc.outputs = 1 : i64}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?x4x16xi8>
  "scf.parallel"(%c0, %n, %c1) <{{operandSegmentSizes = array<i32: 1, 1, 1, 0>}}> ({{
  ^bb0(%i: index):
    %bytes = vector.load %x[%i, %c0, %c0] : memref<?x4x16xi8>, vector<4x16xi8>
    %words = vector_ext.words %bytes : vector<4x16xi8> to vector<16xi32>
    {rows}
    scf.reduce
  }}) : (index, index, index) -> ()
  func.return
}}
"""
    context = Context()
    for dialect in (Builtin, arith.Arith, func.Func, memref.MemRef, scf.Scf, vector.Vector, VectorExt):
        context.load_dialect(dialect)
    module = Parser(context, text).parse_module()
    OutlineKernelPhasesPass().apply(context, module)
    module.verify()
    return module


@pytest.mark.parametrize("scales", [False, True])
@pytest.mark.parametrize(("bits", "plus"), [(1, 0), (2, -1), (3, MOST_ADDED), (4, -8), (4, -MOST_ADDED)])
def test_every_field_is_exact(bits: int, plus: int, scales: bool) -> None:
    if scales and "+avx512f" not in find("host").features:
        pytest.skip("this processor has no AVX-512")
    module = kernel(bits, plus)
    bytes_ = np.random.default_rng(bits).integers(0, 256, (9, 4, 16)).astype(np.int8)
    bytes_[0], bytes_[1] = 0, -1
    words = bytes_.reshape(9, 64).view("<u4").astype("i8")
    code = optimized(str(translate(module, Traits(scales))), find("host"))
    found = load_module(code, kernel_abi(module), threads=1)(bytes_)
    [meant] = run_kernel(module, bytes_)
    for at in range(33 - bits):
        wanted = (((words >> at) & ((1 << bits) - 1)) + plus).astype("f4")
        np.testing.assert_array_equal(found[:, at], wanted, err_msg=f"bit {at}")
        np.testing.assert_array_equal(meant[:, at], wanted, err_msg=f"bit {at}")
