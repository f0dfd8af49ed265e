"""Runs the unchanged CUDA text on the CPU, to check it where there is no GPU."""

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentc.backends.cuda.compiler import INCLUDE
from agentc.plan.kernels import PREFIX, KernelAbi

C_SCALARS: dict[str, Any] = {
    "f32": ctypes.c_float,
    "f64": ctypes.c_double,
    "i1": ctypes.c_bool,
    "i8": ctypes.c_int8,
    "i32": ctypes.c_int32,
    "i64": ctypes.c_int64,
    "u8": ctypes.c_uint8,
    "u32": ctypes.c_uint32,
    "u64": ctypes.c_uint64,
}


def host_compiler() -> str | None:
    """A C++ compiler for the host, or ``None``."""
    return shutil.which("g++") or shutil.which("clang++")


class HostKernel:
    """A kernel's launcher, compiled from its CUDA text with the fibers of ``agentc_host.h`` in place of a GPU."""

    def __init__(self, text: str, abi: KernelAbi, folder: Path, *, check: bool = False, shift: int = 0) -> None:
        """Compile ``text`` in ``folder``; with ``check``, so that races, accesses outside of arrays and reads of what
        nobody has written are found. Arrays then begin ``shift`` elements off the alignment that memory of a GPU has.

        Raises:
            RuntimeError: there is no compiler, or it refuses the text; its words are in the message.
        """
        compiler = host_compiler()
        if compiler is None:
            raise RuntimeError("no C++ compiler is here")
        source, library = folder / f"{abi.name}.cu", folder / f"{abi.name}.so"
        source.write_text(text, encoding="utf-8")
        compiled = folder / f"{abi.name}.o"
        # Wall, so that what nvcc would warn of is seen here; the pragmas are nvcc's own.
        flags = ["-std=c++17", "-O1", "-fPIC", "-DAGENTC_ON_HOST", "-Wall", "-Wno-unknown-pragmas"]
        # Else the variables of all kernels of a process would be one.
        flags += ["-fno-gnu-unique"] if Path(compiler).name.startswith("g++") else []
        # Only compiled so: the text's own hooks take the place of the sanitizer's library.
        flags += ["-DAGENTC_CHECK", "-fsanitize=thread", "-Wno-tsan"] if check else []
        _run([compiler, *flags, "-I", str(INCLUDE), "-x", "c++", "-c", str(source), "-o", str(compiled)])
        _run([compiler, "-shared", str(compiled), "-o", str(library)])
        self.abi, self.check, self._shift = abi, check, shift
        self._library = ctypes.CDLL(str(library))
        self._call = self._library[f"{PREFIX}launch_{abi.name}"]
        if check:
            self._library.agentc_host_allocate.restype = ctypes.c_void_p
            self._library.agentc_host_allocate.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_bool]
            self._library.agentc_host_release.argtypes = [ctypes.c_void_p]
            self._library.agentc_host_problem.restype = ctypes.c_char_p

    def __call__(self, arguments: Sequence[Any], results: Sequence[Any], sizes: Sequence[int]) -> None:
        """Launch on NumPy arrays (contiguous, of the right types) and numbers, and wait.

        Raises:
            RuntimeError: the launcher reports an error, or the check finds a problem.
        """
        parameters = (*self.abi.arguments, *self.abi.results)
        arrays = [v for p, v in zip(parameters, (*arguments, *results), strict=True) if p.dims is not None]
        count = len(arrays) - len(results)
        places = [self._place(v, at < count) for at, v in enumerate(arrays)]
        given, passed = iter(places), list[Any]()
        for parameter, value in zip(parameters, (*arguments, *results), strict=True):
            scalar = parameter.dims is None
            passed.append(C_SCALARS[parameter.dtype](value) if scalar else ctypes.c_void_p(next(given)))
        status = self._call(*passed, *(ctypes.c_int64(s) for s in sizes), None)
        if self.check:
            self._bring_back(arrays, places, len(results))
        if status:
            raise RuntimeError(f"the launcher of `{self.abi.name}` gave error {status}")

    def fail_in(self, calls: int) -> None:
        """Make a later call of the CUDA runtime fail: the next for 1; 0 for none."""
        self._library.agentc_host_fail_in(calls)

    @property
    def scratch(self) -> int:
        """Temporaries that launchers have not given back."""
        self._library.agentc_host_scratch.restype = ctypes.c_long
        return self._library.agentc_host_scratch()

    def _place(self, array: Any, given: bool) -> int:
        """Where the kernel finds ``array``: a copy between guards, if there is a check. A result is not ``given``."""
        if not self.check:
            return array.ctypes.data
        place = self._library.agentc_host_allocate(array.nbytes, self._shift * array.itemsize, given)
        if given:
            ctypes.memmove(place, array.ctypes.data, array.nbytes)
        return place

    def _bring_back(self, arrays: Sequence[Any], places: Sequence[int], results: int) -> None:
        for array, place in list(zip(arrays, places, strict=True))[len(arrays) - results :]:
            ctypes.memmove(array.ctypes.data, place, array.nbytes)
        for place in places:
            self._library.agentc_host_release(place)
        if problem := self._library.agentc_host_problem():
            raise RuntimeError(f"`{self.abi.name}`: {problem.decode()}")


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
