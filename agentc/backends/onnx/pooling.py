"""How a sentence's vector is made of its tokens': the modules of a checkpoint of sentence-transformers."""

from pathlib import Path
from typing import Any, Final

from agentc.backends.onnx.weights import read_json, read_rows

_MODULES: Final = "modules.json"
_POOLING: Final = "1_Pooling/config.json"
_NOTHING_MORE: Final = ("Transformer", "Normalize")
"""The encoder itself, and the length of one that every embedding here has."""


def pooling_of(folder: Path) -> dict[str, Any]:
    """The settings of the pooling that ``modules.json`` names, in ``folder`` or in the one that it is a part of.

    Empty where a checkpoint says nothing of it.

    Raises:
        ValueError: there is a module beside the encoder, its pooling and a scaling to length one.
    """
    root = _root(folder)
    found = root / _POOLING
    for module in read_rows(root / _MODULES) if (root / _MODULES).is_file() else ():
        kind = str(module.get("type")).rpartition(".")[2]
        if kind == "Pooling":
            found = _within(root, str(module.get("path") or "")) / "config.json"
        elif kind not in _NOTHING_MORE:
            raise ValueError(f"{_MODULES}: module `{kind}` is not known; the vector would be another one")
    return read_json(found) if found.is_file() else {}


def _root(folder: Path) -> Path:
    """Older checkpoints keep the encoder in ``0_Transformer``."""
    outer = folder.parent
    inside = folder.name.startswith("0_") and not (folder / _MODULES).is_file()
    return outer if inside and (outer / _MODULES).is_file() else folder


def _within(root: Path, path: str) -> Path:
    if Path(path).name != path:
        raise ValueError(f"{_MODULES} names `{path}`, which is no folder of this one")
    return root / path
