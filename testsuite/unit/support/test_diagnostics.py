import pytest

from agentc.support.diagnostics import Diagnostic, Diagnostics, Label, Refused, Severity, Span, did_you_mean, suggest


def test_span_defaults_to_one_character() -> None:
    span = Span("a.yaml", 3, 5)
    assert (span.end_line, span.end_column) == (3, 6)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a.yaml:12:3", Span("a.yaml", 12, 3)),
        ("a.yaml:12", Span("a.yaml", 12, 1)),
        ("a.yaml", Span("a.yaml", 1, 1)),
        ("c:x/a.yaml:1:2", Span("c:x/a.yaml", 1, 2)),
    ],
)
def test_span_parse(text: str, span: Span) -> None:
    assert Span.parse(text) == span


def test_span_text_reads_back() -> None:
    assert Span.parse(str(Span("dir/agent.yaml", 7, 9))) == Span("dir/agent.yaml", 7, 9)


def test_collector_keeps_each_once_in_source_order() -> None:
    found = Diagnostics()
    found.error("b-b", "second", Span("f", 2, 1))
    found.error("a-a", "first", Span("f", 1, 9))
    found.error("b-b", "second", Span("f", 2, 1))
    found.warning("c-c", "nowhere")
    assert [d.message for d in found] == ["nowhere", "first", "second"]
    assert len(found) == 3


def test_only_errors_refuse() -> None:
    found = Diagnostics()
    found.warning("a-a", "careful")
    found.raise_if_errors()
    found.error("b-b", "no")
    with pytest.raises(Refused) as refused:
        found.raise_if_errors()
    assert [d.severity for d in refused.value.diagnostics] == [Severity.WARNING, Severity.ERROR]


def test_extend_keeps_labels_notes_and_help() -> None:
    given = Diagnostic("a-a", "m", Span("f"), labels=(Label(Span("f", 2), "here"),), notes=("n",), help="h")
    found = Diagnostics()
    found.extend([given, given])
    assert list(found) == [given]


def test_refused_reads_as_text() -> None:
    refused = Refused(Diagnostic("a-a", "no `x`", Span("f.yaml", 4, 2)), Diagnostic("b-b", "nor this"))
    assert str(refused) == "f.yaml:4:2: error[a-a]: no `x`\nerror[b-b]: nor this"


@pytest.mark.parametrize(
    ("name", "near"), [("modle", "model"), ("MODEL", "model"), ("nod", "nodes"), ("xyz", None), ("", None)]
)
def test_suggest(name: str, near: str | None) -> None:
    assert suggest(name, ["model", "nodes", "name"]) == near


def test_did_you_mean_lists_a_short_choice() -> None:
    assert did_you_mean("xyz", ["cpu", "gpu"]) == "choose one of `cpu`, `gpu`"
    assert did_you_mean("gpv", ["cpu", "gpu"]) == "did you mean `gpu`?"
    assert did_you_mean("xyz", [f"name{i}" for i in range(40)]) is None
    assert did_you_mean("xyz", []) is None
