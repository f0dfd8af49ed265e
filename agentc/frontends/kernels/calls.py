"""Calls in a kernel: NumPy functions, array methods, casts, and other kernels of the same file."""

import ast
from collections.abc import Callable, Mapping, Sequence

from agentc.frontends.kernels.builder import Tensor
from agentc.frontends.kernels.expressions import Lost, Scope, Value, evaluate, power, tensor, unsupported
from agentc.frontends.kernels.scalars import ELEMENTS
from agentc.frontends.kernels.source import number_of
from agentc.support.diagnostics import did_you_mean

ELEMENTWISE: Mapping[str, tuple[str, int]] = {
    **{name: (name, 1) for name in ("exp", "log", "sqrt", "tanh", "sin", "cos", "abs", "floor", "ceil")},
    **{name: (op, 1) for name, op in {"absolute": "abs", "fabs": "abs", "rint": "round", "round": "round"}.items()},
    "negative": ("neg", 1),
    "maximum": ("max", 2),
    "minimum": ("min", 2),
    "add": ("add", 2),
    "subtract": ("sub", 2),
    "multiply": ("mul", 2),
    "divide": ("div", 2),
    "where": ("where", 3),
}
"""NumPy's name -> scalar operation and number of operands."""

REDUCTIONS: Mapping[str, str] = {
    "sum": "sum",
    "prod": "prod",
    "mean": "mean",
    "max": "max",
    "amax": "max",
    "min": "min",
    "amin": "min",
}
CASTS: Mapping[str, str] = {
    **{name: name for name in ELEMENTS if name != "i1"},
    "float32": "f32",
    "float64": "f64",
    "int8": "i8",
    "int32": "i32",
    "int64": "i64",
}


def call(scope: Scope, node: ast.Call) -> Value:
    """The value of a call.

    Raises:
        KernelError: the function is unknown, or its arguments are not what it takes.
    """
    match node.func:
        case ast.Attribute(value=ast.Name(id=module), attr=name) if module in scope.source.numpy:
            return _numpy(scope, node, name, node.args)
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id=module), attr="linalg"), attr="norm") if (
            module in scope.source.numpy
        ):
            return _norm(scope, node)
        case ast.Attribute(value=value, attr="astype"):
            _keywords(scope, node, ())
            _count(scope, node, node.args, 1)
            return scope.builder.cast(tensor(scope, value), ELEMENTS[_cast_name(scope, node.args[0])])
        case ast.Attribute(value=value, attr=name) if name in REDUCTIONS or name == "transpose":
            return _numpy(scope, node, name, [value, *node.args])
        case ast.Name(id=name) if name in scope.source.functions:
            return _inline(scope, node, scope.source.functions[name])
        case ast.Name(id=name) if name in CASTS:
            return _cast(scope, node, name)
        case ast.Name(id="abs"):
            return _numpy(scope, node, "abs", node.args)
        case _:
            known = [*scope.source.functions]
            raise unsupported(scope, node, ast.unparse(node.func), suggestion(node.func, known))


def suggestion(node: ast.expr, known: Sequence[str]) -> str | None:
    """What a misspelled plain name was meant to be."""
    return did_you_mean(node.id, known) if isinstance(node, ast.Name) and known else None


def _numpy(scope: Scope, node: ast.Call, name: str, args: Sequence[ast.expr]) -> Value:
    if name in REDUCTIONS:
        return _reduce(scope, node, REDUCTIONS[name], args)
    if name in ELEMENTWISE:
        op, count = ELEMENTWISE[name]
        _keywords(scope, node, ())
        _count(scope, node, args, count)
        return scope.builder.map(op, *(evaluate(scope, a) for a in args))
    if name in CASTS:
        return _cast(scope, node, name)
    if name in OTHERS:
        count, make = OTHERS[name]
        _keywords(scope, node, ())
        _count(scope, node, args, count)
        return make(scope, [evaluate(scope, a) for a in args], node)
    known = [*ELEMENTWISE, *REDUCTIONS, *OTHERS]
    raise unsupported(scope, node, f"np.{name}", did_you_mean(name, known))


def _as_tensor(scope: Scope, value: Value, node: ast.AST) -> Tensor:
    if not isinstance(value, Tensor):
        raise scope.source.error("kernel-shape", f"`{value}` is a number, not an array", node)
    return value


def _clip(scope: Scope, values: Sequence[Value], node: ast.AST) -> Value:
    raised = scope.builder.map("max", values[0], values[1])
    return scope.builder.map("min", raised, values[2])


def _matmul(scope: Scope, values: Sequence[Value], node: ast.AST) -> Value:
    return scope.builder.matmul(_as_tensor(scope, values[0], node), _as_tensor(scope, values[1], node))


