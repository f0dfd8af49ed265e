"""Calls in a kernel: NumPy functions, array methods, casts, and other kernels of the same file."""

import ast
from collections.abc import Callable, Mapping, Sequence

from agentc.frontends.kernels.expressions import (
    Lost,
    Scope,
    Value,
    Values,
    divide,
    evaluate,
    power,
    real,
    tensor,
    unsupported,
)
from agentc.frontends.kernels.fourier import Complex, rfft
from agentc.frontends.kernels.fourier import power as squared
from agentc.frontends.kernels.scalars import ELEMENTS, HALVES, all_ones, is_unsigned
from agentc.frontends.kernels.source import number_of
from agentc.frontends.kernels.tensors import Tensor
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
    "where": ("where", 3),
    "floor_divide": ("floordiv", 2),
    "mod": ("mod", 2),
    "remainder": ("mod", 2),
    "left_shift": ("shl", 2),
    "right_shift": ("shr", 2),
    "bitwise_and": ("and", 2),
    "bitwise_or": ("or", 2),
    "bitwise_xor": ("xor", 2),
    "equal": ("eq", 2),
    "not_equal": ("ne", 2),
    "less": ("lt", 2),
    "less_equal": ("le", 2),
    "greater": ("gt", 2),
    "greater_equal": ("ge", 2),
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
    "uint8": "u8",
    "uint32": "u32",
    "uint64": "u64",
    "float16": "f16",
    "single": "f32",
    "double": "f64",
    "half": "f16",
    "float": "f64",
    "int": "i64",
    "bool_": "i1",
    "bool": "i1",
    "i1": "i1",
}
MASKS = ("nonzero", "flatnonzero", "argwhere", "unique", "extract", "compress", "delete")
"""Of these the size of the result depends on data."""
INSTEAD: Mapping[str, str] = {
    **dict.fromkeys(MASKS, "its size depends on data; use `np.where`"),
    **dict.fromkeys(("partition", "argpartition"), "use `top_k`, or `np.sort`"),
    "in1d": "use `np.isin`",
    **dict.fromkeys(("copy", "ascontiguousarray"), "values of a kernel are never written over"),
    **dict.fromkeys(("allclose", "array_equal"), "compare, then `np.all`"),
    "hypot": "write `np.sqrt(x * x + y * y)`",
    "fmod": "`%` takes the sign of the divisor; write `np.sign(x) * (np.abs(x) % np.abs(y))`",
    **dict.fromkeys(("split", "array_split"), "take slices: `x[:, :4], x[:, 4:]`"),
}
"""What to write for functions that kernels have not."""


def call(scope: Scope, node: ast.Call) -> Values:
    """The value of a call.

    Raises:
        KernelError: the function is unknown, or its arguments are not what it takes.
    """
    from agentc.frontends.kernels.arrays import OWN
    from agentc.frontends.kernels.numpy_table import METHODS
    from agentc.frontends.kernels.table import apply

    match node.func:
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id=module), attr=name), attr="accumulate") if (
            module in scope.source.numpy
        ):
            return _numpy(scope, node, f"{name}.accumulate", node.args)
        case ast.Attribute(value=ast.Name(id=module), attr=name) if module in scope.source.agentc and name in OWN:
            return apply(scope, node, OWN, name, node.args)
        case ast.Name(id=name) if name in OWN and name not in scope.source.functions:
            return apply(scope, node, OWN, name, node.args)
        case ast.Attribute(value=ast.Name(id=module), attr=name) if module in scope.source.numpy:
            return _numpy(scope, node, name, node.args)
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id=module), attr="linalg"), attr="norm") if (
            module in scope.source.numpy
        ):
            return _norm(scope, node)
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id=module), attr="fft")) if module in scope.source.numpy:
            help = "take `np.abs(np.fft.rfft(x))`, or its `.real` or `.imag`; rows have a known length"
            raise unsupported(scope, node, ast.unparse(node), help)
        case ast.Attribute(value=value, attr="astype"):
            keywords(scope, node, ())
            _count(scope, node, node.args, 1)
            return scope.builder.cast(tensor(scope, value), ELEMENTS[cast_name(scope, node.args[0])])
        case ast.Attribute(value=value, attr=name) if name in (*REDUCTIONS, *METHODS, "transpose") and name != "sort":
            return _numpy(scope, node, name, [value, *node.args])
        case ast.Name(id=name) if name in scope.source.functions:
            return _inline(scope, node, scope.source.functions[name])
        case ast.Name(id=name) if name in CASTS:
            return _cast(scope, node, name)
        case ast.Name(id="abs"):
            return _numpy(scope, node, "abs", node.args)
        case ast.Name(id="ord") if len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
            return _ordinal(scope, node, node.args[0])
        case ast.Name(id="len"):
            _count(scope, node, node.args, 1)
            array = tensor(scope, node.args[0])
            dim = array.dims[0] if array.dims else 1
            return scope.builder.size(dim, ELEMENTS["i64"]) if isinstance(dim, str) else dim
        case ast.Name(id="min" | "max" as name) if len(node.args) == 2:
            return _numpy(scope, node, f"{name}imum", node.args)
        case _:
            known = [*scope.source.functions]
            raise unsupported(scope, node, ast.unparse(node.func), suggestion(node.func, known))


