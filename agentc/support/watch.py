"""Waiting for somebody to save a file."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

MOST_FILES = 5_000
"""Files that are looked at; a definition's folder has fewer."""
_PASSED_OVER = frozenset((".git", ".venv", "__pycache__", "build", "node_modules"))


def changes(
    file: Path, wait: Callable[[], None] = lambda: time.sleep(0.3), beside: Sequence[Path] = ()
) -> Iterator[None]:
    """Now, and each time that ``file``, a file in its folder or below, or one of ``beside`` has changed; forever.

    ``wait`` passes the time between two looks.
    """
    seen = _seen(file, beside)
    yield
    while True:
        wait()
        now = _seen(file, beside)
        if now != seen:
            seen = now
            yield


def _seen(file: Path, beside: Sequence[Path]) -> dict[str, tuple[int, int]]:
    """Time of the last change and size of each file."""
    found: dict[str, tuple[int, int]] = {}
    for path in beside:
        _note(str(path), found)
    for folder, folders, names in os.walk(file.parent):
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
        for name in names:
            _note(os.path.join(folder, name), found)
        if len(found) > MOST_FILES:
            break
    return found


def _note(path: str, found: dict[str, tuple[int, int]]) -> None:
    with contextlib.suppress(OSError):  # not there, or gone since it was listed
        stat = os.stat(path)
        found[path] = (stat.st_mtime_ns, stat.st_size)
