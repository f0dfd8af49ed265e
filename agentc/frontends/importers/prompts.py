"""Prompts of other tools as templates of ours, in which ``{name}`` stands for an input."""

import re
from collections.abc import Callable

from agentc.frontends.importers.frame import clean

JINJA = re.compile(r"\{\{-?\s*(?P<name>[A-Za-z_#][\w.#\-]*)\s*(?:\|[^{}]*)?-?\}\}")
"""``{{ name }}``, also with a filter; Dify's ``{{#node.field#}}`` too."""

STATEMENT = re.compile(r"\{%.*?%\}|\{#(?!\w).*?#\}", re.S)
"""``{% … %}`` and comments of Jinja: what they do is not known to a planner."""

_FOR = re.compile(r"\{%-?\s*for\s+[\w, ]+\s+in\s+(?P<name>[A-Za-z_]\w*)[^%]*%\}.*?\{%-?\s*endfor\s*-?%\}", re.S)

DOLLAR = re.compile(r"\$\{(?P<name>[A-Za-z_][\w.]*)\}")
BRACE = re.compile(r"\{(?P<name>[A-Za-z_][\w]*)\??\}")
POWER = re.compile(r"\{(?P<name>[A-Za-z_][\w.]*)\}")
"""``{Local.Name}`` of declarative workflows."""


def plain(text: str) -> str:
    """A Jinja template without statements: a loop over a value becomes the value."""
    shorter = text
    for _ in range(5):
        text, shorter = shorter, _FOR.sub(lambda match: "{{ " + match["name"] + " }}", shorter)
        if shorter == text:
            break
    return STATEMENT.sub("", shorter)


def translate(text: str, pattern: re.Pattern[str], place: Callable[[str], str | None]) -> str:
    """``text`` with each match of ``pattern`` as ``{name}`` where ``place`` knows the name; all else literal."""
    made, rest, end = "", "", 0
    for match in pattern.finditer(text):
        name = place(match["name"])
        rest += text[end : match.start()] + ("" if name else match[0])
        end = match.end()
        if name:
            made = _joined(made, literal(rest), f"{{{name}}}")
            rest = ""
    return _joined(made, literal(rest + text[end:])).strip()


def _joined(*parts: str) -> str:
    """``parts`` in a row, kept apart where two braces would meet and mean one."""
    made = ""
    for part in parts:
        meets = made and part and made[-1] == part[0] and part[0] in "{}"
        made += f" {part}" if meets else part
    return made


_NUMBERED = re.compile(r"\{+(\d+)\}+")


def literal(text: str) -> str:
    """``text`` such that our templates take none of it for a place."""
    numbered = _NUMBERED.sub(r"(\1)", text)
    return re.sub(r"\{\{+|\}\}+|\{(?=[A-Za-z_][A-Za-z0-9_.-]*\})", _escaped, numbered)


def _escaped(match: re.Match[str]) -> str:
    return match[0] * 2


def names(text: str, pattern: re.Pattern[str]) -> list[str]:
    """The names in ``text``, each once, in order."""
    return list(dict.fromkeys(match["name"] for match in pattern.finditer(text)))


def input_name(name: str) -> str:
    """``name`` as the name of an input."""
    return clean(name.strip("#").replace(".", "_"), "value")
