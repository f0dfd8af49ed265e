"""Answers to questions about a placement, as text and as JSON (schema 1; keys are only ever added within a schema)."""

RENDERINGS: dict[tuple[str, str], str] = {
    ("WhatIf", "text"): "agentc.report.study.what_if:text",
    ("WhatIf", "json"): "agentc.report.study.what_if:json",
    ("Sensitivity", "text"): "agentc.report.study.sensitivity:text",
    ("Sensitivity", "json"): "agentc.report.study.sensitivity:json",
}
"""(Kind of answer, format) -> ``module:function``, which takes the answer and gives text."""
