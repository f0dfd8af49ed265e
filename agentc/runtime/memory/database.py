"""One SQLite file, safe under threads and processes: a connection a thread, write-ahead log, one writer at a time."""

import contextlib
import ctypes
import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from agentc.support.diagnostics import Diagnostic, Refused

_WAIT_SECONDS = 30.0
"""How long a writer waits for another one."""
_registering = threading.Lock()


class Database:
    """A database file; made with its folder when it is not there.

    Raises:
        Refused: ``memory-unavailable``.
    """

    def __init__(self, path: Path, schema: str, *, vectors: bool = False) -> None:
        self.path = path
        self._vectors = vectors
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        with self._refusing():
            path.parent.mkdir(parents=True, exist_ok=True)
        self.has_vectors = False
        """Whether sqlite-vec could be loaded: not every Python and SQLite can."""
        with self.writing() as connection:
            for statement in schema.split(";"):
                connection.execute(statement)

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """This thread's connection.

        Raises:
            Refused: ``memory-unavailable``.
        """
        with self._refusing():
            yield self._connection()

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """This thread's connection in a transaction that is kept if the body ends well.

        Raises:
            Refused: ``memory-unavailable``.
        """
        with self._refusing():
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close all threads' connections."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()
            self._local = threading.local()

    def _connection(self) -> sqlite3.Connection:
        known: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if known is not None:
            return known
        connection, loaded = self._open()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        self.has_vectors = loaded
        self._local.connection = connection
        with self._lock:
            self._all.append(connection)
        return connection

    def _open(self) -> tuple[sqlite3.Connection, bool]:
        def connect() -> sqlite3.Connection:
            return sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)

        if not self._vectors:
            return connect(), False
        return with_vectors(connect)

    @contextmanager
    def _refusing(self) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            message = f"memory `{self.path.stem}` cannot be used: {error}"
            help = f"is `{self.path}` a file that you may write, and made by agentc? `--state DIR` names another place"
            raise Refused(Diagnostic("memory-unavailable", message, help=help)) from error


def with_vectors(connect: Callable[[], sqlite3.Connection]) -> tuple[sqlite3.Connection, bool]:
    """A connection that knows sqlite-vec, and whether it does.

    A Python without `enable_load_extension` (many are built so) still runs on a shared SQLite library, which
    takes the extension as one of its own for the moment of the connection (`sqlite3_auto_extension`).
    """
    import sqlite_vec  # pyright: ignore[reportMissingTypeStubs]

    if hasattr(sqlite3.Connection, "enable_load_extension"):
        connection = connect()
        try:
            connection.enable_load_extension(True)
            sqlite_vec.load(connection)
            connection.enable_load_extension(False)
            return connection, True
        except sqlite3.Error:
            return connection, False
    library, entry = _library(), _entry(sqlite_vec.loadable_path())
    if library is None or entry is None:
        return connect(), False
    with _registering:
        library.sqlite3_auto_extension(entry)
        try:
            connection = connect()
        finally:
            library.sqlite3_cancel_auto_extension(entry)
    return connection, True


def _library() -> ctypes.CDLL | None:
    """The SQLite that this process already runs, if it is a library of its own."""
    try:
        mapped = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return None
    path = next((line.split(None, 5)[5] for line in mapped if "/libsqlite3" in line), None)
    if path is None:
        return None
    library = ctypes.CDLL(path)
    library.sqlite3_auto_extension.argtypes = [ctypes.c_void_p]
    library.sqlite3_cancel_auto_extension.argtypes = [ctypes.c_void_p]
    return library


def _entry(extension: str) -> ctypes.c_void_p | None:
    """Where the extension begins."""
    for suffix in (".so", ".dylib", ""):
        with contextlib.suppress(OSError, AttributeError):
            return ctypes.cast(ctypes.CDLL(extension + suffix).sqlite3_vec_init, ctypes.c_void_p)
    return None
