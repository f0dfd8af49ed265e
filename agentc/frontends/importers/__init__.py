"""Agents as users already have them: other tools' files as definitions of ours, without the tool.

Each importer recognizes its format and reads a document into plain data of the YAML form, with the place of each part
in the user's own file; the rules of the YAML form then check it, and it lowers as any definition does.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from agentc.frontends.importers.recognize import RECOGNIZERS
from agentc.support.record import record

if TYPE_CHECKING:
    from pathlib import Path

    from agentc.frontends.importers.frame import Draft, Imported, Options
    from agentc.support.diagnostics import Diagnostic
    from agentc.support.yaml_source import Document


class Importer(Protocol):
    """What a module of ``FORMATS`` has."""

    def read(self, draft: "Draft") -> "Imported":
        """The definition that ``draft.document`` states.

        Raises:
            Refused: with every problem.
        """
        ...


@record(slots=True)
class Format:
    """A format that agentc reads."""

    title: str
    module: str


CREWAI: Final = "CrewAI"

FORMATS: Final[dict[str, Format]] = {
    "agentspec": Format("Open Agent Spec", "agentspec"),
    "nat": Format("NeMo Agent Toolkit", "nat"),
    "haystack": Format("Haystack", "haystack"),
    "dify": Format("Dify", "dify"),
    "flowise": Format("Flowise", "flowise"),
    "docker-agent": Format("docker agent", "docker_agent"),
    "promptflow": Format("promptflow", "promptflow"),
    "ms-agent-framework": Format("Microsoft Agent Framework", "ms_agent_framework"),
    "adk": Format("Google ADK config", "adk"),
    "crewai": Format(CREWAI, "crewai"),
}
"""Name -> format, in the order in which a document is asked what it is."""

LANGGRAPH: Final = "LangGraph"
"""The format that is code: `langgraph.load` reads it."""


def importer(name: str) -> Importer:
    """The importer of a format of ``FORMATS``."""
    from importlib import import_module

    return cast(Importer, import_module(f"agentc.frontends.importers.{FORMATS[name].module}"))


def detect(document: "Document") -> str | None:
    """The format of ``document``; None where it is a definition of ours, or nothing that is known."""
    data: Any = document.data
    if not isinstance(data, dict) or "agentc" in data:
        return None
    fields = cast("dict[str, Any]", data)
    return next((name for name in FORMATS if RECOGNIZERS[name](fields)), None)


def refuse_foreign(document: "Document") -> None:
    """Raise Refused (``import-format``) for a mapping of which nothing is a definition of ours: it has no `agentc`, and
    no nodes by name."""
    from agentc.support.diagnostics import Diagnostic, Refused

    fields = cast("dict[str, Any]", document.data)
    if not fields or isinstance(fields.get("nodes"), dict) or {"models", "inputs", "outputs"} & fields.keys():
        return
    kind = next((title for title, marks in _FOREIGN.items() if marks <= fields.keys()), "")
    what = f"is a file of {kind}, which agentc does not read" if kind else "is of no format that is known"
    known = ", ".join(each.title for each in FORMATS.values())
    help = f"a definition begins with `agentc: v1`; read as they are: {known}"
    raise Refused(Diagnostic("import-format", f"`{document.file}` {what}", document.span(), help=help))


_FOREIGN: Final = {
    "Letta": {"agents", "tools", "blocks"},
    "n8n": {"nodes", "connections"},
    "AutoGen": {"provider", "component_type", "config"},
    "Langflow": {"data", "endpoint_name"},
    "LangChain": {"lc", "kwargs"},
    "Docker Compose": {"services"},
    "OpenAPI": {"openapi"},
    "a fleet": {"devices"},
}
"""What else is taken for an agent, and the fields that it has."""


def read(document: "Document", format: str, options: "Options | None" = None) -> "Imported":
    """``document`` as a definition.

    Raises:
        Refused: it is not of the format, or cannot be a definition of ours; every problem at its place.
    """
    from agentc.frontends.importers.frame import Draft, Options
    from agentc.frontends.importers.source import Part

    draft = Draft(document, FORMATS[format].title, options or Options())
    data: Any = document.data
    if not isinstance(data, dict) or not RECOGNIZERS[format](cast("dict[str, Any]", data)):
        message = f"`{document.file}` is no {FORMATS[format].title}"
        raise draft.refuse("import-format", message, Part.of(document))
    return importer(format).read(draft)


def python_format(path: "Path") -> str | None:
    """The format of a Python file: LangGraph or CrewAI; None for an agent of ours, or nothing that is known."""
    from agentc.frontends.importers import langgraph

    if langgraph.recognized(path):
        return "langgraph"
    from agentc.frontends.importers.crewai import recognized

    return "crewai" if recognized(path) else None


def of_python(path: "Path", name: str, options: "Options") -> "tuple[Document, Imported]":
    """The agent ``name`` of a Python file of another tool: its document and its definition.

    Raises:
        Refused: it cannot be read, is no Python, or makes no such agent.
    """
    from agentc.frontends.importers import crewai, langgraph

    module = crewai if python_format(path) == "crewai" else langgraph
    return module.load(path, name, options)


def located(source: "str | Path") -> "str | Path":
    """The file to begin with where ``source`` is the folder of a project (CrewAI's); else ``source``."""
    from pathlib import Path

    if not Path(source).is_dir():
        return source
    from agentc.frontends.importers.crewai.files import located

    return located(str(source)) or source


def overlay(document: "Document", imported: "Imported") -> "Document":
    """The definition as a document whose places are those of the user's file."""
    from agentc.frontends.yaml.document import Overlay
    from agentc.support.yaml_source import Document

    below = Document(document.file, document.text, None)
    return Overlay(below, imported.definition, imported.places, imported.assumptions.keys())


def options(models: Mapping[str, Any]) -> "Options":
    """What the user says beside the source."""
    from agentc.frontends.importers.frame import Options

    return Options(models)


def to_yaml(source: "str | Path", format: str, models: Mapping[str, Any]) -> "tuple[str, tuple[Diagnostic, ...]]":
    """The definition that ``source`` states as a file of ours, and what to know of it; ``format`` may be `auto`.

    Raises:
        Refused: the file cannot be read, is of another format, or is refused; or what it states breaks a rule of ours.
    """
    from pathlib import Path

    from agentc.frontends import yaml
    from agentc.frontends.importers.json_text import open_source
    from agentc.frontends.importers.write import text
    from agentc.support.diagnostics import Diagnostic, Refused

    source = located(source)
    head, python, name = str(source).partition(".py")
    if format == "langgraph" or (format in ("auto", "crewai") and python):
        document, imported = of_python(Path(head + python), name.removeprefix(":"), options(models))
    else:
        document = open_source(source)
        found = detect(document) if format == "auto" else format
        if found is None:
            message = f"`{document.file}` is of no format that is known"
            raise Refused(Diagnostic("import-format", message, document.span()))
        imported = read(document, found, options(models))
    definition = yaml.define(overlay(document, imported), Path(source).parent)
    return text(imported, Path(source).name), (*imported.warnings, *definition.warnings)


def with_metadata(source: "str | Path", models: Mapping[str, Any]) -> "tuple[str, tuple[Diagnostic, ...]]":
    """An Agent Spec file that states in `metadata.agentc` what was assumed of it, and what to know of it.

    All else of the file stays as it is; read again, the file leaves nothing to assume.

    Raises:
        Refused: as ``to_yaml``; or the file is of another format, or has no place for it.
    """
    from pathlib import Path

    from agentc.frontends import yaml
    from agentc.frontends.importers.agentspec.metadata import written
    from agentc.frontends.importers.json_text import open_source, parse_source
    from agentc.support.diagnostics import Diagnostic, Refused

    document = open_source(source)
    if detect(document) != "agentspec":
        message = f"`{document.file}` is no Open Agent Spec, the one format with a place for what it does not state"
        raise Refused(Diagnostic("import-metadata", message, document.span()))
    imported = read(document, "agentspec", options(models))
    definition = yaml.define(overlay(document, imported), Path(source).parent)
    text = written(document, Path(source).read_bytes().decode("utf-8-sig"), imported, options(models))
    again = read(parse_source(text, document.file), "agentspec", options(models))
    if again.assumptions or again.definition != imported.definition:
        message = "the file is written such that nothing can be put into it"
        raise Refused(Diagnostic("import-metadata", message, document.span(), help="write it without anchors"))
    return text, (*imported.warnings, *definition.warnings)
