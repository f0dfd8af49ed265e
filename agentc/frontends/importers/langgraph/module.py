"""A Python file by its syntax tree: what its names stand for, without running any of it."""

import ast
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from agentc.frontends.importers.source import Part
from agentc.support.diagnostics import Diagnostic, Refused, Span, shortened
from agentc.support.yaml_source import Document

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Scope: TypeAlias = ast.Module | ast.ClassDef | Function
Meaning: TypeAlias = ast.expr | Function | ast.ClassDef
"""What a name stands for: the expression that it was assigned, or a definition."""

MAX_BYTES = 5_000_000

_FOLLOWED = 20
"""Names that stand for names; more are a circle."""


class Code(Part):
    """A piece of the file, for its place."""

    __slots__ = ("_span",)

    def __init__(self, document: Document, span: Span) -> None:
        super().__init__(document)
        self._span = span

    @property
    def span(self) -> Span:
        return self._span

    @property
    def key_span(self) -> Span:
        return self._span


class Module:
    """The names of a file, scope by scope, and the origins of what it imports."""

    def __init__(self, text: str, file: str) -> None:
        """Parse ``text``.

        Raises:
            Refused: ``python-syntax``: it is no Python.
        """
        self.document = Document(file, text, None)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the user's file: nothing of it runs here
                self.tree = ast.parse(text, file)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
            line, column = getattr(problem, "lineno", None) or 1, getattr(problem, "offset", None) or 1
            message = f"this is no Python: {getattr(problem, 'msg', None) or problem}"
            raise Refused(Diagnostic("python-syntax", message, Span(file, line, max(column, 1)))) from problem
        self.origins: dict[str, str] = {}
        """Name -> dotted name of what was imported."""
        self._bound: dict[ast.AST, dict[str, Meaning]] = {}
        self._around: dict[ast.AST, Scope] = {}
        self._turn: dict[str, Meaning] = {}
        self._enter(self.tree, self.tree)

    def part(self, node: ast.AST) -> Code:
        """The place of a node."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        end, end_column = (
            getattr(node, "end_lineno", None) or line,
            (getattr(node, "end_col_offset", None) or column) + 1,
        )
        if end > line:  # a definition: its first line is place enough
            end, end_column = line, len(self.document.text.splitlines()[line - 1]) + 1
        return Code(self.document, Span(self.document.file, line, column, end, max(end_column, column + 1)))

    def scope(self, node: ast.AST) -> Scope:
        """The module, class or function that ``node`` stands in."""
        return self._around[node]

    def tree_nodes(self) -> Iterator[ast.AST]:
        """All nodes of the tree, in the order of the source."""
        return iter(self._around)

    def function(self, name: str, line: int) -> Function | None:
        """The function ``name`` that begins at ``line``, its decorators counted."""
        for node in self._around:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
                if line in (node.lineno, *(each.lineno for each in node.decorator_list)):
                    return node
        return None

    def names(self, scope: Scope) -> dict[str, Meaning]:
        """What the names that ``scope`` itself binds stand for."""
        return self._bound.get(scope, {})

    def scopes(self) -> Iterator[tuple[ast.AST, Scope]]:
        """Each node of the tree, and what it stands in."""
        return iter(self._around.items())

    def all_names(self) -> Iterator[tuple[ast.AST, dict[str, Meaning]]]:
        """Each scope, and what the names that it binds stand for."""
        return iter(self._bound.items())

    def meaning(self, node: ast.expr, scope: Scope) -> tuple[Meaning, Scope]:
        """What ``node`` stands for, names followed to what they were assigned, and the scope it stands in."""
        found: Meaning = node
        for _ in range(_FOLLOWED):
            name = _simple(found) if isinstance(found, ast.expr) else None
            bound = self._lookup(name, scope) if name else None
            if bound is None or bound[0] is found:
                break
            found, scope = bound
        return found, scope

    def dotted(self, node: ast.expr, scope: Scope) -> str:
        """``langgraph.graph.StateGraph`` for whatever the file calls it; empty where ``node`` is no dotted name."""
        if isinstance(node, ast.Subscript):
            return self.dotted(node.value, scope)
        if isinstance(node, ast.Attribute):
            before = self.dotted(node.value, scope)
            return f"{before}.{node.attr}" if before else ""
        if not isinstance(node, ast.Name):
            return ""
        if self._lookup(node.id, scope) is None and node.id in self.origins:
            return self.origins[node.id]
        return node.id

    def callee(self, node: ast.AST, scope: Scope) -> str:
        """The last word of what a call calls: ``StateGraph``; empty where ``node`` is no call of a name."""
        return self.dotted(node.func, scope).rpartition(".")[2] if isinstance(node, ast.Call) else ""

    def text(self, node: ast.expr | None, scope: Scope) -> str | None:
        """The text that ``node`` stands for, if it is one; ``START`` and ``END`` are theirs."""
        if node is None:
            return None
        found, scope = self.meaning(node, scope)
        if isinstance(found, ast.Constant) and isinstance(found.value, str):
            return found.value
        if isinstance(found, ast.Name | ast.Attribute):
            return POINTS.get(self.dotted(found, scope).rpartition(".")[2])
        if isinstance(found, ast.JoinedStr):
            return "".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in found.values)
        return None

    def texts(self, node: ast.expr | None, scope: Scope) -> list[str] | None:
        """The texts of a list, tuple or set, or the one text that stands alone."""
        if node is None:
            return None
        if (single := self.text(node, scope)) is not None:
            return [single]
        found, scope = self.meaning(node, scope)
        if not isinstance(found, ast.List | ast.Tuple | ast.Set):
            return None
        texts = [self.text(item, scope) for item in found.elts]
        return [text for text in texts if text is not None] if None not in texts else None

    def literals(self, annotation: ast.expr | None, scope: Scope, of: str = "") -> list[str]:
        """The texts of ``Literal["a", "b"]`` within an annotation; with ``of`` only within ``of[…]`` (``Command``)."""
        if annotation is None:
            return []
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            try:
                annotation = ast.parse(annotation.value, mode="eval").body
            except SyntaxError:
                return []
        if isinstance(annotation, ast.Name) and (known := self._lookup(annotation.id, scope)):
            return self.literals(known[0], known[1], of) if isinstance(known[0], ast.expr) else []
        found: list[str] = []
        if isinstance(annotation, ast.Subscript):
            word = self.dotted(annotation.value, scope).rpartition(".")[2]
            if word == "Literal" and not of:
                inner = annotation.slice
                items: Sequence[ast.expr] = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                return [text for item in items if (text := self.text(item, scope)) is not None]
            return self.literals(annotation.slice, scope, "" if word == of else of)
        for child in ast.iter_child_nodes(annotation):
            if isinstance(child, ast.expr):
                found += self.literals(child, scope, of)
        return found

    def turns(self) -> Iterator[ast.For]:
        """Each turn of each loop over a list in the file; within it, the loop's names mean what they are then."""
        for loop in [node for node in self._around if isinstance(node, ast.For)]:
            rows, scope = self.meaning(loop.iter, self.scope(loop))
            for row in rows.elts if isinstance(rows, ast.List | ast.Tuple) else ():
                self._turn = dict(_unpacked(loop.target, self.meaning(row, scope)[0]))
                yield loop
                self._turn = {}

    def _lookup(self, name: str, scope: Scope) -> tuple[Meaning, Scope] | None:
        if name in self._turn:
            return self._turn[name], scope
        if name.startswith("self."):
            owner = scope
            while not isinstance(owner, ast.ClassDef | ast.Module):
                owner = self._around[owner]
            names = self._bound.get(owner, {})
            known = names.get(name, names.get(name.removeprefix("self.")))  # `x = 1` in the class, too
            return (known, self._around.get(known, owner)) if known is not None else None
        inner: Scope | None = scope
        while inner is not None:
            known = self._bound.get(inner, {}).get(name)
            if known is not None and not (isinstance(inner, ast.ClassDef) and inner is not scope):
                return known, inner
            inner = None if isinstance(inner, ast.Module) else self._around[inner]
        return None

    def _enter(self, root: ast.AST, scope: Scope) -> None:
        """Note for each node below ``root`` its scope, and bind what it defines. Without recursion: code nests deep."""
        waiting: list[tuple[ast.AST, Scope]] = [(root, scope)]
        while waiting:
            node, scope = waiting.pop()
            self._around[node] = scope
            self._bind(node, scope)
            inner = node if isinstance(node, Scope) else scope
            waiting += [(child, inner) for child in reversed(list(ast.iter_child_nodes(node)))]

    def _bind(self, node: ast.AST, scope: Scope) -> None:
        names = self._bound.setdefault(scope, {})
        if isinstance(node, ast.Import):
            self.origins |= {
                (a.asname or a.name.split(".")[0]): a.name if a.asname else a.name.split(".")[0] for a in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            self.origins |= {a.asname or a.name: f"{node.module or ''}.{a.name}" for a in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names[node.name] = node
            if isinstance(scope, ast.ClassDef):
                names[f"self.{node.name}"] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                self._assign(target, node.value, scope)

    def _assign(self, target: ast.expr, value: ast.expr, scope: Scope) -> None:
        name = _simple(target)
        if name is None:
            return
        owner: Scope = scope
        if name.startswith("self."):
            while not isinstance(owner, ast.ClassDef | ast.Module):
                owner = self._around[owner]
        known = self._bound.setdefault(owner, {})
        if not any(isinstance(inner, ast.Name) and inner.id == name for inner in ast.walk(value)):
            known[name] = value  # `x = x.bind(…)` says what x was before


def _unpacked(target: ast.expr, row: Meaning) -> Iterator[tuple[str, Meaning]]:
    """What the names of a loop stand for in one turn."""
    if isinstance(target, ast.Name):
        yield target.id, row
    elif isinstance(target, ast.Tuple) and isinstance(row, ast.Tuple | ast.List):
        for inner, value in zip(target.elts, row.elts, strict=False):
            yield from _unpacked(inner, value)


def _simple(node: ast.expr) -> str | None:
    """``name`` or ``self.name``."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
        return f"self.{node.attr}"
    return None


POINTS = {"START": "__start__", "END": "__end__"}
"""Where a graph is entered and left."""


def text_of(path: Path) -> str:
    """The text of a Python file. Raises Refused where it cannot be read, or is larger than ``MAX_BYTES``."""
    shown = shortened(str(path))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Refused(Diagnostic("yaml-too-large", f"`{shown}` is larger than {MAX_BYTES // 1_000_000} MB"))
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise Refused(Diagnostic("unreadable-file", f"cannot read `{shown}`: {problem.strerror}")) from problem
    except UnicodeDecodeError as problem:
        raise Refused(Diagnostic("unreadable-file", f"`{shown}` is not UTF-8")) from problem
