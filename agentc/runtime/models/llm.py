"""A language model on ONNX Runtime: prefill, decode and generation over an immutable KV cache."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from agentc.runtime.models.bundle import open_bundle
from agentc.runtime.models.part import Part, of_rows, with_rows
from agentc.runtime.models.sampling import GREEDY, Logits, Mask, Sampler, log_softmax
from agentc.runtime.models.session import Array, Session, Tensor, tensor
from agentc.runtime.models.stepping import Stepper, read
from agentc.runtime.models.tokenizer import TextStream, open_tokenizer
from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record

CHUNK = 512
"""Tokens of one prefill step: bounds the memory of attention scores, whatever the length of the prompt."""


@record(slots=True)
class KvCache:
    """Keys and values of ``tokens`` and the logits after them. Never changed, so that many answers may start here."""

    tokens: tuple[int, ...]
    tensors: tuple[Any, ...]
    """The engine's own: key and value by layer, ``[1, kv_heads, tokens, head_dim]``, or what shards hold."""
    logits: Logits
    """Of the token to come, ``[vocab]``."""
    reused: int = 0
    """Tokens that came from another cache instead of being computed."""
    reach: int = 0
    """The length of the sequence that all keys were turned for; negative where they were for several."""


@record(slots=True)
class Answer:
    """What ``generate`` gives."""

    text: str
    tokens: tuple[int, ...]
    prompt_tokens: int
    reused_tokens: int
    finish: Literal["end", "length"]


