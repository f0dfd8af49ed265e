"""Several sequences of a language model at once, each of its own length and as if it were alone.

Rows begin in the first slot, and what is padding lies behind them, where no token of theirs looks; a row that has ended
takes no part in later passes. Its keys so lie where they would alone: products and sums go in the same order, and with
decode steps that fill buffers in place, answers are those of each row alone, bit by bit. Where a step appends a slot to
every row instead, that of a row which has ended is padding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

import numpy as np

from agentc.runtime.models.llm import CHUNK, Answer, Decoder, Saying
from agentc.runtime.models.part import Part
from agentc.runtime.models.sampling import GREEDY, Logits, Sampler
from agentc.runtime.models.session import Array, Session, Tensor, tensor
from agentc.runtime.models.stepping import Stepper, read
from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record

_PASS: Final = 16
"""What a pass costs beside its tokens, in tokens: reading all weights takes as long as so many products with them. An
estimate: 4 bytes at 25 GB/s against 2 operations at 200 GFLOP/s, what two cores did for ``docs/performance.md``."""


@record(slots=True)
class BatchCache:
    """Keys and values of several sequences and the logits after them. Never changed."""

    tokens: tuple[tuple[int, ...], ...]
    tensors: tuple[Any, ...]
    """The engine's own: key and value by layer, ``[rows, kv_heads, slots, head_dim]``, or what shards hold. A row's
    tokens lie in the first slots."""
    logits: Logits
    """Of the token to come, ``[rows, vocab]``."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of each row."""
        return tuple(map(len, self.tokens))


def prefill(model: Decoder, prompts: Sequence[str | Sequence[int]]) -> BatchCache:
    """Compute the caches of prompts together.

    Raises:
        Refused: ``prompt-too-long`` and ``empty-prompt``, for all prompts at once.
    """
    rows = _encoded(model, prompts)
    return _filled(model, rows, [len(row) for row in rows])


def _filled(model: Decoder, rows: Sequence[Sequence[int]], reach: Sequence[int]) -> BatchCache:
    """The caches of rows, with the angles of sequences of ``reach`` tokens."""
    if model.reader is not None:
        return _read(model, model.reader, rows)
    lengths = [len(row) for row in rows]
    longest = max(lengths, default=0)
    tokens = np.array([[*row, *[0] * (longest - len(row))] for row in rows], np.int64)
    past, last = model.nothing(len(rows)), dict[int, Logits]()
    start = 0
    while start < longest:
        live = tuple(row for row, length in enumerate(lengths) if length > start)
        end = _end(start, [lengths[row] for row in live])
        ending = [row for row in live if lengths[row] <= end]
        keep = sorted({lengths[row] - 1 - start for row in ending}) or [end - start - 1]
        mask = _mask([lengths[row] for row in live], end)
        some = live if len(live) < len(rows) else None
        part = Part(tokens[list(live), start:end], tuple(keep), tuple(reach[row] for row in live), mask, some)
        logits, past = model.run(past, start, part)
        last |= {row: logits[live.index(row), keep.index(lengths[row] - 1 - start)] for row in ending}
        start = end
    return BatchCache(tuple(map(tuple, rows)), past, np.array([last[row] for row in range(len(rows))]))


def _read(model: Decoder, session: Session, rows: Sequence[Sequence[int]]) -> BatchCache:
    """The same by a graph that fills buffers, which angles do not concern."""
    slots = max(map(len, rows), default=0)
    shapes = [one.numpy().shape for one in model.nothing(len(rows))]
    past = [np.zeros((*shape[:2], slots, shape[3]), np.float32) for shape in shapes]
    ends: dict[int, Logits] = {}
    for group in _groups([len(row) for row in rows]):
        if len(group) == 1:
            cache = model.prefill(rows[group[0]])
            logits, tensors = cache.logits[None], cache.tensors
        else:
            logits, tensors = _read_together(model, session, [rows[row] for row in group])
        ends |= dict(zip(group, logits, strict=True))
        for whole, part in zip(past, tensors, strict=True):
            for row, own in zip(group, part.numpy(), strict=True):
                whole[row, :, : len(rows[row])] = own[:, : len(rows[row])]
    ordered = np.array([ends[row] for row in range(len(rows))])
    return BatchCache(tuple(map(tuple, rows)), tuple(tensor(one, np.float32) for one in past), ordered)


