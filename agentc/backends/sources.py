"""Copies what a build executes as it stands: the user's Python files and documents, below ``tools/`` and ``data/``."""

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
        for source in _files(request.base / path):
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


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return sorted(path for path in place.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
