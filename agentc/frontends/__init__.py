"""Sources of agents: definitions in YAML or Python, other tools' files, and IR text. All end as a module of phase
``agent``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from agentc.frontends.importers.frame import Imported
    from agentc.frontends.profile import Profile
    from agentc.frontends.profile.patch import Patch
    from agentc.frontends.yaml import Definition
    from agentc.support.diagnostics import Diagnostic, Diagnostics
    from agentc.support.yaml_source import Document

SUFFIXES: Final = (".yaml", ".yml", ".json", ".jsonc", ".mlir", ".py")


def load(
    source: str | Path,
    *,
    overrides: Mapping[str, object] | None = None,
    found: "Diagnostics | None" = None,
    models: Mapping[str, Any] | None = None,
    assume: bool = False,
    profile: "Profile | None" = None,
) -> "ModuleOp":
    """The module of ``source``: ``agent.yaml``, ``agent.py:name`` (an ``agentc.Agent`` in a Python file), ``x.mlir``,
    or a file of another tool (``agentc.frontends.importers``).

    ``overrides`` replace values of the definition at dotted paths, for example ``sla.ttft_ms.p95`` or
    ``load.requests_per_second``. Warnings go to ``found``. For other tools' files, ``models`` says which of ours stand
    for theirs, and ``assume`` that nothing be told of what they never state. ``profile``: figures that fill the
    definition's, and replace them.

    Raises:
        Refused: with every problem.
    """
    if str(source).endswith(".mlir"):
        from agentc.frontends import ir

        _no_profile(str(source), profile)
        return ir.load(source, overrides=overrides)
    from agentc.frontends import yaml

    return yaml.lower(define(source, overrides=overrides, found=found, models=models, assume=assume, profile=profile))


def define(
    source: str | Path,
    *,
    overrides: Mapping[str, object] | None = None,
    found: "Diagnostics | None" = None,
    models: Mapping[str, Any] | None = None,
    assume: bool = False,
    profile: "Profile | None" = None,
) -> "Definition":
    """As ``load``, of any source but IR: the definition, which keeps every rule, before it is lowered.

    Raises:
        Refused: with every problem.
    """
    from agentc.frontends import yaml
    from agentc.support.diagnostics import Diagnostics

    told = found if found is not None else Diagnostics()
    document, home, imported = read(str(source), models or {})
    patch = _bound(profile, document, home)
    if imported is not None:
        told.extend(imported.warnings if assume else (*imported.warnings, *_assumed(imported, document, patch)))
    definition = yaml.define(document, home, overrides=overrides, patch=patch)
    told.extend(definition.warnings)
    return definition


def read(source: str, models: Mapping[str, Any]) -> "tuple[Document, Path, Imported | None]":
    """The definition that ``source`` states, its rules unchecked: the document, the folder of its paths, and what an
    importer made, where the file is another tool's.

    Raises:
        Refused: it cannot be read, or is no source that agentc reads.
    """
    from agentc.support.diagnostics import Diagnostic, Refused

    if source.endswith((".yaml", ".yml", ".json", ".jsonc")):
        return _document(source, models)
    if ".py" in source:
        return _python(source, models)
    help = "name a `.yaml`, `.json` or `.mlir` file, `file.py:agent`, or the folder of a CrewAI project"
    raise Refused(Diagnostic("unknown-source", f"`{source}` is no source that agentc reads", help=help))


def _python(source: str, models: Mapping[str, Any]) -> "tuple[Document, Path, Imported | None]":
    """``file.py:name``: an agent that the file builds, or a graph of LangGraph or a crew of CrewAI in it."""
    from agentc.frontends import importers, python

    head, _, name = source.partition(".py:")
    path = Path(f"{head.removesuffix('.py')}.py")
    if importers.python_format(path) is None:
        return python.read(source), path.parent, None
    document, imported = importers.of_python(path, name, importers.options(models))
    return importers.overlay(document, imported), path.parent, imported


def _document(path: str, models: Mapping[str, Any]) -> "tuple[Document, Path, Imported | None]":
    document = _open(path)
    data: Any = document.data
    if isinstance(data, dict) and "agentc" not in data:
        from agentc.frontends import importers

        format = importers.detect(document)
        if format is not None:
            imported = importers.read(document, format, importers.options(models))
            return importers.overlay(document, imported), Path(path).parent, imported
        importers.refuse_foreign(document)
    return document, Path(path).parent, None


def _open(path: str) -> "Document":
    if path.endswith((".json", ".jsonc")):
        from agentc.frontends.importers.json_text import open_source

        return open_source(path)
    from agentc.support.yaml_source import load_yaml

    return load_yaml(path)


def _bound(profile: "Profile | None", document: "Document", home: Path) -> "Patch | None":
    if profile is None:
        return None
    from agentc.frontends.profile import bind

    return bind(profile, document, home)


def _assumed(imported: "Imported", document: "Document", patch: "Patch | None") -> "list[Diagnostic]":
    """What the source never states, and no profile either."""
    if patch is None:
        return imported.told(document)
    from dataclasses import replace

    rows = {path: why for path, why in imported.assumptions.items() if not patch.states(path)}
    return replace(imported, assumptions=rows).told(document)


def _no_profile(source: str, profile: "Profile | None") -> None:
    if profile is not None:
        from agentc.support.diagnostics import Diagnostic, Refused

        message = f"`{profile.name}` fills a definition, but `{source}` is IR, whose figures stand"
        raise Refused(Diagnostic("profile-source", message, help="compile the definition with `--profile`"))
