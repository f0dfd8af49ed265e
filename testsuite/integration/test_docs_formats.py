"""The examples in docs/formats are what the commands write, and every format has a page with one."""

import re
from pathlib import Path

import pytest

from agentc import api
from agentc.cli import main

PAGES = sorted(page for page in (Path(__file__).parents[2] / "docs" / "formats").glob("*.md") if page.stem != "README")
FENCED = re.compile(r"`([\w.-]+)`(?: beside it,|:)\n\n```\w+\n(.*?)```", re.S)


def test_every_format_has_a_page() -> None:
    assert {page.stem for page in PAGES} == set(api.import_formats())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_example(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = page.read_text("utf-8").partition("\n## Example\n")[2]
    for name, content in FENCED.findall(text):
        (tmp_path / name).write_text(content)
    written = re.search(r"`agentc (import [\w-]+ [\w.]+)` writes\n\n```yaml\n(.*?)```", text, re.S)
    assert written is not None
    monkeypatch.chdir(tmp_path)
    assert main(written[1].split()) == 0
    assert capsys.readouterr().out.strip() == written[2].strip()
    assert main(["check", "--assume", written[1].split()[-1]]) == 0
