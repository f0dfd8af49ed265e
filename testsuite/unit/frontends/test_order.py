"""Order and cycles of a few graphs; the properties are in testsuite/properties."""

from agentc.frontends.yaml.order import back_edges, cycles, order


def test_the_file_decides_where_references_do_not() -> None:
    assert order(list("abcd"), {"a": {"d"}}) == ["b", "c", "d", "a"]


def test_back_edges_are_those_against_the_file_within_a_cycle() -> None:
    # `a` reads `c` of the trip before; `b` reads `c` below it, but is in no cycle.
    needs = {"a": {"c"}, "c": {"a"}, "b": {"c"}}
    assert back_edges(list("abc"), needs) == {("a", "c")}
    assert back_edges(["a"], {"a": {"a"}}) == {("a", "a")}


def test_the_shortest_cycle_is_told() -> None:
    needs = {"a": {"d", "b"}, "b": {"a"}, "c": {"b"}, "d": {"c"}, "e": {"e"}}
    assert cycles(list("abcde"), needs) == [["a", "b"], ["e"]]


def test_long_chains_do_not_recurse() -> None:
    names = [f"n{i}" for i in range(20_000)]
    needs = {b: {a} for a, b in zip(names, names[1:], strict=False)}
    assert order(names[::-1], needs) == names
    assert cycles(names, needs) == []
