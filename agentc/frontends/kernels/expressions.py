"""The value of a NumPy expression, as kernel code."""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.scalars import ELEMENTS, HALVES, all_ones
from agentc.frontends.kernels.source import KernelError, KernelSource
from agentc.frontends.kernels.tensors import ShapeError, Tensor
from agentc.plan import sizes
from agentc.support.diagnostics import Diagnostics, did_you_mean

Value: TypeAlias = Tensor | float
Values: TypeAlias = Tensor | float | tuple[Tensor | float, ...]
Inline: TypeAlias = "Callable[[Scope, ast.Call, ast.FunctionDef, Mapping[str, Value]], Values | None]"


@dataclass
class Scope:
    """The names that a function's body sees, and where its code and its problems go."""

    source: KernelSource
    builder: KernelBuilder
    found: Diagnostics
    names: dict[str, Value | None]
    """``None``: its statement had a problem, which was told."""
    call: Inline
    stack: tuple[str, ...]


MOST_TRIPS = 64
"""Of a loop, which is unrolled."""


class Lost(KernelError):
    """The value depends on one whose problem was told; telling another would mislead."""


MOST_BITS = 1024
"""Of a whole number that is computed while compiling."""


def _power_of(base: float, exponent: float) -> float:
    """``base ** exponent``, unless it would fill the memory.

    Raises:
        OverflowError: it has too many digits.
    """
    if isinstance(base, int) and isinstance(exponent, int) and abs(exponent) * base.bit_length() > MOST_BITS:
        raise OverflowError("a whole number of more digits than anybody reads")
    found = base**exponent
    if isinstance(found, complex):
        raise OverflowError("the root of a negative number is not real")
    return found


BINARY: Mapping[type[ast.operator], tuple[str, Callable[[float, float], float]]] = {
    ast.Add: ("add", lambda a, b: a + b),
    ast.Sub: ("sub", lambda a, b: a - b),
    ast.Mult: ("mul", lambda a, b: a * b),
    ast.Div: ("div", lambda a, b: a / b),
    ast.Pow: ("pow", lambda a, b: _power_of(a, b)),
    ast.BitAnd: ("and", lambda a, b: int(a) & int(b)),
    ast.BitOr: ("or", lambda a, b: int(a) | int(b)),
    ast.BitXor: ("xor", lambda a, b: int(a) ^ int(b)),
    ast.FloorDiv: ("floordiv", lambda a, b: a // b),
    ast.Mod: ("mod", lambda a, b: a % b),
    ast.LShift: ("shl", lambda a, b: int(a) * int(_power_of(2, int(b)))),
    ast.RShift: ("shr", lambda a, b: int(a) >> int(b)),
}
ON_SIZES: Mapping[str, Callable[[sizes.Size, sizes.Size], sizes.Size]] = {
    "add": sizes.add,
    "sub": sizes.subtract,
    "mul": sizes.multiply,
    "floordiv": sizes.floordiv,
    "mod": sizes.modulo,
}
COMPARE: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
}
NUMPY_CONSTANTS: Mapping[str, float] = {
    "pi": 3.141592653589793,
    "e": 2.718281828459045,
    "inf": float("inf"),
    "nan": float("nan"),
    "True_": True,
    "False_": False,
}


def evaluate(scope: Scope, node: ast.expr) -> Value:
    """Insert the code of ``node``.

    Raises:
        KernelError: a problem in it, at the innermost place that shows it.
    """
    value = _at_hand(scope, node)
    if value is None:
        value = evaluate_all(scope, node)
    if isinstance(value, tuple):
        text = f"`{ast.unparse(node)}` gives {len(value)} values"
        raise scope.source.error("kernel-shape", text, node, "write `values, places = top_k(x, 8)`")
    return value


def _at_hand(scope: Scope, node: ast.expr) -> Value | None:
    """What ``node`` is, where no code and no problem can come of it: most of what is evaluated."""
    match node:
        case ast.Name(id=name):
            return scope.names.get(name)
        case ast.Constant(value=bool() | int() | float() as value):
            return value
        case _:
            return None


def evaluate_all(scope: Scope, node: ast.expr) -> Values:
    """As ``evaluate``, where several values are fine."""
    before, scope.builder.place = scope.builder.place, scope.source.place(node)
    try:
        return _evaluate(scope, node)
    except ShapeError as error:
        raise scope.source.error("kernel-shape", str(error), node) from None
    except (ZeroDivisionError, OverflowError) as error:
        raise scope.source.error("kernel-shape", f"constant arithmetic fails: {error}", node) from None
    finally:
        scope.builder.place = before


