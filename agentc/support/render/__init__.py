"""Diagnostics as text for people and as JSON, GitHub annotations or SARIF for tools."""

from collections.abc import Callable, Iterable, Mapping

from agentc.support.diagnostics import Diagnostic
from agentc.support.registry import LazyTable

Render = Callable[[Iterable[Diagnostic], Mapping[str, str]], str]
"""Diagnostics and the texts of sources that are not files (name -> text) -> what to print."""

RENDERERS: LazyTable[Render] = LazyTable(
    "rendering of diagnostics",
    {"text": "text:render", "json": "json:render", "github": "github:render", "sarif": "sarif:render"},
    package="agentc.support.render",
)
