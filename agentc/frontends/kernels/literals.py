"""Arrays that are written out, such as ``np.array([0.25, 0.5, 0.25])``: what a few numbers are, by place."""

import ast
from collections.abc import Sequence

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.ir import SSAValue

from agentc.analyses.kernel_dims import is_integer
from agentc.analyses.kernel_ops import compare_integers, index, select
from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.calls import cast_name, keywords
from agentc.frontends.kernels.expressions import Scope, Value, evaluate, unsupported
from agentc.frontends.kernels.gathers import Indices, joined, total
from agentc.frontends.kernels.ordered import filled
from agentc.frontends.kernels.scalars import ELEMENTS, HALVES, Element, constant, element_name
from agentc.frontends.kernels.table import Args, Table, given
from agentc.frontends.kernels.tensors import ShapeError, Tensor

MOST = 64
"""Elements. A processor's table is computed while compiling, other targets choose each anew."""


def literal(scope: Scope, node: ast.expr, kind: str | None = None) -> Tensor:
    """The array of a list of numbers, or of lists of lists; of 0-d arrays along one axis, too.

    Raises:
        KernelError: rows differ in length, or it is too long.
    """
    dims, leaves = _leaves(scope, node)
    if len(leaves) > MOST:
        text = f"an array of {len(leaves)} elements is written out"
        raise scope.source.error("kernel-unsupported", text, node, f"up to {MOST} are; take the array as an argument")
    values = [evaluate(scope, leaf) for leaf in leaves]
    arrays = [v for v in values if isinstance(v, Tensor)]
    numbers = [v for v in values if not isinstance(v, Tensor)]
    if not arrays:
        return table_of(scope.builder, numbers, dims, kind or _kind(numbers))
    if len(dims) != 1 or any(a.dims for a in arrays):
        raise unsupported(scope, node, ast.unparse(node), "join arrays by `np.stack` or `np.concatenate`")
    return _of_scalars(scope.builder, values, kind or element_name(arrays[0].element))


def _of_scalars(kernel: KernelBuilder, values: Sequence[Value], kind: str) -> Tensor:
    parts = [kernel.cast(v, ELEMENTS[kind]) if isinstance(v, Tensor) else filled(kernel, [], v, kind) for v in values]
    return joined(kernel, [part.expanded(0) for part in parts], 0)


def _kind(numbers: Sequence[float]) -> str:
    if all(isinstance(n, bool) for n in numbers) and numbers:
        return "i1"
    return "i64" if numbers and all(isinstance(n, int) for n in numbers) else "f64"


def _leaves(scope: Scope, node: ast.expr) -> tuple[list[int], list[ast.expr]]:
    if not isinstance(node, ast.List | ast.Tuple):
        return [], [node]
    rows = [_leaves(scope, item) for item in node.elts]
    if any(dims != rows[0][0] for dims, _ in rows):
        raise scope.source.error("kernel-shape", f"rows of `{ast.unparse(node)}` differ in length", node)
    return [len(rows), *(rows[0][0] if rows else [])], [leaf for _, leaves in rows for leaf in leaves]


def table_of(kernel: KernelBuilder, numbers: Sequence[float], dims: Sequence[int], kind: str) -> Tensor:
    """``numbers`` in rows, chosen by halves.

    Raises:
        ShapeError: a number is beyond the type.
    """
    element = ELEMENTS[kind]
    if element in HALVES:
        return kernel.cast(table_of(kernel, numbers, dims, "f32"), element)
    if kind[0] in "iu" and any(n != int(n) for n in numbers):
        raise ShapeError(f"fractions in an array of {kind}")
    if not numbers or not dims:
        return filled(kernel, dims, numbers[0] if numbers else 0.0, kind)
    for place in range(len(numbers) + 1):
        kernel.size_value(place)

    def chosen(build: Builder, at: SSAValue, low: int, high: int) -> SSAValue:
        if high - low == 1 or all(repr(n) == repr(numbers[low]) for n in numbers[low:high]):
            return constant(build, numbers[low], element)
        middle = (low + high) // 2
        first = build.insert(compare_integers("slt", at, kernel.size_value(middle))).result
        sides = [chosen(build, at, *ends) for ends in ((low, middle), (middle, high))]
        return build.insert(select(first, sides[0], sides[1])).result

    def body(build: Builder, values: Sequence[SSAValue]) -> SSAValue:
        code = Indices(kernel, build)
        at = build.insert(index(0)).result
        for axis in range(1, len(dims)):
            row = code.op(arith.MuliOp, at, code.size(dims[axis]))
            at = code.op(arith.AddiOp, row, build.insert(index(axis)).result)
        return chosen(build, at, 0, len(numbers))

    assert total(dims) == len(numbers)
    return kernel.generic([], list(dims), range(len(dims)), element, body)


