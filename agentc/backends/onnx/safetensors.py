"""A reader for safetensors files: nothing is executed, nothing is trusted, nothing is read before it is asked for.

The format (https://github.com/huggingface/safetensors#format): eight bytes of header length, little endian; a JSON
header that maps a tensor's name to ``{dtype, shape, data_offsets}``; then the bytes of the tensors without holes.
"""

import json
import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from agentc.backends.onnx.messages import foreign
from agentc.backends.onnx.views import Half
from agentc.support.record import record

MAX_HEADER_BYTES: Final = 1 << 24
"""Of some 160,000 tensors in one file. The reference implementation takes 100 MB, which may unfold to gigabytes."""


_DTYPES: Final[Mapping[str, npt.DTypeLike]] = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "I16": "<i2",
    "U16": "<u2",
    "F16": "<f2",
    "I32": "<i4",
    "U32": "<u4",
    "F32": "<f4",
    "F64": "<f8",
    "I64": "<i8",
    "U64": "<u8",
}
"""Little-endian NumPy types."""
_FOREIGN: Final[Mapping[str, str]] = {"F8_E4M3": "FLOAT8E4M3FN", "F8_E5M2": "FLOAT8E5M2", "BF16": "BFLOAT16"}
"""Types that NumPy lacks, by their names in ONNX."""
_HALVES: Final[Mapping[str, Half]] = {"F16": "f16", "BF16": "bf16"}


def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype(foreign(_FOREIGN[name]) if name in _FOREIGN else _DTYPES[name])


@record(slots=True)
class Entry:
    """Where a tensor lies: bytes ``begin`` to ``end`` of the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_header(path: Path) -> dict[str, Entry]:
    """The tensors of the file at ``path``.

    Raises:
        ValueError: the file is not a well-formed safetensors file; the message says where it is not.
    """
    if not path.is_file():  # to open a pipe would wait for ever
        raise ValueError(f"{path.name} is no file" if path.exists() else f"{path.name} leads nowhere")
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if len(head) < 8:
            raise ValueError(f"{path.name}: {size} bytes are too few for a safetensors file")
        (length,) = struct.unpack("<Q", head)
        if length > MAX_HEADER_BYTES:
            raise ValueError(f"{path.name}: the header claims {length} bytes; {MAX_HEADER_BYTES} is the limit")
        if length > size - 8:
            raise ValueError(f"{path.name}: the header claims {length} bytes, but only {size - 8} follow")
        text = file.read(length)
    return _parse_header(text, path.name, 8 + length, size)


def _parse_header(text: bytes, file: str, start: int, size: int) -> dict[str, Entry]:
    try:
        header: object = json.loads(text.decode("utf-8"), object_pairs_hook=_unique)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{file}: the header is not JSON: {error}") from None
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    if not isinstance(header, dict):
        raise ValueError(f"{file}: the header is not a JSON object")
    fields = cast(dict[str, object], header)
    fields.pop("__metadata__", None)
    entries = {name: _entry(name, field, file, start, size) for name, field in fields.items()}
    _check_layout(entries, file, start, size)
    return entries


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the header names `{twice}` twice")
    return result


def _entry(name: str, field: object, file: str, start: int, size: int) -> Entry:
    where = f"{file}: tensor `{name}`"
    if not isinstance(field, dict):
        raise ValueError(f"{where} is not an object")
    fields = cast(dict[str, object], field)
    dtype = fields.get("dtype")
    if not isinstance(dtype, str) or dtype not in {*_DTYPES, *_FOREIGN}:
        raise ValueError(f"{where} has an unknown dtype {dtype!r}")
    shape = _whole_numbers(fields.get("shape"), f"{where}: shape")
    offsets = _whole_numbers(fields.get("data_offsets"), f"{where}: data_offsets")
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"{where}: data_offsets {list(offsets)} are no range")
    begin, end = start + offsets[0], start + offsets[1]
    if end > size:
        raise ValueError(f"{where} ends at byte {end}, but the file has {size}: it is cut off")
    wanted = math.prod(shape) * _dtype(dtype).itemsize
    if wanted != end - begin:
        raise ValueError(f"{where}: {dtype} {list(shape)} needs {wanted} bytes, but its range holds {end - begin}")
    return Entry(dtype, shape, begin, end)


def _whole_numbers(value: object, where: str) -> tuple[int, ...]:
    items = cast(list[object], value) if isinstance(value, list) else None
    if items is None or len(items) > 16:
        raise ValueError(f"{where} is not a list of numbers: {value!r}")
    numbers = [item for item in items if isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 2**63]
    if len(numbers) != len(items):
        raise ValueError(f"{where} is not a list of whole numbers: {value!r}")
    return tuple(numbers)


def _check_layout(entries: Mapping[str, Entry], file: str, start: int, size: int) -> None:
    """Tensors follow each other without hole or overlap, to the end: else two readers may see two files."""
    at = start
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != at:
            problem = "overlaps the tensor before it" if entry.begin < at else "leaves a hole before it"
            raise ValueError(f"{file}: tensor `{name}` {problem}")
        at = entry.end
    if at != size:
        raise ValueError(f"{file}: {size - at} bytes follow the last tensor")


class SafeTensors(Mapping[str, npt.NDArray[Any]]):
    """The tensors of one file by name, mapped: pages are read when values are, in the type that the file has."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries = read_header(path)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        entry = self._entries[name]
        dtype = _dtype(entry.dtype)
        if not math.prod(entry.shape):  # nothing can be mapped
            return np.zeros(entry.shape, dtype)
        if self._path.stat().st_size < entry.end:
            raise ValueError(f"{self._path.name}: tensor `{name}` is cut off")
        return np.memmap(self._path, dtype=dtype, mode="r", offset=entry.begin, shape=entry.shape)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor, from the header alone."""
        return self._entries[name].shape

    def half(self, name: str) -> Half:
        """The type of 16 bits that a tensor is of, from the header alone; empty for others."""
        return _HALVES.get(self._entries[name].dtype, "")

    def dtype(self, name: str) -> str:
        """The type of a tensor as the header names it: ``F32``, ``BF16``, ``I8``."""
        return self._entries[name].dtype
