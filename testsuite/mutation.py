"""Documents broken at random: parts dropped, replaced, renamed, repeated, or put in another's place."""

import copy
import os
from typing import Any

from hypothesis import strategies as st

from agentc.support.yaml_source import Document

CASES = int(os.environ.get("AGENTC_MUTATIONS", "40"))
"""Cases a document: few in the suite; `AGENTC_MUTATIONS=10000` makes them many."""

JUNK: list[Any] = [
    None, "", 0, -1, 3.5, 1e300, True, "x" * 300, "a.b", "条件", "{{x}}", "{0} }}", "${a.b}", "{{#a.b#}}", "*", "item", "../..",
    [], {}, [[]], [None], {"a": {}}, {"$component_ref": "end"},
]  # fmt: skip

NAMES = ["_1", "_1_2", "__", "a-b", "item", "*", "0", "", "a.b", "in", "on", "agentc", "x" * 200, "名", "a b", "${x}"]
"""Keys that others get."""

Path_ = tuple[Any, ...]


def paths(value: Any, at: Path_ = ()) -> list[Path_]:
    """The places of a document, from the root on."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, each in inner for path in paths(each, (*at, key)))]


def value_at(data: Any, path: Path_) -> Any:
    for step in path:
        data = data[step]
    return data


@st.composite
def mutants(draw: st.DrawFn, data: Any) -> Any:
    """``data`` with parts dropped, replaced, repeated, or put in another's place."""
    made = copy.deepcopy(data)
    for _ in range(draw(st.integers(1, 4))):
        places = paths(made)[1:]
        if not places:
            return made
        path = draw(st.sampled_from(places))
        holder = value_at(made, path[:-1])
        action = draw(st.sampled_from(["drop", "junk", "copy", "repeat", "rename"]))
        if action == "drop":
            del holder[path[-1]]
        elif action == "junk":
            holder[path[-1]] = copy.deepcopy(draw(st.sampled_from(JUNK)))
        elif action == "copy":
            holder[path[-1]] = copy.deepcopy(value_at(made, draw(st.sampled_from(places))))
        elif action == "rename" and isinstance(holder, dict):
            holder[draw(st.sampled_from(NAMES))] = holder.pop(path[-1])
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[path[-1]]))
    return made


class Data(Document):
    """A document without a text: all places are those of the file."""

    def __init__(self, file: str, data: Any) -> None:
        super().__init__(file, "", None)
        self._data = data

    @property
    def data(self) -> Any:
        return self._data
