"""What becomes of one file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agentc import api
from agentc.frontends import importers, yaml
from agentc.frontends.importers.json_text import open_source
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import parse_yaml

SUFFIXES = (".yaml", ".yml", ".json", ".jsonc")
UNLOCATED = frozenset(("yaml-too-large", "unreadable-file"))
"""Refusals that have no place within the file."""


@dataclass(frozen=True)
class Fate:
    """What became of a file."""

    path: Path
    expected: bool
    """Whether it is to be imported; else refused."""
    format: str = ""
    imported: bool = False
    same: bool = False
    """Whether the definition that is written lowers to the same IR."""
    compiled: bool = False
    refused: tuple[str, ...] = ()
    """The slugs of a refusal whose messages all say where."""
    failure: str = ""

    @property
    def good(self) -> bool:
        """Imported, compiled and the same; or refused as it should be."""
        done = self.imported and self.same and self.compiled
        return not self.failure and (bool(self.refused) or (self.expected and done))


def files(folder: Path) -> Iterator[tuple[str, Path, bool]]:
    """Format, file, and whether it is to be imported. Files that others include are no agents of their own."""
    for place in sorted(each for each in folder.iterdir() if each.is_dir()):
        name = place.name.removesuffix("_invalid")
        for path in sorted(place.rglob("*")):
            if path.suffix in SUFFIXES and path.is_file() and not _is_part(path):
                yield name.replace("_", "-"), path, not place.name.endswith("_invalid")


def _is_part(path: Path) -> bool:
    """Whether a file is an agent of the crew in the folder above."""
    return path.parent.name == "agents" and (path.parent.parent / "crew.jsonc").is_file()


def fate(path: Path, expected: bool, compiles: bool = True) -> Fate:
    """Import, write, read back and compile ``path``."""
    try:
        document = open_source(path)
        format = importers.detect(document)
        if format is None:
            return Fate(path, expected, failure="no format is recognized")
        imported = importers.read(document, format)
        definition = yaml.define(importers.overlay(document, imported), path.parent)
        made = _bare(yaml.lower(definition))
        text, _ = importers.to_yaml(path, format, {})
        again = _bare(yaml.lower(yaml.define(parse_yaml(text, "agent.yaml"), path.parent)))
    except Refused as refused:
        return _refusal(path, expected, refused)
    except Exception as problem:
        return Fate(path, expected, failure=f"{type(problem).__name__}: {problem}")
    if not expected:
        return Fate(path, expected, format, True, failure="it was not refused")
    failure = _compile(path) if compiles else ""
    return Fate(path, expected, format, True, made == again, compiles and not failure, failure=failure)


def _refusal(path: Path, expected: bool, refused: Refused) -> Fate:
    bare = [d.slug for d in refused.diagnostics if d.span is None and d.slug not in UNLOCATED]
    if bare:
        return Fate(path, expected, failure=f"refused without a place: {bare[0]}")
    return Fate(path, expected, refused=tuple(dict.fromkeys(d.slug for d in refused.diagnostics)))


def _compile(path: Path) -> str:
    try:
        api.compile(path, stop_after="placed", assume=True)
    except Refused as refused:
        return f"not compiled: {refused.diagnostics[0]}"
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"
    return ""


def _bare(module: object) -> str:
    """The IR without the places in the source."""
    return re.sub(r'agent\.source = "[^"]*"', "", str(module))
