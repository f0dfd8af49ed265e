"""Every diagnostic that agentc can give has a manual page, and every page is of one that it can give."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.tree import modules, name_of, syntax

from agentc.support import manual
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import parse_yaml

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+\Z")
TELLERS = re.compile(
    r"(Diagnostic|PydanticCustomError|error|warning|note|\w*(fail|refuse|diagnos|problem|complain)\w*)\Z"
)


def _strings(path: Path) -> set[str]:
    return {n.value for n in ast.walk(syntax(path)) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _slugs(path: Path) -> Iterator[str]:
    """First arguments of calls that make diagnostics, and values of ``slug=``."""
    for call in (n for n in ast.walk(syntax(path)) if isinstance(n, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        given = [*call.args[:1], *(k.value for k in call.keywords if k.arg == "slug")]
        for value in given if TELLERS.match(name) else [k.value for k in call.keywords if k.arg == "slug"]:
            texts = [n.value for n in ast.walk(value) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
            yield from (text for text in texts if SLUG.match(text))


def test_every_slug_has_a_page() -> None:
    pages = set(manual.slugs())
    assert {f"{name_of(path)}: {slug}" for path in modules() for slug in _slugs(path) if slug not in pages} == set()


def test_every_page_has_a_slug_in_the_code() -> None:
    said = {text for path in modules() for text in _strings(path)}
    assert [slug for slug in manual.slugs() if slug not in said] == []


@pytest.mark.parametrize("slug", manual.slugs())
def test_page_is_complete(slug: str) -> None:
    text = manual.page(slug) or ""
    assert SLUG.match(slug)
    assert text.startswith(f"# {slug}: "), "the first line is `# SLUG: one sentence`"
    assert "\n## Instead\n" in text, "a page says what to write instead"
    assert all(example.slug == slug for example in manual.examples(slug))
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("slug", [s for s in manual.slugs() if s.startswith("yaml-") and manual.examples(s)])
def test_yaml_examples_raise_what_they_say(slug: str) -> None:
    for example in manual.examples(slug):
        with pytest.raises(Refused) as refused:
            parse_yaml(example.text, example.file)
        assert {d.slug for d in refused.value.diagnostics} == {slug}


def test_what_to_write_instead_is_yaml() -> None:
    for slug in manual.slugs():
        _, _, instead = (manual.page(slug) or "").partition("## Instead")
        for block in re.findall(r"^```yaml\n(.*?)^```$", instead, re.M | re.S):
            parse_yaml(block, slug)
