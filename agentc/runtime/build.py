"""A build directory, opened: its manifest checked, its files verified, its IR parsed."""

import hashlib
from pathlib import Path
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError, VerifyException

from agentc.dialects import DIALECTS
from agentc.plan.layout import MANIFEST, MODELS, PLACED
from agentc.plan.manifest import Manifest, ManifestFile
from agentc.support.diagnostics import Diagnostic, Diagnostics, Refused, Span
from agentc.support.record import record
from agentc.support.registry import loader

UPSTREAM = ("affine", "arith", "bufferization", "func", "gpu", "linalg", "llvm", "math", "memref", "scf", "tensor")
"""Dialects that kernels may be written in."""


_BEYOND_THE_PARSER = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError)
"""What xDSL's parser raises on text that nobody printed: numbers out of range, attributes of another kind."""


@record
class Build:
    """A build on disk."""

    folder: Path
    files: tuple[ManifestFile, ...]

    def model(self, name: str) -> Path | None:
        """The folder of a model's artifacts, by symbol; ``None`` where the build has none."""
        facts = [row for row in self.files if row.path.endswith("/model.json")]
        folders = [Path(row.path).parent for row in facts if Path(row.path).parent.name == name or row.of == name]
        folder = self.folder / (folders[0] if folders else Path(MODELS, name))
        return folder if (folder / "model.json").is_file() else None

    def of(self, name: str) -> list[ManifestFile]:
        """The files that realize a kernel."""
        return [row for row in self.files if row.of == name]

    def module(self) -> ModuleOp:
        """The placed IR.

        Raises:
            Refused: ``unreadable-ir``.
        """
        path = self.folder / PLACED
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(PLACED, str(error)) from error
        return parse(text, PLACED)


def context() -> Context:
    """A context that knows agentc's dialects and those of kernels, each loaded when text names it."""
    ctx = Context()
    for name, place in DIALECTS.items():
        ctx.register_dialect(name, loader(place))
    ctx.register_dialect("builtin", loader("xdsl.dialects.builtin:Builtin"))
    for name in UPSTREAM:
        attribute = {"llvm": "LLVM", "gpu": "GPU", "memref": "MemRef"}.get(name, name.capitalize())
        ctx.register_dialect(name, loader(f"xdsl.dialects.{name}:{attribute}"))
    return ctx


def parse(text: str, name: str = "<text>") -> ModuleOp:
    """IR text as a verified module.

    Raises:
        Refused: ``unreadable-ir``.
    """
    try:
        module = Parser(context(), text, name).parse_module()
        module.verify()
    except ParseError as error:
        raise _unreadable(name, error.msg, _place(error, name)) from error
    except (VerifyException, RecursionError, ValueError, *_BEYOND_THE_PARSER) as error:
        raise _unreadable(name, str(error)) from error
    return module


def open_build(folder: Path) -> Build:
    """Read the manifest and check each file against it.

    Raises:
        Refused: ``not-a-build``; ``artifact-missing`` and ``artifact-corrupt`` for all files at once.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise Refused(Diagnostic("not-a-build", f"`{folder}` holds no `{MANIFEST}`", help="compile with `-o` first"))
    build = Build(folder, _read(manifest).files)
    problems = Diagnostics()
    for row in build.files:
        _check(folder, row, problems)
    problems.raise_if_errors()
    return build


def _read(path: Path) -> Manifest:
    import yaml

    from agentc.support import yaml_text

    try:
        data: object = yaml_text.load(path.read_text(encoding="utf-8"))
        return Manifest.read(cast(dict[str, Any], data))
    except (OSError, UnicodeDecodeError, AttributeError, ValueError, yaml.YAMLError) as error:
        raise _no_manifest(str(error).splitlines()[0]) from error


def _check(folder: Path, row: ManifestFile, problems: Diagnostics) -> None:
    if Path(row.path).is_absolute() or ".." in Path(row.path).parts:
        raise _no_manifest(f"path `{row.path}` does not stay inside the build")
    path = folder / row.path
    if not path.is_file():
        problems.error("artifact-missing", f"`{row.path}` is named in the manifest but not there", help=_AGAIN)
    elif (found := digest(path)) != row.sha256:
        message = f"`{row.path}` is not what was compiled: sha256 {found[:12]}…, not {row.sha256[:12]}…"
        problems.error("artifact-corrupt", message, help=_AGAIN)


_AGAIN = "compile the agent again"


def digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _no_manifest(why: str) -> Refused:
    return Refused(Diagnostic("not-a-build", f"`{MANIFEST}` cannot be read: {why}", help=_AGAIN))


def _unreadable(name: str, why: str, span: Span | None = None) -> Refused:
    return Refused(Diagnostic("unreadable-ir", f"`{name}` cannot be read: {why}", span, help=_AGAIN))


def _place(error: ParseError, name: str) -> Span:
    before = cast(str, error.span.input.content)[: error.span.start]
    return Span(name, before.count("\n") + 1, len(before) - before.rfind("\n"))
