"""The road of a tensor kernel, from tensors to loops that a backend emits."""

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.passes import ModulePass

    from agentc.runtime.native import NativeKernel

Device = Literal["cpu", "gpu", "cuda"]
"""``cuda`` is a GPU whose backend selects and sorts by itself."""


CUDA_PIECE = 512
"""Bytes that a thread of a GPU takes an automaton through: many threads matter more than long pieces."""


def kernel_passes(device: Device = "cpu") -> "list[ModulePass]":
    """The passes, in order, each with the reason for its place."""
    from agentc.passes.block_column_sums import BlockColumnSumsPass
    from agentc.passes.bufferize_kernels import BufferizeKernelsPass
    from agentc.passes.cut_automata import CutAutomataPass
    from agentc.passes.cut_kernel_reductions import CutKernelReductionsPass
    from agentc.passes.find_fourier import FindFourierPass
    from agentc.passes.fold_tables import FoldTablesPass
    from agentc.passes.fuse_kernel_gathers import FuseKernelGathersPass
    from agentc.passes.fuse_kernel_loops import FuseKernelLoopsPass
    from agentc.passes.fuse_kernels import FuseKernelsPass
    from agentc.passes.lower_fourier import LowerFourierPass
    from agentc.passes.lower_kernels_to_loops import LowerKernelsToLoopsPass
    from agentc.passes.lower_linalg_ext import LowerLinalgExtPass
    from agentc.passes.merge_kernel_phases import MergeKernelPhasesPass
    from agentc.passes.merge_kernel_twins import MergeKernelTwinsPass
    from agentc.passes.outline_kernel_phases import OutlineKernelPhasesPass
    from agentc.passes.plan_kernel_arena import PlanKernelArenaPass
    from agentc.passes.privatize_kernel_rows import PrivatizeKernelRowsPass
    from agentc.passes.share_kernel_buffers import ShareKernelBuffersPass
    from agentc.passes.shorten_kernel_buffers import ShortenKernelBuffersPass
    from agentc.passes.simplify_kernels import SimplifyKernelsPass
    from agentc.passes.skip_automata import SkipAutomataPass
    from agentc.passes.stream_kernel_rows import StreamKernelRowsPass
    from agentc.passes.tile_kernels import TileKernelsPass
    from agentc.passes.unpack_kernel_codes import UnpackKernelCodesPass
    from agentc.passes.vectorize_kernels import VectorizeKernelsPass

    return [
        *([FindFourierPass()] if device == "cpu" else []),  # while products are as the frontend made them
        *([FoldTablesPass()] if device == "cpu" else []),  # first: what is known is nobody else's work
        SimplifyKernelsPass(),  # constants next, so that sizes are as static as they can be
        # Before fusion, which would give each its own copy of what it reads; sizes are compared by value from here on.
        MergeKernelTwinsPass(),
        FuseKernelsPass(),  # on tensors, where a value has no place yet and fusion needs no alias analysis
        FuseKernelGathersPass(),  # after what has an order of its own: what is read by place
        BufferizeKernelsPass(),  # after fusion: what is fused away needs no memory
        *([LowerFourierPass()] if device == "cpu" else []),
        *([SkipAutomataPass()] if device == "cpu" else []),  # while what reads their states is one op
        *([CutAutomataPass()] if device == "cpu" else []),  # before they are one ordered loop each
        *([CutAutomataPass(CUDA_PIECE, 1)] if device == "cuda" else []),
        *([TileKernelsPass()] if device == "cpu" else []),  # products whole, before they are loops like others
        # Before linalg, so that what both need at the top of a function is made once.
        LowerLinalgExtPass(keep_selections=device == "cuda"),
        LowerKernelsToLoopsPass("auto" if device == "cpu" else "register"),
        FuseKernelLoopsPass(),  # on loops, as a reduction and its consumer share only the outer ones
        *([BlockColumnSumsPass()] if device == "cpu" else []),  # on sums of a kind that have all joined
        *([CutKernelReductionsPass()] if device == "cpu" else []),  # after those by rows, which are cut otherwise
        *([UnpackKernelCodesPass()] if device == "cpu" else []),  # before vectors of rows, which get what is left
        *([VectorizeKernelsPass()] if device == "cpu" else []),  # on loops that are as fused as they get
        *([StreamKernelRowsPass()] if device == "cpu" else []),  # before anything else lives in a result's memory
        ShareKernelBuffersPass(),  # before phases: inside a loop each row has a life of its own
        *([PrivatizeKernelRowsPass()] if device == "cpu" else []),  # after rows share what is left of the memory
        OutlineKernelPhasesPass(),  # late: what is a phase is known when nothing fuses any more
        *([MergeKernelPhasesPass()] if device == "cpu" else []),  # as soon as there are phases: a GPU's are short
        ShortenKernelBuffersPass(),  # last: lives are counted in phases
        *([PlanKernelArenaPass()] if device == "cpu" else []),  # a GPU's stream has a pool of its own
    ]


def lower_kernel(module: "ModuleOp", device: Device = "cpu") -> "ModuleOp":
    """``module``, a kernel on tensors, lowered to loops on memory and cut into phases. The argument is left as it is.

    Raises:
        Refused: ``kernel-unsupported``.
    """
    lowered = lower_in_place(module.clone(), device)
    lowered.verify()
    return lowered


def lower_in_place(module: "ModuleOp", device: Device = "cpu") -> "ModuleOp":
    """As ``lower_kernel``, of a module that nobody needs any more; the result is not verified.

    Raises:
        Refused: ``kernel-unsupported``.
    """
    from xdsl.context import Context
    from xdsl.dialects import arith, func, linalg, math, memref, scf, tensor, vector
    from xdsl.dialects.builtin import Builtin

    from agentc.dialects.linalg_ext import LinalgExt
    from agentc.dialects.vector_ext import VectorExt

    context = Context()
    for dialect in (
        Builtin, arith.Arith, func.Func, linalg.Linalg, math.Math, memref.MemRef, scf.Scf, tensor.Tensor, vector.Vector,
        LinalgExt, VectorExt,
    ):  # fmt: skip
        context.load_dialect(dialect)
    for step in kernel_passes(device):
        step.apply(context, module)
    return module


def compile_kernel(module: "ModuleOp", threads: int | None = None, *, keep: bool = True) -> "NativeKernel":
    """Compile a kernel on tensors for this machine and load it: a callable on NumPy arrays. LLVM verifies what becomes
    of it. Without ``keep`` the module itself is lowered, and is of no use afterwards.

    Raises:
        Refused: ``kernel-unsupported``.
    """
    from agentc.analyses.kernel_abi import kernel_abi
    from agentc.backends.llvm import phases_code
    from agentc.runtime.native import load_object

    lowered = lower_in_place(module.clone() if keep else module)
    return load_object(phases_code(lowered, "host"), kernel_abi(lowered), threads=threads)


def upstream_text(module: "ModuleOp") -> str:
    """A kernel on tensors as MLIR of upstream dialects alone, which other compilers read, IREE for Vulkan and Metal.

    Raises:
        Refused: ``kernel-unsupported`` where it orders, which upstream has no op for.
    """
    from agentc.dialects.linalg_ext import ExtOp
    from agentc.pipelines.runner import text
    from agentc.support.diagnostics import Diagnostic, Refused

    plain = module.clone()
    for op in plain.walk():
        if isinstance(op, ExtOp):
            raise Refused(Diagnostic("kernel-unsupported", f"`{op.name}` has no form in upstream dialects"))
        for name in [name for name in op.attributes if name.startswith("agentc.")]:
            del op.attributes[name]
    return text(plain)
