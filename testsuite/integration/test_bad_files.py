"""Files as they come when something went wrong on the way: of every format, through the command line.

Truncated, keys twice, other encodings, tags and anchors used as bombs, templates nobody filled in, 50 MB: refused at a
place of the file, or understood, in bounded time and without a traceback.
"""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langgraph_sample import CORRECTIVE

from agentc.cli import main
from testsuite.crewai_sample import CREW

ROOT = Path(__file__).parents[2]
SAMPLES = {path.stem: path for path in sorted((ROOT / "testsuite" / "corpus" / "samples").iterdir())}
SAMPLES |= {"agentc": ROOT / "testsuite" / "every_key" / "agent.yaml"}
FLOW = """
from crewai.flow.flow import Flow, listen, start
class One(Flow):
    @start()
    def begin(self):
        return "x"
"""
PYTHON = {"langgraph": CORRECTIVE, "crewai-code": CREW, "crewai-flow": FLOW}
SECONDS = 20.0
"""Of the processor, for one file on a slow machine; each takes a tenth of it."""

BOMB = "bomb0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"bomb{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)
)
WITHOUT_PLACE = frozenset(("yaml-too-large", "unreadable-file"))

Answer = tuple[int, list[dict[str, Any]]]


@pytest.fixture
def asked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Answer]:
    def ask(path: Path) -> Answer:
        capsys.readouterr()
        start = time.process_time()
        status = main(["check", str(path), "--assume", "--diagnostics", "json"])
        assert time.process_time() - start < SECONDS
        told = capsys.readouterr()
        assert "Traceback" not in told.err + told.out
        found: list[dict[str, Any]] = json.loads(told.err)["diagnostics"]
        assert "internal-error" not in {each["slug"] for each in found}
        assert (status == 1) == any(each["severity"] == "error" for each in found)
        for each in found:
            if each["severity"] == "error" and each["slug"] not in WITHOUT_PLACE:
                span = each["span"]
                assert Path(span["file"]).parent == path.parent and span["line"] >= 1 and span["column"] >= 1, each
        return status, found

    return ask


def slugs(answer: Answer) -> set[str]:
    return {each["slug"] for each in answer[1] if each["severity"] == "error"}


def written(tmp_path: Path, format: str, raw: bytes) -> Path:
    folder = tmp_path / format
    folder.mkdir(exist_ok=True)
    if format == "agentc":
        shutil.copytree(SAMPLES["agentc"].parent, folder, dirs_exist_ok=True)
    path = folder / (SAMPLES[format].name if format in SAMPLES else f"{format.replace('-', '_')}.py")
    path.write_bytes(raw)
    return path


def with_row(format: str, text: str, row: str, json_row: str) -> str:
    """``text`` with one more field of the document."""
    return (
        text.replace("{", "{" + json_row + ",", 1) if SAMPLES[format].suffix == ".json" else f"{text.rstrip()}\n{row}\n"
    )


@pytest.mark.parametrize("format", SAMPLES)
def test_understood_or_refused(format: str, tmp_path: Path, asked: Callable[[Path], Answer]) -> None:
    text = SAMPLES[format].read_text("utf-8")
    good = asked(written(tmp_path, format, text.encode()))
    assert good[0] == 0, good
    assert asked(written(tmp_path, format, text.encode("utf-8-sig")))[0] == 0
    assert asked(written(tmp_path, format, text.replace("\n", "\r\n").encode()))[0] == 0
    for part in (0.1, 0.3, 0.5, 0.7, 0.9, 0.99):
        asked(written(tmp_path, format, text.encode()[: int(len(text) * part)]))
    for raw in (b"", b"\n\n", b"# nothing\n", b"null", b"[]", b"3", b'"x"'):
        assert asked(written(tmp_path, format, raw))[0] == 1


@pytest.mark.parametrize("format", SAMPLES)
def test_encodings(format: str, tmp_path: Path, asked: Callable[[Path], Answer]) -> None:
    text = with_row(format, SAMPLES[format].read_text("utf-8"), "extra_é: é", '"extra_é": "é"')
    for encoding in ("utf-16", "utf-16-be", "utf-32", "latin-1", "cp1252"):
        found = asked(written(tmp_path, format, text.encode(encoding, "replace")))
        assert slugs(found) <= {"yaml-encoding", "yaml-syntax"} and found[0] == 1, encoding
    found = asked(written(tmp_path, format, text.replace("extra_é", "extra_\0").encode()))
    assert slugs(found) == {"yaml-syntax"}


