"""Where a build keeps things: the one rule that those who write builds and those who run them share."""

from typing import Final

MANIFEST: Final = "manifest.yaml"
PLACED: Final = "placed.mlir"
"""The IR that `run` executes."""
TOOLS: Final = "tools"
"""Python files, below their paths relative to the definition."""
DATA: Final = "data"
"""Documents that fill memories, below their paths relative to the definition."""
MODELS: Final = "artifacts/onnx"
"""One folder per model symbol."""
