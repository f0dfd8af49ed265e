"""Sources of agents: definitions in YAML or Python, other tools' files, and IR text. All end as a module of phase
``agent``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from agentc.frontends.yaml import Definition
    from agentc.support.diagnostics import Diagnostics
    from agentc.support.yaml_source import Document

SUFFIXES: Final = (".yaml", ".yml", ".json", ".mlir", ".py")


def load(
    source: str | Path,
    *,
    overrides: Mapping[str, object] | None = None,
    found: "Diagnostics | None" = None,
    models: Mapping[str, Any] | None = None,
    assume: bool = False,
) -> "ModuleOp":
    """The module of ``source``: ``agent.yaml``, ``agent.py:name`` (an ``agentc.Agent`` in a Python file), ``x.mlir``,
    or a file of another tool (``agentc.frontends.importers``).

    ``overrides`` replace values of the definition at dotted paths, for example ``sla.ttft_ms.p95`` or
    ``load.requests_per_second``. Warnings go to ``found``. For other tools' files, ``models`` says which of ours stand
    for theirs, and ``assume`` that nothing be told of what they never state.

    Raises:
        Refused: with every problem.
    """
    from agentc.support.diagnostics import Diagnostic, Diagnostics, Refused

    text = str(source)
    if text.endswith(".mlir"):
        from agentc.frontends import ir

        return ir.load(source, overrides=overrides)
    told = found if found is not None else Diagnostics()
    if text.endswith((".yaml", ".yml", ".json")):
        from agentc.frontends import yaml

        definition = _define(_open(text), Path(source).parent, overrides, told, models or {}, assume)
    elif ".py" in text:
        from agentc.frontends import yaml

        definition = _python(text, overrides, told, models or {}, assume)
    else:
        help = "name a `.yaml`, `.json` or `.mlir` file, or `file.py:agent`"
        raise Refused(Diagnostic("unknown-source", f"`{text}` is no source that agentc reads", help=help))
    told.extend(definition.warnings)
    return yaml.lower(definition)


def _python(
    source: str,
    overrides: Mapping[str, object] | None,
    found: "Diagnostics",
    models: Mapping[str, Any],
    assume: bool,
) -> "Definition":
    """The checked definition of ``file.py:name``: an agent that the file builds, or a graph of LangGraph in it."""
    from agentc.frontends import importers, python, yaml
    from agentc.frontends.importers import langgraph

    head, _, name = source.partition(".py:")
    path = Path(f"{head.removesuffix('.py')}.py")
    if not langgraph.recognized(path):
        return python.load(source, overrides=overrides)
    document, imported = langgraph.load(path, name, importers.options(models))
    found.extend(imported.warnings if assume else (*imported.warnings, *imported.told(document)))
    return yaml.define(importers.overlay(document, imported), path.parent, overrides=overrides)


def _open(path: str) -> "Document":
    if path.endswith(".json"):
        from agentc.frontends.importers.json_text import open_source

        return open_source(path)
    from agentc.support.yaml_source import load_yaml

    return load_yaml(path)


def _define(
    document: "Document",
    home: Path,
    overrides: Mapping[str, object] | None,
    found: "Diagnostics",
    models: Mapping[str, Any],
    assume: bool,
) -> "Definition":
    """The checked definition of a document: ours, or another tool's."""
    from agentc.frontends import yaml

    data: Any = document.data
    if isinstance(data, dict) and "agentc" not in data:
        from agentc.frontends import importers

        format = importers.detect(document)
        if format is not None:
            imported = importers.read(document, format, importers.options(models))
            found.extend(imported.warnings if assume else (*imported.warnings, *imported.told(document)))
            document = importers.overlay(document, imported)
    return yaml.define(document, home, overrides=overrides)
