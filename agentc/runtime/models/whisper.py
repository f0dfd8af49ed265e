"""Speech to text by Whisper on ONNX Runtime: greedy, window by window."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from agentc.runtime.models.audio import SPEECH_RATE, Audio
from agentc.runtime.models.bundle import open_bundle, unreadable
from agentc.runtime.models.mel import HOP, log_mel
from agentc.runtime.models.session import Array, Session, Tensor, tensor
from agentc.runtime.models.tokenizer import open_tokenizer
from agentc.support.record import record

_SILENCE: Final = 1e-5
"""The root mean square below which nobody speaks."""


@record(slots=True)
class Manner:
    """How a checkpoint is prompted, and what it must not say."""

    bands: int
    frames: int
    """Of a window, 10 ms each."""
    start: int
    languages: tuple[int, ...]
    transcribe: int | None
    no_timestamps: int | None
    never: tuple[int, ...]
    never_first: tuple[int, ...]


class Transcriber:
    """A recognizer from a folder with ``encode.onnx`` and ``decode.onnx``.

    Raises:
        Refused: ``model-unreadable``.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self.bundle = open_bundle(folder, "stt")
        self._manner = _read_manner(folder)
        self._tokenizer = open_tokenizer(self.bundle)
        self._encode = Session(folder / "encode.onnx", threads)
        self._decode = Session(folder / "decode.onnx", threads)
        self._past = [name for name in self._decode.inputs if name.startswith("past.")]

    def transcribe(self, audio: Audio) -> str:
        """The words that are said; silence gives an empty text."""
        samples = audio.at(SPEECH_RATE).samples
        window = self._manner.frames * HOP
        texts = (self._window(samples[start : start + window]) for start in range(0, len(samples), window))
        return " ".join(filter(None, texts))

    def _window(self, samples: Array) -> str:
        if float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) < _SILENCE:
            return ""
        whole = np.zeros(self._manner.frames * HOP, np.float32)
        whole[: len(samples)] = samples
        return self._tokenizer.decode(self.tokens(log_mel(whole, self._manner.bands))).strip()

    def tokens(self, mel: Array) -> list[int]:
        """What is said in one window of ``[bands, frames]``."""
        heard = self._encode.run({"mel": tensor(mel[None], np.float32)})
        cross = dict(zip(self._encode.outputs, heard, strict=True))
        logits, past = self._step(self._prompt(cross), self._nothing(), cross)
        said: list[int] = []
        while (
            len(said) < self.bundle.max_tokens // 2
        ):  # as in training: half of the context is for what was said before
            token = self._pick(logits, first=not said)
            if token in self.bundle.end:
                break
            said.append(token)
            logits, past = self._step([token], past, cross)
        return said

    def _prompt(self, cross: Mapping[str, Tensor]) -> list[int]:
        """Start, the language that is heard, the task, and that no times are wanted."""
        manner = self._manner
        prompt = [manner.start]
        if manner.languages:
            logits, _ = self._step(prompt, self._nothing(), cross)
            prompt.append(max(manner.languages, key=lambda token: float(logits[token])))
        optional = (manner.transcribe if manner.languages else None, manner.no_timestamps)
        return [*prompt, *(token for token in optional if token is not None)]

    def _pick(self, logits: Array, *, first: bool) -> int:
        allowed = logits.copy()
        allowed[list(self._manner.never)] = -np.inf
        if self._manner.no_timestamps is not None:  # what follows it in the vocabulary are times
            allowed[self._manner.no_timestamps :] = -np.inf
        if first:
            allowed[list(self._manner.never_first)] = -np.inf
        return int(np.argmax(allowed))

    def _step(
        self, tokens: Sequence[int], past: Sequence[Tensor], cross: Mapping[str, Tensor]
    ) -> tuple[Array, list[Tensor]]:
        feed = {"input_ids": tensor([list(tokens)]), **cross, **dict(zip(self._past, past, strict=True))}
        logits, *present = self._decode.run(feed)
        return logits.numpy()[0], present

    def _nothing(self) -> list[Tensor]:
        shapes = [self._decode.inputs[name] for name in self._past]
        return [tensor(np.zeros((1, int(s[1]), 0, int(s[3]))), np.float32) for s in shapes]


def _read_manner(folder: Path) -> Manner:
    try:
        facts: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))["speech"]
        lists = [tuple(int(t) for t in facts[key] if t >= 0) for key in ("languages", "never", "never_first")]
        bands, frames, start = (int(facts[key]) for key in ("bands", "frames", "start"))
        return Manner(bands, frames, start, lists[0], facts["transcribe"], facts["no_timestamps"], lists[1], lists[2])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise unreadable(folder, f"model.json: how it is prompted: {error}") from error
