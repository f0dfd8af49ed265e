"""ONNX messages as bytes: of each kind what a graph of a model needs.

Importing the library of ONNX takes longer than it takes to write a small model: it brings protobuf's classes and
reflection, a checker and the formats of others, an eighth of a cold compile. A message is but its fields, one after
the other (https://protobuf.dev/programming-guides/encoding); the numbers of fields are those of ONNX's
``onnx.proto``. Written in the order of their numbers, the bytes are those that the library's own serialization gives.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Final

import numpy.typing as npt

Dim = int | str
"""An extent: a number, or the name of one that is known when the graph runs."""


class Element:
    """Types of a tensor's elements, numbered as ``TensorProto.DataType``."""

    FLOAT: Final = 1
    UINT8: Final = 2
    INT8: Final = 3
    UINT16: Final = 4
    INT16: Final = 5
    INT32: Final = 6
    INT64: Final = 7
    BOOL: Final = 9
    FLOAT16: Final = 10
    DOUBLE: Final = 11
    UINT32: Final = 12
    UINT64: Final = 13
    BFLOAT16: Final = 16
    INT4: Final = 22


_ELEMENTS: Final[Mapping[str, int]] = {
    "<f4": Element.FLOAT,
    "|u1": Element.UINT8,
    "|i1": Element.INT8,
    "<u2": Element.UINT16,
    "<i2": Element.INT16,
    "<i4": Element.INT32,
    "<i8": Element.INT64,
    "|b1": Element.BOOL,
    "<f2": Element.FLOAT16,
    "<f8": Element.DOUBLE,
    "<u4": Element.UINT32,
    "<u8": Element.UINT64,
}
"""NumPy's types, little endian."""


def foreign(element: str) -> npt.DTypeLike:
    """A type that NumPy lacks (``BFLOAT16``, ``FLOAT8E5M2``), as the library of ONNX has it."""
    from onnx import TensorProto, helper

    return helper.tensor_dtype_to_np_dtype(TensorProto.DataType.Value(element))


class Graph(bytes):
    """A ``GraphProto``: unlike text, it is written as a graph where it is an attribute."""


def varint(number: int) -> bytes:
    """Seven bits a byte, least first; a negative number as the 64 bits of its two's complement."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def whole(field: int, number: int) -> bytes:
    """A field that is an integer."""
    return varint(field << 3) + varint(number)


def part(field: int, content: bytes | str) -> bytes:
    """A field that is text, raw bytes or a message."""
    data = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(data)) + data


def real(field: int, number: float) -> bytes:
    """A field that is a float32."""
    return varint(field << 3 | 5) + struct.pack("<f", number)


def parts(field: int, contents: Iterable[bytes | str]) -> bytes:
    """A field that comes as often as there are ``contents``."""
    return b"".join(part(field, each) for each in contents)


def attribute(name: str, value: Any) -> bytes:
    """An ``AttributeProto``, its type that of ``value``: number, text, graph, or a list of numbers or of texts.

    Raises:
        TypeError: ``value`` is something else.
        ValueError: an empty list, which is of no type.
    """
    kind, data = _content(name, value)
    return part(1, name) + data + whole(20, kind)


def _content(name: str, value: Any) -> tuple[int, bytes]:
    """The number of an attribute's type, and its value as a field."""
    if isinstance(value, Integral):
        return 2, whole(3, int(value))
    if isinstance(value, Real):
        return 1, real(2, float(value))
    if isinstance(value, Graph):
        return 5, part(6, value)
    if isinstance(value, str | bytes):
        return 3, part(4, value)
    if isinstance(value, list | tuple):
        return _list(name, value)  # pyright: ignore[reportUnknownArgumentType]
    raise TypeError(f"attribute `{name}` is a {type(value).__name__}")


def _list(name: str, values: Sequence[Any]) -> tuple[int, bytes]:
    if not values:
        raise ValueError(f"attribute `{name}` is an empty list")
    if all(isinstance(value, Integral) for value in values):
        return 7, b"".join(whole(8, int(value)) for value in values)
    if all(isinstance(value, Real) for value in values):
        return 6, b"".join(real(7, float(value)) for value in values)
    if all(isinstance(value, str) for value in values):
        return 8, parts(9, values)
    raise TypeError(f"attribute `{name}` mixes types")


def node(
    kind: str, inputs: Iterable[str], outputs: Iterable[str], name: str, attributes: Mapping[str, Any], domain: str = ""
) -> bytes:
    """A ``NodeProto``; an attribute that is ``None`` is left out.

    Raises:
        TypeError, ValueError: an attribute has no type, see ``attribute``.
    """
    rows = (attribute(key, value) for key, value in sorted(attributes.items()) if value is not None)
    head = parts(1, inputs) + parts(2, outputs) + part(3, name) + part(4, kind)
    return head + parts(5, rows) + (part(7, domain) if domain else b"")


def tensor(name: str, array: npt.NDArray[Any]) -> bytes:
    """A ``TensorProto`` that holds its values."""
    dims = b"".join(whole(1, extent) for extent in array.shape)
    return dims + whole(2, _ELEMENTS[array.dtype.str]) + part(8, name) + part(9, array.tobytes())


def external_tensor(name: str, shape: Iterable[int], kind: int, location: str, offset: int, nbytes: int) -> bytes:
    """A ``TensorProto`` whose values lie in the file ``location``."""
    dims = b"".join(whole(1, extent) for extent in shape)
    where = (("location", location), ("offset", f"{offset}"), ("length", f"{nbytes}"))
    rows = (part(1, key) + part(2, value) for key, value in where)
    return dims + whole(2, kind) + part(8, name) + parts(13, rows) + whole(14, 1)


def value_info(name: str, kind: int, shape: Iterable[Dim]) -> bytes:
    """A ``ValueInfoProto``: an input or an output."""
    dims = (whole(1, extent) if isinstance(extent, int) else part(2, extent) for extent in shape)
    tensor_type = whole(1, kind) + part(2, parts(1, dims))
    return part(1, name) + part(2, part(1, tensor_type))


def graph(
    nodes: Iterable[bytes], name: str, inputs: Iterable[bytes], outputs: Iterable[bytes], initializers: Iterable[bytes]
) -> Graph:
    """A ``GraphProto``."""
    return Graph(parts(1, nodes) + part(2, name) + parts(5, initializers) + parts(11, inputs) + parts(12, outputs))


def model(body: Graph, opsets: Mapping[str, int], ir_version: int, producer: str, doc: str = "") -> bytes:
    """A ``ModelProto``: a file. ``opsets``: domain -> version; ``doc``: what a reader should know of it."""
    told = part(6, doc) if doc else b""
    imports = (part(1, domain) + whole(2, version) for domain, version in opsets.items())
    return whole(1, ir_version) + part(2, producer) + told + part(7, body) + parts(8, imports)
