"""LangGraph, from source by its syntax tree: nothing of the file runs.

https://langchain-ai.github.io/langgraph/. `docs/formats/langgraph.md` says what becomes of each construct.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from agentc.frontends.importers import LANGGRAPH
from agentc.frontends.importers.langgraph.module import MAX_BYTES, Module, text_of

if TYPE_CHECKING:
    from agentc.frontends.importers.frame import Imported, Options
    from agentc.support.yaml_source import Document

_IMPORTS = re.compile(r"^\s*(from\s+langgraph[\w.]*\s+import|import\s+langgraph)\b", re.MULTILINE)
_OURS = re.compile(r"^\s*(from\s+agentc[\w.]*\s+import|import\s+agentc)\b", re.MULTILINE)


def recognized(path: Path) -> bool:
    """Whether a Python file is written for LangGraph, and does not build an agent of ours."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_BYTES)
    except (OSError, UnicodeDecodeError):
        return False
    return bool(_IMPORTS.search(text)) and not _OURS.search(text)


def load(path: Path, name: str = "", options: "Options | None" = None) -> "tuple[Document, Imported]":
    """The graph ``name`` of a Python file (the only one where none is named), as a definition.

    Raises:
        Refused: the file cannot be read, is no Python, or builds no such graph.
    """
    return read(text_of(path), str(path), name, options)


def read(text: str, file: str, name: str = "", options: "Options | None" = None) -> "tuple[Document, Imported]":
    """As ``load``, of a text."""
    from agentc.frontends.importers.frame import Draft, Options
    from agentc.frontends.importers.langgraph.convert import definition
    from agentc.frontends.importers.langgraph.graph import graphs

    module = Module(text, file)
    draft = Draft(module.document, LANGGRAPH, options or Options())
    title, graph = definition(module, draft, graphs(module), name)
    return module.document, draft.finish(title, graph)
