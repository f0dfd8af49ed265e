"""The verdicts on the paper's claims, and what ``python -m benchmarks.paper`` prints and draws."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from harness import golden

from benchmarks.paper.__main__ import main
from benchmarks.paper.facts import CLAIMS, COMPARED
from benchmarks.paper.results import Results, results
from benchmarks.paper.text import WIDTH, summary

PINNED = Path(__file__).parent / "paper" / "verdicts.txt"


@pytest.fixture(scope="module")
def found() -> Results:
    return results()


def test_verdicts(found: Results):
    golden.compare(PINNED, summary(found))


def test_text(capsys: pytest.CaptureFixture[str]):
    assert main([]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= WIDTH + 4
    assert [n for n in CLAIMS if f"\nClaim {n}\n" not in text] == []
    assert all(f"\nTable {n}: " in f"\n{text}" for n in (3, 4, 5))
    assert all("::".join(pair) in text for pair in COMPARED)


def test_json_and_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--format", "json", "-o", str(tmp_path / "drawn")]) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert len(told["figures"]) == 32 and all(len(figure["pairs"]) == 36 for figure in told["figures"])
    assert [claim["number"] for claim in told["claims"]] == list(CLAIMS)
    pictures = sorted((tmp_path / "drawn").glob("*.svg"))
    assert len(pictures) == 4
    for path in pictures:
        assert len(ET.parse(path).getroot().findall("{http://www.w3.org/2000/svg}rect")) == 1 + 8 * 9


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "taken").write_text("")
    assert main(["-o", str(tmp_path / "taken")]) == 1
    assert "cannot write" in capsys.readouterr().err