def _evaluate(scope: Scope, node: ast.expr) -> Values:
    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            return value
        case ast.Name(id=name):
            return _name(scope, node, name)
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(scope, node, op, evaluate(scope, left), evaluate(scope, right))
        case ast.UnaryOp(op=op, operand=operand):
            return _unary(scope, node, op, evaluate(scope, operand))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARE:
            return _compared(scope, op, evaluate(scope, left), evaluate(scope, right))
        case ast.Call():
            from agentc.frontends.kernels.calls import call

            return call(scope, node)
        case ast.Attribute(value=ast.Name(id=module), attr=name) if module in scope.source.numpy:
            if name in NUMPY_CONSTANTS:
                return NUMPY_CONSTANTS[name]
            raise unsupported(scope, node, f"{module}.{name}", did_you_mean(name, NUMPY_CONSTANTS))
        case ast.Attribute(value=value, attr="T"):
            return tensor(scope, value).transposed
        case ast.Attribute(value=value, attr="real" | "imag" as name):
            from agentc.frontends.kernels.calls import part

            return part(scope, node, value, name)
        case ast.Attribute(value=value, attr="ndim"):
            return len(tensor(scope, value).dims)
        case ast.Subscript():
            return _subscript(scope, node)
        case ast.IfExp(test=test, body=body, orelse=other):
            return evaluate(scope, body if known(scope, test) else other)
        case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return known(scope, node)
        case _:
            chained = isinstance(node, ast.Compare) and len(node.ops) > 1
            raise unsupported(scope, node, ast.unparse(node), TRUTH_HELP if chained else None)


def _subscript(scope: Scope, node: ast.Subscript) -> Values:
    from agentc.frontends.kernels.indexing import indexed

    match node:
        case ast.Subscript(value=ast.Attribute(value=value, attr="shape"), slice=index):
            return _size(scope, tensor(scope, value), index)
        case ast.Subscript(value=ast.Call() as value, slice=ast.Constant(value=int() as at)):
            found = evaluate_all(scope, value)
            if isinstance(found, tuple):
                return _item_of(scope, node, found, at)
            return indexed(scope, node, _as_array(scope, value, found), node.slice)
        case ast.Subscript(value=ast.Constant(value=bytes() as text), slice=ast.Constant(value=int() as at)):
            return _item_of(scope, node, [*text], at)
        case ast.Subscript(value=ast.Name(id=name), slice=index) if _listed(scope, name) is not None:
            at = evaluate(scope, index)
            if isinstance(at, int):
                return evaluate(scope, _item_of(scope, node, _listed(scope, name) or [], at))
            raise unsupported(scope, node, ast.unparse(node), f"write `np.array({name})[…]` for places that data name")
        case _:
            return indexed(scope, node, tensor(scope, node.value), node.slice)


def unsupported(scope: Scope, node: ast.AST, what: str, help: str | None = None) -> KernelError:
    """The problem that kernels do not know ``what``."""
    text = what if len(what) <= 60 else what[:57] + "…"
    return scope.source.error("kernel-unsupported", f"`{text}` is not supported in a kernel", node, help)


T = TypeVar("T")


def _item_of(scope: Scope, node: ast.expr, items: Sequence[T], at: int) -> T:
    if not -len(items) <= at < len(items):
        raise scope.source.error("kernel-shape", f"place {at} of {len(items)}", node)
    return items[at]


def _compared(scope: Scope, op: ast.cmpop, left: Value, right: Value) -> Value:
    """Of two numbers it is known now."""
    name = COMPARE[type(op)]
    if isinstance(left, Tensor) or isinstance(right, Tensor):
        return scope.builder.map(name, left, right)
    return bool(getattr(operator, name)(left, right))


TRUTH_HELP = "of arrays write `&`, `|` and `~`, each comparison in parentheses, and `np.where` to choose"


