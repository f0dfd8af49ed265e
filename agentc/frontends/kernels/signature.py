"""A kernel's parameters and results, read from its annotations."""

import ast
from collections.abc import Iterator

from agentc.frontends.kernels.scalars import ELEMENTS, HALVES
from agentc.frontends.kernels.source import KernelSource, number_of
from agentc.plan import sizes
from agentc.plan.kernels import Dim, Parameter
from agentc.support.diagnostics import Diagnostics, did_you_mean
from agentc.support.record import record

ELEMENT_NAMES = tuple(ELEMENTS)


@record
class Signature:
    """What a kernel takes and gives."""

    parameters: tuple[Parameter, ...]
    constants: dict[str, float]
    """Parameters annotated ``float``, ``int`` or ``bool``: their default, known when compiling."""
    results: tuple[Parameter, ...] | None
    """``None`` where the return type is not stated."""


def read_signature(
    source: KernelSource, function: ast.FunctionDef, found: Diagnostics, called: bool = False
) -> Signature:
    """The signature of ``function``; problems go to ``found``. One that is ``called`` takes what it is given: its
    parameters need no types, and its result is checked where it is returned.
    """
    parameters: list[Parameter] = []
    constants: dict[str, float] = {}
    for argument, default in _arguments(source, function, found):
        if isinstance(argument.annotation, ast.Name) and argument.annotation.id in ("float", "int", "bool"):
            constants[argument.arg] = _constant(source, argument, default, found)
        elif called:
            parameters.append(Parameter(argument.arg, "f32", None))
        elif parameter := _parameter(source, argument.arg, argument.annotation or argument, found):
            parameters.append(parameter)
    if called:
        return Signature(tuple(parameters), constants, None)
    results = _results(source, function, found)
    known: set[Dim] = {d for p in parameters for d in p.dims or () if isinstance(d, str) and d.isidentifier()}
    _check_names(source, function, known, found)
    rows = [("an argument", p) for p in parameters] + [("the result", r) for r in results or ()]
    for owner, row in rows:
        for dim in {n: None for d in row.dims or () for n in sizes.names(d)}:
            if dim not in known:
                message = f"size `{dim}` of {owner} is no size of an argument"
                found.error("kernel-annotation", message, source.span(function.returns or function))
    for parameter in parameters:
        if parameter.dims is None and ELEMENTS[parameter.dtype] in HALVES:
            message = f"`{parameter.name}` is a number of {parameter.dtype}, which nobody passes"
            found.error("kernel-annotation", message, source.span(function), help="take f32")
    return Signature(tuple(parameters), constants, results)


def _check_names(source: KernelSource, function: ast.FunctionDef, sizes: set[Dim], found: Diagnostics) -> None:
    """Names become those of C functions and parameters: ASCII, and each for one thing."""
    spec = function.args
    arguments = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    for name, node in [(function.name, function), *((a.arg, a) for a in arguments)]:
        if not name.isascii():
            found.error("kernel-annotation", f"`{name}` is not plain ASCII", source.span(node))
    for argument in arguments:
        if argument.arg in sizes:
            message = f"`{argument.arg}` is the name of an argument and of a size"
            found.error("kernel-annotation", message, source.span(argument))


def _arguments(
    source: KernelSource, function: ast.FunctionDef, found: Diagnostics
) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    spec = function.args
    for extra in (spec.vararg, spec.kwarg):
        if extra is not None:
            found.error("kernel-annotation", f"a kernel cannot take `*{extra.arg}`", source.span(extra))
    plain = [*spec.posonlyargs, *spec.args]
    defaults = [*[None] * (len(plain) - len(spec.defaults)), *spec.defaults]
    yield from zip(plain, defaults, strict=True)
    yield from zip(spec.kwonlyargs, spec.kw_defaults, strict=True)


def _constant(source: KernelSource, argument: ast.arg, default: ast.expr | None, found: Diagnostics) -> float:
    value = number_of(default) if default is not None else None
    if value is None and isinstance(default, ast.Name):
        value = source.constants.get(default.id)
    if value is None:
        help = f"write `{argument.arg}: float = 1.0`, or `{argument.arg}: f32` for a value known at run time"
        found.error("kernel-annotation", f"constant `{argument.arg}` has no number", source.span(argument), help=help)
    return value or 0.0


def _results(source: KernelSource, function: ast.FunctionDef, found: Diagnostics) -> tuple[Parameter, ...] | None:
    match function.returns:
        case None:
            return None
        case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=items)):
            pass
        case single:
            items = [single]
    read = [_parameter(source, f"out{i}", item, found) for i, item in enumerate(items)]
    return tuple(r for r in read if r is not None)


def _parameter(source: KernelSource, name: str, annotation: ast.AST, found: Diagnostics) -> Parameter | None:
    if isinstance(annotation, ast.arg):
        help = f'write for example `{name}: f32["n", "d"]`'
        found.error("kernel-annotation", f"`{name}` has no type", source.span(annotation), help=help)
        return None
    dims: tuple[Dim, ...] | None = None
    element = annotation
    if isinstance(annotation, ast.Subscript):
        element = annotation.value
        dims = _dims(source, annotation.slice, found)
    label = element.id if isinstance(element, ast.Name) else getattr(element, "attr", ast.unparse(element))
    if label not in ELEMENT_NAMES:
        help = did_you_mean(label, ELEMENT_NAMES)
        found.error("kernel-annotation", f"`{label}` is no element type", source.span(element), help=help)
        return None
    return Parameter(name, label, dims)


def _dims(source: KernelSource, node: ast.expr, found: Diagnostics) -> tuple[Dim, ...]:
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    dims: list[Dim] = []
    for item in items:
        match item:
            case ast.Constant(value=str() as name) if name.isascii() and (size := _derived(name)) is not None:
                dims.append(size)
            case ast.Constant(value=int() as size) if size > 0 and not isinstance(item.value, bool):
                dims.append(size)
            case _:
                message = f"`{ast.unparse(item)}` is no size"
                help = 'a size is a name in quotes, a positive integer, or arithmetic on these such as "n + 1"'
                found.error("kernel-annotation", message, source.span(item), help=help)
    return tuple(dims)


def _derived(text: str) -> Dim | None:
    try:
        found = sizes.canonical(text)
    except ValueError:
        return None
    return found if isinstance(found, str) or found > 0 else None
