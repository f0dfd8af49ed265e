"""One process of a sharded language model: its segments, its caches, and the all-reduce between the halves."""

from contextlib import suppress
from itertools import pairwise
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from threading import BrokenBarrierError
from typing import Any

import numpy as np
import numpy.typing as npt

from agentc.runtime.models.part import Part, of_rows, with_rows
from agentc.runtime.models.session import Array, Session, Tensor, tensor
from agentc.support.record import record


@record(slots=True)
class Setup:
    """What a process is started with."""

    folder: Path
    rank: int
    ranks: int
    layers: int
    vocab: int
    memory: str
    """The name of the shared block: two buffers of ``ranks`` parts each."""
    threads: int


@record(slots=True)
class Step:
    """What all processes do together."""

    base: int
    """The cache to go on from; 0 for none."""
    length: int
    """How many of its slots."""
    part: Part
    key: int
    """The name of the cache that comes of it."""
    gone: tuple[int, ...]
    """Caches that nobody has any more."""


def shared_bytes(ranks: int, hidden: int, vocab: int, tokens: int) -> int:
    """Of the shared block: partial sums of so many tokens, or the logits of one."""
    return 2 * ranks * max(tokens * hidden, -(-vocab // ranks)) * 4


def serve(setup: Setup, connection: "Connection[Any, Any]", barrier: Any) -> None:
    """The life of a process: load, then a step for each that comes, until the other side closes."""
    try:
        shard = Shard(setup, barrier)
        connection.send(None)
        while True:
            answer = shard.step(connection.recv())
            if setup.rank == 0:
                connection.send(answer)
    except (EOFError, KeyboardInterrupt, BrokenBarrierError):
        return
    except Exception as error:  # the other side tells it, before others end because of it
        with suppress(OSError):
            connection.send(f"shard {setup.rank}: {error or type(error).__name__}")
        barrier.abort()


class Shard:
    """The segments of one rank, its caches, and its place in the shared block."""

    def __init__(self, setup: Setup, barrier: Any) -> None:
        self._setup = setup
        self._barrier = barrier
        count = 2 * setup.layers + 1
        self._segments = [Session(setup.folder / f"{place:03}.onnx", setup.threads) for place in range(count)]
        self._caches: dict[int, list[Tensor]] = {}
        self._memory = SharedMemory(setup.memory)
        size = self._memory.size // 4 // (2 * setup.ranks)
        shape = (2, setup.ranks, size)
        self._floats: npt.NDArray[np.float32] = np.ndarray(shape, np.float32, buffer=self._memory.buf)  # pyright: ignore[reportArgumentType]
        self._turn = 0

    def close(self) -> None:
        """Let go of the shared block."""
        del self._floats
        self._memory.close()

    def _nothing(self, rows: int) -> list[Tensor]:
        shapes = [s.inputs[name] for s in self._segments for name in _parts(s)]
        return [tensor(np.zeros((rows, int(s[1]), 0, int(s[3]))), np.float32) for s in shapes]

    def step(self, step: Step) -> Array | None:
        """Logits ``[rows, kept, vocab]``, on the first rank alone."""
        for key in step.gone:
            self._caches.pop(key, None)
        part = step.part
        whole = self._past(step)
        past = iter(whole if part.rows is None else [_of(one, part.rows) for one in whole])
        ids, shared = tensor(part.tokens), _optional(part)
        present: list[Tensor] = []
        feed: dict[str, Tensor] = {}
        for half in range(2 * self._setup.layers):
            segment = self._segments[half]
            if half % 2 == 0:
                feed |= {"input_ids": ids, **{name: shared[name] for name in segment.optional if name in shared}}
                feed |= {name: next(past) for name in _parts(segment)}
            residual, partial, *cached = segment.run(feed)
            present += cached
            feed = {"before": residual, "sum": self._all_reduce(partial)}
        self._caches[step.key] = present if part.rows is None else _joined(whole, present, part.rows)
        return self._gathered(self._segments[-1].run({**feed, "keep": tensor(part.keep)})[0].numpy())

    def _past(self, step: Step) -> list[Tensor]:
        """The cache that a step goes on from."""
        if step.base:
            return [_first(one, step.length) for one in self._caches[step.base]]
        return self._nothing(len(step.part.tokens))

    def _all_reduce(self, partial: Tensor) -> Tensor:
        """The sum over all ranks. Two buffers take turns, so that one wait is enough: who writes the next sum has
        seen everybody come for this one, and nobody is still reading the one before."""
        values = partial.numpy()
        flat = values.reshape(-1)
        together = self._floats.shape[2]
        pieces = [self._summed(flat[start : start + together]) for start in range(0, flat.size, together)]
        return tensor(np.concatenate(pieces).reshape(values.shape), np.float32)

    def _summed(self, values: Array) -> Array:
        parts = self._exchanged(values)
        total = parts[0, : values.size].copy()
        for other in parts[1:]:
            total += other[: values.size]
        return total

    def _exchanged(self, values: Array) -> npt.NDArray[np.float32]:
        """A row for each rank that begins with its ``values``; it is good until the exchange after the next."""
        parts = self._floats[self._turn]
        parts[self._setup.rank, : values.size] = values.reshape(-1)
        self._barrier.wait()
        self._turn = 1 - self._turn
        return parts

    def _gathered(self, part: Array) -> Array | None:
        """On the first rank the logits of the whole vocabulary, of which each rank has ``[rows, kept, share]``; in
        pieces that fit the block."""
        rows_kept, part = part.shape[:2], part.reshape(-1, part.shape[2])
        ranks, vocab = self._setup.ranks, self._setup.vocab
        ends = [vocab * rank // ranks for rank in range(ranks + 1)]
        together = self._floats.shape[2] // max(high - low for low, high in pairwise(ends))
        whole = np.empty((len(part), vocab), np.float32)
        for start in range(0, len(part), together):
            rows = whole[start : start + together]
            parts = self._exchanged(part[start : start + together])
            for rank, (low, high) in enumerate(pairwise(ends)) if self._setup.rank == 0 else ():
                rows[:, low:high] = parts[rank, : len(rows) * (high - low)].reshape(len(rows), high - low)
        return whole.reshape(*rows_kept, vocab) if self._setup.rank == 0 else None


def _optional(part: Part) -> dict[str, Tensor]:
    """What a segment may be told of the rows beside their tokens."""
    told = {"reach": tensor(part.reach)}
    return told if part.mask is None else told | {"attention_mask": tensor(part.mask)}


def _parts(segment: Session) -> list[str]:
    """The parts of its layer's cache that a segment reads: keys and values, or latent entries."""
    return [name for name in segment.inputs if name.startswith("past.")]


def _first(part: Tensor, length: int) -> Tensor:
    values = part.numpy()
    return part if values.shape[2] == length else tensor(values[:, :, :length], np.float32)


def _of(part: Tensor, rows: tuple[int, ...]) -> Tensor:
    return tensor(of_rows(part.numpy(), rows), np.float32)


def _joined(past: list[Tensor], present: list[Tensor], rows: tuple[int, ...]) -> list[Tensor]:
    pairs = zip(past, present, strict=True)
    return [tensor(with_rows(old.numpy(), new.numpy(), rows), np.float32) for old, new in pairs]
