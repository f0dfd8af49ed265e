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
