"""Runs the standard pipeline on a module in memory: phase by phase, each held against its rules."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import StringIO

from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from agentc.analyses.context import AgentcContext
from agentc.analyses.kernels import kernel_functions, kernels
from agentc.dialects.provenance import span
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
    """Kernel -> lowered module, from phase `kernel` on."""


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
    ctx = context()
    for phase in NAMES[1 : NAMES.index(stop_after) + 1]:
        if phase in ("agent", "task", "placed"):
            for step in passes(phase, compilation.settings):
                step.apply(ctx, compilation.module)
            verify(compilation.module)
            check_legality(compilation.module, phase)
            if keep(phase):
                compilation.texts[phase] = text(compilation.module)
            yield phase
        elif phase == "kernel":
            compilation.kernels = lower_kernels(compilation.module)
            if keep(phase):
                compilation.texts[phase] = text(
                    ModuleOp([op.clone() for m in compilation.kernels.values() for op in m.ops])
                )
            yield phase


def verify(module: ModuleOp) -> None:
    """Verify ``module``; a failure names the op's place.

    Raises:
        Refused: ``illegal-op``.
    """
    try:
        module.verify()
    except VerifyException as error:
        at = next((note for op in module.walk() if op.name in str(error) and (note := span(op))), None)
        raise Refused(Diagnostic("illegal-op", str(error).splitlines()[0], at)) from error


def lower_kernels(module: ModuleOp) -> dict[str, ModuleOp]:
    """Each kernel that an op of ``module`` calls, lowered in a module of its own."""
    from agentc.pipelines.kernels import lower_kernel

    functions = kernel_functions(module)
    return {use.name: lower_kernel(ModuleOp([functions[use.name].clone()])) for use in kernels(module)}


def context() -> AgentcContext:
    """A context that knows xDSL's dialects and ours, each loaded when it is needed."""
    from xdsl.dialects import get_all_dialects

    from agentc.dialects import DIALECTS
    from agentc.support.registry import loader

    ctx = AgentcContext()
    for name, factory in get_all_dialects().items():
        ctx.register_dialect(name, factory)
    for name, place in DIALECTS.items():
        ctx.register_dialect(name, loader(place))
    return ctx


def text(module: ModuleOp) -> str:
    """The module as text that parses back, with a final newline."""
    out = StringIO()
    Printer(out).print_op(module)
    return out.getvalue() + "\n"
