"""Waiting for somebody to save a file."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

MOST_FILES = 5_000
"""Files that are looked at; a definition's folder has fewer."""
_PASSED_OVER = frozenset((".git", ".venv", "__pycache__", "build", "node_modules"))


def changes(file: Path, wait: Callable[[], None] = lambda: time.sleep(0.3)) -> Iterator[None]:
    """Now, and each time that ``file`` or a file in its folder or below has changed; forever.

    ``wait`` passes the time between two looks.
    """
    seen = _seen(file)
    yield
    while True:
        wait()
        now = _seen(file)
        if now != seen:
            seen = now
            yield


def _seen(file: Path) -> dict[str, tuple[int, int]]:
    """Time of the last change and size of each file."""
    found: dict[str, tuple[int, int]] = {}
    for folder, folders, names in os.walk(file.parent):
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
        for name in names:
            try:
                stat = os.stat(os.path.join(folder, name))
            except OSError:  # gone since it was listed
                continue
            found[os.path.join(folder, name)] = (stat.st_mtime_ns, stat.st_size)
        if len(found) > MOST_FILES:
            break
    return found
