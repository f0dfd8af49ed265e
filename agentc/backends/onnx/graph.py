"""Builds ONNX graphs: nodes with readable names, small constants inside, weights in a file that graphs share."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from agentc.backends.onnx import messages
from agentc.backends.onnx.messages import Dim, Element
from agentc.backends.onnx.quantize import Quantization
from agentc.support.record import record

CONTRIB: Final = "com.microsoft"
"""The domain of ONNX Runtime's own operators, version 1."""
OPSET: Final = 23
"""The first with RMSNormalization, RotaryEmbedding and Attention."""
IR_VERSION: Final = 11
"""The file format that goes with opset 23."""

_BITS: Final[dict[int, int]] = {
    Element.FLOAT: 32,
    Element.FLOAT16: 16,
    Element.BFLOAT16: 16,
    Element.INT8: 8,
    Element.INT4: 4,
}
_TYPES: Final[dict[int, npt.DTypeLike]] = {
    Element.FLOAT: "<f4",
    Element.FLOAT16: "<f2",
    Element.INT8: "i1",
}
_CHUNK_VALUES: Final = 1 << 22
"""Values that are converted at once while a weight is written."""

Parts: TypeAlias = Callable[[], Iterable[npt.NDArray[Any]]]
"""Gives the pieces of a weight in order, so that a stack of experts is never in memory as a whole."""


@record(slots=True)
class _Planned:
    """A tensor with its place in the file."""

    name: str
    kind: int
    offset: int
    nbytes: int
    parts: Parts


class WeightFile:
    """A file of raw tensors that several graphs refer to; each tensor lies in it once.

    Building graphs only lays the file out. ``write`` then reads and converts the weights piece by piece, so that
    a checkpoint that does not fit is refused before anything is read, and none is ever in memory as a whole.
    Large tensors start on a page so that a runtime can map them into memory.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self._tensors: dict[str, bytes] = {}
        self._planned: list[_Planned] = []
        self.size = 0
        """Bytes that the file will have."""

    def tensor(self, name: str, shape: Sequence[int], parts: Parts, kind: int = Element.FLOAT) -> bytes:
        """The reference to weight ``name``; gives it a place if it is new."""
        if name not in self._tensors:
            self._tensors[name] = self._plan(name, shape, parts, kind)
        return self._tensors[name]

    def _plan(self, name: str, shape: Sequence[int], parts: Parts, kind: int) -> bytes:
        nbytes = math.prod(shape) * _BITS[kind] // 8
        alignment = 4096 if nbytes >= 65536 else 64
        offset = self.size + -self.size % alignment
        self._planned.append(_Planned(name, kind, offset, nbytes, parts))
        self.size = offset + nbytes
        return messages.external_tensor(name, shape, kind, self._location, offset, nbytes)

    def write(self, file: BinaryIO) -> None:
        """Fill the file.

        Raises:
            ValueError: the parts of a weight do not fill its shape.
        """
        for planned in self._planned:
            file.write(bytes(planned.offset - file.tell()))
            for part in planned.parts():
                _write_part(file, part, planned.kind)
            length = file.tell() - planned.offset
            if length != planned.nbytes:
                raise ValueError(f"`{planned.name}` has {length} bytes where its shape needs {planned.nbytes}")


def _write_part(file: BinaryIO, part: npt.NDArray[Any], kind: int) -> None:
    """Rows at a time: the part may be a view of a mapped file, transposed and of another type."""
    if kind == Element.INT4:
        flat = part.reshape(-1).view(np.uint8) & np.uint8(15)
        file.write((flat[0::2] | (flat[1::2] << np.uint8(4))).data)
        return
    dtype = messages.foreign("BFLOAT16") if kind == Element.BFLOAT16 else _TYPES[kind]
    rows = np.atleast_1d(part)
    step = max(_CHUNK_VALUES // max(rows[:1].size, 1), 1)
    for start in range(0, len(rows), step):
        file.write(np.ascontiguousarray(rows[start : start + step], dtype=dtype).view(np.uint8).data)


class Graph:
    """One ONNX graph under construction. Values are named by strings, as in ONNX itself."""

    def __init__(
        self, name: str, weights: WeightFile, prefix: str = "", quantization: Quantization | None = None
    ) -> None:
        self.quantization = quantization
        """How the matrices of linear layers are stored; ``None``: as float32."""
        self._name = name
        self._weights = weights
        self._prefix = prefix
        self._nodes: list[bytes] = []
        self._opsets: dict[str, int] = {"": OPSET}
        self._initializers: dict[str, bytes] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []

    def input(self, name: str, shape: Sequence[Dim], kind: int = Element.FLOAT) -> str:
        """Declare an input; dimensions are numbers or names."""
        self._inputs.append(messages.value_info(name, kind, shape))
        return name

    def optional(self, name: str, value: npt.ArrayLike, shape: Sequence[Dim]) -> str:
        """Declare an input of int64 that may be fed, and is ``value`` where it is not."""
        self._initializers[name] = messages.tensor(name, np.array(value, np.int64))
        return self.input(name, shape, Element.INT64)

    def output(self, name: str, shape: Sequence[Dim], kind: int = Element.FLOAT) -> None:
        """Declare that value ``name`` is an output."""
        self._outputs.append(messages.value_info(name, kind, shape))

    def op(self, kind: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        """Append a node with one output and give its name (``out``, or one made from the kind)."""
        return self.ops(kind, inputs, [out or self._fresh(kind)], **attributes)[0]

    def ops(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **attributes: Any
    ) -> Sequence[str]:
        """Append a node with the outputs named. ``domain``: whose operator it is, ONNX's own or ``CONTRIB``."""
        name = f"{self._prefix}{kind}_{len(self._nodes)}"
        self._nodes.append(messages.node(kind, inputs, outputs, name, attributes, domain))
        if domain:
            self._opsets[domain] = 1
        return outputs

    def _fresh(self, kind: str) -> str:
        return f"{self._prefix}{kind.lower()}.{len(self._nodes)}"

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike = np.int64) -> str:
        """A small tensor inside the file, each value once."""
        array = np.array(value, dtype=dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"{self._prefix}constant.{len(self._constants)}"
            self._constants[key] = name
            self._initializers[name] = messages.tensor(name, array)
        return self._constants[key]

    def weight(self, name: str, shape: Sequence[int], parts: Parts, kind: int = Element.FLOAT) -> str:
        """A tensor of the shared weight file. Parts of INT4 are int8 arrays of an even number of values."""
        self._initializers.setdefault(name, self._weights.tensor(name, shape, parts, kind))
        return name

    def body(self, name: str) -> "Graph":
        """An empty graph for a control-flow node of this one; it sees this graph's values."""
        return Graph(name, self._weights, f"{self._prefix}{name}.", self.quantization)

    def proto(self) -> messages.Graph:
        """The graph as a message."""
        return messages.graph(self._nodes, self._name, self._inputs, self._outputs, self._initializers.values())

    def write(self, path: Path, doc: str = "") -> None:
        """Write the model; ``doc`` is its documentation."""
        path.write_bytes(messages.model(self.proto(), self._opsets, IR_VERSION, "agentc", doc))


def check(path: Path) -> None:
    """Have ONNX's checker and strict shape inference pass over a model.

    Raises:
        onnx.checker.ValidationError, onnx.shape_inference.InferenceError: the graph is wrong, which is a bug here.
    """
    import onnx

    onnx.checker.check_model(path, full_check=True)  # pyright: ignore[reportUnknownMemberType]
