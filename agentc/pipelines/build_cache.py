"""What the backends wrote for a placed module, kept by the module's text: an unchanged agent is not emitted again."""

import functools
import json
import os
import shutil
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agentc.backends import BACKENDS
from agentc.backends.request import Request
from agentc.plan.artifacts import Artifact
from agentc.support import cache
from agentc.support.registry import load

KEPT = frozenset({"llvm", "cuda", "onnx"})
"""Backends that take longer than a copy of their files. What they read beside the module is part of the key."""
TOOLS = ("nvcc", "ptxas", "g++", "clang++", "cc", "ld.lld")
PACKAGES = ("llvmlite", "onnx", "numpy", "ziglang", "nvidia-cuda-nvrtc", "nvidia-cuda-nvcc")
ROWS = "artifacts.json"


def emitted(backend: str, request: Request, text: str) -> list[Artifact]:
    """What ``backend`` writes for ``request``, whose module reads ``text``: from the cache, or now and then kept.

    Raises:
        Refused: as the backend does; refusals are not kept.
    """
    if backend not in KEPT or not _worth(backend, request) or cache.folder() is None:
        return load(BACKENDS[backend])(request)
    name = cache.key(f"build-{backend}", text, *_beside(request))
    if (found := cache.load(name)) is not None:
        return _restored(found, request.out)
    artifacts: list[Artifact] = load(BACKENDS[backend])(request)
    sizes = sum((request.out / one.path).stat().st_size for one in artifacts)
    if sizes <= cache.ENTRY_BYTES:
        rows = json.dumps([asdict(one) for one in artifacts]).encode()
        cache.store(name, {ROWS: rows, **{a.path: (request.out / a.path).read_bytes() for a in artifacts}})
    return artifacts


def _worth(backend: str, request: Request) -> bool:
    """Whether there is anything to emit: without kernels, the backends of kernels are done at once."""
    return backend == "onnx" or bool(request.kernels)


def _restored(files: dict[str, bytes], out: Path) -> list[Artifact]:
    rows: list[dict[str, Any]] = json.loads(files[ROWS])
    for row in rows:
        place = out / row["path"]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(files[row["path"]])
    return [Artifact(**row) for row in rows]


def _beside(request: Request) -> list[str]:
    """What the module does not tell: kernels as they were lowered, weights by their files, the tools that are here."""
    kernels = [f"{name}\n{module}" for name, module in sorted(request.kernels.items())]
    on_gpus = [f"{name}\n{module}" for name, module in sorted(request.gpu_kernels.items())]
    on_gpus += [f"cuda {name}\n{module}" for name, module in sorted(request.cuda_kernels.items())]
    tools = [Path(found) for tool in TOOLS if (found := shutil.which(tool))]
    return [*kernels, "gpu", *on_gpus, "weights", _weights(request), cache.identity(tools), versions()]


def _weights(request: Request) -> str:
    from xdsl.dialects.builtin import StringAttr

    from agentc.dialects.model import SpecOp

    places: list[Path] = []
    for spec in (op for op in request.module.walk() if isinstance(op, SpecOp) and op.weights is not None):
        assert spec.weights is not None
        for stated in spec.weights.data.values():
            if isinstance(stated, StringAttr):
                places += _places(stated.data, request.base)
    return cache.identity(dict.fromkeys(places))


def _places(stated: str, base: Path) -> list[Path]:
    """The files that ``stated``, a path or an installed package, may mean."""
    found = [base / stated]
    if stated.isidentifier() and (spec := find_spec(stated)) is not None:
        found += [Path(place) for place in spec.submodule_search_locations or ()]
    return found


@functools.cache
def versions() -> str:
    """The packages that emit code, with their versions, as their folders of metadata are called."""
    starts = tuple(f"{package.replace('-', '_')}-" for package in PACKAGES)
    folders = {path for path in sys.path if os.path.isdir(path)}
    return "\n".join(
        sorted(
            name
            for folder in folders
            for name in os.listdir(folder)
            if name.endswith(".dist-info") and name.lower().startswith(starts)
        )
    )
