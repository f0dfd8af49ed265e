"""Documents by similarity: passages in SQLite, their vectors in sqlite-vec, searched exactly by cosine."""

import json
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentc.runtime.memory.database import Database
from agentc.runtime.memory.documents import Passage
from agentc.support.diagnostics import Diagnostic, Refused

Floats = npt.NDArray[np.float32]
Embed = Callable[[Sequence[str]], Floats]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL, metadata TEXT NOT NULL,
    loaded INTEGER NOT NULL, vector BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)
"""


class VectorStore:
    """Passages and their vectors, all of one width.

    Raises:
        Refused: ``memory-unavailable``, by every method too; ``embedding-width``.
    """

    def __init__(self, name: str, path: Path, embed: Embed, *, scan: bool = False) -> None:
        """``embed`` makes vectors of texts. ``scan``: search without sqlite-vec, as where it cannot be loaded."""
        self.name = name
        self._embed = embed
        self._database = Database(path, _SCHEMA, vectors=not scan)
        self._filling = threading.Lock()
        self._complete()

    def fill(self, print_: str, passages: Callable[[], Sequence[Passage]]) -> None:
        """Make the memory hold the documents of fingerprint ``print_`` beside what was stored in runs."""
        with self._filling:
            if self._fact("documents") == print_:
                return
            read = passages()
            vectors = self._embed([passage.text for passage in read]) if read else np.zeros((0, 0), np.float32)
            with self._database.writing() as connection:
                if (before := self._fact("documents")) is not None and before != print_:
                    old = connection.execute("SELECT number FROM passages WHERE loaded = 1").fetchall()
                    self._forget(connection, [row[0] for row in old])
                self._add(connection, read, vectors, loaded=True)
                self._set_fact(connection, "documents", print_)

    def add(self, passages: Sequence[Passage]) -> None:
        """Keep passages; those of a known id are replaced."""
        if not passages:
            return
        vectors = self._embed([passage.text for passage in passages])
        with self._database.writing() as connection:
            self._add(connection, passages, vectors, loaded=False)

    def get(self, id: str) -> str | None:
        """The text of a passage, or ``None``."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT text FROM passages WHERE id = ?", (id,)).fetchone()
        return row[0] if row else None

    def texts(self) -> list[str]:
        """The texts of all passages."""
        with self._database.reading() as connection:
            return [row[0] for row in connection.execute("SELECT text FROM passages ORDER BY number")]

    def search(self, query: str | Floats, k: int) -> list[dict[str, Any]]:
        """The ``k`` nearest passages, best first; ``score`` is the cosine, from -1 to 1."""
        vector = self._embed([query])[0] if isinstance(query, str) else np.asarray(query, np.float32).reshape(-1)
        width = self._fact("width")
        if width is None or k < 1:
            return []
        if int(width) != vector.size:
            raise self._mismatch(vector.size, int(width))
        with self._database.reading() as connection:
            found = self._nearest(connection, _unit(vector), k)
            return [self._document(connection, number, score) for number, score in found]

    def close(self) -> None:
        """Let the file go."""
        self._database.close()

    def _nearest(self, connection: sqlite3.Connection, vector: Floats, k: int) -> list[tuple[int, float]]:
        if self._database.has_vectors:
            query = "SELECT rowid, distance FROM vectors WHERE embedding MATCH ? AND k = ? ORDER BY distance"
            rows = connection.execute(query, (vector.tobytes(), min(k, 4096))).fetchall()
            # an empty text has no direction: its cosine is not a number, and counts as 0
            scored = [(row[0], 0.0 if row[1] is None or row[1] != row[1] else 1.0 - row[1]) for row in rows]
            return sorted(scored, key=lambda row: (-row[1], row[0]))
        rows = connection.execute("SELECT number, vector FROM passages ORDER BY number").fetchall()
        matrix = np.frombuffer(b"".join(row[1] for row in rows), np.float32).reshape(-1, vector.size)
        scores = matrix @ vector
        best = np.argsort(-scores, kind="stable")[:k]
        return [(rows[place][0], float(scores[place])) for place in best]

    def _document(self, connection: sqlite3.Connection, number: int, score: float) -> dict[str, Any]:
        query = "SELECT id, text, metadata FROM passages WHERE number = ?"
        id, text, metadata = connection.execute(query, (number,)).fetchone()
        return {"id": id, "text": text, "score": round(score, 6), "metadata": json.loads(metadata)}

    def _add(
        self, connection: sqlite3.Connection, passages: Sequence[Passage], vectors: Floats, *, loaded: bool
    ) -> None:
        if not passages:
            return
        self._prepare(connection, vectors.shape[1])
        for passage, vector in zip(passages, vectors, strict=True):
            known = connection.execute("SELECT number FROM passages WHERE id = ?", (passage.id,)).fetchall()
            self._forget(connection, [row[0] for row in known])
            metadata = json.dumps(passage.metadata, ensure_ascii=False)
            unit = _unit(vector).tobytes()
            row = connection.execute(
                "INSERT INTO passages (id, text, metadata, loaded, vector) VALUES (?, ?, ?, ?, ?)",
                (passage.id, passage.text, metadata, int(loaded), unit),
            )
            if self._database.has_vectors:
                connection.execute("INSERT INTO vectors (rowid, embedding) VALUES (?, ?)", (row.lastrowid, unit))

    def _prepare(self, connection: sqlite3.Connection, width: int) -> None:
        """The table of vectors has a fixed width, so that it is made with the first vector."""
        known = self._fact("width")
        if known is not None and int(known) != width:
            raise self._mismatch(width, int(known))
        if known is None:
            self._set_fact(connection, "width", str(width))
        if self._database.has_vectors:
            columns = f"embedding float[{width}] distance_metric=cosine"
            connection.execute(f"CREATE VIRTUAL TABLE IF NOT EXISTS vectors USING vec0({columns})")

    def _complete(self) -> None:
        """Index what was kept where sqlite-vec could not be loaded."""
        width = self._fact("width")
        if width is None or not self._database.has_vectors:
            return
        with self._database.writing() as connection:
            self._prepare(connection, int(width))
            missing = "SELECT number, vector FROM passages WHERE number NOT IN (SELECT rowid FROM vectors)"
            rows = connection.execute(missing).fetchall()
            connection.executemany("INSERT INTO vectors (rowid, embedding) VALUES (?, ?)", rows)

    def _forget(self, connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
        for number in numbers:
            connection.execute("DELETE FROM passages WHERE number = ?", (number,))
            if self._database.has_vectors:
                connection.execute("DELETE FROM vectors WHERE rowid = ?", (number,))

    def _fact(self, name: str) -> str | None:
        with self._database.reading() as connection:
            row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def _set_fact(self, connection: sqlite3.Connection, name: str, value: str) -> None:
        connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))

    def _mismatch(self, found: int, width: int) -> Refused:
        message = f"memory `{self.name}` holds vectors of {width} numbers; the embedding has {found}"
        help = "look up with the model that filled the memory, or give `--state` a new folder"
        return Refused(Diagnostic("embedding-width", message, help=help))


def _unit(vector: Floats) -> Floats:
    norm = float(np.linalg.norm(vector))
    return (vector / norm if norm > 0 else vector).astype(np.float32)
