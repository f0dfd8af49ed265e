"""Runs compiled tensor kernels on NumPy arrays, over several threads where rows are independent."""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

import ctypes
import os
import reprlib
import struct
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agentc.plan.kernels import LINE, PART, PREFIX, Dim, KernelAbi, Parameter, Phase
from agentc.plan.sizes import Sizes, is_name
from agentc.runtime.kernel_threads import in_parts, parts_of
from agentc.runtime.linking import host_machine, link
from agentc.runtime.scratch import SCRATCH
from agentc.support.record import record

Array: TypeAlias = NDArray[Any]
DTYPES: Mapping[str, str] = {
    "f32": "float32",
    "f64": "float64",
    "i8": "int8",
    "i32": "int32",
    "i64": "int64",
    "i1": "bool",
    "u8": "uint8",
    "u32": "uint32",
    "u64": "uint64",
    "f16": "float16",
    "bf16": "bfloat16",
}
C_SCALARS: Mapping[str, Any] = {
    "f32": ctypes.c_float,
    "f64": ctypes.c_double,
    "i8": ctypes.c_int8,
    "i32": ctypes.c_int32,
    "i64": ctypes.c_int64,
    "i1": ctypes.c_bool,
    "u8": ctypes.c_uint8,
    "u32": ctypes.c_uint32,
    "u64": ctypes.c_uint64,
}

WORDS: Mapping[str, str] = {
    "f32": "f4x",
    "f64": "d",
    "i8": "b7x",
    "i32": "i4x",
    "i64": "q",
    "i1": "?7x",
    "u8": "B7x",
    "u32": "I4x",
    "u64": "Q",
}
"""Numbers in words of eight bytes, as ``struct`` writes them."""
ALIGNED = 1 << 20
"""Bytes of a result from which on it begins with a line."""


class KernelCallError(ValueError):
    """The arrays of a call are not what the kernel takes; the text says which and why."""


@record
class _Entry:
    """A phase with its machine function."""

    phase: Phase
    call: Any
    part: int
    """Where the function of its parts begins; 0 if it has no rows."""
    layout: struct.Struct
    """What a part works on."""


@record
class _Plan:
    """Where temporaries lie in one piece of memory."""

    key: tuple[int, ...]
    """The sizes that it is for."""
    sizes: Sizes
    """The same by name, with what follows from them as far as it was asked for."""
    offsets: list[int]
    count: int
    """Bytes in all."""
    counts: list[int]
    """Bytes of each."""