def _ordinal(scope: Scope, node: ast.Call, text: ast.Constant) -> Value:
    """``ord("{")``: the number of a character."""
    if isinstance(text.value, str | bytes) and len(text.value) == 1:
        return ord(text.value)
    raise unsupported(scope, node, ast.unparse(node), "of one character there is a number")


def suggestion(node: ast.expr, known: Sequence[str]) -> str | None:
    """What a misspelled plain name was meant to be."""
    return did_you_mean(node.id, known) if isinstance(node, ast.Name) and known else None


def _numpy(scope: Scope, node: ast.Call, name: str, args: Sequence[ast.expr]) -> Values:
    from agentc.frontends.kernels.numpy_table import NUMPY
    from agentc.frontends.kernels.table import apply

    if name in NUMPY:
        return apply(scope, node, NUMPY, name, args)
    if name == "abs" and len(args) == 1 and (value := _complex(scope, args[0])) is not None:
        return scope.builder.map("sqrt", squared(scope.builder, value))
    if name == "transpose":
        return _transpose(scope, node, args)
    if name in REDUCTIONS:
        return _reduce(scope, node, REDUCTIONS[name], args)
    if name in ELEMENTWISE:
        op, count = ELEMENTWISE[name]
        keywords(scope, node, ())
        _count(scope, node, args, count)
        return _elementwise(scope, op, [evaluate(scope, a) for a in args])
    if name in CASTS:
        return _cast(scope, node, name)
    if name in OTHERS:
        count, make = OTHERS[name]
        keywords(scope, node, ())
        _count(scope, node, args, count)
        return make(scope, [evaluate(scope, a) for a in args], node)
    known = [*ELEMENTWISE, *REDUCTIONS, *OTHERS, *NUMPY]
    help = INSTEAD.get(name) or did_you_mean(name, known)
    raise unsupported(scope, node, f"np.{name}", help)


REAL_ONLY = ("exp", "log", "sqrt", "tanh", "sin", "cos", "floor", "ceil", "round")


def _elementwise(scope: Scope, op: str, values: Sequence[Value]) -> Value:
    """With what NumPy does to integers: functions of real numbers take them as f64."""
    build = scope.builder
    if op in REAL_ONLY:
        return build.map(op, *(real(scope, v) for v in values))
    if op == "abs" and isinstance(values[0], Tensor) and real(scope, values[0]) is not values[0]:
        return (
            values[0] if is_unsigned(values[0].element) else build.map("max", values[0], build.map("sub", 0, values[0]))
        )
    if op == "neg" and isinstance(values[0], Tensor) and real(scope, values[0]) is not values[0]:
        return build.map("sub", 0, values[0])
    return build.map(op, *values)


