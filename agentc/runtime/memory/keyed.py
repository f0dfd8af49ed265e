"""Values by key, and episodes in order."""

from pathlib import Path
from typing import Any

from agentc.runtime.codec import decode, encode
from agentc.runtime.memory.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_key ON entries (key, number);
CREATE INDEX IF NOT EXISTS by_session ON entries (session, number)
"""


_NO_KEY = "\0"
"""The key of what a conversation keeps without one: no text that a step is likely to make."""


class KeyValueStore:
    """The last value under each key, and one of each conversation without a key.

    Keys are the same for all conversations: what one keeps under a key, another one reads there.

    Raises:
        Refused: ``memory-unavailable``, by every method too.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def load(self, key: str) -> Any:
        """The value under ``key``, or ``None``."""
        with self._database.reading() as connection:
            query = "SELECT value FROM entries WHERE key = ? ORDER BY number DESC LIMIT 1"
            row = connection.execute(query, (_bound(key),)).fetchone()
        return decode(row[0]) if row else None

    def load_session(self, session: str) -> list[Any]:
        """All values that a conversation stored and that are still there, oldest first."""
        return _of_session(self._database, session)

    def store(self, session: str, key: str | None, value: object) -> None:
        """Put ``value`` under ``key``, or as the conversation's own, in the place of what was there."""
        row = (_bound(session), _NO_KEY if key is None else _bound(key), _bound(encode(value)))
        with self._database.writing() as connection:
            if key is None:
                connection.execute("DELETE FROM entries WHERE session = ? AND key = ?", row[:2])
            else:
                connection.execute("DELETE FROM entries WHERE key = ?", row[1:2])
            connection.execute("INSERT INTO entries (session, key, value) VALUES (?, ?, ?)", row)

    def close(self) -> None:
        """Let the file go."""
        self._database.close()


class LogStore:
    """Episodes, only ever added.

    Raises:
        Refused: ``memory-unavailable``, by every method too.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def append(self, session: str, values: list[Any], key: str = "") -> None:
        """Add one episode."""
        row = (_bound(session), _bound(key), _bound(encode(values)))
        with self._database.writing() as connection:
            connection.execute("INSERT INTO entries (session, key, value) VALUES (?, ?, ?)", row)

    def load(self, key: str) -> list[list[Any]]:
        """The episodes under ``key``, oldest first."""
        query = "SELECT value FROM entries WHERE key = ? ORDER BY number"
        with self._database.reading() as connection:
            rows = connection.execute(query, (_bound(key),)).fetchall()
        return [decode(row[0]) for row in rows]

    def load_session(self, session: str) -> list[list[Any]]:
        """The episodes of a conversation, oldest first."""
        return _of_session(self._database, session)

    def close(self) -> None:
        """Let the file go."""
        self._database.close()


def _bound(text: str) -> str:
    """``text`` as SQLite takes it: half of a surrogate pair is no character."""
    return text.encode(errors="replace").decode()


def _of_session(database: Database, session: str) -> list[Any]:
    query = "SELECT value FROM entries WHERE session = ? ORDER BY number"
    with database.reading() as connection:
        rows = connection.execute(query, (_bound(session),)).fetchall()
    return [decode(row[0]) for row in rows]
