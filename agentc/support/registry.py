"""Tables of strings, loaded on demand, so that looking at a table costs no import of what it names."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar, cast

from agentc.support.diagnostics import Diagnostic, Refused, did_you_mean

T = TypeVar("T")


def load(target: str) -> Any:
    """The object that ``"package.module:Attr"`` names."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def loader(target: str) -> Callable[[], Any]:
    """A function that loads what ``target`` names: the form that xDSL's registries take."""
    return lambda: load(target)


class LazyTable(Mapping[str, T], Generic[T]):
    """Name -> object, each imported when it is first asked for.

    ``LazyTable("pass", {"split-llm": "split_llm:SplitLlmPass"}, package="agentc.passes")``
    """

    def __init__(self, what: str, targets: Mapping[str, str], package: str = "") -> None:
        self.what = what
        prefix = f"{package}." if package else ""
        self.targets = {name: prefix + target for name, target in targets.items()}

    def __getitem__(self, name: str) -> T:
        return cast(T, load(self.targets[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self.targets)

    def __len__(self) -> int:
        return len(self.targets)

    def find(self, name: str) -> T:
        """The entry ``name``.

        Raises:
            Refused: ``unknown-name``, with the nearest name as help.
        """
        if name not in self.targets:
            raise Refused(
                Diagnostic("unknown-name", f"there is no {self.what} `{name}`", help=did_you_mean(name, self.targets))
            )
        return self[name]
