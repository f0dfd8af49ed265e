"""NumPy functions of diagonals: those of matrices, and matrices of them."""

import ast
from collections.abc import Sequence

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.ir import Block, Region, SSAValue

from agentc.analyses.kernel_ops import Appending, branch, compare_integers, extract, index, yielded
from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.calls import axis_of, cast_name, keywords
from agentc.frontends.kernels.expressions import Scope, evaluate, tensor, unsupported
from agentc.frontends.kernels.gathers import Indices, gather
from agentc.frontends.kernels.indexing import size_of
from agentc.frontends.kernels.scalars import ELEMENTS, HALVES, constant, convert, storage
from agentc.frontends.kernels.table import Args, Table, given
from agentc.frontends.kernels.tensors import ShapeError, Tensor, show
from agentc.plan import sizes


def diagonal_of(kernel: KernelBuilder, array: Tensor, offset: int, one: int, other: int) -> Tensor:
    """The elements whose place along ``other`` is ``offset`` more than that along ``one``, as the last axis."""
    rest = [i for i in range(len(array.dims)) if i not in (one, other)]
    planes = array.permuted([*rest, one, other])
    down, right = max(-offset, 0), max(offset, 0)
    rows, columns = (sizes.subtract(d, o) for d, o in zip(planes.dims[-2:], (down, right), strict=True))
    count = sizes.maximum(sizes.minimum(rows, columns), 0)
    for number in (down, right):
        kernel.size_value(number)

    def place(code: Indices, loops: Sequence[SSAValue], values: Sequence[SSAValue]) -> list[SSAValue]:
        return [*loops[:-1], *(code.op(arith.AddiOp, loops[-1], code.size(start)) for start in (down, right))]

    return gather(kernel, planes, [*planes.dims[:-2], count], place)


def matrix_of(kernel: KernelBuilder, row: Tensor, offset: int) -> Tensor:
    """The matrix that has ``row`` as its diagonal ``offset``, and 0 elsewhere."""
    size = sizes.add(row.dims[0], abs(offset))
    memory, element = kernel.materialized(row), storage(row.element)
    for number in (offset, *row.dims):
        kernel.size_value(number)

    def body(build: Builder, values: Sequence[SSAValue]) -> SSAValue:
        code, at = Indices(kernel, build), [build.insert(index(i)).result for i in range(2)]
        there, elsewhere = Block(), Block()
        read = Appending(there).insert(extract(memory, [at[0 if offset >= 0 else 1]], element)).result
        there.add_op(yielded([read]))
        single = ELEMENTS["f32"] if row.element in HALVES else row.element  # halves have no constants
        zero = constant(Appending(elsewhere), 0, single)
        elsewhere.add_op(yielded([convert(Appending(elsewhere), zero, single, row.element)]))
        apart = code.op(arith.SubiOp, at[1], at[0])
        on_it = build.insert(compare_integers("eq", apart, code.size(offset))).result
        return build.insert(branch(on_it, [element], Region(there), Region(elsewhere))).results[0]

    return kernel.generic([], [size, size], [0, 1], row.element, body)


def _offset(scope: Scope, node: ast.Call, name: str, args: Args) -> int:
    stated = given(node, name, args, 1)
    found = size_of(scope, stated) if stated is not None else 0
    if isinstance(found, int):
        return found
    raise unsupported(scope, node, f"{name}={found}", "which diagonal it is, is a number")


def _plane(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    array = tensor(scope, args[0])
    if len(array.dims) < 2:
        raise ShapeError(f"a diagonal of {show(array.dims)}, which is no matrix")
    stated = [given(node, f"axis{i + 1}", args, i + 2) for i in range(2)]
    one, other = (axis_of(scope, a, len(array.dims)) if a is not None else i for i, a in enumerate(stated))
    if one == other:
        raise scope.source.error("kernel-shape", f"axes {one} and {other} of a diagonal are the same", node)
    return diagonal_of(scope.builder, array, _offset(scope, node, "offset", args), one, other)


def _diagonal(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("offset", "axis1", "axis2"))
    return _plane(scope, node, args)


def _trace(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("offset", "axis1", "axis2", "dtype"))
    found, kind = _plane(scope, node, args), given(node, "dtype", args, 4)
    if kind is None:
        return scope.builder.reduce("sum", found, [len(found.dims) - 1], False)
    element = ELEMENTS[cast_name(scope, kind)]
    total = scope.builder.reduce("sum", scope.builder.cast(found, element), [len(found.dims) - 1], False)
    return scope.builder.cast(total, element)


def _diag(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    """The matrix with a row as its diagonal, or the diagonal of a matrix."""
    keywords(scope, node, ("k",))
    array, offset = tensor(scope, args[0]), _offset(scope, node, "k", args)
    if len(array.dims) == 1:
        return matrix_of(scope.builder, array, offset)
    if len(array.dims) == 2:
        return diagonal_of(scope.builder, array, offset, 0, 1)
    raise ShapeError(f"`diag` takes a row or a matrix, not {show(array.dims)}: `np.diagonal` takes any rank")


def _tri(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    """``np.tri``: ones at and below a diagonal."""
    keywords(scope, node, ("M", "k", "dtype"))
    build, whole = scope.builder, ELEMENTS["i64"]
    rows, wide = size_of(scope, args[0]), given(node, "M", args, 1)
    stated, kind = given(node, "k", args, 2), given(node, "dtype", args, 3)
    columns = size_of(scope, wide) if wide is not None else rows
    offset = evaluate(scope, stated) if stated is not None else 0
    far = build.map("sub", build.iota(columns, whole), build.iota(rows, whole).expanded(1))
    return build.cast(build.map("le", far, offset), ELEMENTS[cast_name(scope, kind) if kind is not None else "f64"])


DIAGONALS: Table = {
    "diagonal": (1, 4, _diagonal),
    "trace": (1, 5, _trace),
    "diag": (1, 2, _diag),
    "tri": (1, 4, _tri),
}
"""NumPy's name -> fewest and most positional arguments, and what makes it."""
