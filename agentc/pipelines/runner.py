"""Runs the standard pipeline on a module in memory: phase by phase, each held against its rules."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import StringIO

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from agentc.analyses.context import AgentcContext
from agentc.analyses.fleet import fleet
from agentc.analyses.kernels import kernel_functions, kernels
from agentc.dialects.provenance import span
from agentc.pipelines.kernel_code import KernelCode
from agentc.pipelines.legality import check_legality
from agentc.pipelines.phases import PHASES
from agentc.pipelines.standard import Settings, passes
from agentc.support.diagnostics import Diagnostic, Refused

NAMES = tuple(phase.name for phase in PHASES)


@dataclass
class Compilation:
    """A module on its way, and what it was at each phase that is over."""

    module: ModuleOp
    """Changed in place from phase to phase."""
    settings: Settings
    texts: dict[str, str] = field(default_factory=dict[str, str])
    """Phase -> IR, for phases that were asked for."""
    kernels: dict[str, ModuleOp] = field(default_factory=dict[str, ModuleOp])
    """Kernel -> module lowered for a CPU, from phase `kernel` on."""
    gpu_kernels: dict[str, ModuleOp] = field(default_factory=dict[str, ModuleOp])
    """The kernels that some op runs on a GPU that LLVM emits for, lowered for one."""
    cuda_kernels: dict[str, ModuleOp] = field(default_factory=dict[str, ModuleOp])
    """Those that some op runs on a GPU that the CUDA backend emits for, lowered for that."""
    solve_seconds: float | None = None
    """What the solver took."""
    warnings: list[Diagnostic] = field(default_factory=list[Diagnostic])
    code: KernelCode = field(default_factory=KernelCode)
    """What kernels have code for, which placement asks, and what they become."""


def run(
    compilation: Compilation,
    stop_after: str = "artifacts",
    *,
    keep: Callable[[str], bool] = lambda phase: True,
) -> Iterator[str]:
    """Take the module to ``stop_after``, yielding the name of each phase of IR as it is reached.

    The IR of the phases that ``keep`` names is kept as text.

    Raises:
        Refused: a pass refuses the module, or it breaks the rules of a phase (``illegal-op``).
    """
    ctx = context(compilation.code)
    for phase in NAMES[1 : NAMES.index(stop_after) + 1]:
        if phase == "task" and compilation.settings.choose:
            choose(compilation)
        if phase in ("agent", "task", "placed"):
            for step in passes(phase, compilation.settings):
                _apply(step, ctx, compilation.module)
            compilation.solve_seconds = ctx.solve_seconds
            verify(compilation.module)
            check_legality(compilation.module, phase)
            if keep(phase):
                compilation.texts[phase] = text(compilation.module)
            yield phase
        elif phase == "kernel":
            lower_kernels(compilation)
            if keep(phase):
                compilation.texts[phase] = text(
                    ModuleOp([op.clone() for m in compilation.kernels.values() for op in m.ops])
                )
            yield phase


def choose(compilation: Compilation) -> None:
    """Give each call that has alternatives the model that makes the best plan (see ``alternatives``)."""
    from agentc.dialects.llm import ANY_OF

    if any(ANY_OF in op.attributes for op in compilation.module.walk()):
        from agentc.pipelines.alternatives import settle

        settle(compilation)


def verify(module: ModuleOp) -> None:
    """Verify ``module``; a failure names the op's place.

    Raises:
        Refused: ``illegal-op``.
    """
    try:
        module.verify()
    except VerifyException as error:
        raise _illegal(module, error) from error


def _apply(step: ModulePass, ctx: AgentcContext, module: ModuleOp) -> None:
    """What no op can verify alone, such as a call of a model that nobody defined, a pass sees when it looks it up."""
    try:
        step.apply(ctx, module)
    except VerifyException as error:
        raise _illegal(module, error) from error


def _illegal(module: ModuleOp, error: VerifyException) -> Refused:
    message = str(error).splitlines()[0]
    at = next((note for op in module.walk() if op.name in message and (note := span(op))), None)
    return Refused(Diagnostic("illegal-op", message, at))


def lower_kernels(compilation: Compilation) -> None:
    """Lower each kernel that an op calls, in a module of its own, for a processor and for the GPUs that it is put on.

    Raises:
        Refused: ``kernel-unsupported``: it cannot be lowered for a processor.
    """
    if not (uses := kernels(compilation.module)):
        return
    from agentc.backends.coverage import emitter

    functions, devices = kernel_functions(compilation.module), fleet(compilation.module)
    known = {stock.device.name: emitter(stock.device) for stock in devices.stocks} if devices else {}
    for use in uses:
        function, wanted = functions[use.name], {backend.form for name in use.devices if (backend := known.get(name))}
        compilation.kernels[use.name] = compilation.code.lowered(function, "cpu")
        if "gpu" in wanted:
            compilation.gpu_kernels[use.name] = compilation.code.lowered(function, "gpu")
        if "cuda" in wanted:
            compilation.cuda_kernels[use.name] = compilation.code.lowered(function, "cuda")


def context(code: KernelCode | None = None) -> AgentcContext:
    """A context that knows xDSL's dialects and ours, each loaded when it is needed, and what kernels have code for."""
    from xdsl.dialects import get_all_dialects

    from agentc.dialects import DIALECTS
    from agentc.support.registry import loader

    ctx = AgentcContext()
    ctx.coverage = (code or KernelCode()).lacking
    for name, factory in get_all_dialects().items():
        ctx.register_dialect(name, factory)
    for name, place in DIALECTS.items():
        ctx.register_dialect(name, loader(place))
    return ctx


class _Printer(Printer):
    """Writes to a buffer, and texts without special characters as a whole, where xDSL's own goes byte by byte."""

    def __init__(self, out: StringIO) -> None:
        super().__init__(out)
        self._write = out.write

    def print_string(self, text: str, *, indent: int | None = None) -> None:
        if "\n" in text:
            super().print_string(text, indent=indent)
        else:
            self._current_column += len(text)
            self._write(text)

    def print_bytes_literal(self, bytestring: bytes) -> None:
        if _PLAIN.fullmatch(bytestring):
            self.print_string(f'"{bytestring.decode("ascii")}"')
        else:
            super().print_bytes_literal(bytestring)


_PLAIN = re.compile(rb"[ !#-\[\]-~]*")


def text(module: ModuleOp) -> str:
    """The module as text that parses back, with a final newline."""
    out = StringIO()
    _Printer(out).print_op(module)
    return out.getvalue() + "\n"
