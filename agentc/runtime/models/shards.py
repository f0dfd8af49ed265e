"""A language model as N processes that share every step, joined by all-reduces over shared memory.

Each process holds one shard of the weights and of every cache. Between the halves of a layer all of them write their
partial sums side by side into one block of shared memory, wait for each other, and add up all parts in the order of
ranks, so that every process has the same sum, bit by bit. Each computes the logits of its part of the vocabulary; the
first one gathers them.
"""

import json
import multiprocessing
import os
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any, Final, TypeAlias

from agentc.runtime.models.bundle import unreadable
from agentc.runtime.models.llm import CHUNK, Decoder, KvCache
from agentc.runtime.models.part import Part
from agentc.runtime.models.session import Array
from agentc.runtime.models.shard_worker import Setup, Step, serve, shared_bytes
from agentc.support.diagnostics import Refused

Pipe: TypeAlias = "Connection[Any, Any]"

START_SECONDS: Final = 120.0
"""How long the processes may take to load their weights, or for a step."""
_END_SECONDS: Final = 1.0
"""How long they may take to end by themselves."""


class Held:
    """A cache that the processes hold; it is forgotten there when nobody has this any more."""

    def __init__(self, group: "ShardGroup", key: int) -> None:
        self.key = key
        weakref.finalize(self, group.forget, key)


class ShardGroup:
    """The processes of one model.

    Raises:
        Refused: ``model-unreadable``, if a shard does not load.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        self._folder = folder
        try:
            facts = json.loads((folder / "shards.json").read_text(encoding="utf-8"))
            self.ranks, layers, hidden, vocab = (int(facts[key]) for key in ("ranks", "layers", "hidden", "vocab"))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise unreadable(folder, f"shards.json: {error}") from error
        share = threads or max((os.cpu_count() or 1) // self.ranks, 1)
        context = multiprocessing.get_context("spawn")
        self._memory = SharedMemory(create=True, size=shared_bytes(self.ranks, hidden, vocab, CHUNK))
        self._barrier = context.Barrier(self.ranks)
        self._lock = threading.Lock()
        self._gone: list[int] = []
        self._next = 1
        self._connections: list[Pipe] = []
        self.processes: list[Any] = []
        for rank in range(self.ranks):
            ours, theirs = context.Pipe()
            setup = Setup(folder / f"rank{rank}", rank, self.ranks, layers, vocab, self._memory.name, share)
            process = context.Process(
                target=serve, args=(setup, theirs, self._barrier), daemon=True, name=f"shard-{rank}"
            )
            process.start()
            theirs.close()
            self._connections.append(ours)
            self.processes.append(process)
        self._finalizer = weakref.finalize(self, _stop, self._connections, self.processes, self._memory)
        self._answers(self._connections)

    def step(self, base: int, length: int, part: Part) -> tuple[Array, Held]:
        """Logits of the kept places, ``[rows, kept, vocab]``, after the first ``length`` slots of cache ``base`` and
        ``part``, and the cache of all of them. Cache 0 is empty.

        Raises:
            Refused: ``model-unreadable``, if a process failed or ended.
        """
        with self._lock:
            if not self._finalizer.alive:
                raise unreadable(self._folder, "its processes have ended")
            key, self._next = self._next, self._next + 1
            gone, self._gone = self._gone, []
            step = Step(base, length, part, key, tuple(gone))
            for connection in self._connections:
                with suppress(ConnectionError):  # the answer will tell
                    connection.send(step)
            return self._answers(self._connections[:1])[0], Held(self, key)

    def forget(self, key: int) -> None:
        """A cache that nobody has any more goes with the next step."""
        self._gone.append(key)

    def close(self) -> None:
        """End the processes."""
        self._finalizer()

    def _answers(self, wanted: Sequence[Pipe]) -> list[Any]:
        """One message of each wanted process, in their order. Of the others only failures are heard."""
        found: dict[int, Any] = {}
        while len(found) < len(wanted):
            ready = wait([*self._connections, *(process.sentinel for process in self.processes)], START_SECONDS)
            heard = [rank for rank, connection in enumerate(self._connections) if connection in ready]
            for rank in heard:
                found[rank] = message = _received(self._connections[rank])
                if isinstance(message, str):
                    raise self._failed(message)
            if not heard:
                raise self._failed("a shard ended" if ready else f"no answer within {START_SECONDS:g} s")
        return [found[rank] for rank in sorted(found)]

    def _failed(self, why: str) -> Refused:
        self.close()
        return unreadable(self._folder, why)


def _received(connection: Pipe) -> Any:
    try:
        return connection.recv()
    except (EOFError, ConnectionError):
        return "a shard ended"


def _stop(connections: Sequence[Pipe], processes: Sequence[Any], memory: SharedMemory) -> None:
    for connection in connections:
        connection.close()
    deadline = time.monotonic() + _END_SECONDS
    for process in processes:
        process.join(max(deadline - time.monotonic(), 0.0))
    for process in processes:
        if process.is_alive():  # at the barrier, or stopped: nothing else ends it
            process.kill()
            process.join()
    memory.close()
    memory.unlink()


class ShardedDecoder(Decoder):
    """A decoder whose folder has shards in ``tpN``: the same answers, by N processes.

    Raises:
        Refused: ``model-unreadable``.
    """

    def __init__(self, folder: Path, shards: Path, threads: int = 0) -> None:
        self._group = ShardGroup(shards, threads)
        super().__init__(folder, threads)

    @property
    def processes(self) -> Sequence[Any]:
        """Of each rank."""
        return self._group.processes

    def close(self) -> None:
        """End the processes."""
        self._group.close()

    def _open(self, threads: int) -> None:
        """The whole model stays closed."""

    def stepper_of(self, tensors: tuple[Any, ...], lengths: Sequence[int]) -> None:
        """Caches grow in the processes."""

    def nothing(self, rows: int = 1) -> tuple[Any, ...]:
        """Processes know what it is."""
        return ()

    def _cut(self, cache: KvCache, length: int) -> tuple[Any, ...]:
        return cache.tensors  # a step says how much of a cache it goes on from

    def run(self, past: tuple[Any, ...], cached: int, part: Part) -> tuple[Array, tuple[Any, ...]]:
        """The same by all processes, over a cache that they hold."""
        logits, held = self._group.step(past[0].key if past else 0, cached, part)
        return logits, (held,)

    def run_one(self, past: tuple[Any, ...], cached: int, part: Part) -> tuple[Array, tuple[Any, ...]]:
        """They have one graph for any number of tokens."""
        return self.run(past, cached, part)

    def nbytes(self, cache: KvCache) -> int:
        """None of it is in this process."""
        return 0
