"""Server-sent events, however the bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc.runtime.models import sse
from agentc.runtime.models.sse import TooMuch, events

lines = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


def _reader(data: bytes, cuts: list[int]):
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    parts = [data[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    return lambda: parts.pop(0) if parts else b""


@given(st.lists(st.lists(lines, min_size=1, max_size=3), max_size=4), st.lists(st.integers(0, 999)), st.booleans())
def test_events_come_back(told: list[list[str]], cuts: list[int], crlf: bool) -> None:
    end = "\r\n" if crlf else "\n"
    text = "".join("".join(f"data: {line}{end}" for line in event) + ": comment" + end + end for event in told)
    assert list(events(_reader(text.encode(), cuts))) == ["\n".join(event) for event in told]


def test_an_event_without_its_blank_line_counts() -> None:
    assert list(events(_reader(b"event: x\ndata:a\ndata: b", []))) == ["a\nb"]


def test_an_endless_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_BYTES", 1000)
    with pytest.raises(TooMuch):
        list(events(lambda: b"data: " + bytes(100)))
