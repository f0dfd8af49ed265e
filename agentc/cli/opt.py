"""``agentc-opt``: xdsl-opt with agentc's dialects and passes, and refusals in place of tracebacks."""

import sys
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import ArgSpecParseError, DiagnosticException, ParseError
from xdsl.xdsl_opt_main import xDSLOptMain

from agentc import __version__
from agentc.analyses.context import AgentcContext
from agentc.pipelines.kernel_code import KernelCode
from agentc.support.diagnostics import Refused
from agentc.universe import AGENTC_UNIVERSE

_REFUSALS = (ParseError, DiagnosticException, ArgSpecParseError)


class AgentcOptMain(xDSLOptMain):
    """The driver; agentc's universe is there even where the package's entry points are not installed."""

    version_format: ClassVar[str] = f"agentc-opt {__version__} built from xdsl version {{xdsl_version}}"

    def register_all_dialects(self) -> None:
        """xDSL's dialects and ours, in a context that knows what kernels have code for."""
        self.ctx = AgentcContext()
        self.ctx.coverage = KernelCode().lacking
        super().register_all_dialects()
        for name, factory in AGENTC_UNIVERSE.all_dialects.items():
            if name not in self.ctx.registered_dialect_names:
                self.ctx.register_dialect(name, factory)

    def register_all_passes(self) -> None:
        """xDSL's passes and ours."""
        super().register_all_passes()
        for name, factory in AGENTC_UNIVERSE.all_passes.items():
            self.available_passes.setdefault(name, factory)

    def output_resulting_program(self, prog: ModuleOp) -> str:
        """The program with one final newline, so that the IR of a build comes back byte by byte."""
        return super().output_resulting_program(prog).rstrip("\n") + "\n"


def main(args: Sequence[str] | None = None) -> int:
    """Run the driver with ``args`` (default: the process's own) and give the exit status."""
    try:
        AgentcOptMain("agentc's modular optimizer driver", args).run()
    except (*_REFUSALS, Refused, OSError, ValueError) as problem:
        print(problem, file=sys.stderr)
        for note in getattr(problem, "__notes__", ()):
            print(note, file=sys.stderr)
        return 1
    return 0
