"""The cache on disk: what was kept comes back whole or not at all, and the whole stays bounded."""

import os
from pathlib import Path

import pytest

from agentc.support import cache


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGENTC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


FILES = {"a/b.txt": b"one", "c.bin": bytes(range(256)), "empty": b""}


def test_what_was_kept_comes_back() -> None:
    name = cache.key("kind", "x")
    assert cache.load(name) is None
    cache.store(name, FILES)
    assert cache.load(name) == FILES
    assert list(cache.load(name) or ()) == list(FILES)
    cache.store(name, FILES)
    assert cache.load(name) == FILES


def test_keys_tell_parts_apart() -> None:
    names = [cache.key("k", "ab", "c"), cache.key("k", "a", "bc"), cache.key("k2", "ab", "c"), cache.key("k", "abc")]
    assert len(set(names)) == 4
    assert cache.key("k", "ab", "c") == names[0]


@pytest.mark.parametrize("damage", ["cut", "changed", "missing", "index", "emptied"])
def test_a_damaged_entry_is_absent_and_goes(home: Path, damage: str) -> None:
    name = cache.key("kind", damage)
    cache.store(name, FILES)
    place = home / name[:2] / name
    match damage:
        case "cut":
            (place / "1").write_bytes((place / "1").read_bytes()[:-1])
        case "changed":
            (place / "0").write_bytes(b"two")
        case "missing":
            (place / "2").unlink()
        case "index":
            (place / cache.INDEX).write_text("{")
        case _:
            (place / cache.INDEX).write_text("[]")
    assert cache.load(name) is None
    cache.store(name, FILES)
    assert cache.load(name) == FILES


def test_it_can_be_off(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("AGENTC_CACHE", "off")
    cache.store(cache.key("k"), FILES)
    assert cache.load(cache.key("k")) is None and not home.exists()


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AGENTC_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.folder() == tmp_path / "xdg" / "agentc"


def test_it_stays_bounded(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr(cache, "LIMIT_BYTES", 5000)
    names = [cache.key("k", str(i)) for i in range(6)]
    for i, name in enumerate(names):
        cache.store(name, {"f": bytes(1500)})
        if i == 0:
            continue
        place = home / name[:2] / name / cache.INDEX
        if place.exists():
            os.utime(place, (1000 + i, 1000 + i))
    found = [cache.load(name) is not None for name in names]
    assert sum(found) <= 3 and found[-1]


def test_what_is_too_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "ENTRY_BYTES", 10)
    cache.store(cache.key("k"), {"f": bytes(11)})
    assert cache.load(cache.key("k")) is None


def test_a_folder_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AGENTC_CACHE", str(tmp_path / "file" / "below"))
    cache.store(cache.key("k"), FILES)
    assert cache.load(cache.key("k")) is None


def test_identity_changes_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("1")
    before = cache.identity([tmp_path])
    (tmp_path / "d" / "f").write_text("22")
    assert cache.identity([tmp_path]) != before


def test_all_is_looked_at_once_and_when_full(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr(cache, "LIMIT_BYTES", 5000)
    looked: list[Path] = []
    real = cache._trim  # pyright: ignore[reportPrivateUsage]

    def counted(home: Path) -> int:
        looked.append(home)
        return real(home)

    monkeypatch.setattr(cache, "_trim", counted)
    names = [cache.key("k", str(i)) for i in range(4)]
    for name in names:
        cache.store(name, {"f": bytes(1500)})
    assert looked == [home, home]
    assert sum(cache.load(name) is not None for name in names) == 3
