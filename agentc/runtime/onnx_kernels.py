"""Runs tensor kernels that are ONNX graphs, by ONNX Runtime."""

# onnxruntime has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class OnnxKernel:
    """A kernel as a callable on NumPy arrays: ``kernel(query, docs)`` gives the result, or a tuple of results."""

    def __init__(self, model: bytes | str | Path, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        source = model if isinstance(model, bytes) else str(model)
        self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        self.names = [one.name for one in self._session.get_inputs()]

    def __call__(self, *values: Any) -> Any:
        """Run the kernel."""
        found = self._session.run(None, dict(zip(self.names, map(np.asarray, values), strict=True)))
        return found[0] if len(found) == 1 else tuple(found)


def run_model(model: Any, values: Sequence[Any]) -> list[Any]:
    """The results of an ONNX model in memory."""
    found = OnnxKernel(model.SerializeToString())(*values)
    return list(found) if isinstance(found, tuple) else [found]
