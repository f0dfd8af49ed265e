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


class KeyValueStore:
    """The last value under each key; keys are the same for all conversations.

    Raises:
        Refused: ``memory-unavailable``, by every method too.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def load(self, key: str) -> Any:
        """The value under ``key``, or ``None``."""
        with self._database.reading() as connection:
            query = "SELECT value FROM entries WHERE key = ? ORDER BY number DESC LIMIT 1"
            row = connection.execute(query, (key,)).fetchone()
        return decode(row[0]) if row else None

    def load_session(self, session: str) -> list[Any]:
        """All values that a conversation stored, oldest first."""
        return _of_session(self._database, session)

    def store(self, session: str, key: str, value: object) -> None:
        """Put ``value`` under ``key``, in the place of what was there."""
        text = encode(value)
        with self._database.writing() as connection:
            connection.execute("DELETE FROM entries WHERE key = ?", (key,))
            connection.execute("INSERT INTO entries (session, key, value) VALUES (?, ?, ?)", (session, key, text))

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
        text = encode(values)
        with self._database.writing() as connection:
            connection.execute("INSERT INTO entries (session, key, value) VALUES (?, ?, ?)", (session, key, text))

    def load(self, key: str) -> list[list[Any]]:
        """The episodes under ``key``, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT value FROM entries WHERE key = ? ORDER BY number", (key,)).fetchall()
        return [decode(row[0]) for row in rows]

    def load_session(self, session: str) -> list[list[Any]]:
        """The episodes of a conversation, oldest first."""
        return _of_session(self._database, session)

    def close(self) -> None:
        """Let the file go."""
        self._database.close()


def _of_session(database: Database, session: str) -> list[Any]:
    with database.reading() as connection:
        rows = connection.execute("SELECT value FROM entries WHERE session = ? ORDER BY number", (session,)).fetchall()
    return [decode(row[0]) for row in rows]
