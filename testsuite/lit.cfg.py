"""lit's configuration: ``lit testsuite/filecheck``. Under pytest the same files run in-process (harness/runlines.py)."""

# pyright: reportUndefinedVariable=false
import os
import sys
from pathlib import Path

import lit.formats

root = Path(__file__).parent
sys.path.insert(0, str(root))
from harness.runlines import MACROS  # noqa: E402

config.name = "agentc"  # noqa: F821
config.test_format = lit.formats.ShTest(preamble_commands=[])  # noqa: F821
config.suffixes = [".mlir"]  # noqa: F821
config.test_source_root = str(root)  # noqa: F821
config.substitutions += list(MACROS.items())  # noqa: F821
tools = os.pathsep.join([str(Path(sys.executable).parent), config.environment.get("PATH", "")])  # noqa: F821
config.environment["PATH"] = tools  # noqa: F821
