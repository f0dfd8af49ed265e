"""The memories of a program, opened when they are first asked for."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from agentc.dialects.memory import SpecOp
from agentc.plan.layout import DATA
from agentc.runtime.attributes import plain_attributes
from agentc.runtime.build import Build
from agentc.runtime.codec import encode
from agentc.runtime.memory import documents
from agentc.runtime.memory.documents import Passage
from agentc.runtime.memory.hashing import HashEmbedding
from agentc.runtime.memory.keyed import KeyValueStore, LogStore
from agentc.runtime.memory.vector import VectorStore
from agentc.runtime.values import as_documents, as_text, is_documents
from agentc.support.diagnostics import Diagnostic, Refused

Embed = Callable[[str], Callable[[Sequence[str]], npt.NDArray[np.float32]]]
"""Model symbol -> what makes vectors of texts."""


class Stores:
    """Memories by symbol."""

    def __init__(self, specs: Mapping[str, SpecOp], build: Build | None, state: Path, embed: Embed) -> None:
        self._specs = specs
        self._build = build
        self._state = state
        self._embed = embed
        self._open: dict[str, Any] = {}
        self._lock = threading.Lock()

    def load(self, name: str, keys: Sequence[Any], session: str) -> Any:
        """What is under the keys; without keys, what the conversation stored.

        Raises:
            Refused: ``memory-unavailable``; ``documents-unreadable`` when it is filled.
        """
        store = self._store(name)
        if isinstance(store, VectorStore):
            return store.get(_key(keys)) if keys else "\n\n".join(store.texts())
        found = store.load(_key(keys)) if keys else store.load_session(session)
        return _lines(found) if isinstance(store, LogStore) or not keys else found

    def store(self, name: str, values: Sequence[Any], session: str) -> None:
        """Keep the last value under the keys before it.

        Raises:
            Refused: as ``load``.
        """
        store = self._store(name)
        *keys, value = values
        if isinstance(store, VectorStore):
            store.add(_passages(value, _key(keys) if keys else None))
        elif isinstance(store, LogStore):
            store.append(session, [value], _key(keys))
        else:
            store.store(session, _key(keys) if keys else None, value)

    def observe(self, name: str, values: Sequence[Any], session: str) -> None:
        """Append an episode.

        Raises:
            Refused: as ``load``.
        """
        store = self._store(name)
        if isinstance(store, LogStore):
            store.append(session, list(values))
        elif isinstance(store, VectorStore):
            store.add(_passages("\n".join(map(as_text, values)), None))
        else:
            store.store(session, None, list(values))

    def search(self, name: str, query: Any, k: int) -> list[dict[str, Any]]:
        """The ``k`` nearest documents.

        Raises:
            Refused: as ``load``; ``memory-kind``, if the memory does not hold documents.
        """
        store = self._store(name)
        if not isinstance(store, VectorStore):
            message = f"memory `{name}` is looked up by similarity, but it is no vector memory"
            raise Refused(Diagnostic("memory-kind", message, help="write `kind: vector`"))
        return store.search(cast(Any, query) if isinstance(query, np.ndarray) else as_text(query), k)

    def close(self) -> None:
        """Let all files go."""
        with self._lock:
            for store in self._open.values():
                store.close()
            self._open.clear()

    def _store(self, name: str) -> VectorStore | KeyValueStore | LogStore:
        with self._lock:
            if name not in self._open:
                self._open[name] = self._opened(name, self._specs[name])
            return self._open[name]

    def _opened(self, name: str, spec: SpecOp) -> VectorStore | KeyValueStore | LogStore:
        kind, path = spec.kind.data, self._state / f"{name}.sqlite"
        if kind == "keyvalue":
            return KeyValueStore(path)
        if kind == "log":
            return LogStore(path)
        embed = self._embed(spec.embed.string_value()) if spec.embed is not None else None
        store = VectorStore(name, path, embed or HashEmbedding(spec.dimension.value.data).embed)
        if spec.path is not None:
            self._fill(store, spec, spec.path.data)
        return store

    def _fill(self, store: VectorStore, spec: SpecOp, path: str) -> None:
        if self._build is None:
            return
        root = self._build.folder / DATA / path
        options = plain_attributes(spec.options)
        characters = int(options.get("passage_characters", documents.PASSAGE_CHARACTERS))
        model = spec.embed.string_value() if spec.embed is not None else "hash"
        print_ = f"{documents.fingerprint(root) if root.exists() else '-'}/{model}/{characters}"
        store.fill(print_, lambda: documents.read(root, store.name, characters))


def _key(keys: Sequence[Any]) -> str:
    """One key as its text, several as a JSON list."""
    return as_text(keys[0]) if len(keys) == 1 else (encode([as_text(key) for key in keys]) if keys else "")


def _lines(entries: Sequence[Any]) -> str | None:
    """Episodes as text, one a line, oldest first; ``None`` where there are none."""
    lines = [
        " | ".join(map(_line, cast(list[Any], entry))) if isinstance(entry, list) else _line(entry) for entry in entries
    ]
    return "\n".join(lines) if lines else None


def _line(value: Any) -> str:
    return "(not text)" if not _is_textual(value) else as_text(value)


def _is_textual(value: Any) -> bool:
    return not hasattr(value, "rate") and not isinstance(value, bytes | np.ndarray)


def _passages(value: Any, key: str | None) -> list[Passage]:
    """A value as passages; without a key, named by their content, so that the same is kept once."""
    found: list[dict[str, Any]] = as_documents(value) if is_documents(value) else [{"text": as_text(value)}]
    named = [
        one.get("id") if key is None else (key if len(found) == 1 else f"{key}#{n}") for n, one in enumerate(found)
    ]
    return [
        Passage(str(id or f"text:{_digest(one['text'])}"), one["text"], dict(one.get("metadata") or {}))
        for id, one in zip(named, found, strict=True)
        if one["text"].strip()
    ]


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
