"""Names in the module: each model, tool, memory, kernel and agent gets one of its own."""

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field

from agentc.frontends.yaml.scopes import AgentGraph, Unit

SECTIONS = ("models", "tools", "memories")


@dataclass
class Symbols:
    """What things are called in the module."""

    _taken: dict[str, object] = field(default_factory=dict[str, object])
    _names: dict[object, str] = field(default_factory=dict[object, str])

    def claim(self, key: object, wanted: Iterable[str], same: object = None) -> str:
        """The first free name of ``wanted`` for ``key``, or one that stands for something equal to ``same``."""
        choices = list(wanted)
        choices += [f"{choices[-1]}.{i}" for i in range(2, len(self._taken) + 3)]
        for name in choices:
            if name not in self._taken or (same is not None and self._taken[name] == same):
                self._taken.setdefault(name, same)
                self._names[key] = name
                return name
        raise AssertionError("more names than things")

    def __getitem__(self, key: object) -> str:
        return self._names[key]

    def of(self, unit: Unit, section: str, name: str) -> str:
        """The symbol of an entry of a file's section."""
        return self._names[(unit, section, name)]

    def entry(self, unit: Unit, section: str, name: str, content: object) -> tuple[str, bool]:
        """Claim a symbol for an entry of a section; also whether it is new rather than one with equal content."""
        words = [name, f"{unit.label}.{name}", f"{section}.{name}"] if unit.label else [name, f"{section}.{name}"]
        before = len(self._taken)
        symbol = self.claim((unit, section, name), words, same=(section, content))
        return symbol, len(self._taken) > before

    def agent(self, agent: AgentGraph) -> str:
        """Claim the symbol of an agent."""
        label = agent.unit.label
        own = agent.name if agent is agent.unit.main or not label else f"{label}.{agent.name}"
        return self.claim(agent, [own, f"agents.{own}"])


def rebased(unit: Unit, path: str) -> str:
    """A path of ``unit``'s file, relative to the main file's folder; with ``/``."""
    if not unit.folder or posixpath.isabs(path):
        return path
    file, colon, function = path.rpartition(":") if ".py:" in path else (path, "", "")
    return f"{posixpath.normpath(posixpath.join(unit.folder, file))}{colon}{function}"
