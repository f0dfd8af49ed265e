"""Branches and loops found in graphs, beside an oracle that takes edges away."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from agentc.frontends.importers.flow import Edge
from agentc.frontends.importers.structure import Block, Item, components, structure, topological

NODES = "abcdefgh"


def shape(block: Block) -> list[object]:
    """A block as plain data."""
    return [_item(item) for item in block.items]


def _item(item: Item) -> object:
    if item.loop is not None:
        return {"loop": shape(item.loop), "exits": list(item.exits)}
    cases = {label: shape(block) for label, block in item.cases.items()}
    return {item.id: cases} if cases else item.id


def built(text: str, choosers: str = "") -> list[object]:
    """``a>b a-x>c``: edges, the second with the label ``x``."""
    edges = [Edge(part[0], part[-1], part[2] if "-" in part else "") for part in text.split()]
    nodes = list(dict.fromkeys(end for edge in edges for end in (edge.source, edge.target)))
    return shape(structure(nodes, edges, frozenset(choosers)))


def test_a_chain() -> None:
    assert built("a>b b>c") == ["a", "b", "c"]


def test_ways_that_meet_again() -> None:
    assert built("a-x>b a-y>c b>d c>d", "a") == [{"a": {"x": ["b"], "y": ["c"]}}, "d"]


def test_a_branch_in_a_case() -> None:
    assert built("a-x>b b-u>c b-v>d a-y>e", "ab") == [{"a": {"x": [{"b": {"u": ["c"], "v": ["d"]}}], "y": ["e"]}}]


def test_labels_of_a_step_that_does_not_choose_mean_nothing() -> None:
    assert built("a-x>b a-y>c") == ["a", "b", "c"]


def test_a_loop_is_left_by_a_choice() -> None:
    found = built("a>b b-n>a b-y>c", "b")
    assert found == [{"loop": ["a", "b"], "exits": [("b", "y")]}, "c"]


def test_a_loop_in_a_loop() -> None:
    [outer, last] = built("a>b b>c c-i>b c-o>d d-a>a d-e>e", "cd")
    assert last == "e"
    assert outer == {"loop": ["a", {"loop": ["b", "c"], "exits": [("c", "o")]}, "d"], "exits": [("d", "e")]}


def test_a_loop_with_two_ways_out_chooses_after_it() -> None:
    edges = [Edge("a", "b"), Edge("b", "a", "n"), Edge("b", "c", "x"), Edge("b", "d", "y")]
    [loop] = structure(list("abcd"), edges, frozenset("b")).items
    assert loop.chooser == "b"
    assert {label: shape(block) for label, block in loop.cases.items()} == {"x": ["c"], "y": ["d"]}


def test_a_step_that_leads_to_itself() -> None:
    assert built("a>a a>b") == [{"loop": ["a"], "exits": [("a", "")]}, "b"]


def test_parts_and_orders() -> None:
    edges = [Edge(*pair) for pair in ("ab", "bc", "cb", "cd")]
    assert components(list("abcd"), edges) == [["a"], ["b", "c"], ["d"]]
    assert topological(list("dcba"), [Edge(*pair) for pair in ("ab", "bc", "cd")]) == list("abcd")


def test_long_graphs_are_no_problem() -> None:
    nodes = [f"n{i}" for i in range(5000)]
    edges = [Edge(a, b) for a, b in zip(nodes, nodes[1:], strict=False)]
    assert len(structure(nodes, edges, frozenset()).items) == 5000


EDGES = st.lists(st.builds(Edge, st.sampled_from(NODES), st.sampled_from(NODES), st.sampled_from("xyz")), max_size=18)


def walk(block: Block, inside: tuple[tuple[str, str], ...] = ()) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    for item in block.items:
        if item.loop is not None:
            yield from walk(item.loop, inside)
        else:
            yield item.id, inside
        for label, case in item.cases.items():
            yield from walk(case, (*inside, (item.id, label)))


@given(EDGES, st.sets(st.sampled_from(NODES)))
def test_every_step_is_there_once(edges: list[Edge], choosers: set[str]) -> None:
    found = [node for node, _ in walk(structure(list(NODES), edges, frozenset(choosers)))]
    assert sorted(found) == list(NODES)


@given(EDGES, st.sets(st.sampled_from(NODES)))
def test_cases_hold_what_only_they_lead_to(edges: list[Edge], choosers: set[str]) -> None:
    forward = [edge for edge in edges if edge.source < edge.target]
    roots = [node for node in NODES if all(edge.target != node for edge in forward)]
    for node, inside in walk(structure(list(NODES), forward, frozenset(choosers))):
        ways = {(edge.source, edge.label) for edge in forward if edge.source in choosers}
        assert set(inside) == {way for way in ways if node not in _reached(roots, forward, way)}


def _reached(roots: list[str], edges: list[Edge], without: tuple[str, str]) -> set[str]:
    """The oracle: what is reached when one choice is never made."""
    seen = set(roots)
    for _ in NODES:
        seen |= {edge.target for edge in edges if edge.source in seen and (edge.source, edge.label) != without}
    return seen
