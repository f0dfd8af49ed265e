"""Copies what a build executes as it stands: the user's Python files and documents, below ``tools/`` and ``data/``.

A Python file brings along what it needs of its own folder: the modules that it imports from there, and the files
whose names stand in it as a text (``Path(__file__).parent / "pages.json"``).
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from xdsl.dialects.builtin import StringAttr

from agentc.backends.request import Request
from agentc.dialects.compute import PythonOp
from agentc.dialects.memory import SpecOp as MemorySpec
from agentc.dialects.tool import SpecOp as ToolSpec
from agentc.plan.artifacts import Artifact
from agentc.support.diagnostics import Diagnostic, Refused


def emit_build(request: Request) -> list[Artifact]:
    """Copy the files that tools, functions and memories name.

    Raises:
        Refused: ``missing-file`` for each that is not there, ``outside-definition`` for each that lies elsewhere.
    """
    wanted = dict.fromkeys(_wanted(request))
    problems = [problem for path, _, of in wanted if (problem := _problem(request.base, path, of))]
    if problems:
        raise Refused(*problems)
    artifacts: list[Artifact] = []
    for path, folder, of in wanted:
        for source in _with_companions(request.base / path, request.base):
            relative = f"{folder}/{source.relative_to(request.base).as_posix()}"
            target = request.out / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            artifacts.append(Artifact(relative, "python" if folder == "tools" else "document", "sources", of))
    return list({artifact.path: artifact for artifact in artifacts}.values())


def _wanted(request: Request) -> Iterator[tuple[str, str, str]]:
    for op in request.module.walk():
        if isinstance(op, ToolSpec) and isinstance(op.python, StringAttr):
            yield op.python.data.rpartition(":")[0], "tools", op.sym_name.data
        elif isinstance(op, PythonOp):
            yield op.function.data.rpartition(":")[0], "tools", op.function.data
        elif isinstance(op, MemorySpec) and op.path is not None:
            yield op.path.data, "data", op.sym_name.data


def _problem(base: Path, path: str, of: str) -> Diagnostic | None:
    place = base / path
    if not place.exists():
        return Diagnostic("missing-file", f"`{path}`, which `{of}` names, is not there", help=f"looked in {base.name}/")
    if not place.resolve().is_relative_to(base.resolve()):
        return Diagnostic(
            "outside-definition",
            f"`{path}`, which `{of}` names, lies outside the definition's folder",
            help="a build holds copies of what it runs; move the file beside the definition",
        )
    return None


def _with_companions(place: Path, base: Path) -> list[Path]:
    """The files of ``place`` and, for Python files, what they name of their own folders inside ``base``."""
    found: dict[Path, None] = {}
    waiting = _files(place)
    while waiting:
        path = waiting.pop(0)
        if path not in found:
            found[path] = None
            waiting += [
                file
                for name in (_named(path) if path.suffix == ".py" else ())
                if (near := path.parent / name).exists() and near.resolve().is_relative_to(base.resolve())
                for file in _files(near)
            ]
    return list(found)


def _named(path: Path) -> list[str]:
    """Relative names in a Python file: imported modules and texts that may be file names."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return []  # it is told when the file is loaded
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [form for alias in node.names for form in _module_files(alias.name)]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += _module_files(node.module)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _may_be_file(node.value):
            names.append(node.value)
    return list(dict.fromkeys(names))


def _module_files(module: str) -> list[str]:
    name = module.replace(".", "/")
    return [f"{name}.py", name]


def _may_be_file(text: str) -> bool:
    parts = text.split("/")
    is_short = 0 < len(text) <= 255 and text.isprintable()
    return is_short and all(part not in ("", ".", "..") for part in parts)


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return sorted(path for path in place.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
