"""What the handlers ask of whatever runs a model, so that local, served and test engines are one to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from agentc.plan.models import ModelShape
from agentc.runtime.models.audio import Audio
from agentc.runtime.models.fields import Field
from agentc.support.record import record


@record(slots=True)
class Prompt:
    """What a language model is to read."""

    user: str
    system: str | None = None

    @property
    def text(self) -> str:
        """Both as one text, for models that know no roles."""
        return f"{self.system}\n\n{self.user}" if self.system else self.user


@record(slots=True)
class Ask:
    """How a language model is to answer. Options that are ``None`` are left to the engine."""

    max_tokens: int
    fields: tuple[Field, ...] = ()
    """A record of these instead of text."""
    temperature: float | None = None
    top_p: float | None = None
    seed: int = 0


@record(slots=True)
class Reply:
    """An answer."""

    value: str | dict[str, Any]
    input_tokens: int = 0
    output_tokens: int = 0


@record(slots=True)
class Cache:
    """A prompt that was read: the value of `!kv.cache`. Engines that keep no cache read it when they answer."""

    prompt: Prompt
    tokens: int = 0
    reused: int = 0
    """Tokens that came from another cache."""
    nbytes: int = 0
    state: Any = field(default=None, repr=False)
    """The engine's own."""


class Language(Protocol):
    """A language model."""

    note: str
    """What the reader of an answer must know; empty where there is nothing."""

    def prefill(self, prompt: Prompt, reuse: Cache | None = None) -> Cache:
        """Read a prompt; what it shares with ``reuse`` need not be read again."""
        ...

    def decode(self, cache: Cache, ask: Ask, on_text: Callable[[str], None]) -> Reply:
        """Answer; ``on_text`` hears the words as they come."""
        ...


class Embedding(Protocol):
    """Texts to vectors."""

    note: str

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors, ``[texts, width]``."""
        ...


class Reranking(Protocol):
    """Documents by relevance."""

    note: str

    def scores(self, query: str, documents: Sequence[str]) -> npt.NDArray[np.float32]:
        """Larger is better, in the order of the documents."""
        ...


class Hearing(Protocol):
    """Speech to text."""

    note: str

    def transcribe(self, audio: Audio) -> str:
        """The words that are said."""
        ...


class Speaking(Protocol):
    """Text to speech."""

    note: str

    def speak(self, text: str) -> Audio:
        """The sound of a text."""
        ...


class Painting(Protocol):
    """Text to picture."""

    note: str

    def paint(self, prompt: str, size: str | None, seed: int) -> bytes:
        """A picture as PNG, JPEG, …; ``size`` as `1024x1024`."""
        ...


class Seeing(Protocol):
    """Picture to text."""

    note: str

    def describe(self, images: Sequence[bytes], prompt: str) -> str:
        """What is to be seen."""
        ...


class Engines(Protocol):
    """Models by symbol. Each is opened when it is first asked for.

    Raises:
        Refused: ``model-not-bound`` where nothing here can run the model, and what opening it raises.
    """

    def language(self, name: str) -> Language:
        """The language model ``name``."""
        ...

    def embedding(self, name: str) -> Embedding:
        """The embedding model ``name``."""
        ...

    def reranking(self, name: str) -> Reranking:
        """The reranker ``name``."""
        ...

    def hearing(self, name: str) -> Hearing:
        """The speech-to-text model ``name``."""
        ...

    def speaking(self, name: str) -> Speaking:
        """The text-to-speech model ``name``."""
        ...

    def painting(self, name: str) -> Painting:
        """The diffusion model ``name``."""
        ...

    def seeing(self, name: str) -> Seeing:
        """The vision model ``name``."""
        ...


Specs = Mapping[str, ModelShape]
"""The models of a module by symbol."""
