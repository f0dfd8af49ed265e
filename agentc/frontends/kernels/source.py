"""A Python file with kernels in it: its functions, its constants, what it calls NumPy, and where things stand."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from agentc.support.diagnostics import Diagnostic, Refused, Span, did_you_mean


class KernelError(Exception):
    """One problem at one place; the statement that has it is given up, the rest is still read."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(str(diagnostic))
        self.diagnostic = diagnostic


@dataclass
class KernelSource:
    """The file, parsed and never executed."""

    path: str
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict[str, ast.FunctionDef])
    constants: dict[str, float] = field(default_factory=dict[str, float])
    tables: dict[str, ast.expr] = field(default_factory=dict[str, ast.expr])
    """Names of lists and arrays that are written out."""
    numpy: set[str] = field(default_factory=set[str])
    """Names that NumPy was imported as."""
    agentc: set[str] = field(default_factory=set[str])
    """Names that agentc was imported as."""

    @cached_property
    def name(self) -> str:
        """The file's name without its folder."""
        return Path(self.path).name

    def span(self, node: ast.AST) -> Span:
        """Where ``node`` stands in the file."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        end_line = getattr(node, "end_lineno", None) or line
        return Span(self.path, line, column, end_line, (getattr(node, "end_col_offset", None) or column) + 1)

    def place(self, node: ast.AST) -> str:
        """Where ``node`` begins, ``file.py:line:column``, by the file's name alone: code is the same from whatever
        folder it is compiled."""
        return f"{self.name}:{getattr(node, 'lineno', 1)}:{getattr(node, 'col_offset', 0) + 1}"

    def error(self, slug: str, message: str, node: ast.AST, help: str | None = None) -> KernelError:
        """The problem ``message`` at ``node``, to be raised."""
        return KernelError(Diagnostic(slug, message, self.span(node), help=help))

    def function(self, name: str) -> ast.FunctionDef:
        """The function ``name``.

        Raises:
            Refused: ``kernel-not-found``.
        """
        if name not in self.functions:
            help = did_you_mean(name, self.functions)
            raise Refused(
                Diagnostic("kernel-not-found", f"there is no function `{name}` here", Span(self.path), help=help)
            )
        return self.functions[name]


def read(path: str | Path) -> KernelSource:
    """Parse ``path``.

    Raises:
        Refused: ``kernel-not-found`` where the file cannot be read, ``kernel-syntax`` where it is not Python.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Refused(Diagnostic("kernel-not-found", f"cannot read `{path}`: {reason}", Span(str(path)))) from None
    return parse(text, str(path))


def parse(text: str, path: str) -> KernelSource:
    """Parse ``text``; ``path`` names it in diagnostics.

    Raises:
        Refused: ``kernel-syntax``.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        message = f"this is not Python: {getattr(error, 'msg', None) or error}"
        raise Refused(Diagnostic("kernel-syntax", message, Span(path, line, column))) from None
    source = KernelSource(path)
    for statement in tree.body:
        _enter(source, statement)
    return source


def _enter(source: KernelSource, statement: ast.stmt) -> None:
    match statement:
        case ast.FunctionDef(name=name):
            source.functions[name] = statement
        case ast.Import(names=names):
            source.numpy |= {n.asname or n.name for n in names if n.name == "numpy"}
            source.agentc |= {n.asname or n.name for n in names if n.name == "agentc"}
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.AnnAssign(target=ast.Name(id=name), value=value)
        ):
            if value is not None and (number := _number_of(source, value)) is not None:
                source.constants[name] = number
            elif isinstance(value, ast.List | ast.Tuple | ast.Call):
                source.tables[name] = value
        case _:
            pass


ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Mod: lambda a, b: a % b,
    ast.LShift: lambda a, b: int(a) << min(int(b), 63),
    ast.Pow: lambda a, b: a ** min(b, 63),
}


def _number_of(source: KernelSource, node: ast.expr) -> float | None:
    """As ``number_of``, of arithmetic on numbers and on names of numbers before it, too."""
    match node:
        case ast.Name(id=name):
            return source.constants.get(name)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            sides = [_number_of(source, side) for side in (left, right)]
            if sides[0] is None or sides[1] is None:
                return None
            try:
                return ARITHMETIC[type(op)](sides[0], sides[1])
            except (ArithmeticError, ValueError):
                return None
        case _:
            return number_of(node)


def number_of(node: ast.expr) -> float | None:
    """The number that a literal such as ``-1e-6`` is, or ``None``."""
    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = number_of(operand)
            return None if value is None else -value
        case _:
            return None
