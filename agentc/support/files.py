"""Files written whole or not at all, so that a failed or killed run leaves what was there before."""

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from agentc.support.diagnostics import Diagnostic, Refused, shortened

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def sha256(data: bytes) -> str:
    """Hexadecimal digest."""
    return hashlib.sha256(data).hexdigest()


def write_file(path: str | Path, data: str | bytes) -> None:
    """Replace one file; a reader sees the old or the new content, never a part.

    A link stays one: what it points to is replaced. What is no file (``/dev/stdout``, a named pipe) is written through.

    Raises:
        Refused: It cannot be written.
    """
    shown, target = Path(path), Path(os.path.realpath(path))
    with _refusing(shown):
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_bytes(_bytes(data))
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(_bytes(data))
            temporary.chmod(0o644)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def append_file(path: str | Path, data: str | bytes) -> None:
    """Add ``data`` to the end of a file in one write, so that lines of several processes do not mix.

    Raises:
        Refused: It cannot be written.
    """
    with _refusing(Path(path)):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with Path(path).open("ab", buffering=0) as stream:
            stream.write(_bytes(data))


def write_directory(path: str | Path, files: Mapping[str, str | bytes], marker: str = "manifest.yaml") -> None:
    """Make ``path`` hold exactly ``files`` (relative POSIX path -> content).

    They are written to a hidden sibling that then trades places with ``path``. What ``path`` held is deleted, so an
    existing directory is replaced only if it is empty or holds ``marker``, a sign that an earlier run wrote it.

    Raises:
        Refused: ``not-a-build`` for a directory of somebody else, ``unwritable-path`` if it cannot be written.
        ValueError: A path of ``files`` is absolute or leaves the directory.
    """
    names = {name: _checked(name) for name in sorted(files)}
    with whole_directory(path, marker) as fresh:
        for name, relative in names.items():
            _write(fresh / relative, _bytes(files[name]))


@contextmanager
def whole_directory(path: str | Path, marker: str = "manifest.yaml") -> Generator[Path, None, None]:
    """An empty directory that takes the place of ``path`` when the block ends, and is deleted if the block fails.

    It is a hidden sibling of ``path`` until then. An existing directory is replaced only if it is empty or holds
    ``marker``, a sign that an earlier run wrote it.

    Raises:
        Refused: ``not-a-build`` for a directory of somebody else, ``unwritable-path`` if it cannot be written.
    """
    target = Path(os.path.realpath(path))
    with _refusing(Path(path)):
        _check_target(Path(path), target, marker)
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        with _workspace(target) as workspace:
            fresh = workspace / "tree"
            fresh.mkdir()
            yield fresh
            _swap(fresh, target)


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _checked(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"`{name}` does not stay inside its directory")
    return path


def _check_target(shown: Path, target: Path, marker: str) -> None:
    if target.exists() and not target.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if target.is_dir() and any(target.iterdir()) and not (target / marker).is_file():
        raise Refused(
            Diagnostic(
                "not-a-build",
                f"`{shown}` holds files but no `{marker}`, so it is not replaced",
                help="name a new directory, or an earlier build",
            )
        )


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        stream.write(data)
    path.chmod(0o644)


def _prefix(target: Path) -> str:
    return f".{target.name}.agentc-"


@contextmanager
def _workspace(target: Path) -> Generator[Path, None, None]:
    """A hidden sibling of ``target``, locked while this process lives and gone afterwards."""
    workspace = Path(tempfile.mkdtemp(prefix=_prefix(target), dir=target.parent))
    handle = os.open(workspace, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield workspace
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
        os.close(handle)


def _sweep(target: Path) -> None:
    """Delete what killed runs left: their locks died with them."""
    for leftover in target.parent.glob(f"{_prefix(target)}*"):
        try:
            handle = os.open(leftover, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(leftover, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(handle)


def _swap(fresh: Path, target: Path) -> None:
    """Put ``fresh`` in the place of ``target``; what was there ends in the place of ``fresh``."""
    if not target.exists():
        fresh.rename(target)
    elif not _exchange(fresh, target):
        old = fresh.with_name("old")
        target.rename(old)
        try:
            fresh.rename(target)
        except OSError:
            old.rename(target)
            raise


def _exchange(a: Path, b: Path) -> bool:
    """Trade two names in one step (Linux ``renameat2``); false where the system cannot."""
    import ctypes  # not before a build is replaced: an unchanged one is handed out in less time than this takes

    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(a), _AT_FDCWD, os.fsencode(b), _RENAME_EXCHANGE) == 0:
        return True
    if ctypes.get_errno() in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(b))


@contextmanager
def _refusing(path: Path) -> Generator[None, None, None]:
    """Turn the operating system's errors into a diagnostic."""
    try:
        yield
    except OSError as problem:
        message = f"cannot write `{shortened(str(path))}`: {problem.strerror}"
        raise Refused(Diagnostic("unwritable-path", message)) from problem