def _read_together(
    model: Decoder, session: Session, rows: Sequence[Sequence[int]]
) -> tuple[Logits, tuple[Tensor, ...]]:
    """Logits after each row, ``[rows, vocab]``, and the caches, by one pass."""
    lengths = [len(row) for row in rows]
    tokens = np.array([[*row, *[0] * (max(lengths) - len(row))] for row in rows], np.int64)
    keep = sorted({length - 1 for length in lengths})
    logits, tensors = read(session, model.nothing(len(rows)), 0, tokens, lengths, keep)
    return logits[np.arange(len(rows)), [keep.index(length - 1) for length in lengths]], tensors


def _groups(lengths: Sequence[int]) -> list[list[int]]:
    """Rows that are read in one pass, so that what is padded costs less than another. Rows of one token are alone:
    engines sum a single row in another order."""
    groups: list[list[int]] = []
    longest = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        length, group = lengths[row], groups[-1] if groups else []
        padding = (length - longest) * len(group)
        if not group or longest == 1 or padding > _PASS or length * (len(group) + 1) > CHUNK:
            groups.append([])
        groups[-1].append(row)
        longest = length
    return groups


def _end(start: int, lengths: Sequence[int]) -> int:
    """Where a pass of rows from slot ``start`` on ends: where it is cheapest for each token that counts. A pass of one
    slot is avoided: engines sum a single row in another order."""
    longest = max(lengths)
    most = min(start + max(CHUNK // len(lengths), 1), longest)
    ends = {most, most - 1, *(length for length in lengths if length < most)}
    wide = {end for end in ends if end - start > 1 and longest - end != 1} or {most}
    return min(sorted(wide), key=lambda end: _cost(start, end, lengths))


def _cost(start: int, end: int, lengths: Sequence[int]) -> float:
    """Tokens that are computed for each that counts; logits of a row and place are taken for one more."""
    kept = len({length for length in lengths if length <= end})
    used = sum(min(length, end) - start for length in lengths)
    return (len(lengths) * (end - start + kept) + _PASS) / used


def _mask(lengths: Sequence[int], slots: int) -> Array:
    """Which slots hold tokens, ``[rows, slots]``."""
    return (np.arange(slots) < np.array(lengths)[:, None]).astype(np.int64)


def _encoded(model: Decoder, prompts: Sequence[str | Sequence[int]]) -> list[list[int]]:
    rows: list[list[int]] = []
    problems: list[Diagnostic] = []
    for place, prompt in enumerate(prompts, 1):
        try:
            rows.append(model.encoded(prompt))
        except Refused as refused:
            where = f"prompt {place} of {len(prompts)}"
            problems += (replace(found, notes=(*found.notes, where)) for found in refused.diagnostics)
    if problems:
        raise Refused(*problems)
    return rows


class _Steps(Protocol):
    """How the caches of a batch grow."""

    def advance(self, tokens: Sequence[int | None]) -> Logits:
        """The logits after the token of each row, ``[rows, vocab]``; of a row without one they mean nothing."""
        ...

    def turn(self, rows: Sequence[int], sequences: Sequence[Sequence[int]], reach: Sequence[int]) -> None:
        """Turn the keys of ``rows``, whose sequences come to ``reach`` tokens. ``sequences``: what each row holds."""
        ...


class _InPlace:
    """Over buffers."""

    def __init__(self, model: Decoder, stepper: Stepper) -> None:
        self.advance = stepper.advance
        self._model = model
        self._stepper = stepper

    def turn(self, rows: Sequence[int], sequences: Sequence[Sequence[int]], reach: Sequence[int]) -> None:
        for row in rows:
            self._stepper.put(row, self._model.prefill(sequences[row], reach=reach[row]).tensors)


class _Appended:
    """By a slot more for every row."""

    def __init__(self, model: Decoder, cache: BatchCache) -> None:
        self._model = model
        self._begin(cache)

    def _begin(self, cache: BatchCache) -> None:
        self._past = cache.tensors
        self._mask = _mask(cache.lengths, max(cache.lengths))

    def advance(self, tokens: Sequence[int | None]) -> Logits:
        cached = self._mask.shape[1]
        self._mask = np.concatenate([self._mask, np.array([[token is not None] for token in tokens], np.int64)], 1)
        ids = np.array([[token or 0] for token in tokens], np.int64)
        part = Part(ids, (0,), tuple(self._mask.sum(1).tolist()), self._mask)
        logits, self._past = self._model.run_one(self._past, cached, part)
        return logits[:, 0]

    def turn(self, rows: Sequence[int], sequences: Sequence[Sequence[int]], reach: Sequence[int]) -> None:
        self._begin(_filled(self._model, sequences, reach))


def _steps(model: Decoder, cache: BatchCache) -> _Steps:
    stepper = model.stepper_of(cache.tensors, cache.lengths)
    return _Appended(model, cache) if stepper is None else _InPlace(model, stepper)


class BatchDecoding(Iterator[tuple[str | None, ...]]):
    """Answers as they come: a step gives the text of one token of each row, ``None`` where the answer has ended."""

    def __init__(
        self,
        model: Decoder,
        cache: BatchCache,
        max_tokens: int,
        samplers: Sequence[Sampler],
        *,
        ignore_end: bool = False,
    ) -> None:
        """``max_tokens``: of each answer; ``samplers``: one for each row, which chooses as it would alone."""
        limit = model.bundle.max_tokens
        rooms = [min(max_tokens, limit - length) for length in cache.lengths]
        self.answers = [
            Saying(model, row, room, sampler, ignore_end)
            for row, room, sampler in zip(cache.logits, rooms, samplers, strict=True)
        ]
        """By row."""
        self.logits: Logits = cache.logits
        """What the last step chose from, ``[rows, vocab]``; the next step may write over them."""
        self._model = model
        self._cache = cache
        self._steps: _Steps | None = None

    def __next__(self) -> tuple[str | None, ...]:
        if all(answer.done for answer in self.answers):
            raise StopIteration
        if any(answer.tokens for answer in self.answers):
            self.logits = self._stepped()
        rows = zip(self.answers, self.logits, strict=True)
        pieces = tuple(None if answer.done else answer.say(row) for answer, row in rows)
        if all(piece is None for piece in pieces):
            raise StopIteration
        return pieces

    def _stepped(self) -> Logits:
        if self._steps is None:
            self._steps = _steps(self._model, self._cache)
        last = [None if answer.done else answer.tokens[-1] for answer in self.answers]
        sequences = [
            [*prompt, *answer.tokens[:-1]] for prompt, answer in zip(self._cache.tokens, self.answers, strict=True)
        ]
        totals = [len(sequence) + (token is not None) for sequence, token in zip(sequences, last, strict=True)]
        live = [row for row, token in enumerate(last) if token is not None]
        if turning := [row for row in live if self._model.turns_with(totals[row])]:
            self._steps.turn(turning, sequences, totals)
        return self._steps.advance(last)


def generate(
    model: Decoder,
    prompts: Sequence[str | Sequence[int]],
    max_tokens: int,
    sampler: Sampler | Sequence[Sampler] = GREEDY,
) -> list[Answer]:
    """Prefill and decode all prompts together; each answer is what it would be alone. ``sampler``: one for all, or
    one for each.

    Raises:
        Refused: ``prompt-too-long``, ``empty-prompt``.
    """
    cache = prefill(model, prompts)
    samplers = [sampler] * len(prompts) if isinstance(sampler, Sampler) else sampler
    decoding = BatchDecoding(model, cache, max_tokens, samplers)
    pieces: list[list[str]] = [[] for _ in prompts]
    for step in decoding:
        for said, piece in zip(pieces, step, strict=True):
            said.append(piece or "")
    rows = zip(pieces, decoding.answers, cache.lengths, strict=True)
    return [Answer("".join(said), tuple(one.tokens), length, 0, one.finish) for said, one, length in rows]
