"""From a NumPy-style Python function to a kernel, by its syntax tree. The function is never executed."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.expressions import MOST_TRIPS, Scope, Value, Values, evaluate, evaluate_all, known, tensor
from agentc.frontends.kernels.scalars import ELEMENTS, element_name
from agentc.frontends.kernels.signature import Signature, read_signature
from agentc.frontends.kernels.source import KernelError, KernelSource, read
from agentc.frontends.kernels.tensors import ShapeError, Tensor, show
from agentc.plan.kernels import Dim
from agentc.support.diagnostics import Diagnostic, Diagnostics, Refused


def from_python(path: str | Path, function: str) -> ModuleOp:
    """The kernel ``function`` of the file ``path``, as one ``func.func`` on tensors.

    Raises:
        Refused: with every problem found: ``kernel-not-found``, ``kernel-syntax``, ``kernel-annotation``,
            ``kernel-unsupported``, ``kernel-unknown-name``, ``kernel-shape``.
    """
    module = compile_source(read(path), function)
    module.verify()
    return module


def compile_source(source: KernelSource, name: str) -> ModuleOp:
    """As ``from_python``, of a file that was read before."""
    found = Diagnostics()
    function = source.function(name)
    signature = read_signature(source, function, found)
    found.raise_if_errors()
    builder = KernelBuilder(name, signature.parameters)
    builder.place = source.place(function)
    names: dict[str, Value | None] = {p.name: t for p, t in zip(signature.parameters, builder.arguments, strict=True)}
    scope = Scope(source, builder, found, {**names, **signature.constants}, call=_inline, stack=(name,))
    try:
        results = _run(scope, function)
    except KernelError as error:
        raise Refused(*found, error.diagnostic) from None
    except RecursionError:
        text = f"an expression of `{name}` is nested too deep"
        help = "give parts of it names"
        raise Refused(Diagnostic("kernel-unsupported", text, source.span(function), help=help)) from None
    found.raise_if_errors()
    _check_results(scope, function, signature, results)
    found.raise_if_errors()
    tensors = [r for r in results if isinstance(r, Tensor)]
    taken = {str(name) for p in signature.parameters for name in (p.name, *(p.dims or ()))}
    return builder.finish(tensors, _result_names(function, len(tensors), taken))


MOST_STATEMENTS = 4096
"""Of a kernel and what it calls, each trip of a loop counted."""


def _run(scope: Scope, function: ast.FunctionDef) -> list[Value | None]:
    """Go through the statements; a statement with a problem is reported, and its names are then known as lost."""
    for statement, number in _unrolled(scope, function.body):
        scope.builder.statements += 1
        if scope.builder.statements > MOST_STATEMENTS:
            help = "work on arrays whole, or take fewer trips"
            text = f"with its loops unrolled this is more than {MOST_STATEMENTS} statements"
            raise scope.source.error("kernel-unsupported", text, statement, help)
        try:
            if number is not None:
                scope.names.update(number)
                continue
            if isinstance(statement, ast.Return):
                return _returned(scope, statement)
            _statement(scope, statement)
        except KernelError as error:
            _lose(scope, statement, error)
            if isinstance(statement, ast.Return):
                return []
    scope.found.error("kernel-unsupported", f"`{function.name}` returns nothing", scope.source.span(function))
    return []


def _returned(scope: Scope, statement: ast.Return) -> list[Value | None]:
    if statement.value is None:
        raise scope.source.error("kernel-unsupported", "a kernel has to return an array", statement)
    items = statement.value.elts if isinstance(statement.value, ast.Tuple) else [statement.value]
    if len(items) == 1 and isinstance(items[0], ast.Call):
        value = evaluate_all(scope, items[0])
        return list(value) if isinstance(value, tuple) else [value]
    return [evaluate(scope, item) for item in items]


def _unrolled(scope: Scope, body: Sequence[ast.stmt]) -> Iterator[tuple[ast.stmt, dict[str, Value | None] | None]]:
    """The statements of ``body``, those of a loop over a known range as often as it says; with each trip's number."""
    for statement in body:
        match statement:
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=args), orelse=[]):
                bounds = _bounds(scope, statement, args)
                for trip in range(*bounds) if bounds is not None else ():
                    yield statement, {name: trip}
                    yield from _unrolled(scope, statement.body)
            case ast.For(target=ast.Name(id=name), iter=ast.Tuple(elts=items) | ast.List(elts=items), orelse=[]):
                for item in items[:MOST_TRIPS]:
                    yield ast.copy_location(ast.Assign([ast.copy_location(_store(name), item)], item), item), None
                    yield from _unrolled(scope, statement.body)
            case ast.If(test=test, body=then, orelse=other):
                holds = _known(scope, statement, test)
                if holds is not None:
                    yield from _unrolled(scope, then if holds else other)
            case _:
                yield statement, None


def _store(name: str) -> ast.Name:
    return ast.Name(name, ast.Store())


def _known(scope: Scope, statement: ast.stmt, test: ast.expr) -> bool | None:
    """Whether a branch is taken; ``None`` where that is a problem, which was told, and its names are lost."""
    try:
        return known(scope, test)
    except KernelError as error:
        _lose(scope, statement, error)
        return None


def _lose(scope: Scope, statement: ast.stmt, error: KernelError) -> None:
    scope.found.add(error.diagnostic)
    scope.names.update({n.id: None for n in ast.walk(statement) if isinstance(n, ast.Name) and _stores(n)})


