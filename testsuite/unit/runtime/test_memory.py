"""Memories on real SQLite files: similarity against brute force, threads, contents that change."""

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc.runtime.memory.documents import Passage, cut, fingerprint, read
from agentc.runtime.memory.hashing import HashEmbedding
from agentc.runtime.memory.keyed import KeyValueStore, LogStore
from agentc.runtime.memory.vector import VectorStore
from agentc.support.diagnostics import Refused

EMBED = HashEmbedding(32).embed
TEXTS = ["cats purr", "dogs bark", "cats and dogs", "rain falls", "the sun"]


def passages(texts: list[str]) -> list[Passage]:
    return [Passage(str(number), text, {"n": number}) for number, text in enumerate(texts)]


@pytest.mark.parametrize("scan", [False, True])
def test_search_is_exact_cosine(tmp_path: Path, scan: bool) -> None:
    store = VectorStore("m", tmp_path / "m.sqlite", EMBED, scan=scan)
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(200, 32)).astype(np.float32)
    store._embed = lambda texts: matrix[[int(text) for text in texts]]  # pyright: ignore[reportPrivateUsage]
    store.add([Passage(str(n), str(n)) for n in range(200)])
    query = rng.normal(size=32).astype(np.float32)
    cosine = matrix @ query / np.linalg.norm(matrix, axis=1) / np.linalg.norm(query)
    found = store.search(query, 7)
    assert [one["id"] for one in found] == [str(place) for place in np.argsort(-cosine)[:7]]
    assert np.allclose([one["score"] for one in found], np.sort(cosine)[::-1][:7], atol=1e-5)


def test_sqlite_vec_is_used_here(tmp_path: Path) -> None:
    store = VectorStore("m", tmp_path / "m.sqlite", EMBED)
    assert store._database.has_vectors  # pyright: ignore[reportPrivateUsage]


def test_what_was_kept_by_scanning_is_indexed_later(tmp_path: Path) -> None:
    scanned = VectorStore("m", tmp_path / "m.sqlite", EMBED, scan=True)
    scanned.add(passages(TEXTS))
    before = scanned.search("cats", 2)
    scanned.close()
    assert VectorStore("m", tmp_path / "m.sqlite", EMBED).search("cats", 2) == before


def test_documents_are_filled_once_and_replaced_when_they_change(tmp_path: Path) -> None:
    store = VectorStore("m", tmp_path / "m.sqlite", EMBED)
    reads: list[int] = []

    def source(texts: list[str]) -> list[Passage]:
        reads.append(1)
        return passages(texts)

    store.fill("one", lambda: source(TEXTS))
    store.fill("one", lambda: source(TEXTS))
    assert len(reads) == 1
    store.add([Passage("mine", "stored in a run")])
    store.fill("two", lambda: source(["snow"]))
    assert sorted(store.texts()) == ["snow", "stored in a run"]
    assert store.search("cats purr", 9)[0]["text"] != "cats purr"
    assert store.get("mine") == "stored in a run" and store.get("none") is None


def test_other_width_is_refused(tmp_path: Path) -> None:
    store = VectorStore("m", tmp_path / "m.sqlite", EMBED)
    assert store.search("anything", 3) == []
    store.add(passages(TEXTS))
    with pytest.raises(Refused, match="32 numbers; the embedding has 8"):
        store.search(np.zeros(8, np.float32), 3)