OTHERS: Mapping[str, tuple[int, Callable[[Scope, Sequence[Value], ast.AST], Value]]] = {
    "clip": (3, _clip),
    "matmul": (2, _matmul),
    "dot": (2, _matmul),
    "square": (1, lambda scope, v, _: scope.builder.map("mul", v[0], v[0])),
    "reciprocal": (1, lambda scope, v, _: scope.builder.map("div", 1.0, v[0])),
    "power": (2, lambda scope, v, _: power(scope, v[0], v[1])),
    "transpose": (1, lambda scope, v, node: _as_tensor(scope, v[0], node).transposed),
    "isnan": (1, lambda scope, v, _: scope.builder.map("ne", v[0], v[0])),
}


def _reduce(scope: Scope, node: ast.Call, kind: str, args: Sequence[ast.expr]) -> Tensor:
    _keywords(scope, node, ("axis", "keepdims"))
    if not 1 <= len(args) <= 2:
        raise unsupported(scope, node, ast.unparse(node), "give the array, then `axis=` and `keepdims=`")
    array = tensor(scope, args[0])
    given = {k.arg: k.value for k in node.keywords}
    axis = args[1] if len(args) == 2 else given.get("axis")
    keep = _truth(scope, given["keepdims"]) if "keepdims" in given else False
    return scope.builder.reduce(kind, array, _axes(scope, axis, len(array.dims)), keep)


def _norm(scope: Scope, node: ast.Call) -> Tensor:
    """``np.linalg.norm``: the root of the sum of squares."""
    _keywords(scope, node, ("axis", "keepdims"))
    _count(scope, node, node.args, 1)
    array = tensor(scope, node.args[0])
    given = {k.arg: k.value for k in node.keywords}
    keep = _truth(scope, given["keepdims"]) if "keepdims" in given else False
    squares = scope.builder.map("mul", array, array)
    total = scope.builder.reduce("sum", squares, _axes(scope, given.get("axis"), len(array.dims)), keep)
    return scope.builder.map("sqrt", total)


def _axes(scope: Scope, node: ast.expr | None, rank: int) -> tuple[int, ...]:
    match node:
        case None | ast.Constant(value=None):
            return tuple(range(rank))
        case ast.Tuple(elts=items):
            return tuple(sorted({axis_of(scope, item, rank) for item in items}))
        case _:
            return (axis_of(scope, node, rank),)


def axis_of(scope: Scope, node: ast.expr, rank: int) -> int:
    """The axis that a literal names, counted from the front.

    Raises:
        KernelError: it is no integer, or the array has no such axis.
    """
    number = number_of(node)
    if number is None or isinstance(number, float):
        raise scope.source.error("kernel-unsupported", f"axis `{ast.unparse(node)}` is not a whole number", node)
    if not -rank <= number < rank:
        raise scope.source.error("kernel-shape", f"axis {number} of an array with {rank} axes", node)
    return int(number) % rank


def _truth(scope: Scope, node: ast.expr) -> bool:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return node.value
    raise unsupported(scope, node, f"keepdims={ast.unparse(node)}", "write True or False")


def _keywords(scope: Scope, node: ast.Call, allowed: Sequence[str]) -> None:
    for keyword in node.keywords:
        if keyword.arg not in allowed:
            raise unsupported(scope, keyword, f"{keyword.arg}=", did_you_mean(str(keyword.arg), allowed))


def _count(scope: Scope, node: ast.Call, args: Sequence[ast.expr], count: int) -> None:
    if len(args) != count:
        text = f"`{ast.unparse(node.func)}` takes {count} arguments here, not {len(args)}"
        raise scope.source.error("kernel-unsupported", text, node)


def _cast_name(scope: Scope, node: ast.expr) -> str:
    label = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", ast.unparse(node))
    if label not in CASTS:
        raise unsupported(scope, node, ast.unparse(node), did_you_mean(label, CASTS))
    return CASTS[label]


def _cast(scope: Scope, node: ast.Call, name: str) -> Value:
    _keywords(scope, node, ())
    _count(scope, node, node.args, 1)
    value = evaluate(scope, node.args[0])
    return scope.builder.cast(value, ELEMENTS[CASTS[name]]) if isinstance(value, Tensor) else value


def _inline(scope: Scope, node: ast.Call, function: ast.FunctionDef) -> Value:
    parameters = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    if len(node.args) > len(parameters):
        text = f"`{function.name}` takes {len(parameters)} arguments, not {len(node.args)}"
        raise scope.source.error("kernel-unsupported", text, node)
    values = {name: evaluate(scope, arg) for name, arg in zip(parameters, node.args, strict=False)}
    for keyword in node.keywords:
        if keyword.arg not in parameters or keyword.arg in values:
            raise unsupported(scope, keyword, f"{keyword.arg}=", did_you_mean(str(keyword.arg), parameters))
        values[keyword.arg] = evaluate(scope, keyword.value)
    result = scope.call(scope, node, function, values)
    if result is None:
        raise Lost(next(iter(scope.found)))
    return result
