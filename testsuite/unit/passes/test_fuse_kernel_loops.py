"""What fused loops use is what both used, and no body is left in which a load could be forwarded."""

from collections.abc import Iterator, Sequence

import pytest
from xdsl.context import Context
from xdsl.dialects import func, memref, scf
from xdsl.dialects.builtin import ModuleOp, f32
from xdsl.ir import Block, Operation, Region, SSAValue

from agentc.analyses.kernel_ops import (
    INDEX,
    alloc,
    dealloc,
    every,
    index_constant,
    load,
    memory_type,
    parallel,
    reductions,
    store,
)
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


def nest(outer: Sequence[SSAValue], bounds: Sequence[SSAValue], source: SSAValue, target: SSAValue) -> Operation:
    """Loops inside of each other, down to the third axis, that copy ``source``."""
    block = Block(arg_types=[INDEX])
    place = [*outer, block.args[0]]
    if len(place) < 3:
        inner = [nest(place, bounds, source, target)]
    else:
        loaded = load(source, place)
        inner = [loaded, store(loaded.res, target, place)]
    block.add_ops([*inner, reductions((), ())])
    return parallel(bounds[0], bounds[1], bounds[2], Region(block))


def test_what_the_innermost_loops_exchange_is_forwarded() -> None:
    """It is in one body only when loops of all three levels have been fused."""
    type_ = memory_type(f32, (4, 4, 4))
    block = Block(arg_types=[type_, type_])
    numbers = [index_constant(n) for n in (0, 4, 1)]
    bounds, made = [n.result for n in numbers], alloc(type_, [])
    between = made.memref
    loops = [nest([], bounds, block.args[0], between), nest([], bounds, between, block.args[1])]
    block.add_ops([*numbers, made, *loops, dealloc(between), func.ReturnOp()])
    module = ModuleOp([func.FuncOp("k", ([type_, type_], []), Region(block))])
    FuseKernelLoopsPass().apply(Context(), module)
    module.verify()
    ops = every(module)
    assert sum(isinstance(op, scf.ParallelOp) for op in ops) == 3
    assert sum(isinstance(op, memref.LoadOp | memref.StoreOp) for op in ops) == 2
    assert not any(isinstance(op, memref.AllocOp) for op in ops)
