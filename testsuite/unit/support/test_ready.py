"""Rules are built without pydantic's plugins; other models of the process keep theirs."""

import subprocess
import sys

PROGRAM = """
import sys
from pydantic import BaseModel, ConfigDict
from agentc.support.ready import ready
class Ours(BaseModel):
    model_config = ConfigDict(defer_build=True)
    number: int
assert not Ours.__pydantic_complete__
assert ready(Ours) is Ours and Ours.__pydantic_complete__ and Ours(number=1).number == 1
assert "pydantic.plugin._loader" not in sys.modules, "the stand-in stayed"
assert "importlib.metadata" not in sys.modules, "plugins were looked for"
class Theirs(BaseModel):
    number: int
from pydantic.plugin._loader import get_plugins
assert get_plugins.__module__ == "pydantic.plugin._loader" and "importlib.metadata" in sys.modules
print("well")
"""


def test_no_plugin_is_looked_for_until_another_model_is_built():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert done.stdout == "well\n", done.stderr
