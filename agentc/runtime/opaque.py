"""Steps whose content nobody stated: they are planned, and a run that meets them could only make something up."""

from xdsl.dialects.builtin import ModuleOp

from agentc.dialects.compute import BuiltinOp
from agentc.dialects.provenance import node_path, span
from agentc.support.diagnostics import Diagnostic, Refused

NAME = "opaque"
"""The built-in that stands for them."""

HELP = (
    "write the definition (`agentc import FORMAT FILE -o agent.yaml`), and in the place of `builtin: opaque` a function"
    " of yours: `python: parts.py:name`"
)


def refuse_opaque(module: ModuleOp) -> None:
    """Raise Refused (``opaque-component``) where ``module`` has such steps, each with its place."""
    found = [op for op in module.walk() if isinstance(op, BuiltinOp) and op.function.data == NAME]
    if found:
        raise Refused(*(Diagnostic("opaque-component", _message(op), span(op), help=HELP) for op in found))


def _message(op: BuiltinOp) -> str:
    node = node_path(op) or NAME
    return f"`{node}` stands for a component whose content is not known: it can be planned, but not run"