def test_threads_share_a_store(tmp_path: Path) -> None:
    log, store = LogStore(tmp_path / "l.sqlite"), KeyValueStore(tmp_path / "k.sqlite")

    def work(worker: int) -> None:
        for number in range(20):
            log.append("s", [worker, number])
            store.store("s", str(worker), number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = log.load_session("s")
    assert len(entries) == 120
    assert [n for w, n in entries if w == 3] == list(range(20))
    assert [store.load(str(n)) for n in range(6)] == [19] * 6


def test_stores_last_beyond_the_program(tmp_path: Path) -> None:
    KeyValueStore(tmp_path / "k.sqlite").store("a", "key", {"x": [1, None]})
    LogStore(tmp_path / "l.sqlite").append("a", ["q", "r"], "topic")
    assert KeyValueStore(tmp_path / "k.sqlite").load("key") == {"x": [1, None]}
    assert LogStore(tmp_path / "l.sqlite").load("topic") == [["q", "r"]]
    assert LogStore(tmp_path / "l.sqlite").load_session("b") == []


def test_corrupt_file_is_a_diagnostic(tmp_path: Path) -> None:
    (tmp_path / "k.sqlite").write_bytes(b"not a database, but long enough to be read as one" * 50)
    with pytest.raises(Refused) as refused:
        KeyValueStore(tmp_path / "k.sqlite")
    assert refused.value.diagnostics[0].slug == "memory-unavailable"


@given(st.text(alphabet="ab \n", max_size=300), st.integers(5, 60))
def test_cut_loses_no_word_and_keeps_the_limit(text: str, characters: int) -> None:
    pieces = cut(text, characters)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(0 < len(piece) <= characters for piece in pieces)


def test_files_become_passages(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("one\n\ntwo")
    (tmp_path / "b.jsonl").write_text('{"id": "x", "text": "three", "page": 4}\n{"text": "four"}\n')
    (tmp_path / "c.png").write_bytes(b"\x89PNG")
    found = {one.id: one for one in read(tmp_path, "m")}
    assert list(found) == ["a.md", "x", "b.jsonl:1"]
    assert found["x"].metadata == {"source": "b.jsonl", "page": 4}
    assert [one.id for one in read(tmp_path / "a.md", "m", 4)] == ["a.md#1", "a.md#2"]
    before = fingerprint(tmp_path)
    (tmp_path / "a.md").write_text("one\n\n2")
    assert fingerprint(tmp_path) != before


def test_bad_documents_are_told(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{")
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(Refused) as refused:
            read(root, "m")
        assert refused.value.diagnostics[0].slug == "documents-unreadable"


def test_hash_embedding_puts_like_texts_near() -> None:
    cat, cats, sun = HashEmbedding(256).embed(["the cat sleeps", "cats sleeping", "quarterly revenue"])
    assert cat @ cats > 0.2 > abs(cat @ sun)
    assert np.isclose(np.linalg.norm(cat), 1)
    assert np.array_equal(HashEmbedding(16).embed([""]), np.zeros((1, 16), np.float32))


def test_values_without_a_key_are_of_their_conversation(tmp_path: Path) -> None:
    store = KeyValueStore(tmp_path / "k.sqlite")
    store.store("ann", None, "tea")
    store.store("bob", None, "coffee")
    store.store("ann", None, "milk")
    store.store("bob", "ann", "a key that is called as a conversation")
    assert store.load_session("ann") == ["milk"]
    assert store.load_session("bob") == ["coffee", "a key that is called as a conversation"]
    assert store.load("") is None


def test_keys_are_of_all_conversations(tmp_path: Path) -> None:
    store = KeyValueStore(tmp_path / "k.sqlite")
    store.store("ann", "drink", "tea")
    store.store("bob", "drink", "coffee")
    assert store.load("drink") == "coffee"
    assert store.load_session("ann") == []


@pytest.mark.parametrize("odd", ["\ud800", "\0", "", "a" * 100_000, "' OR 1=1 --"])
def test_odd_keys_and_conversations(tmp_path: Path, odd: str) -> None:
    store, log = KeyValueStore(tmp_path / "k.sqlite"), LogStore(tmp_path / "l.sqlite")
    kept = odd.encode(errors="replace").decode()
    store.store(odd, f"x{odd}", odd)
    log.append(odd, [odd], f"x{odd}")
    assert store.load(f"x{odd}") == kept and log.load(f"x{odd}") == [[kept]]
    assert log.load_session(odd) == [[kept]] and log.load_session("other") == []
