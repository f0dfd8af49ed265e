"""Templates: ``{name}`` stands for an input; ``{{`` and ``}}`` are braces. Other braces, as in JSON, stay."""

import re
from collections.abc import Mapping

_PLACE = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_.-]*)\}")


def names(template: str | None) -> list[str]:
    """The names that ``template`` uses, each once, in order."""
    found = (match[1] for match in _PLACE.finditer(template or ""))
    return list(dict.fromkeys(name for name in found if name))


def find(name: str, inputs: Mapping[str, object]) -> str | None:
    """The input that ``name`` means: as it is written in ``in:``, or its last part where only one ends so."""
    if name in inputs:
        return name
    ends = [given for given in inputs if given.rpartition(".")[2] == name]
    return ends[0] if len(ends) == 1 else None


def positional(template: str, inputs: Mapping[str, object]) -> str:
    """``template`` with ``{0}``, ``{1}``, … for the inputs in their order.

    Raises:
        KeyError: a name is no input.
    """
    places = {name: i for i, name in enumerate(inputs)}

    def replaced(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0][0]
        found = find(match[1], inputs)
        if found is None:
            raise KeyError(match[1])
        return f"{{{places[found]}}}"

    return _PLACE.sub(replaced, template)


def clashes(template: str | None) -> list[str]:
    """Literal texts that would read as a numbered place: ``{{0}}`` and ``{0}``."""
    return re.findall(r"\{+\d+\}+", template or "")


def literal_length(template: str | None) -> int:
    """Characters of ``template`` beside its places."""
    return len(_PLACE.sub("", template or ""))
