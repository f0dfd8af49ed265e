"""What a kernel's code works on: a value in the IR, with its sizes by name and its axes in NumPy's order."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from xdsl.ir import SSAValue

from agentc.analyses.kernel_ops import FIRST, Projection
from agentc.frontends.kernels.scalars import Element
from agentc.plan.kernels import Dim
from agentc.support.record import record


class ShapeError(ValueError):
    """Operands whose sizes or types do not go together; the text names them."""


@record
class Tensor:
    """A value of the kernel: a tensor, or a scalar if ``scalar``."""

    value: SSAValue
    dims: tuple[Dim, ...]
    axes: tuple[int | None, ...]
    """Axis of ``value`` for each of ``dims``; ``None`` for an axis of size 1 that ``value`` lacks."""
    element: Element
    scalar: bool = False
    size: Dim | None = None
    """The size that a scalar is, where it is one: what reshapes and slices ask for."""

    @property
    def transposed(self) -> "Tensor":
        """The axes in reverse."""
        return replace(self, dims=self.dims[::-1], axes=self.axes[::-1])

    def permuted(self, order: Sequence[int]) -> "Tensor":
        """The axes in another order."""
        return replace(self, dims=tuple(self.dims[i] for i in order), axes=tuple(self.axes[i] for i in order))

    def expanded(self, at: int) -> "Tensor":
        """With a new axis of size 1 before axis ``at``."""
        return replace(self, dims=(*self.dims[:at], 1, *self.dims[at:]), axes=(*self.axes[:at], None, *self.axes[at:]))

    def projection(self, loops: Sequence[int | None]) -> Projection:
        """The loop that runs over each axis of ``value``, where ``loops`` run over those of this tensor."""
        if self.scalar:
            return ()
        results = [FIRST] * self.rank_of_value
        for axis, loop in zip(self.axes, loops, strict=True):
            if axis is not None and loop is not None:
                results[axis] = loop
        return tuple(results)

    @property
    def rank_of_value(self) -> int:
        """Rank of the tensor in the IR."""
        return sum(axis is not None for axis in self.axes)


Operand = Tensor | float


def show(dims: Sequence[Dim]) -> str:
    """Sizes as a reader of the source knows them: ``[n, d]``."""
    return f"[{', '.join(map(str, dims))}]"


def broadcast(operands: Sequence[Tensor]) -> tuple[Dim, ...]:
    """The common shape, by NumPy's rules.

    Raises:
        ShapeError: two sizes differ and neither is 1.
    """
    return _common([t.dims for t in operands])


def _common(shapes: Sequence[tuple[Dim, ...]]) -> tuple[Dim, ...]:
    rank = max(map(len, shapes), default=0)
    result: list[Dim] = [1] * rank
    for shape in shapes:
        for i, dim in enumerate(shape, rank - len(shape)):
            if dim != 1 and result[i] not in (1, dim):
                stated = " and ".join(map(show, shapes))
                raise ShapeError(f"shapes {stated} do not broadcast: `{result[i]}` is not `{dim}`")
            result[i] = dim if result[i] == 1 else result[i]
    return tuple(result)


Layout = tuple[tuple[Dim, ...], tuple[int | None, ...]]
"""Sizes and axes, as a ``Tensor`` has them."""


@record
class Nest:
    """The loops of an elementwise op on arrays that broadcast: over the axes that some operand really has."""

    loops: tuple[Dim, ...]
    maps: tuple[Projection, ...]
    """Of the operands, and of the result."""
    dims: tuple[Dim, ...]
    """The result's sizes."""
    axes: tuple[int | None, ...]
    """The result's axes."""


@lru_cache(maxsize=4096)
def nest_of(layouts: tuple[Layout, ...]) -> Nest:
    """The loops for operands of ``layouts``. Scalars have neither sizes nor axes.

    Raises:
        ShapeError: they do not broadcast.
    """
    dims = _common([shape for shape, _ in layouts])
    rank = len(dims)
    places = {rank - len(axes) + i for _, axes in layouts for i, axis in enumerate(axes) if axis is not None}
    loop_of = {place: loop for loop, place in enumerate(sorted(places))}
    maps: list[Projection] = []
    for shape, axes in layouts:
        results = [FIRST] * sum(axis is not None for axis in axes)
        for i, (dim, axis) in enumerate(zip(shape, axes, strict=True), rank - len(shape)):
            if axis is not None and dim == dims[i]:
                results[axis] = loop_of[i]
        maps.append(tuple(results))
    loops = tuple(dims[place] for place in loop_of)
    maps.append(tuple(range(len(loops))))
    return Nest(loops, tuple(maps), dims, tuple(loop_of.get(i) for i in range(rank)))
