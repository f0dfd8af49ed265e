"""A cache on disk of what is expensive to make and follows from its key alone.

An entry is a folder of files with their checksums. It is written beside its place and renamed into it, so that readers
see it whole or not at all; one that is damaged counts as absent and is deleted. The whole is bounded: what was used
longest ago goes first. ``AGENTC_CACHE=off`` turns it off, ``AGENTC_CACHE=FOLDER`` moves it; else it is below
``XDG_CACHE_HOME``.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

VARIABLE = "AGENTC_CACHE"
LIMIT_BYTES = 2 << 30
"""The whole cache. About twenty builds with a small encoder's weights."""
ENTRY_BYTES = 512 << 20
"""One entry: beyond that, copying takes about as long as making it."""
INDEX = "index.json"


def folder() -> Path | None:
    """Where the cache is; ``None``: it is off, or this user has no home."""
    stated = os.environ.get(VARIABLE, "")
    if stated.lower() in ("off", "0", "no", "false"):
        return None
    if stated:
        return Path(stated).expanduser()
    try:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        return None
    return Path(base) / "agentc"


@cache
def _code() -> str:
    """What this installation of agentc is: its version, and size and time of each of its files, so that an edited one
    makes nothing from before its edit.
    """
    from agentc import __version__

    digest = hashlib.sha256(__version__.encode())
    rows = sorted(_states(str(Path(__file__).resolve().parent.parent), ""))
    digest.update("".join(rows).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _states(folder: str, shown: str) -> Iterator[str]:
    """Name, size and time of each file below ``folder`` but bytecode: 600 files in 2 ms, where `Path` takes 20."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{shown}{entry.name}"
            if entry.name == "__pycache__":
                continue
            if entry.is_dir():
                yield from _states(entry.path, f"{name}/")
            elif entry.is_file() and not entry.name.endswith(".pyc"):
                found = entry.stat()
                yield f"{name} {found.st_size} {found.st_mtime_ns}\n"


def key(kind: str, *parts: str) -> str:
    """The name of the entry of ``kind`` that ``parts``, and this installation, determine."""
    digest = hashlib.sha256()
    for part in (kind, _code(), *parts):
        encoded = part.encode("utf-8", "surrogateescape")
        digest.update(f"{len(encoded)}:".encode())
        digest.update(encoded)
    return digest.hexdigest()


def identity(paths: Iterable[Path]) -> str:
    """Name, size and time of each file, and of each below a folder: changes when one is written."""
    rows: list[str] = []
    for path in paths:
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in inside:
            if file.is_file():
                found = file.stat()
                rows.append(f"{file} {found.st_size} {found.st_mtime_ns}")
    return "\n".join(rows)


def load(name: str) -> dict[str, bytes] | None:
    """The files of the entry ``name``, or ``None`` where there is no whole one."""
    home = folder()
    if home is None:
        return None
    place = _place(home, name)
    if not place.exists():
        return None
    try:
        index: Any = json.loads((place / INDEX).read_bytes())
        found = {path: (place / f"{i}").read_bytes() for i, path in enumerate(index["files"])}
        sums = [hashlib.sha256(data).hexdigest() for data in found.values()]
        if sums != list(index["files"].values()):
            raise ValueError("a checksum differs")
        os.utime(place / INDEX)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        shutil.rmtree(place, ignore_errors=True)
        return None
    return found


def store(name: str, files: Mapping[str, bytes]) -> None:
    """Keep ``files`` as the entry ``name``. What cannot be written is not kept: the cache only saves time."""
    home = folder()
    if home is None or sum(map(len, files.values())) > ENTRY_BYTES:
        return
    place = _place(home, name)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    except OSError:
        return
    try:
        for i, data in enumerate(files.values()):
            (fresh / f"{i}").write_bytes(data)
        sums = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
        (fresh / INDEX).write_text(json.dumps({"files": sums}), encoding="utf-8")
        fresh.rename(place)
        _bound(home, sum(map(len, files.values())))
    except OSError:  # another run was first, or the disk is full
        shutil.rmtree(fresh, ignore_errors=True)


def forget(name: str) -> None:
    """Delete the entry ``name``."""
    home = folder()
    if home is not None:
        shutil.rmtree(_place(home, name), ignore_errors=True)


def _place(home: Path, name: str) -> Path:
    return home / name[:2] / name


_held: dict[Path, int] = {}
"""Bytes of a cache, as this process knows it: another one adds to it unseen, and counts when it starts itself."""


def _bound(home: Path, added: int) -> None:
    """Keep the cache within its limit after ``added`` bytes. All of it is looked at once a process, and when full."""
    if home in _held and _held[home] + added <= LIMIT_BYTES:
        _held[home] += added
    else:
        _held[home] = _trim(home)


def _trim(home: Path) -> int:
    """Delete the entries that were used longest ago, until the rest fits, and say how many bytes are left."""
    entries: list[tuple[float, int, Path]] = []
    for place in home.glob("??/*"):
        try:
            used = (place / INDEX).stat().st_mtime if (place / INDEX).exists() else place.stat().st_mtime
            entries.append((used, sum(f.stat().st_size for f in place.iterdir()), place))
        except OSError:
            continue
    total = sum(size for _, size, _ in entries)
    for _, size, place in sorted(entries):
        if total <= LIMIT_BYTES:
            break
        shutil.rmtree(place, ignore_errors=True)
        total -= size
    return total