class Decoder:
    """A decoder-only language model from a folder with ``prefill.onnx`` and ``decode.onnx``.

    Raises:
        Refused: ``model-unreadable``.
    """

    _in_place: Session | None = None

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self.bundle = open_bundle(folder, "decoder")
        self.tokenizer = open_tokenizer(self.bundle)
        self._open(threads)

    def _open(self, threads: int) -> None:
        """Each graph that is opened holds the weights: the others are, when they are asked for."""
        self._threads = threads
        path = self.bundle.folder / "step.onnx"
        self._in_place = Session(path, threads) if path.is_file() else None
        if self.reader is None:
            _ = self._prefill
        if self._in_place is None:
            _ = self._decode

    @property
    def reader(self) -> Session | None:
        """The graph that reads prompts into buffers (``stepping.read``), where there is one."""
        session = self._in_place
        return session if session is not None and "keep" in session.inputs else None

    @cached_property
    def _prefill(self) -> Session:
        return Session(self.bundle.folder / "prefill.onnx", self._threads)

    @cached_property
    def _decode(self) -> Session:
        return Session(self.bundle.folder / "decode.onnx", self._threads)

    def stepper(self, cache: KvCache) -> Stepper | None:
        """Steps from ``cache`` on over a copy of it that grows in place; ``None`` where there is no graph for it."""
        return self.stepper_of(cache.tensors, [len(cache.tokens)])

    def stepper_of(self, tensors: tuple[Any, ...], lengths: Sequence[int]) -> Stepper | None:
        """The same from several caches on, a row each, of which the first ``lengths`` slots hold tokens."""
        session = self._in_place
        return Stepper(session, tensors, lengths, self.bundle.max_tokens) if session else None

    @property
    def is_stand_in(self) -> bool:
        """Whether the weights are seeded noise, so that the words mean nothing."""
        return self.bundle.is_stand_in

    @cached_property
    def speakable(self) -> Mask | None:
        """Tokens that may be said. Noise would speak control characters: a stand-in keeps to printable ASCII."""
        if not self.is_stand_in:
            return None
        pieces = enumerate(self.tokenizer.pieces)
        return np.array([token in self.bundle.end or _is_printable(piece) for token, piece in pieces])

    def prefill(self, prompt: str | Sequence[int], reuse: KvCache | None = None, *, reach: int = 0) -> KvCache:
        """Compute the cache of a prompt; the part that it shares with ``reuse`` is taken from there.

        ``reach``: the tokens that the sequence will come to, where it is known that more will follow.

        Raises:
            Refused: ``prompt-too-long``, if the prompt has more tokens than the model's context; ``empty-prompt``.
        """
        tokens = self.encoded(prompt)
        reach = max(reach, len(tokens))
        reuse = reuse if reuse and self._alike(reuse, reach) else None
        shared = _shared_prefix(tokens, reuse.tokens) if reuse else 0
        if reuse and shared == len(tokens) == len(reuse.tokens):
            return KvCache(reuse.tokens, reuse.tensors, reuse.logits, shared, reuse.reach)
        shared = min(shared, len(tokens) - 1)
        past = self._cut(reuse, shared) if reuse and shared else self.nothing()
        return self._extended(KvCache(tuple(tokens[:shared]), past, np.zeros(0), shared), tokens[shared:], reach)

    def encoded(self, prompt: str | Sequence[int]) -> list[int]:
        """The tokens of a prompt that this model can read as a whole.

        Raises:
            Refused: ``prompt-too-long``, ``empty-prompt``.
        """
        tokens = self.tokenizer.encode(prompt) if isinstance(prompt, str) else list(prompt)
        if not tokens:
            message = f"the prompt for `{self.bundle.name}` has no token"
            raise Refused(Diagnostic("empty-prompt", message, help="give it a text"))
        self._check_fits(len(tokens))
        return tokens

    def _check_fits(self, total: int) -> None:
        if total > self.bundle.max_tokens:
            message = f"{total} tokens are more than `{self.bundle.name}` takes: {self.bundle.max_tokens}"
            raise Refused(Diagnostic("prompt-too-long", message, help="shorten the input or take another model"))

    def extend(self, cache: KvCache, tokens: Sequence[int]) -> KvCache:
        """``cache`` with ``tokens`` after it.

        Raises:
            Refused: ``prompt-too-long``.
        """
        total = len(cache.tokens) + len(tokens)
        if self._turns(cache, total):
            return self.prefill([*cache.tokens, *tokens])
        longer = self._extended(cache, tokens, total)
        return replace(longer, reach=self.reach(longer.reach))

    def _extended(self, cache: KvCache, tokens: Sequence[int], reach: int) -> KvCache:
        """The same, with the angles of a sequence of ``reach`` tokens."""
        self._check_fits(len(cache.tokens) + len(tokens))
        for start in range(0, len(tokens), CHUNK):
            chunk = tokens[start : start + CHUNK]
            logits, past = self._step(cache, chunk, [len(chunk) - 1], reach)
            cache = KvCache((*cache.tokens, *chunk), past, logits[-1], cache.reused, reach)
        return cache

    def _alike(self, cache: KvCache, total: int) -> bool:
        """Whether a sequence of ``total`` tokens turns its keys as those of ``cache`` are turned."""
        if at := self.bundle.turns_at:
            return (cache.reach > at) == (total > at)
        start = self.bundle.grows_from
        return not start or (cache.reach >= 0 and max(cache.reach, start) == max(total, start))

    def _turns(self, cache: KvCache, total: int) -> bool:
        """Whether every key of ``cache`` has to be turned anew when the sequence comes to ``total`` tokens."""
        return self.bundle.turns_at > 0 and not self._alike(cache, total)

    def turns_with(self, total: int) -> bool:
        """Whether token number ``total`` is the first for which angles are others."""
        return self.bundle.turns_at > 0 and total == self.bundle.turns_at + 1

    def reach(self, total: int) -> int:
        """What to say of a cache that grew to ``total`` tokens step by step."""
        return -1 if 0 < self.bundle.grows_from < total else total

    def score(self, cache: KvCache, tokens: Sequence[int]) -> float:
        """Log-probability (natural) that exactly ``tokens`` follow."""
        rows: Array = cache.logits[None]
        if len(tokens) > 1:
            total = len(cache.tokens) + len(tokens) - 1
            if self._turns(cache, total):  # then the first row is of other angles, too
                cache = self.prefill(cache.tokens, reach=total)
                rows = cache.logits[None]
            later, _ = self._step(cache, tokens[:-1], range(len(tokens) - 1), total)
            rows = np.concatenate([rows, later])
        return float(log_softmax(rows)[np.arange(len(tokens)), list(tokens)].sum())

    def step(self, cache: KvCache, token: int) -> KvCache:
        """One decode step: ``cache`` with ``token`` after it."""
        if self._turns(cache, len(cache.tokens) + 1):
            return self.extend(cache, [token])
        return self._stepped(cache, token)

    def _stepped(self, cache: KvCache, token: int) -> KvCache:
        total = len(cache.tokens) + 1
        if self.reader is not None:
            logits, past = self._step(cache, [token], [0], total)
        else:
            (logits,), past = self.run_one(cache.tensors, total - 1, Part(np.array([[token]]), (0,), (total,)))
        return KvCache((*cache.tokens, token), past, logits[0], cache.reused, self.reach(total))

    def decode(
        self,
        cache: KvCache,
        max_tokens: int,
        sampler: Sampler = GREEDY,
        *,
        ignore_end: bool = False,
    ) -> "Decoding":
        """Say up to ``max_tokens`` tokens after ``cache``; ``ignore_end`` says exactly that many."""
        return Decoding(self, cache, max_tokens, sampler, ignore_end)

    def generate(
        self,
        prompt: str | Sequence[int],
        max_tokens: int,
        sampler: Sampler = GREEDY,
        on_token: Callable[[str], None] | None = None,
        reuse: KvCache | None = None,
    ) -> Answer:
        """Prefill and decode; ``on_token`` hears the text of each token as it comes.

        Raises:
            Refused: ``prompt-too-long``.
        """
        cache = self.prefill(prompt, reuse)
        decoding = self.decode(cache, max_tokens, sampler)
        pieces: list[str] = []
        for piece in decoding:
            pieces.append(piece)
            if on_token:
                on_token(piece)
        return Answer("".join(pieces), tuple(decoding.tokens), len(cache.tokens), cache.reused, decoding.finish)

    def _step(
        self, cache: KvCache, tokens: Sequence[int], keep: Sequence[int], reach: int
    ) -> tuple[Array, tuple[Any, ...]]:
        """Logits of the kept positions, ``[kept, vocab]``, and the cache after ``tokens``, which are part of a
        sequence of ``reach`` tokens."""
        cached, ids = len(cache.tokens), np.array([list(tokens)])
        if (session := self.reader) is not None:
            logits, past = read(session, cache.tensors, cached, ids, [cached + len(tokens)], keep)
        else:
            logits, past = self.run(cache.tensors, cached, Part(ids, tuple(keep), (reach,)))
        return logits[0], past

    def run(self, past: tuple[Any, ...], cached: int, part: Part) -> tuple[Array, tuple[Any, ...]]:
        """Logits of the kept places, ``[rows, kept, vocab]``, and the cache after ``part``. ``past``: the cache before
        it, of ``cached`` slots a row."""
        subset = past if part.rows is None else tuple(_tensor(of_rows(one.numpy(), part.rows)) for one in past)
        feed = {"input_ids": tensor(part.tokens), "keep": tensor(part.keep), **self._of_rows(subset, part)}
        if "reach" in self._prefill.optional:
            feed["reach"] = tensor(part.reach)
        logits, *after = self._prefill.run(feed)
        if part.rows is not None:
            pairs = zip(past, after, strict=True)
            after = [_tensor(with_rows(old.numpy(), new.numpy(), part.rows)) for old, new in pairs]
        return logits.numpy(), tuple(after)

    def run_one(self, past: tuple[Any, ...], cached: int, part: Part) -> tuple[Array, tuple[Any, ...]]:
        """The same for one token a row, as a decode step; its places and its reach follow from the rest."""
        logits, *after = self._decode.run({"input_ids": tensor(part.tokens), **self._of_rows(past, part)})
        return logits.numpy(), tuple(after)

    def _of_rows(self, past: tuple[Any, ...], part: Part) -> dict[str, Any]:
        """What a graph is told of the rows beside their tokens."""
        mask = {} if part.mask is None else {"attention_mask": tensor(part.mask)}
        return dict(zip(self._past, past, strict=True)) | mask

    @property
    def _past(self) -> list[str]:
        return [name for name in self._facts.inputs if name.startswith("past.")]

    @property
    def _facts(self) -> Session:
        """The graph that is open: caches are the same in all."""
        return self._in_place or self._prefill

    def nothing(self, rows: int = 1) -> tuple[Any, ...]:
        """The cache before the first token."""
        shapes = [self._facts.inputs[name] for name in self._past]
        return tuple(tensor(np.zeros((rows, int(s[1]), 0, int(s[3]))), np.float32) for s in shapes)

    def _cut(self, cache: KvCache, length: int) -> tuple[Any, ...]:
        """The cache of the first ``length`` tokens."""
        if length == len(cache.tokens):
            return cache.tensors
        return tuple(tensor(value.numpy()[:, :, :length], np.float32) for value in cache.tensors)

    def nbytes(self, cache: KvCache) -> int:
        """Bytes that a cache takes in this process."""
        return sum(value.numpy().nbytes for value in cache.tensors)


