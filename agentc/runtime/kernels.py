"""Tensor kernels of a build, loaded as machine code or as ONNX graphs when they are first called."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agentc.runtime.build import Build
from agentc.runtime.native import KernelCallError, NativeKernel, best_target, load
from agentc.runtime.onnx_kernels import OnnxKernel
from agentc.support.diagnostics import Diagnostic, Refused


class Kernels:
    """Kernels by symbol."""

    def __init__(self, build: Build | None, target: str | None = None) -> None:
        """``target``: ``llvm`` or ``onnx``; machine code is taken where there is some, if nobody says."""
        self._build = build
        self._target = target
        self._loaded: dict[str, NativeKernel | OnnxKernel] = {}
        self._lock = threading.Lock()

    def call(self, name: str, args: Sequence[Any]) -> Any:
        """The kernel's result, or a tuple of them.

        Raises:
            Refused: ``kernel-missing``: no machine code that this machine runs; ``kernel-arguments``.
        """
        kernel = self._kernel(name)
        arrays = [_as(dtype, value) for dtype, value in zip(kernel.dtypes, args, strict=False)]
        try:
            return kernel(*arrays, *args[len(arrays) :])
        except KernelCallError as error:
            raise Refused(Diagnostic("kernel-arguments", f"kernel {error}")) from error
        except MemoryError as error:
            message = f"kernel `{name}` of arrays this large needs more memory than there is"
            raise Refused(Diagnostic("kernel-arguments", message)) from error

    def _kernel(self, name: str) -> NativeKernel | OnnxKernel:
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]

    def _load(self, name: str) -> NativeKernel | OnnxKernel:
        graphs = [row for row in self._build.of(name) if row.path.endswith(".onnx")] if self._build is not None else []
        if self._target == "onnx" and not graphs:
            message = f"the build has no ONNX graph of kernel `{name}`"
            raise Refused(Diagnostic("kernel-missing", message, help="compile it again with the target `onnx`"))
        if self._target == "onnx" and self._build is not None:
            return _graph(name, self._build.folder / graphs[0].path)
        rows = [row for row in self._build.of(name) if row.path.endswith(".o")] if self._build is not None else []
        by_target = {row.path.split("/")[-2]: row.path for row in rows}
        target = best_target(list(by_target))
        if target is None and self._target is None and graphs and self._build is not None:
            return _graph(name, self._build.folder / graphs[0].path)
        if target is None or self._build is None:
            has = f"it has code for {', '.join(sorted(by_target))}" if by_target else "the build has no code of it"
            message = f"kernel `{name}` cannot run on this machine: {has}"
            raise Refused(Diagnostic("kernel-missing", message, help="compile it again with the target `llvm`"))
        try:
            return load(self._build.folder / by_target[target])
        except (OSError, ValueError, RuntimeError) as error:
            raise Refused(Diagnostic("kernel-missing", f"kernel `{name}` cannot be loaded: {error}")) from error


def _graph(name: str, path: Path) -> OnnxKernel:
    try:
        return OnnxKernel(path)
    except Exception as error:  # the errors of ONNX Runtime share no base
        reason = str(error).splitlines()[0]
        raise Refused(Diagnostic("kernel-missing", f"kernel `{name}` cannot be loaded: {reason}")) from error


def _as(dtype: Any, value: Any) -> Any:
    """An array of the kernel's type; plain numbers stay. Whole numbers are never rounded, nor cut to fewer bits."""
    if isinstance(value, int | float):
        return value
    try:
        given = np.asarray(value)
        with np.errstate(invalid="ignore", over="ignore"):
            made = given.astype(dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise Refused(Diagnostic("kernel-arguments", f"a kernel takes numbers: {error}")) from error
    if isinstance(value, np.ma.MaskedArray):
        help = "fill it: `array.filled(0)`"
        raise Refused(Diagnostic("kernel-arguments", "a kernel does not know which elements are masked", help=help))
    if given.size and not _holds(made.dtype, given):
        raise Refused(Diagnostic("kernel-arguments", f"not all of these numbers are {made.dtype}: {_some(given)}"))
    return made


def _holds(dtype: Any, given: Any) -> bool:
    """Whether ``dtype``, if it is one of whole numbers, has all of ``given``."""
    if dtype.kind not in "iub":
        return given.dtype.kind in "iubf" or given.dtype.kind == "V"  # bf16 is none of NumPy's own
    if given.dtype.kind not in "iubf" or (given.dtype.kind == "f" and not np.all(given == np.trunc(given))):
        return False
    least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return least <= given.min().item() and given.max().item() <= most


def _some(given: Any) -> str:
    return np.array2string(given.reshape(-1)[:4], separator=", ", threshold=4).rstrip("]") + (
        ", …]" if given.size > 4 else "]"
    )
