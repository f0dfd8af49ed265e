"""What a kernel's author imports: ``@kernel`` and the array types, so that a kernel file is also plain NumPy.

    @kernel
    def scale(x: f32["n", "d"], by: f32) -> f32["n", "d"]:
        return x * by

A name in brackets is a size; the same name is the same size wherever it stands. Nothing here is needed to compile: the
frontend reads the text. It is needed to call the function as plain NumPy, which is what tests compare with.
"""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Marks ``function`` as a tensor kernel and returns it as it is."""
    function.__agentc_kernel__ = True  # pyright: ignore[reportFunctionMemberAccess]
    return function


class ArrayType:
    """An element type: alone a scalar, with sizes in brackets an array. Calling it converts a value."""

    def __init__(self, name: str, numpy_name: str, dims: tuple[str | int, ...] | None = None) -> None:
        self.name = name
        self.numpy_name = numpy_name
        self.dims = dims

    def __getitem__(self, dims: str | int | tuple[str | int, ...]) -> "ArrayType":
        return ArrayType(self.name, self.numpy_name, dims if isinstance(dims, tuple) else (dims,))

    def __repr__(self) -> str:
        return self.name if self.dims is None else f"{self.name}[{', '.join(map(repr, self.dims))}]"

    @property
    def dtype(self) -> Any:
        """The NumPy type, for ``x.astype(f32)``."""
        import numpy

        return numpy.dtype(self.numpy_name)

    def __call__(self, value: Any) -> Any:
        import numpy

        return numpy.asarray(value).astype(self.numpy_name)


f32 = ArrayType("f32", "float32")
f64 = ArrayType("f64", "float64")
i8 = ArrayType("i8", "int8")
i32 = ArrayType("i32", "int32")
i64 = ArrayType("i64", "int64")
u8 = ArrayType("u8", "uint8")
u32 = ArrayType("u32", "uint32")
u64 = ArrayType("u64", "uint64")
f16 = ArrayType("f16", "float16")
bf16 = ArrayType("bf16", "bfloat16")
i1 = ArrayType("i1", "bool")


def top_k(x: Any, k: int) -> tuple[Any, Any]:
    """The k largest of each row in descending order, and their places as i64: equal ones in their order, NaN last.

    Where a row has fewer, the rest is the least value of the type and -1.
    """
    import numpy as np

    x = np.asarray(x)
    floats = x.dtype.kind not in "iub"
    places = np.argsort(-x.astype("float64") if floats else ~x, axis=-1, kind="stable")[..., :k]
    lacking = [(0, 0)] * (x.ndim - 1) + [(0, k - places.shape[-1])]
    least = -np.inf if floats else (np.iinfo(x.dtype).min if x.dtype.kind != "b" else False)
    values = np.pad(np.take_along_axis(x, places, axis=-1), lacking, constant_values=least)
    return values, np.pad(places, lacking, constant_values=-1)


def _scattered(x: Any, rows: Any, updates: Any, combine: Callable[[Any, Any], Any]) -> Any:
    import numpy as np

    found, count = np.array(x), len(x)
    wanted = np.broadcast_to(updates, (len(rows), *found.shape[1:]))
    for row, update in zip(rows, wanted, strict=True):
        at = row + count if row < 0 else row
        if 0 <= at < count:
            found[at] = combine(found[at], update)
    return found


def _newer(old: Any, new: Any) -> Any:
    return new


def scatter_set(x: Any, rows: Any, updates: Any) -> Any:
    """``x`` after ``x[rows[i]] = updates[i]`` for each i in order; rows beyond either end are dropped."""
    return _scattered(x, rows, updates, _newer)


def scatter_add(x: Any, rows: Any, updates: Any) -> Any:
    """``x`` after ``x[rows[i]] += updates[i]`` for each i in order; rows beyond either end are dropped."""
    import numpy as np

    return _scattered(x, rows, updates, np.add)


def scatter_max(x: Any, rows: Any, updates: Any) -> Any:
    """As ``scatter_add``, with the larger of both."""
    import numpy as np

    return _scattered(x, rows, updates, np.maximum)


def scatter_min(x: Any, rows: Any, updates: Any) -> Any:
    """As ``scatter_add``, with the smaller of both."""
    import numpy as np

    return _scattered(x, rows, updates, np.minimum)


def automaton(text: Any, table: Any, backward: bool = False) -> Any:
    """The state of a finite automaton after each byte of each row: ``state = table[state, byte]``, from state 0.
    ``backward`` reads rows from their ends.
    """
    import numpy as np

    text = np.asarray(text)
    if backward:
        return automaton(text[..., ::-1], table)[..., ::-1]
    states = np.zeros_like(text)
    for place in np.ndindex(text.shape[:-1]):
        state = 0
        for i, byte in enumerate(text[place]):
            state = int(table[state if state < len(table) else 0, byte])
            states[(*place, i)] = state
    return states


def power_spectrum(x: Any) -> Any:
    """The squared magnitudes of the discrete Fourier transform of real rows: ``abs(rfft(x)) ** 2``."""
    import numpy as np

    return np.abs(np.fft.rfft(np.asarray(x), axis=-1)) ** 2