@pytest.mark.parametrize("format", SAMPLES)
def test_keys_tags_anchors_and_templates(format: str, tmp_path: Path, asked: Callable[[Path], Answer]) -> None:
    text = SAMPLES[format].read_text("utf-8")
    is_json = SAMPLES[format].suffix == ".json"
    deep = "[" * 500 + "]" * 500
    circle = "round: &round [*round]"
    template = "{{ cookiecutter.name }}"
    for row, json_row, slug in (
        ("twice: 1\ntwice: 2", '"twice": 1, "twice": 2', "yaml-duplicate-key"),
        ("tag: !!python/object/apply:os.system [ls]", '"tag": !!python/name:os.system x', "yaml-tag"),
        (BOMB, '"a": 1', "" if is_json else "yaml-alias-bomb"),
        (circle, '"a": 1', "" if is_json else "yaml-alias"),
        (f"deep: {deep}", f'"deep": {deep}', "yaml-too-deep"),
        (f"filled: {template}", f'"filled": {template}', "yaml-key"),
    ):
        found = asked(written(tmp_path, format, with_row(format, text, row, json_row).encode()))
        assert not slug or slugs(found) == {slug}, row[:40]
    if not is_json:
        found = asked(written(tmp_path, format, f"{text}\n---\n{text}".encode()))
        assert slugs(found) == {"yaml-many-documents"}


@pytest.mark.parametrize("format", SAMPLES)
def test_fifty_megabytes_are_not_read(format: str, tmp_path: Path, asked: Callable[[Path], Answer]) -> None:
    raw = SAMPLES[format].read_bytes()
    path = written(tmp_path, format, raw)
    with path.open("ab") as stream:
        stream.write((b"\n" if path.suffix == ".json" else b"\n# filler") * 6_000_000)
        stream.truncate(50_000_000)
    start = time.process_time()
    assert slugs(asked(path)) == {"yaml-too-large"}
    assert time.process_time() - start < 5


@pytest.mark.parametrize("format", PYTHON)
def test_python_that_is_none(format: str, tmp_path: Path, asked: Callable[[Path], Answer]) -> None:
    text = PYTHON[format]
    for part in (0.3, 0.5, 0.7, 0.9):
        asked(written(tmp_path, format, text.encode()[: int(len(text) * part)]))
    # Encodings hide what a file is: then it is Python of ours, which is read as such.
    for raw in (text.encode("utf-16"), (text + "\n# é").encode("latin-1"), text.encode() + b"\0"):
        assert asked(written(tmp_path, format, raw))[0] == 1
    for row in ("x = " + "(" * 3000 + ")" * 3000, "x = " + "-" * 20_000 + "1", "def f(:\n", "\tif"):
        found = asked(written(tmp_path, format, f"{text}\n{row}\n".encode()))
        assert slugs(found) == {"python-syntax"}, row[:20]
    path = written(tmp_path, format, text.encode() + b"# filler\n" * 5_600_000)
    assert slugs(asked(path)) == {"yaml-too-large"}


CIRCLES = {
    "agentspec": (
        "component_type: Flow\nid: f\nname: f\nagentspec_version: 26.1.0\nstart_node: {$component_ref: f}\n"
        "nodes: [{$component_ref: f}]\n",
        "",
    ),
    "agentc": ("agentc: v1\nname: a\nagents: {b: {file: FILE}}\nnodes: {n: {agent: b}}\n", "recursive-agent"),
    "adk": ("name: a\nmodel: x\ninstruction: Go\nsub_agents: [{config_path: FILE}]\n", "recursive-agent"),
}


@pytest.mark.parametrize("format", CIRCLES)
def test_files_that_include_each_other(format: str, tmp_path: Path, asked: Callable[[Path], Answer]) -> None:
    text, slug = CIRCLES[format]
    (tmp_path / "two.yaml").write_text(text.replace("FILE", "one.yaml"))
    (tmp_path / "one.yaml").write_text(text.replace("FILE", "two.yaml"))
    found = slugs(asked(tmp_path / "one.yaml"))
    assert slug in found or (found and not slug)


FLOWISE = '{"flowData": INNER}'


@pytest.mark.parametrize(
    "inner",
    ['"{"', '"[]"', '"{\\"nodes\\": [}"', '"{\\"nodes\\": 1, \\"nodes\\": 2}"', '"' + "[" * 900 + '"', '"\\u0000"'],
)
def test_json_within_json(inner: str, tmp_path: Path, asked: Callable[[Path], Answer]) -> None:
    path = tmp_path / "flow.json"
    path.write_text(FLOWISE.replace("INNER", inner))
    assert asked(path)[0] == 1
