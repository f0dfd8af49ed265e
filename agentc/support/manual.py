"""The manual pages of diagnostics: ``pages/SLUG.md``, each with its meaning, its cause, an example and the remedy.

A page's examples are fenced blocks of YAML whose first line is ``# raises: SLUG``; the second may be ``# file: NAME``
to say which input the example is (``agent.yaml`` where nothing is said).
"""

import re
from importlib.resources import files
from importlib.resources.abc import Traversable

from agentc.support.record import record

_FENCE = re.compile(
    r"^```yaml\n# raises: (?P<slug>[a-z0-9-]+)\n(?:# file: (?P<file>\S+)\n)?(?P<text>.*?)^```$", re.M | re.S
)


@record
class Example:
    """An input that raises a diagnostic."""

    slug: str
    file: str
    text: str


def slugs() -> list[str]:
    """All diagnostics that have a page, sorted."""
    return sorted(page.name.removesuffix(".md") for page in _folder().iterdir() if page.name.endswith(".md"))


def page(slug: str) -> str | None:
    """The page of ``slug`` in Markdown, ``None`` if there is none."""
    path = _folder() / f"{slug}.md"
    known = re.fullmatch(r"[a-z0-9-]+", slug) and path.is_file()
    return path.read_text("utf-8") if known else None


def title(slug: str) -> str:
    """The sentence of the page's first line, without its slug; empty if there is no page."""
    first = (page(slug) or "").partition("\n")[0]
    return first.partition(": ")[2]


def examples(slug: str) -> list[Example]:
    """The examples of a page, in order."""
    found = _FENCE.finditer(page(slug) or "")
    return [Example(match["slug"], match["file"] or "agent.yaml", match["text"]) for match in found]


def _folder() -> Traversable:
    return files("agentc.support") / "pages"
