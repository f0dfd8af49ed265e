"""Builds ONNX graphs: nodes with readable names, small constants inside, weights in a file that graphs share."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 23
"""The first with RMSNormalization, RotaryEmbedding and Attention."""
IR_VERSION: Final = 11
"""The file format that goes with opset 23."""

Dim: TypeAlias = int | str
Parts: TypeAlias = Callable[[], Iterable[npt.NDArray[Any]]]
"""Gives the pieces of a weight in order, so that a stack of experts is never in memory as a whole."""


class WeightFile:
    """A file of raw tensors that several graphs refer to; each tensor is written once, when first asked for.

    Large tensors start on a page so that a runtime can map them into memory.
    """

    def __init__(self, file: BinaryIO, location: str) -> None:
        self._file = file
        self._location = location
        self._tensors: dict[str, TensorProto] = {}

    def tensor(self, name: str, shape: Sequence[int], parts: Parts) -> TensorProto:
        """The reference to weight ``name`` (float32); writes it if it is new.

        Raises:
            ValueError: the parts do not fill the shape.
        """
        if name not in self._tensors:
            self._tensors[name] = self._write(name, shape, parts)
        return self._tensors[name]

    def _write(self, name: str, shape: Sequence[int], parts: Parts) -> TensorProto:
        size = 4 * int(np.prod(shape, dtype=np.int64))
        alignment = 4096 if size >= 65536 else 64
        self._file.write(bytes(-self._file.tell() % alignment))
        offset = self._file.tell()
        for part in parts():
            self._file.write(np.ascontiguousarray(part, dtype="<f4").data)
        length = self._file.tell() - offset
        if length != size:
            raise ValueError(f"`{name}` has {length // 4} values where {list(shape)} needs {size // 4}")
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=list(shape))
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", self._location), ("offset", str(offset)), ("length", str(length))):
            tensor.external_data.add(key=key, value=value)
        return tensor


class Graph:
    """One ONNX graph under construction. Values are named by strings, as in ONNX itself."""

    def __init__(self, name: str, weights: WeightFile, prefix: str = "") -> None:
        self._name = name
        self._weights = weights
        self._prefix = prefix
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, TensorProto] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Sequence[Dim], kind: int = TensorProto.FLOAT) -> str:
        """Declare an input; dimensions are numbers or names."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def output(self, name: str, shape: Sequence[Dim], kind: int = TensorProto.FLOAT) -> None:
        """Declare that value ``name`` is an output."""
        self._outputs.append(helper.make_tensor_value_info(name, kind, list(shape)))

    def op(self, kind: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        """Append a node with one output and give its name (``out``, or one made from the kind)."""
        return self.ops(kind, inputs, [out or self._fresh(kind)], **attributes)[0]

    def ops(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> Sequence[str]:
        """Append a node with the outputs named."""
        name = f"{self._prefix}{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), list(outputs), name=name, **attributes))
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
            self._initializers[name] = numpy_helper.from_array(array, name)
        return self._constants[key]

    def weight(self, name: str, shape: Sequence[int], parts: Parts) -> str:
        """A tensor of the shared weight file."""
        self._initializers.setdefault(name, self._weights.tensor(name, shape, parts))
        return name

    def body(self, name: str) -> "Graph":
        """An empty graph for a control-flow node of this one; it sees this graph's values."""
        return Graph(name, self._weights, f"{self._prefix}{name}.")

    def proto(self) -> onnx.GraphProto:
        """The graph as a message."""
        initializers = list(self._initializers.values())
        return helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, initializers)

    def write(self, path: Path) -> None:
        """Write the model."""
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(self.proto(), opset_imports=opset, ir_version=IR_VERSION, producer_name="agentc")
        path.write_bytes(model.SerializeToString(deterministic=True))


def check(path: Path) -> None:
    """Have ONNX's checker and strict shape inference pass over a model.

    Raises:
        onnx.checker.ValidationError, onnx.shape_inference.InferenceError: the graph is wrong, which is a bug here.
    """
    onnx.checker.check_model(path, full_check=True)  # pyright: ignore[reportUnknownMemberType]
