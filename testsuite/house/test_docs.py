"""docs/reference/ says what the code says."""

import subprocess
import sys

from harness.tree import ROOT


def test_reference_is_up_to_date() -> None:
    command = [sys.executable, "docs/generate.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
