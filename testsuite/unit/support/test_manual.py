import pytest

from agentc.support import manual


def test_page_and_title() -> None:
    assert "yaml-tag" in manual.slugs()
    assert manual.title("yaml-tag") == "a tag asks for a special type"
    assert (manual.page("yaml-tag") or "").startswith("# yaml-tag: ")


@pytest.mark.parametrize("name", ["no-such-page", "../render/text", "", "yaml-tag.md"])
def test_no_page(name: str) -> None:
    assert manual.page(name) is None
    assert manual.title(name) == ""
    assert manual.examples(name) == []


def test_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = ["# raises: a-b\n# file: fleet.yaml\nx: 1\n", "# raises: a-b\ny: 2\n", "z: 3\n"]
    text = "# a-b: t\n" + "".join(f"```yaml\n{block}```\n" for block in blocks)
    monkeypatch.setattr(manual, "page", lambda _slug: text)
    assert manual.examples("a-b") == [
        manual.Example("a-b", "fleet.yaml", "x: 1\n"),
        manual.Example("a-b", "agent.yaml", "y: 2\n"),
    ]