def _complex(scope: Scope, node: ast.expr) -> Complex | None:
    """The transform that ``node`` is, if it is one."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(value=ast.Name(id=module), attr="fft"), attr="rfft"), args=[array]
        ) if module in scope.source.numpy:
            keywords(scope, node, ("axis",))
            for keyword in node.keywords:
                value = tensor(scope, array)
                if axis_of(scope, keyword.value, len(value.dims)) != len(value.dims) - 1:
                    raise unsupported(scope, keyword, "axis=", "the last axis is transformed")
            return rfft(scope.builder, tensor(scope, array))
        case _:
            return None


def part(scope: Scope, node: ast.Attribute, value: ast.expr, name: str) -> Tensor:
    """``np.fft.rfft(x).real`` or ``.imag``.

    Raises:
        KernelError: the value is no transform.
    """
    found = _complex(scope, value)
    if found is None:
        raise unsupported(scope, node, ast.unparse(node))
    return found.real if name == "real" else found.imaginary


def _as_tensor(scope: Scope, value: Value, node: ast.AST) -> Tensor:
    if not isinstance(value, Tensor):
        raise scope.source.error("kernel-shape", f"`{value}` is a number, not an array", node)
    return value


def _inverted(scope: Scope, value: Tensor) -> Value:
    flag = value.element == ELEMENTS["i1"]
    return scope.builder.map("xor", value, 1 if flag else all_ones(value.element))


def _log(scope: Scope, value: Value) -> Value:
    return scope.builder.map("log", real(scope, value))


def _flag(scope: Scope, value: Value, node: ast.AST) -> Tensor:
    return scope.builder.cast(_as_tensor(scope, value, node), ELEMENTS["i1"])


def _sign(scope: Scope, value: Tensor) -> Tensor:
    """1, -1, or the value itself where it is neither above nor below 0: 0 or NaN."""
    build = scope.builder
    below = value if is_unsigned(value.element) else build.map("where", build.map("lt", value, 0), -1, value)
    return build.map("where", build.map("gt", value, 0), 1, below)


OTHERS: Mapping[str, tuple[int, Callable[[Scope, Sequence[Value], ast.AST], Value]]] = {
    **{
        n: (1, lambda scope, v, node: _inverted(scope, _as_tensor(scope, v[0], node)))
        for n in ("invert", "bitwise_not")
    },
    "square": (1, lambda scope, v, _: scope.builder.map("mul", v[0], v[0])),
    "reciprocal": (1, lambda scope, v, _: scope.builder.map("div", 1.0, v[0])),
    "power": (2, lambda scope, v, _: power(scope, v[0], v[1])),
    "divide": (2, lambda scope, v, _: divide(scope, v[0], v[1])),
    "true_divide": (2, lambda scope, v, _: divide(scope, v[0], v[1])),
    "log2": (1, lambda scope, v, _: scope.builder.map("mul", _log(scope, v[0]), 1.4426950408889634)),
    "log10": (1, lambda scope, v, _: scope.builder.map("mul", _log(scope, v[0]), 0.4342944819032518)),
    "sign": (1, lambda scope, v, node: _sign(scope, _as_tensor(scope, v[0], node))),
    "isinf": (1, lambda scope, v, _: scope.builder.map("eq", scope.builder.map("abs", v[0]), float("inf"))),
    "isfinite": (1, lambda scope, v, _: scope.builder.map("lt", scope.builder.map("abs", v[0]), float("inf"))),
    "logical_and": (2, lambda scope, v, node: scope.builder.map("and", *(_flag(scope, x, node) for x in v))),
    "logical_or": (2, lambda scope, v, node: scope.builder.map("or", *(_flag(scope, x, node) for x in v))),
    "logical_xor": (2, lambda scope, v, node: scope.builder.map("xor", *(_flag(scope, x, node) for x in v))),
    "logical_not": (1, lambda scope, v, node: scope.builder.map("xor", _flag(scope, v[0], node), 1)),
    "isnan": (1, lambda scope, v, _: scope.builder.map("ne", v[0], v[0])),
}


def _transpose(scope: Scope, node: ast.Call, args: Sequence[ast.expr]) -> Tensor:
    """``np.transpose(x, axes)``, ``x.transpose(1, 0)``: axes in reverse where none are stated."""
    keywords(scope, node, ("axes",))
    array = tensor(scope, args[0])
    stated = [*args[1:], *(k.value for k in node.keywords)]
    if len(stated) == 1 and isinstance(stated[0], ast.Tuple | ast.List):
        stated = stated[0].elts
    if not stated:
        return array.transposed
    order = [axis_of(scope, item, len(array.dims)) for item in stated]
    if sorted(order) != list(range(len(array.dims))):
        raise scope.source.error("kernel-shape", f"axes {order} of an array with {len(array.dims)} axes", node)
    return array.permuted(order)


def _reduce(scope: Scope, node: ast.Call, kind: str, args: Sequence[ast.expr]) -> Tensor:
    keywords(scope, node, ("axis", "keepdims", "dtype"))
    if not 1 <= len(args) <= 2:
        raise unsupported(scope, node, ast.unparse(node), "give the array, then `axis=` and `keepdims=`")
    array = tensor(scope, args[0])
    given = {k.arg: k.value for k in node.keywords}
    axis = args[1] if len(args) == 2 else given.get("axis")
    keep = truth(scope, given["keepdims"]) if "keepdims" in given else False
    if "dtype" in given and kind in ("max", "min"):
        raise unsupported(scope, node, "dtype=", "convert the array with `astype`")
    element = ELEMENTS[cast_name(scope, given["dtype"])] if "dtype" in given else array.element
    found = scope.builder.reduce(kind, scope.builder.cast(array, element), axes_of(scope, axis, len(array.dims)), keep)
    return scope.builder.cast(found, element) if "dtype" in given else found


def _norm(scope: Scope, node: ast.Call) -> Tensor:
    """``np.linalg.norm`` of vectors: the root of the sum of squares, the sum of sizes (1) or the greatest (inf)."""
    keywords(scope, node, ("axis", "keepdims", "ord"))
    if not 1 <= len(node.args) <= 3:
        raise unsupported(scope, node, ast.unparse(node), "give the array, then `axis=` and `keepdims=`")
    build, array = scope.builder, tensor(scope, node.args[0])
    given = {k.arg: k.value for k in node.keywords} | dict(zip(("ord", "axis"), node.args[1:], strict=False))
    keep = truth(scope, given["keepdims"]) if "keepdims" in given else False
    axes = axes_of(scope, given.get("axis"), len(array.dims))
    order = evaluate(scope, given["ord"]) if not _is_none(given.get("ord")) else 2
    if order not in (1, 2, float("inf")) or (not _is_none(given.get("ord")) and len(axes) != 1):
        raise unsupported(scope, node, ast.unparse(node), "norms of vectors along one axis: 1, 2 or `np.inf`")
    wide = array if array.element in HALVES else real(scope, array)
    assert isinstance(wide, Tensor)
    if order != 2:
        return build.reduce("sum" if order == 1 else "max", build.map("abs", wide), axes, keep)
    return build.map("sqrt", build.reduce("sum", build.map("mul", wide, wide), axes, keep))


def _is_none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def axes_of(scope: Scope, node: ast.expr | None, rank: int) -> tuple[int, ...]:
    """The axes that a literal or a tuple of them names; all where nothing is stated."""
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


def truth(scope: Scope, node: ast.expr) -> bool:
    """The literal True or False that ``node`` is."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return node.value
    raise unsupported(scope, node, f"keepdims={ast.unparse(node)}", "write True or False")


