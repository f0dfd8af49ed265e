"""Opening a build: what is missing, changed or not of this kind is told before anything runs."""

from pathlib import Path

import pytest
from runtime_sample import SPECS, write_build

from agentc.runtime import load
from agentc.support.diagnostics import Refused

TEXT = """
agent.graph entry @sample {
  %q = agent.input "q" : !agent.text
  agent.output ["q"](%q) : !agent.text
}"""


def slugs(build: Path) -> list[str]:
    with pytest.raises(Refused) as refused:
        load(build)
    return [found.slug for found in refused.value.diagnostics]


def test_whole_build_loads_and_runs(tmp_path: Path) -> None:
    with load(write_build(tmp_path, TEXT), state=tmp_path / "s") as program:
        assert program.run({"q": "x"}).outputs == {"q": "x"}


def test_every_missing_and_changed_file_is_named_at_once(tmp_path: Path) -> None:
    build = write_build(tmp_path, TEXT, {"a.bin": b"1", "b.bin": b"2", "c.bin": b"3"})
    (build / "a.bin").unlink()
    (build / "b.bin").write_bytes(b"x")
    assert slugs(build) == ["artifact-missing", "artifact-corrupt"]


def test_not_a_build(tmp_path: Path) -> None:
    assert slugs(tmp_path) == ["not-a-build"]
    for content in ("", "- 1", "schema: 9", "schema: 1\nsurprise: 1", "{"):
        (tmp_path / "manifest.yaml").write_text(content)
        assert slugs(tmp_path) == ["not-a-build"]


def test_manifest_that_points_elsewhere(tmp_path: Path) -> None:
    build = write_build(tmp_path / "b", TEXT)
    text = (build / "manifest.yaml").read_text().replace("path: placed.mlir", "path: ../b/placed.mlir")
    (build / "manifest.yaml").write_text(text)
    assert slugs(build) == ["not-a-build"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("agent.graph entry @x {", "placed.mlir:1"),
        (TEXT.replace("agent.input", "agent.inptu"), "placed.mlir:3"),
        (TEXT.replace('["q"]', '["q", "r"]'), "2 names for 1 values"),
        (SPECS, "0 agents are marked as the entry"),
    ],
)
def test_unreadable_ir(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        load(write_build(tmp_path, text))
    assert refused.value.diagnostics[0].slug == "unreadable-ir" and words in str(refused.value)


@pytest.mark.parametrize("row", ["path: null", "path: [1]", "sha256: 3", "sha256: null", "kind: {}"])
def test_manifest_of_other_types(tmp_path: Path, row: str) -> None:
    build = write_build(tmp_path, TEXT)
    lines = (build / "manifest.yaml").read_text().splitlines()
    key = row.partition(":")[0]
    changed = [line[: line.index(key)] + row if line.lstrip(" -").startswith(f"{key}:") else line for line in lines]
    assert changed != lines
    (build / "manifest.yaml").write_text("\n".join(changed))
    assert slugs(build) == ["not-a-build"]


def test_numbers_out_of_range(tmp_path: Path) -> None:
    spec = SPECS.replace("layers = 2 : i64", f"layers = {'9' * 20} : i64").replace("agent.graph", "x.graph")
    assert slugs(write_build(tmp_path, spec + TEXT)) == ["unreadable-ir"]


def test_state_lies_outside_of_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    one, two = load(write_build(tmp_path / "one", TEXT)), load(write_build(tmp_path / "two", TEXT))
    assert one.state.is_relative_to(tmp_path / "home" / "agentc") and one.state != two.state
    assert one.state == load(tmp_path / "one").state
