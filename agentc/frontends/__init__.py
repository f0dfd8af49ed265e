"""Sources of agents: definitions in YAML or Python, and IR text. All end as a module of phase ``agent``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from agentc.support.diagnostics import Diagnostics

SUFFIXES: Final = (".yaml", ".yml", ".mlir", ".py")


def load(
    source: str | Path, *, overrides: Mapping[str, object] | None = None, found: "Diagnostics | None" = None
) -> "ModuleOp":
    """The module of ``source``: ``agent.yaml``, ``agent.py:name`` (an ``agentc.Agent`` in a Python file) or ``x.mlir``.

    ``overrides`` replace values of the definition at dotted paths, for example ``sla.ttft_ms.p95`` or
    ``load.requests_per_second``. Warnings go to ``found``.

    Raises:
        Refused: with every problem.
    """
    from agentc.support.diagnostics import Diagnostic, Refused

    text = str(source)
    if text.endswith(".mlir"):
        from agentc.frontends import ir

        return ir.load(source, overrides=overrides)
    if text.endswith((".yaml", ".yml")):
        from agentc.frontends import yaml

        definition = yaml.load(source, overrides=overrides)
    elif ".py" in text:
        from agentc.frontends import python, yaml

        definition = python.load(text, overrides=overrides)
    else:
        help = "name a `.yaml` or `.mlir` file, or `file.py:agent`"
        raise Refused(Diagnostic("unknown-source", f"`{text}` is no source that agentc reads", help=help))
    if found is not None:
        found.extend(definition.warnings)
    return yaml.lower(definition)
