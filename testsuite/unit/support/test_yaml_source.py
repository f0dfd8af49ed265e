from pathlib import Path

import pytest

from agentc.support.diagnostics import Refused
from agentc.support.yaml_nodes import MAX_DEPTH
from agentc.support.yaml_source import MAX_BYTES, load_yaml, parse_yaml

TEXT = """\
name: x
models:
  mind: {catalog: llama, precision: fp8}
list:
  - one
  - two: 2
note: |
  hello
last:
"""


def slugs(text: str | bytes) -> list[str]:
    with pytest.raises(Refused) as refused:
        parse_yaml(text, "f")
    return [f"{d.span}: {d.slug}" for d in refused.value.diagnostics]


def test_data() -> None:
    assert parse_yaml(TEXT).data == {
        "name": "x",
        "models": {"mind": {"catalog": "llama", "precision": "fp8"}},
        "list": ["one", {"two": 2}],
        "note": "hello\n",
        "last": None,
    }


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (("name",), (1, 7, 1, 8), (1, 1)),
        (("models", "mind"), (3, 9, 3, 41), (3, 3)),
        (("models", "mind", "precision"), (3, 37, 3, 40), (3, 26)),
        (("models",), (3, 3, 3, 41), (2, 1)),
        (("list", 1, "two"), (6, 10, 6, 11), (6, 5)),
        (("list", 0), (5, 5, 5, 8), (5, 5)),
        (("models", "gone"), (3, 3, 3, 41), (2, 1)),
    ],
)
def test_span(path: tuple[str | int, ...], value: tuple[int, ...], key: tuple[int, int]) -> None:
    document = parse_yaml(TEXT, "f")
    span = document.span(path)
    assert (span.line, span.column, span.end_line, span.end_column) == value
    assert (document.span(path, key=True).line, document.span(path, key=True).column) == key


def test_has() -> None:
    document = parse_yaml(TEXT)
    assert document.has(("list", 1, "two"))
    assert document.has(("last",))
    assert not document.has(("list", 2))
    assert not document.has(("name", "x"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("1e6", 1e6),
        ("1.", 1.0),
        (".5", 0.5),
        ("-7", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 17),
        ("12:30", "12:30"),
        ("2026-01-02", "2026-01-02"),
        ("1_000", "1_000"),
        (".inf", float("inf")),
        ("-.inf", float("-inf")),
        ("'3'", "3"),
        ('"true"', "true"),
        ("!!str 3", "3"),
        ("!!float 3", 3.0),
        ("! 3", "3"),
        ("+", "+"),
        ("", None),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = parse_yaml(text).data
    assert found == value
    assert type(found) is type(value)


def test_keys_are_text_as_written() -> None:
    assert parse_yaml("{1: a, true: b, ~: c, 0x1: d}").data == {"1": "a", "true": "b", "~": "c", "0x1": "d"}


def test_aliases_repeat_and_point_to_the_original() -> None:
    document = parse_yaml("a: &x {b: 1}\nc: *x\n", "f")
    assert document.data["c"] == {"b": 1}
    assert document.span(("c", "b")).line == 1


def test_merge_adds_what_is_not_there() -> None:
    text = "a: &x {p: 1, q: 2}\nb: &y {p: 9, r: 3}\nc: {<<: [*x, *y], q: 5}\nd:\n  q: 6\n  <<: *x\n"
    data = parse_yaml(text).data
    assert data["c"] == {"q": 5, "p": 1, "r": 3}
    assert data["d"] == {"q": 6, "p": 1}


def test_all_problems_of_a_file_in_one_run() -> None:
    text = "a: 1\na: 2\nb: !!python/object:os.system 3\nc: !set {}\n? [1]\n: 2\nd: !!int x\n"
    assert slugs(text) == [
        "f:2:1: yaml-duplicate-key",
        "f:3:4: yaml-tag",
        "f:4:4: yaml-tag",
        "f:5:3: yaml-key",
        "f:7:4: yaml-value",
    ]


def test_duplicate_key_shows_the_first() -> None:
    with pytest.raises(Refused) as refused:
        parse_yaml("x: {a: 1,\n  a: 2}", "f")
    (label,) = refused.value.diagnostics[0].labels
    assert (label.span.line, label.span.column, label.text) == (1, 5, "first defined here")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &a [*a]", "f:1:8: yaml-alias"),
        ("a: *b", "f:1:4: yaml-alias"),
        ("[" * 100_000, f"f:1:{MAX_DEPTH + 1}: yaml-too-deep"),
        ("- " * 3000, f"f:1:{2 * MAX_DEPTH + 1}: yaml-too-deep"),
        ("a: 1\n---\nb: 2", "f:2:1: yaml-many-documents"),
        ("a: [1", "f:1:6: yaml-syntax"),
        ("a: b: c", "f:1:5: yaml-syntax"),
        ('"\\ud800"', "f:1:4: yaml-syntax"),
        ("x: \x01", "f:1:4: yaml-syntax"),
        (b"a: 1\nb: \xff", "f:2:4: yaml-encoding"),
        ("a: 1\n".encode("utf-16"), "f:1:1: yaml-encoding"),
        ("n: " + "1" * 500, "f:1:4: yaml-value"),
        ("{<<: 1}", "f:1:6: yaml-merge"),
        (b"a" * (MAX_BYTES + 1), "f:1:1: yaml-too-large"),
    ],
)
def test_refused(text: str | bytes, problem: str) -> None:
    assert slugs(text) == [problem]


def bomb(levels: int) -> str:
    rows = ["l0: &l0 [" + ", ".join("x" * 9) + "]"]
    rows += [f"l{i}: &l{i} [" + ", ".join([f"*l{i - 1}"] * 9) + "]" for i in range(1, levels)]
    return "\n".join(rows)


def test_alias_bomb() -> None:
    assert [s.split()[-1] for s in slugs(bomb(30))] == ["yaml-alias-bomb"]
    assert len(parse_yaml(bomb(4)).data) == 4


def test_aliases_do_not_hide_depth() -> None:
    half = "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40
    assert [s.split()[-1] for s in slugs(half)] == ["yaml-too-deep"]


def test_merges_do_not_hide_depth() -> None:
    text = "a: &a {k: " + "[" * 50 + "]" * 50 + "}\nb: " + "{x: " * 30 + "{<<: *a}" + "}" * 30
    assert [s.split()[-1] for s in slugs(text)] == ["yaml-too-deep"]


def test_byte_order_mark_is_no_content() -> None:
    assert parse_yaml(b"\xef\xbb\xbfa: 1").data == {"a": 1}
    assert parse_yaml("\ufeffa: 1").data == {"a": 1}


def test_load(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1")
    assert load_yaml(path).data == {"a": 1}
    assert load_yaml(path).span().file == str(path)
    assert load_yaml(path, "a.yaml").span().file == "a.yaml"


def test_load_does_not_read_a_huge_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as stream:
        stream.truncate(100_000_000_000)
    with pytest.raises(Refused) as refused:
        load_yaml(path)
    assert refused.value.diagnostics[0].slug == "yaml-too-large"


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_unreadable(tmp_path: Path, name: str) -> None:
    with pytest.raises(Refused) as refused:
        load_yaml(tmp_path / name)
    assert refused.value.diagnostics[0].slug == "unreadable-file"
