"""The value of a NumPy expression, as kernel code."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from agentc.frontends.kernels.builder import KernelBuilder, ShapeError, Tensor, show
from agentc.frontends.kernels.source import KernelError, KernelSource
from agentc.support.diagnostics import Diagnostics, did_you_mean

Value: TypeAlias = Tensor | float
Inline: TypeAlias = "Callable[[Scope, ast.Call, ast.FunctionDef, Mapping[str, Value]], Value | None]"


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


class Lost(KernelError):
    """The value depends on one whose problem was told; telling another would mislead."""


BINARY: Mapping[type[ast.operator], tuple[str, Callable[[float, float], float]]] = {
    ast.Add: ("add", lambda a, b: a + b),
    ast.Sub: ("sub", lambda a, b: a - b),
    ast.Mult: ("mul", lambda a, b: a * b),
    ast.Div: ("div", lambda a, b: a / b),
    ast.Pow: ("pow", lambda a, b: a**b),
    ast.BitAnd: ("and", lambda a, b: int(a) & int(b)),
    ast.BitOr: ("or", lambda a, b: int(a) | int(b)),
    ast.BitXor: ("xor", lambda a, b: int(a) ^ int(b)),
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
}


def evaluate(scope: Scope, node: ast.expr) -> Value:
    """Insert the code of ``node``.

    Raises:
        KernelError: a problem in it, at the innermost place that shows it.
    """
    try:
        return _evaluate(scope, node)
    except ShapeError as error:
        raise scope.source.error("kernel-shape", str(error), node) from None
    except (ZeroDivisionError, OverflowError) as error:
        raise scope.source.error("kernel-shape", f"constant arithmetic fails: {error}", node) from None


def _evaluate(scope: Scope, node: ast.expr) -> Value:
    from agentc.frontends.kernels.calls import call

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
            return scope.builder.map(COMPARE[type(op)], evaluate(scope, left), evaluate(scope, right))
        case ast.Call():
            return call(scope, node)
        case ast.Attribute(value=ast.Name(id=module), attr=name) if module in scope.source.numpy:
            if name in NUMPY_CONSTANTS:
                return NUMPY_CONSTANTS[name]
            raise unsupported(scope, node, f"{module}.{name}", did_you_mean(name, NUMPY_CONSTANTS))
        case ast.Attribute(value=value, attr="T"):
            return tensor(scope, value).transposed
        case ast.Subscript(value=ast.Attribute(value=value, attr="shape"), slice=index):
            return _size(scope, tensor(scope, value), index)
        case ast.Subscript(value=value, slice=index):
            return _index(scope, node, tensor(scope, value), index)
        case _:
            raise unsupported(scope, node, ast.unparse(node))


def unsupported(scope: Scope, node: ast.AST, what: str, help: str | None = None) -> KernelError:
    """The problem that kernels do not know ``what``."""
    text = what if len(what) <= 60 else what[:57] + "…"
    return scope.source.error("kernel-unsupported", f"`{text}` is not supported in a kernel", node, help)


def tensor(scope: Scope, node: ast.expr) -> Tensor:
    """The array that ``node`` is.

    Raises:
        KernelError: it is a number.
    """
    value = evaluate(scope, node)
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
    help = did_you_mean(name, [*scope.names, *scope.source.constants])
    raise scope.source.error("kernel-unknown-name", f"`{name}` is not defined", node, help)


def _binary(scope: Scope, node: ast.BinOp, op: ast.operator, left: Value, right: Value) -> Value:
    if isinstance(op, ast.MatMult):
        if isinstance(left, Tensor) and isinstance(right, Tensor):
            return scope.builder.matmul(left, right)
        raise scope.source.error("kernel-shape", "`@` takes arrays, not numbers", node)
    if type(op) not in BINARY:
        raise unsupported(scope, node, ast.unparse(node))
    name, on_numbers = BINARY[type(op)]
    if not isinstance(left, Tensor) and not isinstance(right, Tensor):
        return on_numbers(left, right)
    if name == "pow":
        return power(scope, left, right)
    return scope.builder.map(name, left, right)


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
            return scope.builder.map("xor", value, 1)
        case _:
            raise unsupported(scope, node, ast.unparse(node), "use `~` on an array of truth values")


def _size(scope: Scope, array: Tensor, index: ast.expr) -> Value:
    """``array.shape[index]``: a number where it is static."""
    from agentc.frontends.kernels.calls import axis_of

    dim = array.dims[axis_of(scope, index, len(array.dims))]
    return scope.builder.size(dim, array.element) if isinstance(dim, str) else dim


def _index(scope: Scope, node: ast.Subscript, array: Tensor, index: ast.expr) -> Tensor:
    """``array[:, None]``: new axes; every other axis whole."""
    place = 0
    for item in index.elts if isinstance(index, ast.Tuple) else [index]:
        match item:
            case ast.Constant(value=None):
                array = array.expanded(place)
            case ast.Attribute(value=ast.Name(id=module), attr="newaxis") if module in scope.source.numpy:
                array = array.expanded(place)
            case ast.Slice(lower=None, upper=None, step=None) if place < len(array.dims):
                pass
            case ast.Constant(value=value) if value is ...:
                place = len(array.dims) - 1
            case _:
                text = f"`{ast.unparse(node)}` on shape {show(array.dims)}: only `:`, `None` and `...` index an array"
                raise scope.source.error("kernel-unsupported", text, item)
        place += 1
    return array