def _array(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("dtype",))
    stated = given(node, "dtype", args, 1)
    kind = cast_name(scope, stated) if stated is not None else None
    if isinstance(args[0], ast.List | ast.Tuple):
        return literal(scope, args[0], kind)
    value = evaluate(scope, args[0])
    if not isinstance(value, Tensor):
        return table_of(scope.builder, [value], [], kind or _kind([value]))
    return value if kind is None else scope.builder.cast(value, ELEMENTS[kind])


def list_of(scope: Scope, node: ast.expr) -> ast.expr:
    """The list that a name outside of functions is, where it is one."""
    if isinstance(node, ast.Name) and node.id not in scope.names and node.id not in scope.source.constants:
        stated = scope.source.tables.get(node.id)
        return stated if isinstance(stated, ast.List | ast.Tuple) else node
    return node


def _is_list(scope: Scope, node: ast.expr) -> bool:
    return isinstance(list_of(scope, node), ast.List | ast.Tuple)


def written_or_array(scope: Scope, node: ast.expr) -> tuple[Tensor, bool]:
    """An array, a list as one, or a number as one without axes; and whether it is written out, of no certain type."""
    if _is_list(scope, node):
        made = literal(scope, list_of(scope, node))
        return made, made.element in (ELEMENTS["f64"], ELEMENTS["i64"], ELEMENTS["i1"])
    value = evaluate(scope, node)
    return (value, False) if isinstance(value, Tensor) else (number_as_array(scope.builder, value), True)


def together(scope: Scope, node: ast.Call, *found: tuple[Tensor, bool]) -> list[Tensor]:
    """Arrays in one type. What is written out is f64 or i64, as NumPy makes it, and what it meets becomes as wide: 0.1
    among f32 is no f32.

    Raises:
        ShapeError: arrays differ in type.
    """
    typed = [array for array, written in found if not written]
    element = scope.builder.common(ast.unparse(node.func), typed or [array for array, _ in found])
    for array in (array for array, written in found if written):
        element = _joint(element, array.element)
    return [scope.builder.cast(array, element) for array, _ in found]


def number_as_array(kernel: KernelBuilder, value: float) -> Tensor:
    """A number as an array without axes."""
    return table_of(kernel, [value], [], _kind([value]))


def _joint(array: Element, written: Element) -> Element:
    """The type of both: ``written`` is i1, i64 or f64."""
    if written in (array, ELEMENTS["i1"]):
        return array
    mixed = written == ELEMENTS["i64"] and is_integer(array) and array != ELEMENTS["u64"]
    return ELEMENTS["i64"] if mixed else ELEMENTS["f64"]


def numbers_of(scope: Scope, node: ast.expr) -> list[float] | None:
    """The numbers of a list, where nothing else is in it."""
    node = list_of(scope, node)
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    found = [evaluate(scope, item) for item in node.elts if not isinstance(item, ast.List | ast.Tuple)]
    numbers: list[float] = [v for v in found if not isinstance(v, Tensor)]
    return numbers if len(numbers) == len(node.elts) else None


LITERALS: Table = {"array": (1, 2, _array), "asarray": (1, 2, _array)}
"""NumPy's name -> fewest and most positional arguments, and what makes it."""
