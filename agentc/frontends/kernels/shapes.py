"""NumPy functions that move, repeat and surround what an array holds."""

import ast
from collections.abc import Sequence
from typing import cast

from xdsl.dialects import arith
from xdsl.ir import SSAValue

from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.calls import axes_of, axis_of, cast_name, keywords
from agentc.frontends.kernels.expressions import MOST_TRIPS, Scope, evaluate, tensor, unsupported
from agentc.frontends.kernels.gathers import Indices, Slice, broadcast_to, gather, joined, reshaped, sliced, taken
from agentc.frontends.kernels.indexing import size_of
from agentc.frontends.kernels.ordered import filled
from agentc.frontends.kernels.scalars import ELEMENTS, element_name
from agentc.frontends.kernels.table import Args, Function, Table, arrays_of, axis_stated, flat, given
from agentc.frontends.kernels.tensors import ShapeError, Tensor, show
from agentc.plan import sizes
from agentc.plan.kernels import Dim


def _swapaxes(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    array = tensor(scope, args[0])
    order = list(range(len(array.dims)))
    one, other = (axis_of(scope, a, len(order)) for a in args[1:])
    order[one], order[other] = order[other], order[one]
    return array.permuted(order)


def _moveaxis(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    array = tensor(scope, args[0])
    source, target = (axis_of(scope, a, len(array.dims)) for a in args[1:])
    order = [i for i in range(len(array.dims)) if i != source]
    return array.permuted([*order[:target], source, *order[target:]])


def _expand_dims(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis",))
    array, stated = tensor(scope, args[0]), given(node, "axis", args, 1)
    if stated is None:
        raise unsupported(scope, node, ast.unparse(node), "say where: `axis=0`")
    return array.expanded(axis_of(scope, stated, len(array.dims) + 1))


def _squeeze(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis",))
    array, stated = tensor(scope, args[0]), given(node, "axis", args, 1)
    ones = tuple(i for i, d in enumerate(array.dims) if d == 1)
    if stated is None and any(isinstance(d, str) for d in array.dims):
        raise unsupported(scope, node, ast.unparse(node), "say which axis: `axis=0`; others may have one element, too")
    axes = ones if stated is None else axes_of(scope, stated, len(array.dims))
    if wrong := [a for a in axes if a not in ones]:
        raise ShapeError(f"axis {wrong[0]} of {show(array.dims)} is not known to be 1")
    return sliced(scope.builder, array, [0 if i in axes else Slice(0, d) for i, d in enumerate(array.dims)])


def _beside(axis: int) -> Function:
    """``np.vstack`` (0) and ``np.hstack`` (1)."""

    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ())
        arrays = [a if a.dims else a.expanded(0) for a in arrays_of(scope, args[0])]
        if axis == 0:
            arrays = [a if len(a.dims) > 1 else a.expanded(0) for a in arrays]
        return joined(scope.builder, arrays, axis if len(arrays[0].dims) > 1 else 0)

    return make


def _roll(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis", "shift"))
    stated = given(node, "shift", args, 1)
    if stated is None:
        raise unsupported(scope, node, ast.unparse(node), "say how far: `np.roll(x, 1)`")
    array = tensor(scope, args[0])
    axis = axis_stated(scope, node, args, 2, len(array.dims), None)
    if axis is None:
        rolled = _rolled(scope.builder, flat(scope, array), size_of(scope, stated), 0)
        return reshaped(scope.builder, rolled, array.dims)
    return _rolled(scope.builder, array, size_of(scope, stated), axis)


def _rolled(kernel: KernelBuilder, array: Tensor, shift: Dim, axis: int) -> Tensor:
    """Element i is the one ``shift`` before it, and those before the first come from the end."""
    length = array.dims[axis]
    kernel.require(length)
    places = kernel.map("sub", kernel.iota(length, ELEMENTS["i64"]), kernel.size(shift, ELEMENTS["i64"]))
    count = kernel.size(length, ELEMENTS["i64"])
    return taken(kernel, array, kernel.map("mod", places, count), axis)


def _repeat(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis", "repeats"))
    stated = given(node, "repeats", args, 1)
    if stated is None or isinstance(evaluate(scope, stated), Tensor):
        raise unsupported(scope, node, ast.unparse(node), "say how often by a number: `np.repeat(x, 2, axis=0)`")
    array, count = tensor(scope, args[0]), size_of(scope, stated)
    axis = axis_stated(scope, node, args, 2, len(array.dims), None)
    array, axis = (flat(scope, array), 0) if axis is None else (array, axis)
    dims = [*array.dims[: axis + 1], count, *array.dims[axis + 1 :]]
    wide = broadcast_to(scope.builder, array.expanded(axis + 1), dims)
    return reshaped(
        scope.builder, wide, [*dims[:axis], sizes.multiply(array.dims[axis], count), *array.dims[axis + 1 :]]
    )


def _tile(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    array = tensor(scope, args[0])
    times = [size_of(scope, n) for n in (args[1].elts if isinstance(args[1], ast.Tuple | ast.List) else [args[1]])]
    while len(array.dims) < len(times):
        array = array.expanded(0)
    times = [1] * (len(array.dims) - len(times)) + times
    made, dims = array, list[Dim]()
    for i, (dim, count) in enumerate(zip(array.dims, times, strict=True)):
        made = made.expanded(2 * i)
        dims += [count, dim]
    whole = [sizes.multiply(d, n) for d, n in zip(array.dims, times, strict=True)]
    return reshaped(scope.builder, broadcast_to(scope.builder, made, dims), whole)


def _triangle(lower: bool) -> Function:
    """``np.tril`` and ``np.triu``: what is on the other side of the diagonal becomes 0."""

    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("k",))
        array, build = tensor(scope, args[0]), scope.builder
        stated = given(node, "k", args, 1)
        if len(array.dims) < 2:
            raise ShapeError(f"a triangle of {show(array.dims)}, which is no matrix")
        rows = build.iota(array.dims[-2], ELEMENTS["i64"]).expanded(1)
        columns = build.iota(array.dims[-1], ELEMENTS["i64"])
        far = build.map("sub", columns, rows)
        offset = size_of(scope, stated) if stated is not None else 0
        limit = offset if isinstance(offset, int) else build.size(offset, ELEMENTS["i64"])
        kept = build.map("le" if lower else "ge", far, limit)
        if array.element == ELEMENTS["i1"]:
            return build.map("and", array, kept)
        return build.map("where", kept, array, 0)

    return make


def _eye(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("dtype", "k"))
    bounds = [size_of(scope, a) for a in args[:2]]
    kind, stated = given(node, "dtype", args, 3), given(node, "k", args, 2)
    build, whole = scope.builder, ELEMENTS["i64"]
    columns = build.iota(bounds[-1], whole)
    if stated is not None:
        columns = build.map("sub", columns, cast(int, size_of(scope, stated)))
    same = build.map("eq", build.iota(bounds[0], whole).expanded(1), columns)
    return build.cast(same, ELEMENTS[cast_name(scope, kind) if kind is not None else "f64"])


def _diff(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("axis", "n"))
    array, times = tensor(scope, args[0]), given(node, "n", args, 1)
    axis = axis_stated(scope, node, args, 2, len(array.dims), -1)
    count = size_of(scope, times) if times is not None else 1
    if not array.dims or axis is None or not isinstance(count, int) or not 0 <= count <= MOST_TRIPS:
        help = f"differences of neighbors along one axis, up to {MOST_TRIPS} times: `np.diff(x, n=1, axis=-1)`"
        raise unsupported(scope, node, ast.unparse(node), help)
    for _ in range(count):
        array = _differences(scope.builder, array, axis)
    return array


def _differences(kernel: KernelBuilder, array: Tensor, axis: int) -> Tensor:
    count = sizes.maximum(sizes.subtract(array.dims[axis], 1), 0)
    sides = [
        sliced(kernel, array, [Slice(s, count) if i == axis else Slice(0, d) for i, d in enumerate(array.dims)])
        for s in (1, 0)
    ]
    return kernel.map("xor" if array.element == ELEMENTS["i1"] else "sub", *sides)


def _pad(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("mode", "constant_values"))
    array = tensor(scope, args[0])
    mode = given(node, "mode", args, 2)
    name = mode.value if isinstance(mode, ast.Constant) else "constant" if mode is None else None
    filler = next((k.value for k in node.keywords if k.arg == "constant_values"), None)
    value = evaluate(scope, filler) if filler is not None else 0
    if name not in PLACES and name != "constant" or isinstance(value, Tensor) or (filler and name != "constant"):
        raise unsupported(scope, node, ast.unparse(node), f"modes: `constant` with a number, {', '.join(PLACES)}")
    for axis, (before, after) in enumerate(_widths(scope, args[1], len(array.dims))):
        if (before, after) == (0, 0):
            continue
        if name == "constant":
            array = _surrounded(scope.builder, array, axis, before, after, value)
        else:
            array = _extended(scope.builder, array, axis, before, after, str(name))
    return array


def _widths(scope: Scope, node: ast.expr, rank: int) -> list[tuple[Dim, Dim]]:
    """``2``, ``(1, 2)`` or ``((1, 2), (0, 3))``: before and after each axis."""
    items = list(node.elts) if isinstance(node, ast.Tuple | ast.List) else []
    rows = [[size_of(scope, n) for n in i.elts] for i in items if isinstance(i, ast.Tuple | ast.List)]
    if not items:
        rows = [[size_of(scope, node)] * 2]
    elif not rows:
        rows = [[size_of(scope, n) for n in items] * (2 // len(items))]
    rows = rows * rank if len(rows) == 1 else rows
    if len(rows) != rank or any(len(row) != 2 for row in rows) or (items and len(items) not in (1, 2, rank)):
        text = f"`{ast.unparse(node)}` are no widths before and after {rank} axes"
        raise scope.source.error("kernel-shape", text, node)
    for width in (w for row in rows for w in row):
        scope.builder.require(sizes.add(width, 1))
    return [(row[0], row[1]) for row in rows]


def _surrounded(kernel: KernelBuilder, array: Tensor, axis: int, before: Dim, after: Dim, value: float) -> Tensor:
    def block(width: Dim) -> list[Tensor]:
        dims = [*array.dims[:axis], width, *array.dims[axis + 1 :]]
        return [] if width == 0 else [filled(kernel, dims, value, element_name(array.element))]

    return joined(kernel, [*block(before), array, *block(after)], axis)


def _edge(code: Indices, at: SSAValue, size: SSAValue) -> SSAValue:
    last = code.op(arith.SubiOp, size, code.size(1))
    return code.op(arith.MaxSIOp, code.op(arith.MinSIOp, at, last), code.size(0))


def _reflect(code: Indices, at: SSAValue, size: SSAValue) -> SSAValue:
    """Over the first element and over the last one, once."""
    there = code.op(arith.MaxSIOp, at, code.op(arith.SubiOp, code.size(0), at))
    last = code.op(arith.SubiOp, size, code.size(1))
    return code.op(arith.MinSIOp, there, code.op(arith.SubiOp, code.op(arith.AddiOp, last, last), there))


def _symmetric(code: Indices, at: SSAValue, size: SSAValue) -> SSAValue:
    """As ``reflect``, with the end itself twice."""
    below = code.op(arith.SubiOp, code.op(arith.SubiOp, code.size(0), at), code.size(1))
    there = code.op(arith.MaxSIOp, at, below)
    above = code.op(arith.SubiOp, code.op(arith.SubiOp, code.op(arith.AddiOp, size, size), code.size(1)), there)
    return code.op(arith.MinSIOp, there, above)


def _wrap(code: Indices, at: SSAValue, size: SSAValue) -> SSAValue:
    return code.op(arith.RemSIOp, code.op(arith.AddiOp, at, size), size)


PLACES = {"edge": _edge, "reflect": _reflect, "symmetric": _symmetric, "wrap": _wrap}
"""Mode of ``np.pad`` -> where an element beyond the ends is read."""


def _extended(kernel: KernelBuilder, array: Tensor, axis: int, before: Dim, after: Dim, mode: str) -> Tensor:
    """As far as the axis is long, for one that mirrors: callers see to it."""
    length = array.dims[axis]
    for width in (before, after):
        short = {"edge": 1, "reflect": sizes.add(width, 1)}.get(mode, width)
        kernel.require(sizes.add(sizes.subtract(length, short), 1))
    dims = [*array.dims[:axis], sizes.add(length, sizes.add(before, after)), *array.dims[axis + 1 :]]
    for size in (0, 1, before, length):
        kernel.size_value(size)

    def place(code: Indices, loops: Sequence[SSAValue], values: Sequence[SSAValue]) -> list[SSAValue]:
        at = code.op(arith.SubiOp, loops[axis], code.size(before))
        return [*loops[:axis], PLACES[mode](code, at, code.size(length)), *loops[axis + 1 :]]

    return gather(kernel, array, dims, place)


SHAPES: Table = {
    "swapaxes": (3, 3, _swapaxes),
    "moveaxis": (3, 3, _moveaxis),
    "expand_dims": (1, 2, _expand_dims),
    "squeeze": (1, 2, _squeeze),
    "hstack": (1, 1, _beside(1)),
    "vstack": (1, 1, _beside(0)),
    "roll": (1, 3, _roll),
    "repeat": (1, 3, _repeat),
    "tile": (2, 2, _tile),
    "tril": (1, 2, _triangle(lower=True)),
    "triu": (1, 2, _triangle(lower=False)),
    "eye": (1, 2, _eye),
    "identity": (1, 1, _eye),
    "diff": (1, 3, _diff),
    "pad": (2, 3, _pad),
}
"""NumPy's name -> fewest and most positional arguments, and what makes it."""
