"""ONNX Runtime behind a narrow, typed door: tensors stay in the runtime from one step to the next."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from agentc.runtime.models.bundle import unreadable
from agentc.support.diagnostics import Refused

Array: TypeAlias = npt.NDArray[Any]


_INTEGER_PRODUCTS = "4"
"""Matrices in blocks of 4 or 8 bits meet activations in 8: the engine's fast way, within the error of the blocks."""


class Tensor(Protocol):
    """A tensor that the engine owns (its ``OrtValue``); a KV cache is made of these."""

    def numpy(self) -> Array:
        """The values."""
        ...


def _engine() -> Any:
    """The engine's module, which has no type stubs; loaded when the first model is opened."""
    return import_module("onnxruntime")


def tensor(array: npt.ArrayLike, dtype: npt.DTypeLike = np.int64) -> Tensor:
    """``array`` as the engine's tensor."""
    return _engine().OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array, dtype=dtype))


def array(value: Tensor) -> Array:
    """The engine's tensor as an array."""
    return value.numpy()


def _failed(path: Path, error: Exception) -> Refused:
    lines = str(error).splitlines() or [type(error).__name__]
    return unreadable(path.parent, f"{path.name}: {lines[0]}")


class Session:
    """One graph, loaded. Runs on this machine's CPU.

    Raises:
        Refused: ``model-unreadable``, if the file is missing, corrupt or not for this engine.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        """``threads``: how many a step may use; 0 for as many as there are cores."""
        ort = _engine()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", _INTEGER_PRODUCTS)
        # Else threads of one graph wait busily, for tens of milliseconds, on the cores that the next graph needs.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the engine's exceptions share no base but this
            raise _failed(path, error) from error
        self._path = path
        self.inputs: dict[str, list[int | str]] = {i.name: i.shape for i in self._session.get_inputs()}
        """Name to shape; a dimension that may vary is a string."""
        self.optional = frozenset(i.name for i in self._session.get_overridable_initializers())
        """Inputs that need not be fed."""
        self.outputs: list[str] = [output.name for output in self._session.get_outputs()]
        self.shapes: dict[str, list[int | str]] = {o.name: o.shape for o in self._session.get_outputs()}
        """Of the outputs."""

    def bound(self, arrays: Mapping[str, Array]) -> "Bound":
        """The graph over fixed memory; names of inputs and outputs to their arrays, which it keeps using.
        One array under the name of an input and of an output is written where it is read."""
        return Bound(self._session, arrays, self._path)

    def run(self, feed: Mapping[str, Tensor]) -> list[Tensor]:
        """The outputs, in the order of ``outputs``.

        Raises:
            Refused: ``model-unreadable``, if the engine fails: a token that the embeddings lack, no memory.
        """
        try:
            return list(self._session.run_with_ort_values(self.outputs, dict(feed)))
        except Exception as error:
            raise _failed(self._path, error) from error


class Bound:
    """A graph with all of its inputs and outputs at fixed places in memory.

    Raises:
        Refused: ``model-unreadable``, if the graph has no such inputs and outputs: another version wrote it.
    """

    def __init__(self, session: Any, arrays: Mapping[str, Array], path: Path) -> None:
        outputs = {output.name for output in session.get_outputs()}
        self._session = session
        self._path = path
        self._binding = session.io_binding()
        self._arrays = dict(arrays)  # the engine does not own them
        shared = {id(a): _engine().OrtValue.ortvalue_from_numpy(a) for a in self._arrays.values()}
        self._values = list(shared.values())
        for name, array in self._arrays.items():
            bind = self._binding.bind_ortvalue_output if name in outputs else self._binding.bind_ortvalue_input
            try:
                bind(name, shared[id(array)])
            except Exception as error:
                raise _failed(path, error) from error

    def run(self) -> None:
        """One step: read the inputs where they lie, write the outputs where they belong.

        Raises:
            Refused: ``model-unreadable``, as ``Session.run``.
        """
        try:
            self._session.run_with_iobinding(self._binding)
        except Exception as error:
            raise _failed(self._path, error) from error
