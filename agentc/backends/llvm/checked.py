"""The checked entry of a kernel's C header: arrays with shapes and strides, refused where a kernel cannot take them."""

from collections.abc import Mapping

from agentc.plan import sizes
from agentc.plan.kernels import PREFIX, Dim, KernelAbi, Parameter, c_name

SUPPORT_NAME = "agentc_array.h"

DTYPES = ("f32", "f64", "f16", "bf16", "i8", "i32", "i64", "u8", "u32", "u64", "i1")
"""Element types in the order of their codes in C. Codes are never reused: they are part of the ABI."""

SUPPORT = """\
// Arrays as checked entries of agentc kernels take them. Version 1 of the ABI.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#define AGENTC_ABI_VERSION 1
// More than any process has; sizes that follow from such axes still have 64 bits.
#define AGENTC_MOST_BYTES (INT64_C(1) << 56)

typedef enum {
%(dtypes)s
} agentc_dtype;

typedef enum {
  AGENTC_OK = 0,
  AGENTC_NULL = 1,      // no shape, or no memory, though there are elements
  AGENTC_DTYPE = 2,     // another element type
  AGENTC_RANK = 3,      // another number of axes
  AGENTC_SHAPE = 4,     // a size that is negative, does not agree with the others, or is less than the kernel reads
  AGENTC_STRIDES = 5,   // not contiguous, rows first
  AGENTC_ALIGNMENT = 6, // not aligned to its element
  AGENTC_OVERLAP = 7,   // a result that shares memory with another array
  AGENTC_TOO_LARGE = 8  // more bytes than there are addresses behind it; axes of no elements do not count
} agentc_status;

typedef struct {
  void *data;
  const int64_t *shape;   // one size per axis
  const int64_t *strides; // in elements, one per axis; NULL: contiguous, rows first
  int32_t rank;
  agentc_dtype dtype;
} agentc_array;

typedef struct {
  agentc_status status;
  int32_t array; // which array is wrong: arguments and results count from 0; -1 if none is
} agentc_result;

static inline agentc_result agentc_answer(agentc_status status, int32_t array) {
  agentc_result answer;
  answer.status = status;
  answer.array = array;
  return answer;
}

// Kernels on threads: `agentc_NAME_parallel` calls `run` for each of its loops over independent rows. It returns when
// part(work, low, high) has been called for ranges that cover 0 to rows, each row once, on any threads. `bytes` is what
// the loop touches: where it is little, one call part(work, 0, rows) is faster than waking threads.
typedef void (*agentc_part)(const void *work, int64_t low, int64_t high);
typedef void (*agentc_run)(void *context, agentc_part part, const void *work, int64_t rows, int64_t bytes);
#ifdef _OPENMP
#include <omp.h>
// Four pieces for each thread of OpenMP's, and whoever is free takes the next. `context` is not used.
static inline void agentc_openmp(void *context, agentc_part part, const void *work, int64_t rows, int64_t bytes) {
  int64_t pieces = bytes < (1 << 18) ? 1 : 4 * (int64_t)omp_get_max_threads();
  (void)context;
  if (pieces > rows) pieces = rows;
  if (pieces < 2) {
    part(work, 0, rows);
    return;
  }
#pragma omp parallel for schedule(dynamic)
  for (int64_t i = 0; i < pieces; ++i) {
    int64_t size = rows / pieces, rest = rows %% pieces;
    part(work, i * size + (i < rest ? i : rest), (i + 1) * size + (i + 1 < rest ? i + 1 : rest));
  }
}
#endif

static inline int64_t agentc_floordiv(int64_t a, int64_t b) {
  return b == 0 ? 0 : a / b - (a %% b != 0 && (a < 0) != (b < 0));
}
static inline int64_t agentc_modulo(int64_t a, int64_t b) { return a - agentc_floordiv(a, b) * b; }
static inline int64_t agentc_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t agentc_max(int64_t a, int64_t b) { return a > b ? a : b; }

// Whether `a` holds `rank` axes of `dtype`, contiguous and aligned; its bytes go to `bytes`.
static inline agentc_status agentc_check(const agentc_array *a, agentc_dtype dtype, int32_t rank, int64_t width,
                                         int64_t *bytes) {
  int64_t count = width;
  bool empty = false;
  if (a->dtype != dtype) return AGENTC_DTYPE;
  if (a->rank != rank) return AGENTC_RANK;
  if (rank && !a->shape) return AGENTC_NULL;
  for (int32_t i = 0; i < rank; ++i) {
    if (a->shape[i] < 0) return AGENTC_SHAPE;
    empty = empty || a->shape[i] == 0;
  }
  for (int32_t i = rank - 1; i >= 0; --i) {
    // An axis of one element may have any stride: nothing is ever reached by it.
    if (a->strides && !empty && a->shape[i] != 1 && a->strides[i] != count / width) return AGENTC_STRIDES;
    if (a->shape[i] == 0) continue;
    if (a->shape[i] > AGENTC_MOST_BYTES / count) return AGENTC_TOO_LARGE;
    count *= a->shape[i];
  }
  *bytes = empty ? 0 : count;
  if (!empty && !a->data) return AGENTC_NULL;
  if ((uintptr_t)*bytes > UINTPTR_MAX - (uintptr_t)a->data) return AGENTC_TOO_LARGE;
  return (uintptr_t)a->data %% (uintptr_t)width ? AGENTC_ALIGNMENT : AGENTC_OK;
}
static inline bool agentc_overlap(const agentc_array *a, int64_t a_bytes, const agentc_array *b, int64_t b_bytes) {
  uintptr_t x = (uintptr_t)a->data, y = (uintptr_t)b->data;
  return a_bytes && b_bytes && x < y + (uintptr_t)b_bytes && y < x + (uintptr_t)a_bytes;
}
"""

