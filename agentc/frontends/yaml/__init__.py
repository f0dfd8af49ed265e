"""Agent definition v1: from YAML to IR.

Rules of each part (``rules/``), then names and order (``scopes``, ``resolve``, ``order``), kinds and sizes of values
(``infer``, ``sizes``), rules of the whole (``check``), and IR (``specs``, ``emit``, ``nodes``, ``control``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentc.support.record import record

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from agentc.frontends.profile.patch import Patch
    from agentc.frontends.yaml.program import Program
    from agentc.support.diagnostics import Diagnostic
    from agentc.support.yaml_source import Document


@record
class Definition:
    """A definition that keeps every rule. ``warnings`` are what is worth a second look."""

    program: "Program"
    warnings: "tuple[Diagnostic, ...]" = ()
    patch: "Patch | None" = None
    """What of it is a profile's."""


def load(path: str | Path, *, overrides: Mapping[str, object] | None = None) -> Definition:
    """Read and check the definition at ``path``; ``overrides`` replace values at dotted paths (``sla.ttft_ms.p95``).

    Raises:
        Refused: with every problem of the file and of those that it includes.
    """
    from agentc.support.yaml_source import load_yaml

    return define(load_yaml(path), Path(path).parent, overrides=overrides)


def define(
    document: "Document",
    directory: Path,
    *,
    overrides: Mapping[str, object] | None = None,
    patch: "Patch | None" = None,
) -> Definition:
    """As ``load``, of a document that is there; its paths are relative to ``directory``. ``patch``: of a profile."""
    from agentc.frontends.yaml.check import check
    from agentc.frontends.yaml.document import with_values
    from agentc.frontends.yaml.infer import Kinds
    from agentc.frontends.yaml.program import assemble
    from agentc.frontends.yaml.read import read
    from agentc.support.diagnostics import Diagnostics, Refused

    found = Diagnostics()
    if patch is not None:
        found.extend(patch.found)
        document = patch.revise("", document)
    source = read(with_values(document, overrides or {}), directory, found)
    if source is None:
        raise Refused(*found.sorted())
    program = assemble(source, found, patch.revise if patch is not None else None)
    check(program, Kinds(program), found)
    if found.has_errors:
        # What nothing reads is often what a misspelled reference meant.
        raise Refused(*(d for d in found.sorted() if d.slug != "unused-input"))
    return Definition(program, found.sorted(), patch)


def lower(definition: Definition) -> "ModuleOp":
    """The module of phase ``agent``, which says for reports what of it is a profile's."""
    from agentc.frontends.yaml.emit import module

    made = module(definition.program)
    if definition.patch is not None:
        definition.patch.mark(made)
    return made


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a definition, for editors. References, cycles and sums are beyond it."""
    from agentc.frontends.yaml.rules.file import Definition as Model
    from agentc.frontends.yaml.rules.publish import published

    return published(Model)
