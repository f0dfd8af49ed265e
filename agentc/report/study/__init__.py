"""Answers to questions about a placement, as text and as JSON (schema 1; keys are only ever added within a schema)."""

from agentc.support.diagnostics import Diagnostic, Refused

RENDERINGS: dict[tuple[str, str], str] = {
    ("WhatIf", "text"): "agentc.report.study.what_if:text",
    ("WhatIf", "json"): "agentc.report.study.what_if:json",
    ("Sensitivity", "text"): "agentc.report.study.sensitivity:text",
    ("Sensitivity", "json"): "agentc.report.study.sensitivity:json",
    ("Front", "text"): "agentc.report.study.pareto:text",
    ("Front", "json"): "agentc.report.study.pareto:json",
    ("Front", "svg"): "agentc.report.study.pareto_svg:svg",
    ("Sizing", "text"): "agentc.report.study.size:text",
    ("Sizing", "json"): "agentc.report.study.size:json",
}
"""(Kind of answer, format) -> ``module:function``, which takes the answer and gives text."""


def tell(answer: object, format: str = "text") -> str:
    """An answer as `text`, `json`, or what else its kind has.

    Raises:
        Refused: ``unknown-name`` for a format that its kind does not have.
    """
    from agentc.support.registry import load

    kind = type(answer).__name__
    known = [each for of, each in RENDERINGS if of == kind]
    if format not in known:
        message = f"this answer has no format `{format}`"
        raise Refused(Diagnostic("unknown-name", message, help=f"it has {', '.join(known)}"))
    return load(RENDERINGS[kind, format])(answer)
