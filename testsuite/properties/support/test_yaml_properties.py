"""Our YAML against PyYAML's, and places against the text."""

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import Document, parse_yaml

KEYS = st.text("abcdefghij-_", min_size=1, max_size=6).filter(lambda s: s.strip("-"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False).map(float)
    | st.text(st.characters(codec="utf-8", exclude_categories=("C",)), max_size=20)
)
DATA = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)


@given(DATA, st.booleans())
def test_what_is_dumped_is_read_back(data: Any, flow: bool) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    assert parse_yaml(text).data == data


@given(DATA)
def test_every_place_lies_inside_its_parent(data: Any) -> None:
    _check(parse_yaml(yaml.safe_dump(data, sort_keys=False)), (), data)


def _check(document: Document, path: tuple[str | int, ...], data: Any) -> None:
    outer = document.span(path)
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, value in items:
        inner = document.span((*path, step))
        assert (outer.line, outer.column) <= (inner.line, inner.column)
        assert (inner.end_line, inner.end_column) <= (outer.end_line, outer.end_column + (value in (None, "")))
        _check(document, (*path, step), value)


@given(st.text("ab:- \n[]{}&*!,'\"#|>?%@\t\x00\x85<1.", max_size=60))
def test_any_text_is_data_or_refused(text: str) -> None:
    try:
        parse_yaml(text)
    except Refused as refused:
        assert all(d.span and d.span.line >= 1 and d.span.column >= 1 for d in refused.diagnostics)


@given(st.binary(max_size=60))
def test_any_bytes_are_data_or_refused(raw: bytes) -> None:
    try:
        parse_yaml(raw)
    except Refused as refused:
        assert refused.diagnostics
