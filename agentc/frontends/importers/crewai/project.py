"""Other Python files of a project: where what a file imports is, read by the syntax tree alone."""

import ast
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agentc.frontends.importers.langgraph.module import Code, Function, Meaning, Module, Scope, text_of
from agentc.support.diagnostics import Refused

_ABOVE = 4
"""Folders above a file that its imports may start from: those of packages, and of the project."""
_MOST_FILES = 100


@dataclass
class Project:
    """The file that was named, and those that it imports."""

    module: Module
    _known: dict[Path, Module | None] = field(default_factory=dict[Path, Module | None])

    def imported(self, module: Module, name: str, depth: int = 0) -> tuple[Module, str] | None:
        """The file of the project that ``name``, which ``module`` imports, is defined in, and its name there."""
        dotted = module.origins.get(name, "").lstrip(".")
        before, _, own = dotted.rpartition(".")
        words = before.split(".") if before else []
        for folder in self._folders(module):
            for found in (self._file(folder, words), self._file(folder, [*words, own])):
                if found is not None and own in bound(found):
                    return found, own
                again = self._passed_on(found, own, depth) if found is not None else None
                if again is not None:
                    return again
        return None

    def meaning(self, module: Module, node: ast.expr, scope: Scope) -> tuple[Module, Meaning, Scope]:
        """What ``node`` stands for, and the file where that stands."""
        found, home = module.meaning(node, scope)
        for _ in range(_ABOVE):
            if not isinstance(found, ast.Name) or found.id not in module.origins:
                break
            there = self.imported(module, found.id)
            if there is None:
                break
            module, own = there
            found, home = bound(module)[own], module.tree
            if isinstance(found, ast.expr):
                found, home = module.meaning(found, home)
        return module, found, home

    def _passed_on(self, found: Module, own: str, depth: int) -> tuple[Module, str] | None:
        """What a package's `__init__.py` imports for others."""
        return self.imported(found, own, depth + 1) if own in found.origins and depth < _ABOVE else None

    def _folders(self, module: Module) -> list[Path]:
        here = Path(module.document.file).parent
        above = [here, *list(here.absolute().parents)[:_ABOVE]]
        return [*above, *(folder / "src" for folder in above)]

    def _file(self, folder: Path, words: list[str]) -> Module | None:
        if not words or not all(word.isidentifier() for word in words):
            return None
        place = folder.joinpath(*words)
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path not in self._known and len(self._known) < _MOST_FILES and path.is_file():
                self._known[path] = _read(path)
            if (known := self._known.get(path)) is not None:
                return known
        return None


def bound(module: Module) -> dict[str, Meaning]:
    """What the names of a file stand for, outside of its functions and classes."""
    return module.names(module.tree)


def _read(path: Path) -> Module | None:
    try:
        return Module(text_of(path), str(path))
    except Refused:  # no Python, or not to be read: what it holds is not known
        return None


class Linked(Module):
    """A file and those of the project that it imports, as one: names mean what the other files assign to them."""

    def __init__(self, module: Module) -> None:  # pyright: ignore[reportMissingSuperCall] - the trees are there
        self.document, self.tree, self.origins = module.document, module.tree, module.origins
        self._project = Project(module)
        self._files: dict[ast.AST, Module] = {module.tree: module}
        self._turn: dict[str, Meaning] = {}
        waiting = [module]
        while waiting and len(self._files) < _MOST_FILES:
            inner = waiting.pop()
            for name in inner.origins:
                there = self._project.imported(inner, name)
                if there is not None and there[0].tree not in self._files:
                    self._files[there[0].tree] = there[0]
                    waiting.append(there[0])
        self._around = {node: scope for each in self._files.values() for node, scope in each.scopes()}
        self._bound = {scope: names for each in self._files.values() for scope, names in each.all_names()}

    def part(self, node: ast.AST) -> Code:
        return self._file(node).part(node)

    def dotted(self, node: ast.expr, scope: Scope) -> str:
        return self._file(scope).dotted(node, scope)

    def own_nodes(self) -> Iterator[ast.AST]:
        """The nodes of the file itself."""
        return self._files[self.tree].tree_nodes()

    @contextmanager
    def given(self, values: Mapping[str, Meaning]) -> Generator[None]:
        """Within the block, parameters mean ``values``."""
        before, self._turn = self._turn, dict(values)
        try:
            yield
        finally:
            self._turn = before

    def method(self, call: ast.Call, scope: Scope) -> Function | None:
        """The function that ``call`` calls: by its name, or as a method of an object whose class the project has."""
        found, home = self.meaning(call.func, scope)
        if isinstance(found, ast.Attribute):
            owner, home = self.meaning(found.value, home)
            kind = self.meaning(owner.func, home)[0] if isinstance(owner, ast.Call) else None
            rows = kind.body if isinstance(kind, ast.ClassDef) else []
            found = next((row for row in rows if isinstance(row, Function) and row.name == found.attr), found)
        return found if isinstance(found, Function) else None

    def _lookup(self, name: str, scope: Scope) -> tuple[Meaning, Scope] | None:
        known = super()._lookup(name, scope)
        if known is not None:
            return known
        file = self._file(scope)
        there = self._project.imported(file, name) if name in file.origins else None
        if there is None or there[0].tree not in self._files:
            return None
        return bound(there[0])[there[1]], there[0].tree

    def _file(self, node: ast.AST) -> Module:
        while node not in self._files:
            node = self._around[node]
        return self._files[node]