WIDTHS: Mapping[str, int] = {"f64": 8, "i64": 8, "u64": 8, "f32": 4, "i32": 4, "u32": 4, "f16": 2, "bf16": 2}
_CALLS: Mapping[str, str] = {"//": "agentc_floordiv", "%": "agentc_modulo", "min": "agentc_min", "max": "agentc_max"}


def support_header() -> str:
    """``agentc_array.h``, the same for every kernel."""
    rows = "\n".join(f"  AGENTC_{name.upper()} = {code}," for code, name in enumerate(DTYPES))
    return SUPPORT % {"dtypes": rows}


def checked_entry(abi: KernelAbi, c_types: Mapping[str, str]) -> str:
    """``agentc_NAME_checked``, in C: arrays as ``agentc_array``, numbers by value; then the kernel is called.

    Sizes come from the shapes of the arguments; what the kernel was compiled for, and what follows from other sizes,
    has to agree.
    """
    every = [*abi.arguments, *abi.results]
    arrays = [p for p in every if p.dims is not None]
    taken = [_taken(p, c_types) for p in every]
    lines = [f"static inline agentc_result {PREFIX}{abi.name}_checked({', '.join(taken)}) {{"]
    lines.append(f"  int64_t bytes[{max(1, len(arrays))}];")
    lines.append("  agentc_status status;")
    for i, parameter in enumerate(arrays):
        lines += _check(i, parameter)
    lines += _sizes(arrays, _read(abi, arrays))
    results = [i for i, p in enumerate(arrays) if p in abi.results]
    for i in results:
        lines += _apart(i, arrays)
    lines.append(f"  {PREFIX}{abi.name}({', '.join(_passed(abi, c_types))});")
    lines += ["  return agentc_answer(AGENTC_OK, -1);", "}"]
    return "\n".join(lines)


def _taken(parameter: Parameter, c_types: Mapping[str, str]) -> str:
    if parameter.dims is None:
        return f"{c_types[parameter.dtype]} {c_name(parameter.name)}"
    return f"agentc_array {c_name(parameter.name)}"


def _passed(abi: KernelAbi, c_types: Mapping[str, str]) -> list[str]:
    parts: list[str] = []
    for parameter in (*abi.arguments, *abi.results):
        name, kind = c_name(parameter.name), c_types[parameter.dtype]
        constant = "const " if parameter in abi.arguments else ""
        parts.append(name if parameter.dims is None else f"({constant}{kind} *){name}.data")
    return parts + [_size(dim) for dim in abi.sizes]


def _fails(condition: str, status: str, array: int) -> str:
    return f"  if ({condition}) return agentc_answer({status}, {array});"


def _check(index: int, parameter: Parameter) -> list[str]:
    name, dims = c_name(parameter.name), parameter.dims or ()
    width = WIDTHS.get(parameter.dtype, 1)
    code = f"AGENTC_{parameter.dtype.upper()}"
    return [
        f"  status = agentc_check(&{name}, {code}, {len(dims)}, {width}, &bytes[{index}]);",
        _fails("status != AGENTC_OK", "status", index),
    ]


def _sizes(arrays: list[Parameter], reads: list[str]) -> list[str]:
    """A variable for each name, from where it is first seen; then ``reads``; all else is compared."""
    lines: list[str] = []
    seen: set[str] = set()
    comparisons: list[str] = []
    for index, parameter in enumerate(arrays):
        for axis, dim in enumerate(parameter.dims or ()):
            given = f"{c_name(parameter.name)}.shape[{axis}]"
            if isinstance(dim, str) and sizes.is_name(dim) and dim not in seen:
                seen.add(dim)
                lines.append(f"  const int64_t {_name(dim)} = {given};")
            else:
                comparisons.append(_fails(f"{given} != {_size(dim)}", "AGENTC_SHAPE", index))
    return [*lines, *reads, *comparisons]


def _read(abi: KernelAbi, arrays: list[Parameter]) -> list[str]:
    """What the kernel reads for certain has to be there; too short is the array that the size is first seen at."""
    lines: list[str] = []
    for size in abi.requires:
        wanted = set(sizes.names(size))
        index = next((i for i, p in enumerate(arrays) if wanted & {*map(str, p.dims or ())}), 0)
        lines.append(_fails(f"{_size(size)} < 1", "AGENTC_SHAPE", index))
    return lines


def _apart(index: int, arrays: list[Parameter]) -> list[str]:
    mine = c_name(arrays[index].name)
    return [
        _fails(f"agentc_overlap(&{mine}, bytes[{index}], &{c_name(p.name)}, bytes[{i}])", "AGENTC_OVERLAP", index)
        for i, p in enumerate(arrays[:index])
    ]


def _name(dim: str) -> str:
    return f"size_{c_name(dim)}"


def _size(dim: Dim) -> str:
    """A size as a C expression of the variables."""

    def apply(symbol: str, left: str, right: str) -> str:
        call = _CALLS.get(symbol)
        return f"{call}({left}, {right})" if call else f"({left} {symbol} {right})"

    return sizes.fold(dim, _name, lambda value: f"INT64_C({value})", apply)
