"""The build of an agent that nothing has changed of: handed out again before anything of it is read.

While a compilation runs, the files that it opens are noted. The build is kept under its command; it counts again as
long as each of those files, and the list of names in each of their folders, is as it was, so that a file that appears
beside a definition counts as a change too.
"""

import json
import os
import shutil
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any

from agentc.support import cache
from agentc.support.files import whole_directory
from agentc.support.record import record

TOOLS = ("nvcc", "ptxas", "g++", "clang++", "cc", "ld.lld")
CODE = (".py", ".pyc", ".pyi", ".so", ".pth")
SOURCES = "sources.json"
HEADLINE = "headline"


@record
class Noted:
    """Files that were opened for reading."""

    paths: set[str] = field(default_factory=set[str])


_active: list[Noted] = []
"""The collections that files go to now; the hook cannot be taken out again, so that it looks here."""
_hooked: list[bool] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _active and isinstance(arguments[0], str | bytes | Path):
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        if not flags & (os.O_WRONLY | os.O_RDWR):
            _active[-1].paths.add(os.path.abspath(os.fsdecode(arguments[0])))


@contextmanager
def noting() -> Generator[Noted]:
    """Collect what is opened within the block."""
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked.append(True)
    noted = Noted()
    _active.append(noted)
    try:
        yield noted
    finally:
        _active.remove(noted)


def command_key(options: Mapping[str, Any]) -> str:
    """The name under which the sources of a command are kept: its options, its folder, the tools and settings here."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("AGENTC_") or name == "HF_HOME"}
    tools = [Path(found) for tool in TOOLS if (found := shutil.which(tool))]
    told = json.dumps([{name: str(value) for name, value in options.items()}, settings], sort_keys=True)
    return cache.key("command", os.getcwd(), told, cache.identity(tools))


def restore(name: str, out: Path) -> str | None:
    """Write the kept build to ``out`` and give its headline; ``None`` where there is none or something has changed.

    Where ``out`` holds just that, its files stay, and count as written now.

    Raises:
        Refused: ``out`` cannot be replaced.
    """
    known = cache.load(name)
    if known is None:
        return None
    sources: dict[str, str] = json.loads(known[SOURCES])
    if _states(sources) != sources:
        return None
    files = cache.load(_content(name, sources))
    if files is None:
        return None
    headline = files.pop(HEADLINE).decode()
    if _holds(out, files):
        _readable(out)
        for path in files:
            os.utime(out / path)
        return headline
    with whole_directory(out) as fresh:
        for path, data in files.items():
            (fresh / path).parent.mkdir(parents=True, exist_ok=True)
            (fresh / path).write_bytes(data)
        _readable(fresh)
    return headline


def _holds(out: Path, files: Mapping[str, bytes]) -> bool:
    """Whether ``out`` is a directory of ``files`` and nothing else. Some disks take 4 ms to delete a folder."""
    wanted = {parent for name in files for parent in (out / name).parents if parent.is_relative_to(out)}
    found = set(out.rglob("*"))
    if found != wanted - {out} | {out / name for name in files} or any(path.is_symlink() for path in found):
        return False
    return all(path.is_dir() for path in wanted) and all(_is(out / name, data) for name, data in files.items())


def _is(path: Path, data: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def keep(name: str, noted: Noted, out: Path, headline: str) -> None:
    """Keep the build ``out`` under ``name``, with the state of what was read for it."""
    if cache.folder() is None:
        return
    inside = [p for p in sorted(out.rglob("*")) if p.is_file()]
    if sum(p.stat().st_size for p in inside) > cache.ENTRY_BYTES:
        return
    sources = _states(_counted(noted, out))
    cache.forget(name)
    cache.store(name, {SOURCES: json.dumps(sources, sort_keys=True).encode()})
    files = {p.relative_to(out).as_posix(): p.read_bytes() for p in inside}
    cache.store(_content(name, sources), {HEADLINE: headline.encode(), **files})


def _content(name: str, sources: Mapping[str, str]) -> str:
    return cache.key("built", name, json.dumps(dict(sources), sort_keys=True))


def _counted(noted: Noted, out: Path) -> list[str]:
    """Of what was opened: files that were there before and that no version tells, with their folders."""
    code = str(Path(__file__).parent.parent)
    own = [os.path.realpath(p) for p in (out, cache.folder() or out, code)]
    aside = (*(f"{root}{os.sep}" for root in own), "/proc/", "/sys/", "/dev/", "/etc/")
    found: set[str] = set()
    for path in noted.paths:
        if _installed(path) or path.startswith(f"{code}{os.sep}"):
            continue
        real = os.path.realpath(path)
        if not real.startswith(aside) and not _installed(real) and os.path.isfile(real):
            found |= {path, os.path.dirname(path)}
    return sorted(found)


def _installed(path: str) -> bool:
    """Code of this installation, which its version tells."""
    return path.startswith((sys.prefix, sys.base_prefix)) and path.endswith(CODE)


def _states(paths: "Mapping[str, str] | list[str]") -> dict[str, str]:
    """Size, time and number of each file; the names in each folder, but hidden ones, which are not definitions."""
    return {path: _state(path) for path in paths}


def _state(path: str) -> str:
    try:
        if os.path.isdir(path):
            return "\n".join(sorted(n for n in os.listdir(path) if not n.startswith(".")))
        found = os.stat(path)
        return f"{found.st_size} {found.st_mtime_ns} {found.st_ino}"
    except OSError:
        return "gone"


def _readable(fresh: Path) -> None:
    """One mode for all files, as every build has."""
    for path in sorted(fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    fresh.chmod(0o755)
