"""``tensor`` and ``linalg`` on NumPy arrays. A generic runs over all parallel loops at once, reductions in order."""

from itertools import product
from typing import Any

import numpy as np
from xdsl.dialects import tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    ReturnedValues,
    impl,
    impl_terminator,
    register_impls,
)
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from agentc.analyses.kernel_dims import shape_of
from agentc.runtime.interpreters.scalars import dtype_of, nonsense


def extents(op: GenericOp, args: PythonValues) -> list[int]:
    """How far each loop runs, read off the operands."""
    found: dict[int, int] = {}
    for value, attribute in zip(args, op.indexing_maps.data, strict=True):
        for axis, expr in enumerate(attribute.data.results):
            if isinstance(expr, AffineDimExpr):
                found.setdefault(expr.position, np.shape(value)[axis])
    return [found[i] for i in range(len(op.iterator_types))]


def at(map_: AffineMap, loops: list[Any]) -> tuple[Any, ...]:
    """The indices that a map gives for loop variables, numbers or arrays of them."""
    found: list[Any] = []
    for expr in map_.results:
        match expr:
            case AffineDimExpr(position):
                found.append(loops[position])
            case AffineConstantExpr(value):
                found.append(value)
            case _:
                raise ValueError(f"index `{expr}` is neither a loop nor a number")
    return tuple(found)


def read(value: Any, places: tuple[Any, ...]) -> Any:
    """Elements at ``places``; those of lanes that are not chosen may lie outside, and read what is nearest."""
    if not np.ndim(value):
        return value
    lanes = any(np.ndim(p) for p in places)
    inside = tuple(np.clip(p, 0, n - 1) if lanes else p for p, n in zip(places, value.shape, strict=True))
    if lanes and 0 in value.shape:
        return np.zeros(np.broadcast_shapes(*(np.shape(p) for p in places)), value.dtype)
    return value[inside]


@register_impls
class TensorMeaning(InterpreterFunctions):
    """Tensors are arrays; ops give new ones."""

    def __init__(self) -> None:
        self.loops: list[list[Any]] = []
        """Loop variables of the generics that are running, innermost last."""

    @impl(tensor.EmptyOp)
    def empty(self, interpreter: Interpreter, op: tensor.EmptyOp, args: PythonValues) -> PythonValues:
        """Nobody may count on the elements: nonsense, here."""
        sizes = iter(args)
        shape = [int(next(sizes)) if n == DYNAMIC_INDEX else n for n in shape_of(op.tensor.type) or ()]
        return (nonsense(shape, dtype_of(op.tensor.type)),)

    @impl(tensor.DimOp)
    def dim(self, interpreter: Interpreter, op: tensor.DimOp, args: PythonValues) -> PythonValues:
        """A size."""
        return (np.int64(np.shape(args[0])[int(args[1])]),)

    @impl(tensor.ExtractOp)
    def extract(self, interpreter: Interpreter, op: tensor.ExtractOp, args: PythonValues) -> PythonValues:
        """An element, or one for each lane."""
        return (read(args[0], tuple(args[1:])),)

    @impl(FillOp)
    def fill(self, interpreter: Interpreter, op: FillOp, args: PythonValues) -> PythonValues:
        """One number everywhere."""
        if not op.results:
            args[1][...] = args[0]
            return ()
        return (np.full_like(args[1], args[0]),)

    @impl(IndexOp)
    def index(self, interpreter: Interpreter, op: IndexOp, args: PythonValues) -> PythonValues:
        """A loop variable."""
        return (self.loops[-1][op.dim.value.data],)

    @impl_terminator(YieldOp)
    def finish(self, interpreter: Interpreter, op: YieldOp, args: PythonValues) -> tuple[ReturnedValues, PythonValues]:
        """The value of one element."""
        return ReturnedValues(args), ()

    @impl(GenericOp)
    def generic(self, interpreter: Interpreter, op: GenericOp, args: PythonValues) -> PythonValues:
        """The body on whole arrays for each step of the reductions."""
        ends = extents(op, args)
        target = args[-1].copy() if op.results else args[-1]
        parallel = [i for i, t in enumerate(op.iterator_types) if t.data == IteratorType.PARALLEL]
        others = [i for i in range(len(ends)) if i not in parallel]
        loops: list[Any] = [0] * len(ends)
        for n, i in enumerate(parallel):
            shape = [1] * len(parallel)
            shape[n] = ends[i]
            loops[i] = np.arange(ends[i]).reshape(shape)
        maps = [m.data for m in op.indexing_maps.data]
        self.loops.append(loops)
        for step in product(*(range(ends[i]) for i in others)):
            for i, number in zip(others, step, strict=True):
                loops[i] = np.int64(number)
            values = [read(v, at(m, loops)) for v, m in zip(args[:-1], maps, strict=False)]
            place = at(maps[-1], loops)
            old = target[place] if place else target[()]
            [new] = interpreter.run_ssacfg_region(op.body, (*values, old), "generic")
            if place and any(np.ndim(p) for p in place):
                target[place] = np.broadcast_to(new, np.broadcast_shapes(*(np.shape(p) for p in place)))
            else:
                target[place] = new
        self.loops.pop()
        return (target,) if op.results else ()
