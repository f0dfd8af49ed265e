"""Where a definition lies, and the places of its parts: in the IR relative to its folder, in diagnostics as given."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agentc.support.diagnostics import Diagnostic, Label, Refused, Span

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp


def split(source: str | Path) -> tuple[Path, str]:
    """The file of ``source`` and, for ``file.py:name``, the name in it."""
    text = str(source)
    file, colon, name = text.rpartition(":")
    return (Path(file), name) if colon and file.endswith(".py") and name.isidentifier() else (Path(text), "")


def folder(source: str | Path) -> Path:
    """The folder against which the definition's paths are meant."""
    return split(source)[0].parent


def build_name(source: str | Path) -> str:
    """What a build is called: the name in a Python file, else the file's (the folder's for `agent.…`)."""
    file, name = split(source)
    if name:
        return name
    return file.absolute().parent.name or file.stem if file.stem == "agent" else file.stem


def make_relative(module: "ModuleOp", home: Path) -> None:
    """Write each ``agent.source`` relative to ``home``, so that the IR is the same wherever the definition lies."""
    from xdsl.dialects.builtin import StringAttr

    known: dict[str, StringAttr] = {}
    for op in module.walk():
        attr = op.attributes.get("agent.source")
        if isinstance(attr, StringAttr):
            if attr.data not in known:
                at = Span.parse(attr.data)
                known[attr.data] = StringAttr(attr.data.replace(at.file, _relative(at.file, home), 1))
            op.attributes["agent.source"] = known[attr.data]


def _relative(file: str, home: Path) -> str:
    path = Path(os.path.relpath(file or ".", home))
    return path.name if ".." in path.parts else path.as_posix()


@contextmanager
def shown_from(home: Path) -> Generator[None, None, None]:
    """Diagnostics of the block, with places relative to ``home``, name files as seen from the working directory."""
    try:
        yield
    except Refused as refused:
        raise Refused(*(_shown(each, home) for each in refused.diagnostics)) from refused


def _shown(diagnostic: Diagnostic, home: Path) -> Diagnostic:
    labels = tuple(Label(_span(label.span, home), label.text) for label in diagnostic.labels)
    return replace(diagnostic, span=_span(diagnostic.span, home) if diagnostic.span else None, labels=labels)


def _span(span: Span, home: Path) -> Span:
    there = home / span.file
    return replace(span, file=str(there)) if there.is_file() else span
