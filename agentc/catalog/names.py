"""Names that the catalog does not hold."""

from collections.abc import Iterable


class UnknownName(KeyError):
    """``name`` is no ``kind`` (``device``, ``model``, ``profile``) of the catalog; ``suggestions`` are near."""

    def __init__(self, name: str, kind: str, known: Iterable[str]) -> None:
        import difflib

        self.name = name
        self.kind = kind
        self.known = tuple(dict.fromkeys(known))
        self.suggestions = tuple(difflib.get_close_matches(name.lower(), self.known, n=3, cutoff=0.5))
        super().__init__(name)

    def __str__(self) -> str:
        hint = f"; did you mean {' or '.join(f'`{s}`' for s in self.suggestions)}?" if self.suggestions else ""
        return f"unknown {self.kind} `{self.name}`{hint}"
