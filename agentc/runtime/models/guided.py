"""Structured answers: the model fills the values, the grammar is ours, so that the JSON is always valid.

The frame (``{"name": ``) is not generated but appended to the cache. A bool or an enum is the choice with the largest
log-probability as a whole; numbers and texts are said token by token among those that keep the JSON valid.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from agentc.runtime.models.fields import Field, FieldValue
from agentc.runtime.models.llm import Decoder, KvCache
from agentc.runtime.models.sampling import GREEDY, Choice, Mask, Sampler
from agentc.support.record import record

_NUMBER: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_NUMBER_BEGUN: Final = re.compile(r"-?|-?(0|[1-9]\d*)(\.\d*)?")
_NUMBER_CHARACTERS: Final = 15
"""Decimal digits that a double always keeps."""


@record(slots=True)
class Filled:
    """A structured answer: its values, the same as JSON text, and the tokens that the JSON took."""

    values: dict[str, FieldValue]
    text: str
    tokens: tuple[int, ...]


def fill(
    model: Decoder,
    prompt: str | Sequence[int] | KvCache,
    fields: Sequence[Field],
    sampler: Sampler = GREEDY,
    *,
    text_tokens: int = 48,
    on_token: Callable[[str], None] | None = None,
) -> Filled:
    """Fill ``fields`` after the prompt; a text takes at most ``text_tokens`` tokens.

    Raises:
        Refused: ``prompt-too-long``.
    """
    cache = prompt if isinstance(prompt, KvCache) else model.prefill(prompt)
    filler = _Filler(model, cache, sampler.start(), text_tokens, on_token)
    values: dict[str, FieldValue] = {}
    for place, field in enumerate(fields):
        filler.append(f"{', ' if place else '{'}{json.dumps(field.name)}: ")
        values[field.name] = filler.value(field)
    filler.append("}" if fields else "{}")
    return Filled(values, filler.text, filler.cache.tokens[len(cache.tokens) :])


class _Filler:
    """The answer so far: its cache and its text."""

    def __init__(
        self, model: Decoder, cache: KvCache, choice: Choice, text_tokens: int, on_token: Callable[[str], None] | None
    ) -> None:
        self.cache = cache
        self.text = ""
        self._model = model
        self._choice = choice
        self._text_tokens = text_tokens
        self._on_token = on_token
        self._vocab = _vocabulary(model.tokenizer.pieces, int(cache.logits.size))

    def append(self, text: str) -> None:
        """Text that is not the model's to choose."""
        self.cache = self._model.extend(self.cache, self._model.tokenizer.encode(text, special=False))
        self._heard(text)

    def value(self, field: Field) -> FieldValue:
        """Have the model choose a value."""
        match field.kind:
            case "bool":
                return self._choose(["true", "false"]) == 0
            case "enum":
                return field.choices[self._choose([_quoted(choice) for choice in field.choices])]
            case "number":
                return self._number()
            case "text":
                return self._string()

    def _choose(self, texts: Sequence[str]) -> int:
        """One of whole texts, by its log-probability; a seeded sampler draws by it instead."""
        encoded = [self._model.tokenizer.encode(text, special=False) for text in texts]
        scores = [self._model.score(self.cache, tokens) for tokens in encoded]
        chosen = self._choice.pick(np.array(scores))
        self.append(texts[chosen])
        return chosen

    def _number(self) -> int | float:
        said = ""
        while len(said) < _NUMBER_CHARACTERS:
            allowed = self._vocab.numbers(said)
            if _NUMBER.fullmatch(said):
                allowed = allowed | self._vocab.after_number
            if not allowed.any():
                break
            token = self._choice.pick(self.cache.logits, allowed)
            if self._vocab.after_number[token]:
                break
            said += self._say(token)
        if not _NUMBER.fullmatch(said):  # nothing, a bare sign or a bare point
            self.append("0")
            said += "0"
        return json.loads(said)

    def _string(self) -> str:
        self.append('"')
        said = ""
        for _ in range(self._text_tokens):
            token = self._choice.pick(self.cache.logits, self._vocab.plain | self._vocab.closing)
            if self._vocab.closing[token]:
                break
            said += self._say(token)
        self.append('"')
        return said

    def _say(self, token: int) -> str:
        self.cache = self._model.step(self.cache, token)
        piece = self._vocab.pieces[token] or ""
        self._heard(piece)
        return piece

    def _heard(self, text: str) -> None:
        self.text += text
        if self._on_token:
            self._on_token(text)


class Vocabulary:
    """Which tokens may stand where."""

    def __init__(self, pieces: tuple[str | None, ...], size: int) -> None:
        self.pieces = (*pieces, *([None] * (size - len(pieces))))[:size]
        self.plain = self._where(piece is not None and _is_plain(piece) for piece in self.pieces)
        """Printable, and the same inside of a JSON string as outside."""
        self.closing = self._where(piece is not None and piece.startswith('"') for piece in self.pieces)
        self.after_number = self._where(piece is not None and piece[:1] in {",", "}"} for piece in self.pieces)
        self._digits = [t for t, piece in enumerate(self.pieces) if piece and re.fullmatch(r"[-.0-9]+", piece)]

    def numbers(self, said: str) -> Mask:
        """Tokens with which ``said`` is still the beginning of a number, and no longer than a number may be."""
        mask = np.zeros(len(self.pieces), np.bool_)
        for token in self._digits:
            longer = said + (self.pieces[token] or "")
            mask[token] = len(longer) <= _NUMBER_CHARACTERS and bool(_NUMBER_BEGUN.fullmatch(longer))
        return mask

    @staticmethod
    def _where(flags: Iterable[bool]) -> Mask:
        return np.fromiter(flags, np.bool_)


@lru_cache(maxsize=8)
def _vocabulary(pieces: tuple[str | None, ...], size: int) -> Vocabulary:
    return Vocabulary(pieces, size)


def _is_plain(piece: str) -> bool:
    return piece.isprintable() and '"' not in piece and "\\" not in piece


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
