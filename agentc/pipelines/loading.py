"""From a source to IR of the phase `agent`, with what the user says beside it: a map of models, a profile."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc.support.diagnostics import Diagnostic, Diagnostics, Refused
from agentc.support.record import record

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from agentc.frontends.profile import Profile

Side: TypeAlias = "str | Path | Mapping[str, Any] | None"
"""A file beside the definition, its content as plain data, or none."""


@record
class Loaded:
    """A definition as IR of the phase `agent`."""

    module: "ModuleOp"
    home: Path
    text: str = ""
    warnings: tuple[Diagnostic, ...] = ()


def load_definition(
    source: "str | Path | ModuleOp", model_map: Side = None, assume: bool = False, profile: Side = None
) -> Loaded:
    """Read the definition; places in the IR become relative to its folder.

    Raises:
        Refused: the definition, the map or the profile is refused; with every problem.
    """
    from agentc.pipelines.sources import folder, make_relative, split

    if not isinstance(source, str | Path):
        refuse_profile("a module", profile)
        return Loaded(source, Path())
    from agentc import frontends
    from agentc.frontends.importers import located

    source = located(source)
    found, models = Diagnostics(), model_mapping(model_map)
    module = frontends.load(source, found=found, models=models, assume=assume, profile=_profile(profile))
    home = folder(source)
    make_relative(module, home)
    return Loaded(module, home, split(source)[0].read_text("utf-8"), found.sorted())


SURE_STEPS = 50_000
"""Ops below which an agent is never too large to be written out (`InlineAgentsPass.max_ops`)."""


def check_definition(
    source: "str | Path | ModuleOp", model_map: Side = None, assume: bool = False, profile: Side = None
) -> tuple[Diagnostic, ...] | None:
    """The warnings about a definition that keeps every rule; None where only its IR tells whether it is right.

    A definition that keeps the rules lowers to IR that keeps its own (a test holds this), so that nothing is lowered
    here. IR has no rules above it, and an agent of thousands of steps may be too large.

    Raises:
        Refused: as ``load_definition``.
    """
    if not isinstance(source, str | Path) or str(source).endswith(".mlir"):
        return None
    from agentc import frontends
    from agentc.frontends.importers import located

    found, models = Diagnostics(), model_mapping(model_map)
    definition = frontends.define(located(source), found=found, models=models, assume=assume, profile=_profile(profile))
    return found.sorted() if definition.program.most_steps() < SURE_STEPS else None


def model_mapping(model_map: Side) -> Mapping[str, Any]:
    """Models of another tool as ours."""
    if not isinstance(model_map, str | Path):
        return model_map or {}
    from agentc.frontends.importers.model_map import read_model_map

    return read_model_map(model_map)


def _profile(stated: Side) -> "Profile | None":
    if stated is None:
        return None
    from agentc.frontends import profile

    return profile.load(stated)


def refuse_profile(what: str, profile: object) -> None:
    """A profile fills a definition. Raises Refused where ``profile`` is stated for something else."""
    if profile is not None:
        message = f"a profile fills a definition, but this is {what}, whose figures stand"
        raise Refused(Diagnostic("profile-source", message, help="compile the definition with `--profile`"))
