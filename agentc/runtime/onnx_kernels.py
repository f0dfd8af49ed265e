"""Runs tensor kernels that are ONNX graphs, by ONNX Runtime."""

# onnxruntime has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agentc.runtime.native import KernelCallError

DTYPES = {
    **{f"tensor({name})": name for name in ("int8", "int32", "int64", "uint8", "uint32", "uint64", "bool", "float16")},
    "tensor(float)": "float32",
    "tensor(double)": "float64",
}


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
        self.dtypes = [np.dtype(DTYPES[one.type]) for one in self._session.get_inputs()]
        """The NumPy types of the arguments."""

    def __call__(self, *values: Any) -> Any:
        """Run the kernel.

        Raises:
            KernelCallError: a missing or extra argument, another type, or sizes that do not agree.
        """
        if len(values) != len(self.names):
            raise KernelCallError(f"takes ({', '.join(self.names)}); {len(values)} were given")
        try:
            found = self._run(values)
        except Exception as error:  # the errors of ONNX Runtime share no base
            raise KernelCallError(str(error).splitlines()[0]) from error
        return found[0] if len(found) == 1 else tuple(found)

    def _run(self, values: Sequence[Any]) -> list[Any]:
        found = self._session.run(None, dict(zip(self.names, map(_input, values, self.dtypes), strict=True)))
        return list(found)


def _input(value: Any, dtype: Any) -> Any:
    """Numbers take the type that is wanted; arrays have theirs."""
    return np.asarray(value, dtype) if isinstance(value, int | float) else np.asarray(value)


def run_model(model: Any, values: Sequence[Any]) -> list[Any]:
    """The results of an ONNX model in memory."""
    found = OnnxKernel(model.SerializeToString())(*values)
    return list(found) if isinstance(found, tuple) else [found]
