"""`metadata.agentc.values` of the outermost component: what the file does not state, by its place in the definition.

A file gets its values as text: what else it holds stays as it is, comments and layout too.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from agentc.frontends.importers.agentspec.components import Components
from agentc.frontends.importers.frame import Draft, Imported, Options, pointer_of
from agentc.frontends.importers.source import Part, Path
from agentc.frontends.importers.write import scalar
from agentc.support.diagnostics import Diagnostic, Refused, Span
from agentc.support.yaml_source import Document

PLACE = ("metadata", "agentc", "values")

_LINE = re.compile(r"[^\r\n\x85\u2028\u2029]*(?:\r\n|[\r\n\x85\u2028\u2029]|\Z)")
"""A line as YAML's readers count them."""


def written(document: Document, text: str, imported: Imported, options: Options) -> str:
    """``text``, of which ``document`` was read, with every assumption of ``imported`` as a value of the file.

    Raises:
        Refused: the text is such that nothing can be put into it (its `metadata` is no mapping, or shared by aliases).
    """
    values = {pointer_of(path): _value(imported.definition, path) for path in imported.assumptions}
    if not values:
        return text
    root = Components(Draft(document, imported.format, options)).root()
    return _inserted(document, text, root, values)


def _value(definition: Any, path: Path) -> Any:
    for step in path:
        definition = definition[step]
    return definition


def _inserted(document: Document, text: str, root: Part, values: Mapping[str, Any]) -> str:
    """``text`` with ``values`` at ``PLACE`` of ``root``, at the start of the innermost mapping that is there."""
    holder, missing = root, list(PLACE)
    while missing and holder[missing[0]].is_mapping:
        holder = holder[missing.pop(0)]
    inner: Any = dict(values)
    for key in reversed(missing[1:]):
        inner = {key: inner}
    rows: dict[str, Any] = {missing[0]: inner} if missing else inner
    if missing and missing[0] in holder and holder[missing[0]].value is not None:
        message = f"`{missing[0]}` is no mapping: nothing can be written into it"
        raise Refused(Diagnostic("import-metadata", message, holder[missing[0]].span))
    lines = _LINE.findall(text)
    if missing and missing[0] in holder:
        return _replaced_null(lines, document, holder[missing[0]], rows[missing[0]])
    return _first(lines, document, holder, rows)


def _first(lines: list[str], document: Document, holder: Part, rows: Mapping[str, Any]) -> str:
    """``rows`` before all that ``holder`` has."""
    at = _offset(lines, document.span(holder.path))
    text = "".join(lines)
    if text[at : at + 1] == "{":
        more = ", " if holder.value else ""
        return text[: at + 1] + json.dumps(rows, ensure_ascii=False)[1:-1] + more + text[at + 1 :]
    [name, *_] = holder.fields()
    span = document.span((*holder.path, name), key=True)
    at = _offset(lines, span)
    block = ("\n" + " " * (span.column - 1)).join(_block(rows))
    return text[:at] + block + "\n" + " " * (span.column - 1) + text[at:]


def _replaced_null(lines: list[str], document: Document, part: Part, value: Any) -> str:
    """``value`` where a key has none, or says `null`."""
    text, made = "".join(lines), json.dumps(value, ensure_ascii=False)
    at = _offset(lines, document.span(part.path))
    word = next((word for word in ("null", "Null", "NULL", "~") if text.startswith(word, at)), "")
    if word:
        return text[:at] + made + text[at + len(word) :]
    after_key = text.find(":", _offset(lines, document.span(part.path, key=True)) + len(str(part.path[-1]))) + 1
    return f"{text[:after_key]} {made}{text[after_key:]}"


def _block(rows: Mapping[str, Any]) -> list[str]:
    """``rows`` as lines of YAML."""
    made: list[str] = []
    for key, value in rows.items():
        if isinstance(value, dict) and value:
            made += [f"{scalar(key)}:", *(f"  {line}" for line in _block(cast("dict[str, Any]", value)))]
        else:
            made.append(f"{scalar(key)}: {scalar(value) if not isinstance(value, dict | list) else json.dumps(value)}")
    return made


def _offset(lines: list[str], span: Span) -> int:
    """Where ``span`` starts in the text of ``lines``."""
    return sum(len(line) for line in lines[: span.line - 1]) + span.column - 1
