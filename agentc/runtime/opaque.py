"""Steps whose content nobody stated: they are planned, and a run that meets them could only make something up."""

from collections.abc import Container

from xdsl.dialects.builtin import ModuleOp

from agentc.dialects.compute import BuiltinOp
from agentc.dialects.provenance import node_path, span
from agentc.support.diagnostics import Diagnostic, Refused

NAME = "opaque"
"""The built-in that stands for them."""


def opaque_steps(module: ModuleOp) -> dict[str, BuiltinOp]:
    """Path of the node -> op, of those of ``module``."""
    found = [op for op in module.walk() if isinstance(op, BuiltinOp) and op.function.data == NAME]
    return {node_path(op) or NAME: op for op in found}


def refuse_opaque(module: ModuleOp, bound: Container[str] = ()) -> None:
    """Raise Refused (``opaque-component``) where ``module`` has such steps beside those that are ``bound``, each with
    its place."""
    found = {node: op for node, op in opaque_steps(module).items() if node not in bound}
    if found:
        raise Refused(*(_diagnostic(node, op) for node, op in found.items()))


def _diagnostic(node: str, op: BuiltinOp) -> Diagnostic:
    message = f"`{node}` stands for a component whose content is not known: it can be planned, but not run"
    help = (
        f"give a function of yours that does it: `agentc run --bind {node}=parts.py:name`, or in the definition, in the"
        " place of `builtin: opaque`: `python: parts.py:name`"
    )
    return Diagnostic("opaque-component", message, span(op), help=help)