class Saying:
    """One answer so far: chooses its tokens and makes text of them. ``finish`` tells why it ended."""

    def __init__(self, model: Decoder, logits: Logits, room: int, sampler: Sampler, ignore_end: bool) -> None:
        """``logits``: those of any token; ``room``: tokens that may be said."""
        self.tokens: list[int] = []
        self.finish: Literal["end", "length"] = "length"
        self.ended = False
        """Whether the model ended it."""
        self._end = model.bundle.end
        self._room = room
        self._choice = sampler.start()
        self._stream = TextStream(model.tokenizer)
        self._allowed = model.speakable
        if ignore_end and self._end:
            allowed = np.ones(logits.size, np.bool_) if self._allowed is None else self._allowed.copy()
            allowed[[token for token in sorted(self._end) if token < allowed.size]] = False
            self._allowed = allowed

    @property
    def done(self) -> bool:
        """Whether nothing more is said."""
        return self.ended or len(self.tokens) >= self._room

    def say(self, logits: Logits) -> str | None:
        """Choose a token and give its text; ``None`` where the answer ends instead."""
        token = self._choice.pick(logits, self._allowed)
        if token in self._end:
            self.ended, self.finish = True, "end"
            return None
        self.tokens.append(token)
        return self._stream.push(token)


class Decoding(Iterator[str]):
    """An answer as it comes: each step gives the text of one token, which is empty inside of a character."""

    def __init__(self, model: Decoder, cache: KvCache, max_tokens: int, sampler: Sampler, ignore_end: bool) -> None:
        room = min(max_tokens, model.bundle.max_tokens - len(cache.tokens))
        self._saying = Saying(model, cache.logits, room, sampler, ignore_end)
        self._from = cache
        self._prompt = cache.tokens
        self._logits = cache.logits
        self._stepper: Stepper | None = None
        self._model = model

    @property
    def tokens(self) -> list[int]:
        """Those that were said."""
        return self._saying.tokens

    @property
    def finish(self) -> Literal["end", "length"]:
        """Why it ended."""
        return self._saying.finish

    def __next__(self) -> str:
        if self._saying.done:
            raise StopIteration
        if self.tokens:
            self._step(self.tokens[-1])
        piece = self._saying.say(self._logits)
        if piece is None:
            raise StopIteration
        return piece

    def _step(self, token: int) -> None:
        if self._model.turns_with(len(self._prompt) + len(self.tokens)):
            self._from, self._stepper = self._model.prefill([*self._prompt, *self.tokens]), None
            self._logits = self._from.logits
            return
        self._stepper = self._stepper or self._model.stepper(self._from)
        if self._stepper is not None:
            self._logits = self._stepper.step(token)
        else:
            self._from = self._model.step(self._from, token)
            self._logits = self._from.logits

    @property
    def cache(self) -> KvCache:
        """The prompt's cache with all but the last token said."""
        if self._stepper is None:
            return self._from
        said = self.tokens if self._saying.ended else self.tokens[:-1]
        tokens = (*self._prompt, *said)
        reach = self._model.reach(len(tokens))
        return KvCache(tokens, self._stepper.tensors(), self._logits.copy(), self._from.reused, reach)


def _tensor(values: Array) -> Tensor:
    return tensor(values, np.float32)


def _is_printable(piece: str | None) -> bool:
    return piece is not None and piece.isascii() and piece.isprintable()


def _shared_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    pairs = zip(left, right, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(left), len(right)))
