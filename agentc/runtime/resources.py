"""What the steps of a run use: models, tools, memories, kernels, kept caches."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation

from agentc.runtime.engines.base import Cache, Engines
from agentc.runtime.kernels import Kernels
from agentc.runtime.memory.stores import Stores
from agentc.runtime.tools.toolbox import Toolbox
from agentc.support.record import record

if TYPE_CHECKING:
    from agentc.runtime.build import Build


class KeptCaches:
    """KV caches by key, for as long as the program is open."""

    def __init__(self) -> None:
        self._kept: dict[str, Cache] = {}
        self._lock = threading.Lock()

    def store(self, key: str, cache: Cache) -> None:
        """Keep a cache in the place of the one before."""
        with self._lock:
            self._kept[key] = cache

    def load(self, key: str) -> Cache | None:
        """The cache under ``key``."""
        with self._lock:
            return self._kept.get(key)


@record
class Resources:
    """Everything beside the request."""

    symbols: Mapping[str, Operation]
    engines: Engines
    tools: Toolbox
    memories: Stores
    kernels: Kernels
    caches: KeptCaches = field(default_factory=KeptCaches)
    session: str = ""
    """The conversation that memories without a key belong to."""
    build: "Build | None" = None
    steps: Mapping[str, str] = field(default_factory=dict[str, str])
    """Path of a node of unknown content -> ``file.py:function`` that this run puts in its place."""

    def embed(self, model: str, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of texts, ``[texts, width]``."""
        return self.engines.embedding(model).embed(texts)
