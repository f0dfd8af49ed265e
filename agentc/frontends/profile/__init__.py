"""Profiles: figures beside a definition, which fill what it does not state and replace what it does.

A profile is bound to the document of a definition before its rules are checked (`bind`), so that it serves every form
that an agent may have: YAML, Python, and other tools' files. It names nodes as reports do. `Patch.revise` gives the
document with the figures in it, each with its place in the profile: what is wrong with one is told there.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentc.support.record import record

if TYPE_CHECKING:
    from agentc.frontends.profile.patch import Patch
    from agentc.support.diagnostics import Diagnostic
    from agentc.support.yaml_source import Document

_MOST_ROUNDS = 4


@record
class Profile:
    """Figures by the names of a definition's parts."""

    document: "Document"
    """What keeps the schema; with the places of the file."""
    problems: "tuple[Diagnostic, ...]" = ()
    """What does not keep it: told together with what is wrong with the rest."""

    @property
    def name(self) -> str:
        """What reports call it: the file's name."""
        return Path(self.document.file).name


def load(source: "str | Path | Mapping[str, Any]") -> Profile:
    """The profile of a file, or of plain data.

    Raises:
        Refused: it cannot be read, or is no mapping.
    """
    from agentc.frontends.yaml.document import Overlay
    from agentc.support.diagnostics import Diagnostic, Refused
    from agentc.support.yaml_source import Document, load_yaml

    if isinstance(source, str | Path):
        document = load_yaml(source)
    else:
        document = Overlay(Document("profile", "", None), dict(source))
    if not isinstance(document.data, dict):
        message = "a profile is a mapping, such as `nodes: {think: {tokens: {output: 200}}}`"
        raise Refused(Diagnostic("wrong-type", message, document.span()))
    return _checked(document)


def _checked(document: "Document") -> Profile:
    """The profile of ``document``, of which what breaks the schema is left out."""
    from pydantic import ValidationError

    from agentc.frontends.profile.rules import ProfileFile
    from agentc.frontends.yaml.document import Overlay, without
    from agentc.support.ready import ready
    from agentc.support.schema_walk import walk
    from agentc.support.validate import diagnose

    problems: tuple[Diagnostic, ...] = ()
    seen = document
    for _ in range(_MOST_ROUNDS):
        try:
            ready(ProfileFile).model_validate(seen.data)
            return Profile(seen, problems)
        except ValidationError as problem:
            problems = problems or tuple(diagnose(problem, ProfileFile, document))
            data: Any = seen.data
            for error in problem.errors(include_url=False, include_context=False, include_input=False):
                path = walk(ProfileFile, error["loc"], seen.has).path
                data = without(data, path) if path and Overlay(document, data).has(path) else data
            seen = Overlay(document, data)
    return Profile(Overlay(document, {}), problems)


def bind(profile: Profile, document: "Document", directory: Path) -> "Patch":
    """What ``profile`` changes in the definition of ``document``, whose paths are relative to ``directory``.

    Problems, such as a node that the definition does not have, are kept in the patch (``Patch.found``).
    """
    from agentc.frontends.profile.patch import bind as bound

    return bound(profile, document, directory)


def schema() -> dict[str, Any]:
    """The JSON Schema of a profile."""
    from agentc.frontends.profile.rules import schema as made

    return made()
