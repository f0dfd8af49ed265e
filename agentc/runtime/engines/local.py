"""Models that run in this process: the build's own ONNX graphs, and speech engines of the extra `speech`."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agentc.runtime.engines.base import Ask, Cache, Prompt, Reply
from agentc.runtime.models.audio import Audio
from agentc.runtime.models.chat import open_chat
from agentc.runtime.models.guided import fill
from agentc.runtime.models.llm import KvCache
from agentc.runtime.models.open import open_decoder
from agentc.runtime.models.sampling import Sampler


class LocalLanguage:
    """A decoder of the build, prefill and decode apart."""

    def __init__(self, name: str, folder: Path) -> None:
        self._decoder = open_decoder(folder)
        self._chat, untold = open_chat(folder)
        self.note = f"model `{name}`: {untold}" if untold else ""
        if self._decoder.is_stand_in:
            self.note = (
                f"model `{name}` is a small seeded stand-in: its words mean nothing;"
                f" `--bind {name}=URL` gives it a voice"
            )

    def prefill(self, prompt: Prompt, reuse: Cache | None = None) -> Cache:
        """Read a prompt. A stand-in's small context takes the end of one that is longer."""
        tokens = self._tokens(prompt)
        if self._decoder.is_stand_in:
            tokens = tokens[-(self._decoder.bundle.max_tokens // 2) :]
        state = self._decoder.prefill(tokens, reuse.state if reuse is not None else None)
        nbytes = self._decoder.nbytes(state)
        return Cache(prompt, len(state.tokens), state.reused, nbytes, state)

    def _tokens(self, prompt: Prompt) -> list[int]:
        """By the checkpoint's chat template, which brings its own special tokens."""
        tokenizer = self._decoder.tokenizer
        if self._chat is None:
            return tokenizer.encode(prompt.text)
        return tokenizer.encode(self._chat.prompt(prompt.user, prompt.system), special=False)

    def decode(self, cache: Cache, ask: Ask, on_text: Callable[[str], None]) -> Reply:
        """Answer token by token, or field by field."""
        state: KvCache = cache.state
        sampler = Sampler(ask.temperature or 0.0, ask.top_p or 1.0, ask.seed)
        if ask.fields:
            room = max(4, ask.max_tokens // max(len(ask.fields), 1))
            filled = fill(self._decoder, state, ask.fields, sampler, text_tokens=min(room, 48), on_token=on_text)
            return Reply(dict(filled.values), cache.tokens, len(filled.tokens))
        decoding = self._decoder.decode(state, ask.max_tokens, sampler)
        pieces: list[str] = []
        for piece in decoding:
            pieces.append(piece)
            on_text(piece)
        return Reply("".join(pieces), cache.tokens, len(decoding.tokens))


class LocalEmbedding:
    """An encoder of the build."""

    def __init__(self, name: str, folder: Path) -> None:
        from agentc.runtime.models.embedding import Embedder

        self._embedder = Embedder(folder)
        stand_in = f"model `{name}` is a small seeded stand-in: its vectors mean nothing"
        self.note = stand_in if self._embedder.is_stand_in else ""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors, ``[texts, width]``."""
        return self._embedder.embed(texts)


class LocalReranking:
    """A cross-encoder of the build."""

    def __init__(self, name: str, folder: Path) -> None:
        from agentc.runtime.models.rerank import Reranker

        self._reranker = Reranker(folder)
        stand_in = f"model `{name}` is a small seeded stand-in: its order means nothing"
        self.note = stand_in if self._reranker.is_stand_in else ""

    def scores(self, query: str, documents: Sequence[str]) -> npt.NDArray[np.float32]:
        """Raw logits."""
        return self._reranker.scores(query, documents)


class LocalHearing:
    """PocketSphinx in the place of the model that the agent names."""

    def __init__(self, name: str) -> None:
        from agentc.runtime.models.speech import Recognizer

        self._recognizer = Recognizer()
        self.note = f"model `{name}`: pocketsphinx hears in its place"

    def transcribe(self, audio: Audio) -> str:
        """The words that are said."""
        return self._recognizer.transcribe(audio)


class LocalWhisper:
    """A recognizer of the build."""

    note = ""

    def __init__(self, folder: Path) -> None:
        from agentc.runtime.models.whisper import Transcriber

        self._transcriber = Transcriber(folder)

    def transcribe(self, audio: Audio) -> str:
        """The words that are said."""
        return self._transcriber.transcribe(audio)


class LocalSpeaking:
    """eSpeak NG in the place of the model that the agent names."""

    def __init__(self, name: str) -> None:
        from agentc.runtime.models.speech import Voice

        self._voice = Voice()
        self.note = f"model `{name}`: espeak-ng speaks in its place"

    def speak(self, text: str) -> Audio:
        """The sound of a text."""
        return self._voice.speak(text)
