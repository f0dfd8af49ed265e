"""Object files of kernels, put into this process's memory."""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import itertools
from collections.abc import Sequence
from functools import cache
from typing import Any

from agentc.support.record import record


@record
class Linked:
    """An object file in memory, as long as this lives."""

    tracker: Any

    def get_function_address(self, symbol: str) -> int:
        """Where a function begins."""
        return self.tracker[symbol]


def link(code: bytes, name: str, symbols: Sequence[str]) -> Linked:
    """The object file ``code`` with addresses for ``symbols``.

    Raises:
        RuntimeError: it is damaged, or a symbol is not in it.
    """
    from llvmlite import binding

    library = binding.JITLibraryBuilder().add_object_img(code).add_current_process()
    for symbol in symbols:
        library.export_symbol(symbol)
    return Linked(library.link(_linker(), f"{name} {next(LINKED)}"))


LINKED = itertools.count()
"""Names of what was linked are not used again."""


def host_machine() -> Any:
    """LLVM's code generator for this machine."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten(), opt=2
    )


@cache
def _linker() -> Any:
    """LLVM's linker. It gives each object file one piece of memory: code names its tables by distances of 32 bits, and
    where the address space has holes LLVM's older loader puts them further apart than that."""
    from llvmlite import binding

    return binding.create_lljit_compiler(host_machine(), use_jit_link=True)
