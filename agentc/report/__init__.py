"""What there is to say of a build (``facts``), and its renderings: text, JSON, pictures, a page."""

RENDERINGS: dict[str, str] = {
    "text": "agentc.report.text:render",
    "json": "agentc.report.json_:render",
    "mermaid": "agentc.report.mermaid:render",
    "svg": "agentc.report.svg:render",
    "html": "agentc.report.html:render",
}
"""Format -> ``module:function``; each takes ``Facts`` and gives text."""