def known(scope: Scope, node: ast.expr) -> bool:
    """Whether a condition on numbers that are known when compiling holds.

    Raises:
        KernelError: it depends on an array or a size.
    """
    match node:
        case ast.BoolOp(op=op, values=values):
            return (all if isinstance(op, ast.And) else any)(known(scope, v) for v in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not known(scope, operand)
        case _:
            value = evaluate(scope, node)
    if isinstance(value, Tensor):
        text = f"whether `{ast.unparse(node)}` holds is not known before the data"
        raise scope.source.error("kernel-unsupported", text, node, TRUTH_HELP)
    return bool(value)


def tensor(scope: Scope, node: ast.expr) -> Tensor:
    """The array that ``node`` is.

    Raises:
        KernelError: it is a number.
    """
    return _as_array(scope, node, evaluate(scope, node))


def _as_array(scope: Scope, node: ast.expr, value: Value) -> Tensor:
    if not isinstance(value, Tensor):
        raise scope.source.error("kernel-shape", f"`{ast.unparse(node)}` is a number, not an array", node)
    return value


def _name(scope: Scope, node: ast.Name, name: str) -> Value:
    if name in scope.names:
        value = scope.names[name]
        if value is None:
            first = next(iter(scope.found))
            raise Lost(first)
        return value
    if name in scope.source.constants:
        return scope.source.constants[name]
    if name in scope.source.tables:
        return _table(scope, scope.source.tables[name])
    help = did_you_mean(name, [*scope.names, *scope.source.constants, *scope.source.tables])
    raise scope.source.error("kernel-unknown-name", f"`{name}` is not defined", node, help)


def _listed(scope: Scope, name: str) -> list[ast.expr] | None:
    """The items of a list outside of functions."""
    stated = scope.source.tables.get(name) if name not in scope.names else None
    return stated.elts if isinstance(stated, ast.List | ast.Tuple) else None


def _table(scope: Scope, node: ast.expr) -> Value:
    """A list or array that the file writes out, outside of its functions."""
    from agentc.frontends.kernels.literals import literal

    return literal(scope, node) if isinstance(node, ast.List | ast.Tuple) else evaluate(scope, node)


def _binary(scope: Scope, node: ast.BinOp, op: ast.operator, left: Value, right: Value) -> Value:
    if isinstance(op, ast.MatMult):
        from agentc.frontends.kernels.products import matmul

        if isinstance(left, Tensor) and isinstance(right, Tensor):
            return matmul(scope.builder, left, right)
        raise scope.source.error("kernel-shape", "`@` takes arrays, not numbers", node)
    if type(op) not in BINARY:
        raise unsupported(scope, node, ast.unparse(node))
    name, on_numbers = BINARY[type(op)]
    if (size := _size_arithmetic(scope, name, left, right)) is not None:
        return size
    if not isinstance(left, Tensor) and not isinstance(right, Tensor):
        return on_numbers(left, right)
    if name == "pow":
        return power(scope, left, right)
    if name == "div":
        return divide(scope, left, right)
    return scope.builder.map(name, left, right)


def divide(scope: Scope, left: Value, right: Value) -> Tensor:
    """``left / right``, of integers in f64, as in NumPy."""
    return scope.builder.map("div", *(real(scope, v) for v in (left, right)))


def real(scope: Scope, value: Value) -> Value:
    """Integers as f64; the rest as it is."""
    floats = (*HALVES, ELEMENTS["f32"], ELEMENTS["f64"])
    whole = isinstance(value, Tensor) and value.element not in floats
    return scope.builder.cast(value, ELEMENTS["f64"]) if isinstance(value, Tensor) and whole else value


def _size_arithmetic(scope: Scope, name: str, left: Value, right: Value) -> Value | None:
    """What is computed from sizes alone is a size."""
    given = [v for v in (left, right) if isinstance(v, Tensor)]
    if name not in ON_SIZES or not given or any(v.size is None for v in given):
        return None
    plain = [v for v in (left, right) if not isinstance(v, Tensor)]
    if any(int(v) != v for v in plain):
        return None
    sides = [v.size if isinstance(v, Tensor) else int(v) for v in (left, right)]
    assert sides[0] is not None and sides[1] is not None
    if name in ("floordiv", "mod") and isinstance(sides[1], str):
        scope.builder.require(sides[1])
    found = ON_SIZES[name](sides[0], sides[1])
    return scope.builder.size(found, given[0].element) if isinstance(found, str) else found


def power(scope: Scope, base: Value, exponent: Value) -> Tensor:
    """``base ** exponent``: products for small whole exponents, a root for one half."""
    build = scope.builder
    if isinstance(base, Tensor) and not isinstance(exponent, Tensor):
        if exponent == 0.5:
            return build.map("sqrt", base)
        if exponent in (-1, -2, -3):
            return build.map("div", 1.0, power(scope, base, -exponent))
        if exponent in (1, 2, 3, 4):
            square = build.map("mul", base, base) if exponent > 1 else base
            other = {1: None, 2: None, 3: base, 4: square}[int(exponent)]
            return square if other is None else build.map("mul", square, other)
    return build.map("pow", base, exponent)


def _unary(scope: Scope, node: ast.UnaryOp, op: ast.unaryop, value: Value) -> Value:
    match op:
        case ast.UAdd():
            return value
        case ast.USub():
            if not isinstance(value, Tensor):
                return -value
            try:
                return scope.builder.map("neg", value)
            except ShapeError:
                return scope.builder.map("sub", 0, value)
        case ast.Invert() if isinstance(value, Tensor):
            flag = value.element == ELEMENTS["i1"]
            return scope.builder.map("xor", value, 1 if flag else all_ones(value.element))
        case ast.Invert() if isinstance(value, int):
            return ~value
        case _:
            raise unsupported(scope, node, ast.unparse(node), "use `~` on an array of truth values")


def _size(scope: Scope, array: Tensor, index: ast.expr) -> Value:
    """``array.shape[index]``: a number where it is static."""
    from agentc.frontends.kernels.calls import axis_of

    dim = array.dims[axis_of(scope, index, len(array.dims))]
    element = array.element if array.element in (ELEMENTS["f32"], ELEMENTS["f64"]) else ELEMENTS["i64"]
    return scope.builder.size(dim, element) if isinstance(dim, str) else dim
