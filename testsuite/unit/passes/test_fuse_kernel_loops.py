"""What fused loops use is what both used, and no body is left in which a load could be forwarded."""

from collections.abc import Iterator

import pytest
from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.ir import Block
from xdsl.parser import Parser

from agentc.analyses.kernel_ops import every
from agentc.frontends.kernels import builtin
from agentc.passes import fuse_kernel_loops
from agentc.passes.fuse_kernel_loops import Accesses, FuseKernelLoopsPass, forward
from agentc.pipelines.kernels import kernel_passes

FUSED = ("sample_top_p", "maximal_marginal_relevance", "softmax_rows", "bm25")
NAMES = (*FUSED, "mask_pii", "log_mel_spectrogram", "l2_normalize", "quantize_int8")


def before(name: str) -> ModuleOp:
    """A kernel as the pass gets it."""
    module, context = builtin(name), Context()
    for step in kernel_passes():
        if isinstance(step, FuseKernelLoopsPass):
            return module
        step.apply(context, module)
    raise AssertionError("no such pass")


def bodies(module: ModuleOp) -> Iterator[Block]:
    """The bodies of the loops at the top of kernels."""
    for op in every(module):
        if isinstance(op, scf.ParallelOp | scf.ForOp) and isinstance(op.parent_op(), func.FuncOp):
            yield op.body.block


def plain(found: Accesses) -> object:
    """``found``, whatever the order."""
    reads, writes = ({memory: set(places) for memory, places in each.items()} for each in (found.reads, found.writes))
    return reads, writes, found.whole, found.used


@pytest.mark.parametrize("name", FUSED)
def test_what_is_joined_is_what_the_fused_loop_uses(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, checked = before(name), 0
    fuse = fuse_kernel_loops.try_fuse

    def checking(
        first: fuse_kernel_loops.Loop,
        second: fuse_kernel_loops.Loop,
        outermost: bool,
        footprints: fuse_kernel_loops.Footprints,
    ) -> fuse_kernel_loops.Fusion:
        nonlocal checked
        result = fuse(first, second, outermost, footprints)
        if result == "fused":
            for op, known in footprints.accesses.items():
                assert plain(known) == plain(Accesses.of(op))
                checked += 1
        return result

    monkeypatch.setattr(fuse_kernel_loops, "try_fuse", checking)
    FuseKernelLoopsPass().apply(Context(), module)
    assert checked


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_to_be_forwarded(name: str) -> None:
    module = before(name)
    FuseKernelLoopsPass().apply(Context(), module)
    text = str(module)
    for body in list(bodies(module)):
        forward(body, {})
    assert str(module) == text


NEST = """
func.func @k(%x: memref<4x4x4xf32>, %out: memref<4x4x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %t = memref.alloc() : memref<4x4x4xf32>
  scf.parallel (%i) = (%c0) to (%c4) step (%c1) {
    scf.parallel (%j) = (%c0) to (%c4) step (%c1) {
      scf.parallel (%k) = (%c0) to (%c4) step (%c1) {
        %v = memref.load %x[%i, %j, %k] : memref<4x4x4xf32>
        memref.store %v, %t[%i, %j, %k] : memref<4x4x4xf32>
        scf.reduce
      }
      scf.reduce
    }
    scf.parallel (%j) = (%c0) to (%c4) step (%c1) {
      scf.parallel (%k) = (%c0) to (%c4) step (%c1) {
        %v = memref.load %t[%i, %j, %k] : memref<4x4x4xf32>
        memref.store %v, %out[%i, %j, %k] : memref<4x4x4xf32>
        scf.reduce
      }
      scf.reduce
    }
    scf.reduce
  }
  memref.dealloc %t : memref<4x4x4xf32>
  func.return
}
"""


def test_what_the_innermost_loops_exchange_is_forwarded() -> None:
    """It is in one body only when loops of all three levels have been fused."""
    context = Context()
    for dialect in (Builtin, arith.Arith, func.Func, memref.MemRef, scf.Scf):
        context.load_dialect(dialect)
    module = Parser(context, NEST).parse_module()
    FuseKernelLoopsPass().apply(context, module)
    module.verify()
    ops = every(module)
    assert sum(isinstance(op, scf.ParallelOp) for op in ops) == 3
    assert sum(isinstance(op, memref.LoadOp | memref.StoreOp) for op in ops) == 2
    assert not any(isinstance(op, memref.AllocOp) for op in ops)