def _bounds(scope: Scope, statement: ast.For, args: Sequence[ast.expr]) -> tuple[int, ...] | None:
    try:
        values = [evaluate(scope, a) for a in args]
        numbers = [int(v) for v in values if not isinstance(v, Tensor)]
        if 1 <= len(numbers) == len(values) <= 3 and len(range(*numbers)) <= MOST_TRIPS:
            return tuple(numbers)
        help = f"a kernel's loop makes a known number of trips, at most {MOST_TRIPS}; arrays are worked on whole"
        raise scope.source.error("kernel-unsupported", "this `for` is not supported in a kernel", statement, help)
    except KernelError as error:
        _lose(scope, statement, error)
        return None


def _stores(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def _statement(scope: Scope, statement: ast.stmt) -> None:
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.Pass():
            return
        case ast.Assign(targets=targets, value=value) if all(isinstance(t, ast.Name) for t in targets):
            made = evaluate(scope, value)
            scope.names.update({t.id: made for t in targets if isinstance(t, ast.Name)})
        case ast.Assign(targets=[ast.Tuple(elts=targets) | ast.List(elts=targets)], value=value):
            _unpack(scope, statement, targets, value)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            scope.names[name] = evaluate(scope, value)
        case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
            load = ast.copy_location(ast.Name(name, ast.Load()), target)
            scope.names[name] = evaluate(scope, ast.copy_location(ast.BinOp(load, op, value), statement))
        case _:
            what = type(statement).__name__.lower()
            help = "a kernel is assignments and one return; use `np.where` to choose between values"
            raise scope.source.error("kernel-unsupported", f"`{what}` is not supported in a kernel", statement, help)


def _unpack(scope: Scope, statement: ast.stmt, targets: Sequence[ast.expr], value: ast.expr) -> None:
    """``a, b = …``: of a tuple, of a shape, or of a function that gives several values."""
    names = [t.id for t in targets if isinstance(t, ast.Name)]
    match value:
        case ast.Tuple(elts=items):
            found: Sequence[Value] = [evaluate(scope, item) for item in items]
        case ast.Attribute(value=array, attr="shape"):
            count = len(tensor(scope, array).dims)
            reads = (ast.Subscript(value, ast.Constant(i), ast.Load()) for i in range(count))
            found = [evaluate(scope, ast.fix_missing_locations(ast.copy_location(r, value))) for r in reads]
        case _:
            made = evaluate_all(scope, value)
            found = made if isinstance(made, tuple) else [made]
    if len(names) != len(targets) or len(found) != len(names):
        text = f"`{ast.unparse(value)}` gives {len(found)} values, not {len(targets)}"
        raise scope.source.error("kernel-shape", text, statement)
    scope.names.update(zip(names, found, strict=True))


def _inline(scope: Scope, node: ast.Call, function: ast.FunctionDef, values: Mapping[str, Value]) -> Values | None:
    """The value of a call of another function of the same file: its body, on these arguments."""
    if function.name in scope.stack:
        raise scope.source.error("kernel-unsupported", f"`{function.name}` calls itself", node)
    problems = len(scope.found)
    signature = read_signature(scope.source, function, scope.found, called=True)
    missing = [p.name for p in signature.parameters if p.name not in values]
    if missing:
        raise scope.source.error("kernel-unsupported", f"`{function.name}` lacks its argument `{missing[0]}`", node)
    names: dict[str, Value | None] = {**signature.constants, **values}
    inner = Scope(scope.source, scope.builder, scope.found, names, scope.call, (*scope.stack, function.name))
    results = _run(inner, function)
    if any(r is None for r in results) or (not results and len(scope.found) > problems):
        return None
    made = [r for r in results if r is not None]
    if len(made) == 0:
        raise scope.source.error("kernel-unsupported", f"`{function.name}` gives nothing", node)
    return tuple(made) if len(made) > 1 else made[0]


def _check_results(scope: Scope, function: ast.FunctionDef, signature: Signature, results: list[Value | None]) -> None:
    place = scope.source.span(function.returns or function)
    for i, result in enumerate(results):
        if not isinstance(result, Tensor):
            scope.found.error("kernel-shape", f"result {i} is a constant, not an array", place)
    if signature.results is None:
        return
    if len(signature.results) != len(results):
        message = f"`{function.name}` returns {len(results)} values, its annotation says {len(signature.results)}"
        scope.found.error("kernel-shape", message, place)
        return
    for i, (stated, result) in enumerate(zip(signature.results, results, strict=True)):
        if isinstance(result, Tensor):
            results[i] = result = _as_stated(scope, result, stated.dims or ())
        if isinstance(result, Tensor) and (stated.dims or ()) != result.dims:
            message = f"the result has shape {show(result.dims)}, the annotation says {show(stated.dims or ())}"
            scope.found.error("kernel-shape", message, place)
        elif isinstance(result, Tensor) and ELEMENTS[stated.dtype] != result.element:
            message = f"the result is {element_name(result.element)}, the annotation says {stated.dtype}"
            scope.found.error("kernel-shape", message, place)


def _as_stated(scope: Scope, result: Tensor, dims: Sequence[Dim]) -> Tensor:
    """``result`` with the sizes of its annotation, where they are the same."""
    if len(dims) != len(result.dims):
        return result
    pairs = zip(result.dims, dims, strict=True)
    return replace(result, dims=tuple(d if scope.builder.agreed(d, s) is None else s for d, s in pairs))


def _result_names(function: ast.FunctionDef, count: int, taken: set[str]) -> list[str]:
    """Names for results: those of the returned variables where they are plain, else ``out``."""
    for statement in function.body:
        if isinstance(statement, ast.Return) and isinstance(statement.value, ast.Tuple):
            items = [item.id if isinstance(item, ast.Name) else "" for item in statement.value.elts]
            if all(i.isascii() and i for i in items) and len({*items}) == count and not {*items} & taken:
                return items
    return []


__all__ = ["ShapeError", "compile_source", "from_python"]
