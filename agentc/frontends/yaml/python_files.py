"""Python files that a definition names, read and never run."""

import ast
from pathlib import Path

from agentc.frontends.yaml.kinds import ANY, BOOL, DOCUMENTS, NUMBER, RECORD, TEXT, Kind, list_of
from agentc.support.diagnostics import Diagnostics, Span, did_you_mean
from agentc.support.record import record

MAX_BYTES = 10_000_000

_ANNOTATIONS = {"str": TEXT, "float": NUMBER, "int": NUMBER, "bool": BOOL, "dict": RECORD, "Mapping": RECORD}


@record
class Signature:
    """Parameters of a Python function."""

    parameters: tuple[tuple[str, Kind], ...]
    required: int
    open: bool
    """Whether it takes any number (``*args``)."""


def function(place: str, directory: Path, span: Span, found: Diagnostics) -> Signature | None:
    """The signature of ``file.py:name``; problems go to ``found`` at ``span``."""
    file, _, name = place.rpartition(":")
    defined = _read(directory / file)
    if isinstance(defined, str):
        found.error("unknown-function", f"`{file}`: {defined}", span)
        return None
    if name not in defined:
        found.error(
            "unknown-function", f"`{file}` defines no function `{name}`", span, help=did_you_mean(name, defined)
        )
        return None
    return defined[name]


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; a name that no file can have is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _read(path: Path) -> dict[str, Signature] | str:
    """Functions of a file by name, or why it cannot be read."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            return f"larger than {MAX_BYTES // 1_000_000} MB"
        tree = ast.parse(raw)
    except OSError as problem:
        return (problem.strerror or "cannot be read").lower()
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        line = getattr(problem, "lineno", None)
        return f"not Python{f', line {line}' if line else ''}: {getattr(problem, 'msg', problem)}"
    return {node.name: _signature(node) for node in tree.body if isinstance(node, ast.FunctionDef)}


def _signature(node: ast.FunctionDef) -> Signature:
    given = node.args
    ordered = [*given.posonlyargs, *given.args]
    keyword = [arg for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    parameters = tuple((arg.arg, _kind(arg.annotation)) for arg in (*ordered, *given.kwonlyargs))
    return Signature(parameters, len(ordered) - len(given.defaults) + len(keyword), given.vararg is not None)


def _kind(annotation: ast.expr | None) -> Kind:
    match annotation:
        case ast.Name(id=name):
            return _ANNOTATIONS.get(name, ANY)
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            element = _kind(inner)
            return DOCUMENTS if element == RECORD else list_of(element)
        case ast.Subscript(value=ast.Name(id=name)):
            return _ANNOTATIONS.get(name, ANY)
        case _:
            return ANY
