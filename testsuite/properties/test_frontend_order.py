"""Order and cycles against their definitions, on random graphs."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from agentc.frontends.yaml.order import back_edges, components, cycles, order

NAMES = list("abcdefg")
GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES), max_size=4))


def reach(needs: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """What each name depends on, directly or not (Warshall)."""
    found = {name: set(needs.get(name, ())) for name in NAMES}
    for middle in NAMES:
        for name in NAMES:
            if middle in found[name]:
                found[name] |= found[middle]
    return found


def is_topological(names: Sequence[str], needs: Mapping[str, set[str]]) -> bool:
    place = {name: i for i, name in enumerate(names)}
    return all(place[made] < place[user] for user in needs for made in needs[user])


@given(GRAPHS)
def test_components_are_mutual_reach(needs: dict[str, set[str]]) -> None:
    found, reached = components(NAMES, needs), reach(needs)
    for a in NAMES:
        for b in NAMES:
            mutual = a == b or (b in reached[a] and a in reached[b])
            assert (found[a] == found[b]) == mutual


@given(GRAPHS)
def test_without_back_edges_there_is_an_order(needs: dict[str, set[str]]) -> None:
    back = back_edges(NAMES, needs)
    forward = {user: {made for made in needs[user] if (user, made) not in back} for user in needs}
    assert cycles(NAMES, forward) == []
    found = order(NAMES, forward)
    assert sorted(found) == NAMES and is_topological(found, forward)
    assert all(NAMES.index(made) >= NAMES.index(user) for user, made in back)


@given(GRAPHS)
def test_order_is_the_first_that_the_file_allows(needs: dict[str, set[str]]) -> None:
    back = back_edges(NAMES, needs)
    forward = {user: {made for made in needs[user] if (user, made) not in back} for user in needs}
    found = order(NAMES, forward)
    done: set[str] = set()
    for name in found:
        ready = [n for n in NAMES if n not in done and forward.get(n, set()) <= done]
        assert name == ready[0]
        done.add(name)


@given(GRAPHS)
def test_cycles_are_cycles_and_one_for_each_component(needs: dict[str, set[str]]) -> None:
    found, reached = cycles(NAMES, needs), reach(needs)
    for cycle in found:
        assert all(a in needs[b] for a, b in zip(cycle, [*cycle[1:], cycle[0]], strict=True))
    number = components(NAMES, needs)
    assert {number[c[0]] for c in found} == {number[n] for n in NAMES if n in reached[n]}
