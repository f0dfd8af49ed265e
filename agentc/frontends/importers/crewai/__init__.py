"""CrewAI: crews of `agents.yaml` and `tasks.yaml`, of `crew.jsonc` and `agents/*.jsonc`, and of Python files.

https://docs.crewai.com/. Python is read by its syntax tree: nothing of it runs. `docs/formats/crewai.md` has the
mapping.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agentc.frontends.importers import CREWAI

if TYPE_CHECKING:
    from agentc.frontends.importers.frame import Draft, Imported, Options
    from agentc.support.yaml_source import Document

IMPORTS: Final = re.compile(r"^\s*(from\s+crewai[\w.]*\s+import|import\s+crewai)\b", re.MULTILINE)

FLOW: Final = re.compile(r"^\s*@(\w+\.)*start\(", re.MULTILINE)
_OURS = re.compile(r"^\s*(from\s+agentc[\w.]*\s+import|import\s+agentc)\b", re.MULTILINE)


def recognized(path: Path) -> bool:
    """Whether a Python file makes a crew, and does not build an agent of ours."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(1_000_000)
    except (OSError, UnicodeDecodeError):
        return False
    return bool(IMPORTS.search(text)) and ("Crew(" in text or bool(FLOW.search(text))) and not _OURS.search(text)


def read(draft: "Draft") -> "Imported":
    """The definition of the crew that a document belongs to. Raises Refused."""
    from agentc.frontends.importers.crewai.files import opened
    from agentc.frontends.importers.crewai.team import Team

    crew = opened(draft)
    return draft.finish(crew.name, Team(draft, crew).graph())


def load(path: Path, name: str = "", options: "Options | None" = None) -> "tuple[Document, Imported]":
    """The flow or crew ``name`` of a Python file (the only one where none is named, flows first), as a definition.

    Raises:
        Refused: the file cannot be read, is no Python, or makes no such flow or crew.
    """
    from agentc.frontends.importers.crewai.code import crew_names, crews
    from agentc.frontends.importers.crewai.files import of_code
    from agentc.frontends.importers.crewai.flows import flow, flow_classes
    from agentc.frontends.importers.crewai.team import Team
    from agentc.frontends.importers.frame import Draft, Options
    from agentc.frontends.importers.langgraph.module import Module, text_of

    module = Module(text_of(path), str(path))
    draft = Draft(module.document, CREWAI, options or Options())
    flows = flow_classes(module)
    if flows and (not name or name in flows or not crew_names(module)):
        title, graph = flow(module, draft, name)
        return module.document, draft.finish(title, graph)
    crew = of_code(draft, crews(module, draft, name))
    return module.document, draft.finish(crew.name, Team(draft, crew).graph())