class NativeKernel:
    """A compiled kernel: ``kernel(query, docs)`` gives the result, or a tuple of results.

    Arrays of another layout are copied, of another type refused. ``out=`` gives the memory of the results.
    """

    def __init__(self, abi: KernelAbi, engine: Any, threads: int | None = None) -> None:
        """``threads``: at most so many compute a call, those of the machine if nobody says.

        Raises:
            KernelCallError: ``threads`` is no number from 1 to ``MOST_THREADS``.
        """
        self.abi = abi
        self.threads = default_threads() if threads is None else _threads(threads)
        self._engine = engine
        """Owns the machine code; lives as long as the kernel."""
        self._planned: _Plan | None = None
        """Where temporaries lie, for the sizes of the last call."""
        self._derives = any(not isinstance(d, int) and not is_name(d) for p in abi.arguments for d in p.dims or ())
        """Whether sizes of arguments follow from others."""
        self._entries = [self._bind(p) for p in abi.phases]

    def _bind(self, phase: Phase) -> _Entry:
        taken = [self.abi.buffers[i] for i in phase.arguments]
        rows = phase.rows is not None
        kinds = [_c_type(parameter) for parameter in taken]
        signature = ctypes.CFUNCTYPE(None, *kinds, *[ctypes.c_int64] * (len(phase.sizes) + 2 * rows))
        call = signature(self._engine.get_function_address(PREFIX + phase.symbol))
        words = "".join("Q" if p.dims is not None else WORDS[p.dtype] for p in taken)
        layout = struct.Struct("<" + words + "q" * len(phase.sizes))
        return _Entry(
            phase, call, self._engine.get_function_address(PREFIX + phase.symbol + PART) if rows else 0, layout
        )

    def __repr__(self) -> str:
        return f"<kernel {self.abi.name}>"

    @property
    def dtypes(self) -> list[Any]:
        """The NumPy types of the arguments."""
        return [dtype_of(parameter.dtype) for parameter in self.abi.arguments]

    def __call__(self, *arguments: Any, out: "Array | Sequence[Array] | None" = None, **named: Any) -> Any:
        """Run the kernel.

        Raises:
            KernelCallError: a missing or extra argument, another type, or sizes that do not agree.
        """
        ordered = self._ordered(arguments, named)
        sizes = Sizes()
        values = [_checked(p, v, sizes) for p, v in zip(self.abi.arguments, ordered, strict=True)]
        if self._derives:
            _check_derived(self.abi.arguments, values, sizes)
        for size in self.abi.requires:
            if sizes[str(size)] < 1:
                raise KernelCallError(f"`{self.abi.name}` needs `{size}` to be at least 1, it is {sizes[str(size)]}")
        results = self._results(out, sizes, values)
        self._run_all([*values, *results], sizes)
        return results[0] if len(results) == 1 else tuple(results)

    def _run_all(self, buffers: Sequence[Any], sizes: Sizes) -> None:
        """All phases, with memory for what they exchange."""
        places = [_address(b) if isinstance(b, np.ndarray) else b for b in buffers]
        counts = [b.nbytes if isinstance(b, np.ndarray) else 0 for b in buffers]
        arena, plan = None, self._plan(sizes)
        if self.abi.temporaries:
            arena = SCRATCH.take((plan.count,), np.uint8)
            start = _address(arena)
            places += [start + offset for offset in plan.offsets]
            counts += plan.counts
        for entry in self._entries:
            self._run(entry, places, counts, plan.sizes)
        if arena is not None:
            SCRATCH.give(arena)

    def _plan(self, sizes: Sizes) -> _Plan:
        key, plan = tuple(sizes[name] for name in self.abi.sizes), self._planned
        if plan is None or plan.key != key:
            counts = [prod(_shape(t.dims or (), sizes)) * dtype_of(t.dtype).itemsize for t in self.abi.temporaries]
            self._planned = plan = _Plan(key, sizes, *self.abi.arena(sizes), counts)
        return plan

    def _ordered(self, arguments: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
        names = [p.name for p in self.abi.arguments]
        given = dict(zip(names, arguments, strict=False))
        unknown = [n for n in named if n not in names or n in given]
        missing = [n for n in names if n not in given and n not in named]
        if unknown or missing or len(arguments) > len(names):
            wanted = ", ".join(names)
            raise KernelCallError(f"`{self.abi.name}` takes ({wanted}); {_problem(unknown, missing, len(arguments))}")
        return [given[n] if n in given else named[n] for n in names]

    def _results(
        self, out: "Array | Sequence[Array] | None", sizes: Mapping[str, int], inputs: list[Any]
    ) -> list[Array]:
        if out is None:
            return [_empty(p, sizes) for p in self.abi.results]
        given: list[Any] = list(out) if isinstance(out, list | tuple) else [out]
        if len(given) != len(self.abi.results):
            raise KernelCallError(f"`{self.abi.name}` has {len(self.abi.results)} results, `out` {len(given)}")
        for i, (parameter, array) in enumerate(zip(self.abi.results, given, strict=True)):
            if not isinstance(array, np.ndarray):
                raise KernelCallError(f"`{parameter.name}`: `out` takes arrays, not {reprlib.repr(array)}")
            _check_result(parameter, array, sizes)
            others = [*inputs, *given[:i]]
            if any(isinstance(o, np.ndarray) and np.may_share_memory(o, array) for o in others):
                raise KernelCallError(f"`{parameter.name}`: results must not share memory with anything")
        return given

    def _run(self, entry: _Entry, places: Sequence[Any], counts: Sequence[int], sizes: Mapping[str, int]) -> None:
        phase = entry.phase
        rows = phase.rows if phase.rows is None or isinstance(phase.rows, int) else sizes[phase.rows]
        if rows == 0:
            return
        plain = [places[i] for i in phase.arguments]
        tail = [sizes[s] for s in phase.sizes]
        if rows is None:
            entry.call(*plain, *tail)
            return
        touched = sum(counts[i] for i in phase.arguments)
        parts = parts_of(rows, touched, self.threads)
        if parts == 1 or not in_parts(entry.part, entry.layout, [*plain, *tail], rows, parts, self.threads):
            entry.call(*plain, 0, rows, *tail)


def _address(array: Array) -> int:
    """Where ``array`` begins. NumPy's own way takes four times as long, and a small kernel no longer than that."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):  # read-only, without elements, or of a type that is Python's not
        return array.ctypes.data


def dtype_of(name: str) -> Any:
    """The NumPy type.

    Raises:
        KernelCallError: it is bf16, which NumPy only knows once the package ``ml_dtypes`` was imported.
    """
    try:
        return np.dtype(DTYPES[name])
    except TypeError as error:
        raise KernelCallError(f"arrays of {name} need `import ml_dtypes` before the call") from error


def _check_derived(parameters: Sequence[Parameter], values: Sequence[Any], sizes: Mapping[str, int]) -> None:
    """Sizes that follow from others, once all names are known."""
    for parameter, value in zip(parameters, values, strict=True):
        for dim, size in zip(parameter.dims or (), np.shape(value), strict=parameter.dims is not None):
            if isinstance(dim, str) and not is_name(dim) and size != sizes[dim]:
                raise KernelCallError(
                    f"`{parameter.name}` has shape {np.shape(value)}: {size} is not `{dim}` = {sizes[dim]}"
                )


MOST_THREADS = 1024


def _threads(count: Any) -> int:
    if not isinstance(count, int) or not 1 <= count <= MOST_THREADS:
        raise KernelCallError(f"`threads` is a number from 1 to {MOST_THREADS}, not {reprlib.repr(count)}")
    return count


def default_threads() -> int:
    """As many as there are cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _c_type(parameter: Parameter) -> Any:
    return ctypes.c_void_p if parameter.dims is not None else C_SCALARS[parameter.dtype]


def _problem(unknown: Sequence[str], missing: Sequence[str], count: int) -> str:
    if unknown:
        return f"`{unknown[0]}` is not among them or given twice"
    return f"`{missing[0]}` is missing" if missing else f"{count} were given"


def _checked(parameter: Parameter, value: Any, sizes: dict[str, int]) -> Any:
    """``value`` as the machine code takes it; what its sizes are goes to ``sizes``."""
    if parameter.dims is None:
        return _number(parameter, value)
    if isinstance(value, np.ma.MaskedArray):
        raise KernelCallError(f"`{parameter.name}` is masked: pass what `filled(…)` gives, or the mask as an array")
    array: Array = np.asarray(value)
    wanted = dtype_of(parameter.dtype)
    if array.dtype != wanted:
        raise KernelCallError(f"`{parameter.name}` is {array.dtype}, not {wanted}: convert it with `astype`")
    if array.ndim != len(parameter.dims):
        raise KernelCallError(f"`{parameter.name}` has {array.ndim} axes, not {len(parameter.dims)}")
    for dim, size in zip(parameter.dims, array.shape, strict=True):
        if isinstance(dim, str) and not is_name(dim):
            continue
        expected = dim if isinstance(dim, int) else sizes.setdefault(dim, size)
        if size != expected:
            name = f"`{dim}` = {expected}" if isinstance(dim, str) else str(expected)
            raise KernelCallError(f"`{parameter.name}` has shape {array.shape}: {size} is not {name}")
    if array.flags.c_contiguous and array.flags.aligned:
        return array
    return np.require(array, requirements=("C", "A")).reshape(array.shape)


def _number(parameter: Parameter, value: Any) -> int | float | bool:
    """``value`` in the kernel's type; fractions are rounded to it, whole numbers have to fit."""
    given, wanted = np.asarray(value), dtype_of(parameter.dtype)
    if given.ndim:
        raise KernelCallError(f"`{parameter.name}` is a number, not an array of shape {given.shape}")
    fractions = wanted.kind == "f"
    fits = given.dtype.kind in ("fiub" if fractions else "iub")
    if fits and not fractions:
        low, high = (0, 1) if wanted.kind == "b" else (np.iinfo(wanted).min, np.iinfo(wanted).max)
        fits = low <= given <= high
    if not fits:
        raise KernelCallError(f"`{parameter.name}` is {reprlib.repr(value)}, which is no {parameter.dtype}")
    with np.errstate(over="ignore"):
        return given.astype(wanted).item()


def _shape(dims: Sequence[Dim], sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(d if isinstance(d, int) else sizes[d] for d in dims)


def _empty(parameter: Parameter, sizes: Mapping[str, int]) -> Array:
    """A result, at a line of the cache where it is large, which NumPy's own are not."""
    shape, dtype = _shape(parameter.dims or (), sizes), np.dtype(dtype_of(parameter.dtype))
    size = prod(shape) * dtype.itemsize
    if size < ALIGNED:
        return np.empty(shape, dtype)
    memory = np.empty(size + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    return memory[first : first + size].view(dtype).reshape(shape)


def _check_result(parameter: Parameter, array: Array, sizes: Mapping[str, int]) -> None:
    wanted = _shape(parameter.dims or (), sizes)
    if array.shape != wanted or array.dtype != dtype_of(parameter.dtype):
        raise KernelCallError(
            f"`{parameter.name}` is {array.dtype}{list(array.shape)}, not {parameter.dtype}{list(wanted)}"
        )
    if not (array.flags.c_contiguous and array.flags.aligned and array.flags.writeable):
        raise KernelCallError(f"`{parameter.name}` is not contiguous, aligned and writable")


def load_ir(text: str, abi: KernelAbi, *, threads: int | None = None) -> NativeKernel:
    """Load optimized LLVM IR for this machine."""
    from llvmlite import binding

    return load_module(binding.parse_assembly(text), abi, threads=threads)


def load_module(module: Any, abi: KernelAbi, *, threads: int | None = None) -> NativeKernel:
    """As ``load_ir``, of a module of LLVM's, which belongs to the kernel from then on."""
    engine = _engine()
    engine.add_module(module)
    engine.finalize_object()
    return NativeKernel(abi, engine, threads)


def load(path: str | Path, *, threads: int | None = None) -> NativeKernel:
    """Load ``TARGET/NAME.o`` or ``TARGET/NAME.ll`` as the LLVM backend wrote it, with ``NAME.abi.json`` one folder up.

    Raises:
        FileNotFoundError: the file or its ABI is not there.
    """
    place = Path(path)
    abi = KernelAbi.from_json((place.parent.parent / f"{place.stem}.abi.json").read_text(encoding="utf-8"))
    if place.suffix == ".ll":
        return load_ir(place.read_text(encoding="utf-8"), abi, threads=threads)
    return load_object(place.read_bytes(), abi, threads=threads)


def load_object(code: bytes, abi: KernelAbi, *, threads: int | None = None) -> NativeKernel:
    """Load the object file of a kernel for this machine."""
    symbols = [PREFIX + phase.symbol for phase in abi.phases]
    symbols += [PREFIX + phase.symbol + PART for phase in abi.phases if phase.rows is not None]
    return NativeKernel(abi, link(code, abi.name, symbols), threads)


def _engine() -> Any:
    """LLVM's compiler and loader of IR, with distances of 64 bits."""
    from llvmlite import binding

    return binding.create_mcjit_compiler(binding.parse_assembly(""), host_machine())


LINEAGES = (
    ("znver5", "znver4", "znver3", "znver2", "znver1"),
    ("graniterapids", "sapphirerapids", "icelake-server", "cascadelake", "skylake-avx512", "haswell"),
    ("emeraldrapids", "sapphirerapids"),
    ("neoverse-v2", "neoverse-n2"),
    ("neoverse-v3", "neoverse-v2", "neoverse-n2"),
)
"""Processors, each of which runs the code of those after it."""


def best_target(available: Sequence[str]) -> str | None:
    """The most capable of ``available`` target names that this machine runs, or ``None``."""
    import platform

    from llvmlite import binding

    cpu = binding.get_host_cpu_name()
    line = next((names[names.index(cpu) :] for names in LINEAGES if cpu in names), (cpu,))
    if platform.machine() in ("aarch64", "arm64"):
        order = [*line, *(f"aarch64-{name}" for name in line), "aarch64"]
    else:
        features = binding.get_host_cpu_features()
        wide = all(features.get(f) for f in ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"))
        middle = all(features.get(f) for f in ("avx2", "fma", "bmi2"))
        # A virtual machine may hide what its processor has: then the levels alone tell what runs.
        named = [name for name in line if wide or name in ("haswell", "znver1", "znver2", "znver3") and middle]
        order = [*named, *["x86-64-v4"] * wide, *["x86-64-v3"] * middle, "x86-64-v2", "x86-64"]
    return next((t for t in order if t in available), None)
