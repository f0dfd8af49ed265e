"""Commands on given inputs, whole: exit status, stdout and stderr.

A case is a folder of ``cases/``: ``run`` holds one command line of ``agentc`` a line, the other files are its inputs,
``expected.txt`` is pinned.
"""

import shlex
import shutil
from pathlib import Path

import pytest
from harness import golden

CASES = sorted(path.parent for path in (Path(__file__).parent / "cases").rglob("run"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path, tmp_path: Path) -> None:
    inputs = tmp_path / "inputs"
    shutil.copytree(case, inputs, ignore=shutil.ignore_patterns("run", "expected.txt"))
    lines = (case / "run").read_text("utf-8").splitlines()
    texts = [golden.agentc(shlex.split(line), inputs) for line in lines if line.strip()]
    golden.compare(case / "expected.txt", "\n".join(texts))
