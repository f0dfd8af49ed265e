"""Which engine runs which model: an endpoint that the user binds, else the build's own, else speech engines."""

import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from agentc.plan.models import ModelShape
from agentc.support.diagnostics import Diagnostic, Refused, did_you_mean

if TYPE_CHECKING:
    from agentc.runtime.build import Build
    from agentc.runtime.engines.base import (
        Embedding,
        Hearing,
        Language,
        Painting,
        Reranking,
        Seeing,
        Speaking,
    )

API_KEY = "OPENAI_API_KEY"
"""Environment variable with the key that bound endpoints are sent."""


class BuildEngines:
    """The engines of one program; opened once, shared by its runs."""

    def __init__(self, specs: Mapping[str, ModelShape], build: "Build | None", bind: Mapping[str, str]) -> None:
        """``bind``: model symbol -> ``URL`` or ``URL#served-model-name``.

        Raises:
            Refused: ``unknown-model``, if a bound name is no model of the agent.
        """
        self._specs = specs
        self._build = build
        self._bind = dict(bind)
        self._open: dict[str, Any] = {}
        self._lock = threading.Lock()
        for name in bind:
            if name not in specs:
                found = Diagnostic("unknown-model", f"the agent has no model `{name}`", help=did_you_mean(name, specs))
                raise Refused(found)

    def language(self, name: str) -> "Language":
        """The language model ``name``."""
        return self._engine(name, "ServedLanguage", lambda: self._local(name, "LocalLanguage"))

    def embedding(self, name: str) -> "Embedding":
        """The embedding model ``name``."""
        return self._engine(name, "ServedEmbedding", lambda: self._local(name, "LocalEmbedding"))

    def reranking(self, name: str) -> "Reranking":
        """The reranker ``name``."""
        return self._engine(name, "ServedReranking", lambda: self._local(name, "LocalReranking"))

    def hearing(self, name: str) -> "Hearing":
        """The speech-to-text model ``name``."""
        return self._engine(name, "ServedHearing", lambda: self._hearing(name))

    def speaking(self, name: str) -> "Speaking":
        """The text-to-speech model ``name``."""
        return self._engine(name, "ServedSpeaking", lambda: _local_class("LocalSpeaking")(name))

    def painting(self, name: str) -> "Painting":
        """The diffusion model ``name``."""
        return self._engine(name, "ServedPainting", lambda: self._nothing(name))

    def seeing(self, name: str) -> "Seeing":
        """The vision model ``name``."""
        return self._engine(name, "ServedSeeing", lambda: self._nothing(name))

    def _engine(self, name: str, served: str, local: Callable[[], Any]) -> Any:
        with self._lock:
            if name not in self._open:
                url = self._bind.get(name)
                self._open[name] = self._served(served, url) if url is not None else local()
            return self._open[name]

    def _served(self, kind: str, url: str) -> Any:
        from agentc.runtime.engines import served

        address, _, model = url.partition("#")
        return getattr(served, kind)(address, model or None, os.environ.get(API_KEY))

    def _hearing(self, name: str) -> Any:
        """The build's own recognizer; without one, the engine of the extra `speech`."""
        folder = self._build.model(name) if self._build is not None else None
        return _local_class("LocalHearing")(name) if folder is None else _local_class("LocalWhisper")(folder)

    def _local(self, name: str, kind: str) -> Any:
        folder = self._build.model(name) if self._build is not None else None
        return self._nothing(name) if folder is None else _local_class(kind)(name, folder)

    def _nothing(self, name: str) -> Any:
        shape = self._specs.get(name)
        what = f"`{shape.name}`, {shape.kind}" if shape is not None else "unknown"
        message = f"nothing here runs model `{name}` ({what})"
        help = f"name an endpoint that serves it: `--bind {name}=URL`"
        raise Refused(Diagnostic("model-not-bound", message, help=help))


def _local_class(kind: str) -> Any:
    from agentc.runtime.engines import local

    return getattr(local, kind)
