"""The examples as a user finds them: they load without a warning, verify, print and parse, the same each time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from xdsl.parser import Parser

from agentc import catalog, frontends
from agentc.frontends import ir
from agentc.support.diagnostics import Diagnostics

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*/agent.yaml"))
IDS = [path.parent.name for path in EXAMPLES]


@pytest.mark.parametrize("path", EXAMPLES, ids=IDS)
def test_example(path: Path) -> None:
    found = Diagnostics()
    module = frontends.load(path, found=found)
    assert list(found) == []
    module.verify()
    assert str(Parser(ir.context(), str(module)).parse_module()) == str(module)


def test_all_are_listed() -> None:
    text = (ROOT / "examples" / "README.md").read_text()
    assert {f"`{name}`" for name in IDS} <= {word for word in text.replace("|", " ").split() if word.startswith("`")}


@pytest.mark.parametrize("name", ["mixed-2026", "paper", "local-cpu"])
def test_fleet(name: str) -> None:
    assert catalog.load_fleet(ROOT / "examples" / "fleets" / f"{name}.yaml").name == name


def test_same_bytes_whatever_the_hash_seed_and_folder(tmp_path: Path) -> None:
    script = "import sys; from agentc import frontends; print([str(frontends.load(p)) for p in sys.argv[1:]])"

    def run(seed: str, folder: Path) -> bytes:
        paths = [os.path.relpath(path, folder) for path in EXAMPLES]
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", script, *paths], cwd=folder, env=env, capture_output=True, check=True
        )
        return done.stdout

    assert run("1", ROOT) == run("2", tmp_path)
