"""Runs tensor kernels that are ONNX graphs, by ONNX Runtime."""

# onnxruntime has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import ctypes
import json
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from agentc.plan.sizes import Sizes, is_name
from agentc.runtime.native import KernelCallError, dtype_of

DTYPES = {
    **{f"tensor({name})": name for name in ("int8", "int32", "int64", "uint8", "uint32", "uint64", "bool", "float16")},
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(bfloat16)": "bfloat16",
}


def _dtype(name: str) -> Any:
    """The NumPy type. That of bf16 is another package's, which registers it when it is imported."""
    if name == "bfloat16" and find_spec("ml_dtypes") is not None:
        import_module("ml_dtypes")
    return np.dtype(name) if name != "bfloat16" else dtype_of("bf16")


REQUIRES = "agentc.requires"
"""Metadata of a model: sizes that are at least 1, as JSON."""


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
        self._kinds = [DTYPES[one.type] for one in (*self._session.get_inputs(), *self._session.get_outputs())]
        self.dtypes = [_dtype(DTYPES[one.type]) for one in self._session.get_inputs()]
        """The NumPy types of the arguments."""
        self._dims = [tuple(one.shape) for one in self._session.get_inputs()]
        told = self._session.get_modelmeta().custom_metadata_map.get(REQUIRES, "[]")
        self._required: list[str] = json.loads(told)

    def __call__(self, *values: Any) -> Any:
        """Run the kernel.

        Raises:
            KernelCallError: a missing or extra argument, another type, or sizes that do not agree.
        """
        if len(values) != len(self.names):
            raise KernelCallError(f"takes ({', '.join(self.names)}); {len(values)} were given")
        self._check(values)
        try:
            found = self._run(values)
        except Exception as error:  # the errors of ONNX Runtime share no base
            raise KernelCallError(str(error).splitlines()[0]) from error
        return found[0] if len(found) == 1 else tuple(found)

    def _check(self, values: Sequence[Any]) -> None:
        """ONNX Runtime does not see that equal names are equal sizes, and would repeat an array of one element."""
        known = Sizes()
        shapes = [np.shape(value) for value in values]
        pairs = [p for dims, shape in zip(self._dims, shapes, strict=True) for p in zip(dims, shape, strict=False)]
        for dim, size in pairs:
            if isinstance(dim, str) and is_name(dim):
                known.setdefault(dim, size)
        for name, dims, shape in zip(self.names, self._dims, shapes, strict=True):
            if len(dims) != len(shape):
                raise KernelCallError(f"`{name}` has {len(shape)} axes, not {len(dims)}")
            for dim, size in zip(dims, shape, strict=True):
                wanted = known[dim] if isinstance(dim, str) else dim
                if size != wanted:
                    raise KernelCallError(f"`{name}` has shape {shape}: {size} is not `{dim}` = {wanted}")
        for size in self._required:
            if known[size] < 1:
                raise KernelCallError(f"`{size}` is to be at least 1, it is {known[size]}")

    def _run(self, values: Sequence[Any]) -> list[Any]:
        arrays = [_input(value, dtype) for value, dtype in zip(values, self.dtypes, strict=True)]
        if "bfloat16" not in self._kinds:
            return list(self._session.run(None, dict(zip(self.names, arrays, strict=True))))
        given = {name: _ort_value(array) for name, array in zip(self.names, arrays, strict=True)}
        return [_array(value) for value in self._session.run_with_ort_values(None, given)]


BFLOAT16 = 16
"""Its number among ONNX's types."""


def _ort_value(array: Any) -> Any:
    """An array as ONNX Runtime takes it where bf16 is among them, which it reads as its bits."""
    from onnxruntime import OrtValue

    if array.dtype.name != "bfloat16":
        return OrtValue.ortvalue_from_numpy(array)
    return OrtValue.ortvalue_from_numpy_with_onnx_type(np.ascontiguousarray(array).view(np.uint16), BFLOAT16)


def _array(value: Any) -> Any:
    """The inverse; a copy, as the memory is ONNX Runtime's."""
    if value.data_type() != "tensor(bfloat16)":
        return value.numpy()
    shape = tuple(value.shape())
    bits = (ctypes.c_uint16 * prod(shape)).from_address(value.data_ptr())
    return np.ctypeslib.as_array(bits).reshape(shape).copy().view(_dtype("bfloat16"))


def _input(value: Any, dtype: Any) -> Any:
    """Numbers take the type that is wanted; arrays have theirs."""
    return np.asarray(value, dtype) if isinstance(value, int | float) else np.asarray(value)


def run_model(model: Any, values: Sequence[Any]) -> list[Any]:
    """The results of an ONNX model in memory."""
    found = OnnxKernel(model.SerializeToString())(*values)
    return list(found) if isinstance(found, tuple) else [found]