def keywords(scope: Scope, node: ast.Call, allowed: Sequence[str]) -> None:
    """Refuse keywords that are not ``allowed``."""
    for keyword in node.keywords:
        if keyword.arg not in allowed:
            raise unsupported(scope, keyword, f"{keyword.arg}=", did_you_mean(str(keyword.arg), allowed))


def _count(scope: Scope, node: ast.Call, args: Sequence[ast.expr], count: int) -> None:
    if len(args) != count:
        text = f"`{ast.unparse(node.func)}` takes {count} arguments here, not {len(args)}"
        raise scope.source.error("kernel-unsupported", text, node)


def cast_name(scope: Scope, node: ast.expr) -> str:
    """The element type that ``node`` names."""
    label = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", ast.unparse(node))
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        label = node.value
    if label not in CASTS:
        raise unsupported(scope, node, ast.unparse(node), did_you_mean(label, CASTS))
    return CASTS[label]


def _cast(scope: Scope, node: ast.Call, name: str) -> Value:
    keywords(scope, node, ())
    _count(scope, node, node.args, 1)
    value = evaluate(scope, node.args[0])
    kind = CASTS[name]
    if isinstance(value, Tensor):
        return scope.builder.cast(value, ELEMENTS[kind])
    if value != value or abs(value) == float("inf"):
        return value
    return bool(value) if kind == "i1" else int(value) if kind[0] in "iu" else float(value)


def _inline(scope: Scope, node: ast.Call, function: ast.FunctionDef) -> Values:
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
