"""Plain YAML text, read and written with libyaml where PyYAML has it, which is faster and gives the same.

For the package's own tables and for what agentc writes; what a user wrote goes through ``yaml_source``,
which knows places.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import yaml

from agentc.support import packaged

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_KEY = re.compile(r"^([\w./-]+):(?=\s)", re.MULTILINE)
"""Where a row starts: a plain key at the line's start."""


def load(text: str) -> Any:
    """The one document of ``text``.

    Raises:
        yaml.YAMLError: ``text`` is no YAML.
    """
    return yaml.load(text, Loader=LOADER)


def dump(documents: Iterable[Any]) -> str:
    """Documents as text, keys in their order."""
    return yaml.dump_all(documents, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=120)


@cache
def table(package: str, name: str) -> "Rows":
    """The rows of ``data/<name>.yaml`` of a package of agentc, by name. Shared: do not change them."""
    return Rows(packaged.text(package, "data", f"{name}.yaml"))


@cache
def json_table(package: str, name: str) -> Mapping[str, Any]:
    """``data/<name>.json`` of a package of agentc: a table that a program writes. Shared: do not change it."""
    return json.loads(packaged.text(package, "data", f"{name}.json"))


class Rows(Mapping[str, Any]):
    """A mapping written in block style, each of whose values is read when it is first asked for.

    A command needs a few rows of a table of hundreds. Rows share no anchors.
    """

    def __init__(self, text: str) -> None:
        starts = list(_KEY.finditer(text))
        ends = [*(start.start() for start in starts[1:]), len(text)]
        self._texts = {start[1]: text[start.start() : end] for start, end in zip(starts, ends, strict=True)}
        self._values: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._values:
            self._values |= load(self._texts[key])
        return self._values[key]

    def holding(self, text: str) -> Iterator[str]:
        """The keys whose values, as written, hold ``text``; none of them is read."""
        return (key for key, written in self._texts.items() if text in written)

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)
