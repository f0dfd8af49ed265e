"""Runs the unchanged CUDA text on the CPU, to check it where there is no GPU."""

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentc.backends.cuda.compiler import INCLUDE
from agentc.plan.kernels import PREFIX, KernelAbi

C_SCALARS = {"f32": ctypes.c_float, "f64": ctypes.c_double, "i32": ctypes.c_int32, "i64": ctypes.c_int64}


def host_compiler() -> str | None:
    """A C++ compiler for the host, or ``None``."""
    return shutil.which("g++") or shutil.which("clang++")


class HostKernel:
    """A kernel's launcher, compiled from its CUDA text with the fibers of ``agentc_host.h`` in place of a GPU."""

    def __init__(self, text: str, abi: KernelAbi, folder: Path) -> None:
        """Compile ``text`` in ``folder``.

        Raises:
            RuntimeError: there is no compiler, or it refuses the text; its words are in the message.
        """
        compiler = host_compiler()
        if compiler is None:
            raise RuntimeError("no C++ compiler is here")
        source, library = folder / f"{abi.name}.cu", folder / f"{abi.name}.so"
        source.write_text(text, encoding="utf-8")
        command = [compiler, "-std=c++17", "-O1", "-shared", "-fPIC", "-DAGENTC_ON_HOST", "-I", str(INCLUDE)]
        # Wall, so that what nvcc would warn of is seen here; the pragmas are nvcc's own.
        command += ["-Wall", "-Wno-unknown-pragmas", "-x", "c++", str(source), "-o", str(library)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        self.abi = abi
        self._call = ctypes.CDLL(str(library))[f"{PREFIX}launch_{abi.name}"]

    def __call__(self, arguments: Sequence[Any], results: Sequence[Any], sizes: Sequence[int]) -> None:
        """Launch on NumPy arrays (contiguous, of the right types) and numbers, and wait.

        Raises:
            RuntimeError: the launcher reports an error.
        """
        passed: list[Any] = []
        for parameter, value in zip((*self.abi.arguments, *self.abi.results), (*arguments, *results), strict=True):
            if parameter.dims is None:
                passed.append(C_SCALARS[parameter.dtype](value))
            else:
                passed.append(ctypes.c_void_p(value.ctypes.data))
        if status := self._call(*passed, *(ctypes.c_int64(s) for s in sizes), None):
            raise RuntimeError(f"the launcher of `{self.abi.name}` gave error {status}")
