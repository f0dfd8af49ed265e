"""What agentc says when something is wrong: data first, text later.

Frontends, verifiers, passes and the solver all use this one road. A diagnostic names its manual page by
its slug (``agentc explain SLUG``). ``agentc.support.render`` turns diagnostics into text, JSON, GitHub
annotations or SARIF.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from agentc.support.record import record


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of a source file. Lines and columns count from 1; the end column is exclusive."""

    file: str
    line: int = 1
    column: int = 1
    end_line: int = 0
    """0: ends on ``line``."""
    end_column: int = 0
    """0: one character wide."""

    def __post_init__(self) -> None:
        if not self.end_line:
            object.__setattr__(self, "end_line", self.line)
        if not self.end_column:
            width = self.column + 1
            object.__setattr__(self, "end_column", width)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    @staticmethod
    def parse(text: str) -> "Span":
        """Read back ``file:line:column``, ``file:line`` or ``file`` (the form of ``agent.source`` attributes)."""
        head, numbers = text, list[int]()
        while len(numbers) < 2:
            rest, colon, last = head.rpartition(":")
            if not colon or not last.isdecimal():
                break
            head, numbers = rest, [int(last), *numbers]
        return Span(head, *numbers)


class Severity(Enum):
    """How bad it is. Only an error refuses the input."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@record
class Label:
    """A secondary place and what it has to do with the problem: ``first defined here``."""

    span: Span
    text: str


@record
class Diagnostic:
    """One problem.

    ``slug`` names the manual page, ``message`` is terse and holds the offending value, ``notes`` add facts,
    ``help`` says what to write instead.
    """

    slug: str
    message: str
    span: Span | None = None
    severity: Severity = Severity.ERROR
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None

    def __str__(self) -> str:
        place = f"{self.span}: " if self.span else ""
        return f"{place}{self.severity.value}[{self.slug}]: {self.message}"


class Refused(Exception):
    """The input was refused; ``diagnostics`` say why. The command line renders them and exits with 1."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("\n".join(map(str, diagnostics)))
        self.diagnostics: tuple[Diagnostic, ...] = diagnostics


class Diagnostics:
    """Collects problems so that one run reports all of them, each once, in the order of the source."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.sorted())

    def __len__(self) -> int:
        return len(self._found)

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep ``diagnostic`` unless an equal one is there."""
        self._found.setdefault(diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Keep each of ``diagnostics``."""
        for diagnostic in diagnostics:
            self.add(diagnostic)

    def error(
        self,
        slug: str,
        message: str,
        span: Span | None = None,
        *,
        labels: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        help: str | None = None,
    ) -> None:
        """Add an error."""
        self.add(Diagnostic(slug, message, span, Severity.ERROR, labels, notes, help))

    def warning(
        self,
        slug: str,
        message: str,
        span: Span | None = None,
        *,
        labels: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        help: str | None = None,
    ) -> None:
        """Add a warning; it refuses nothing."""
        self.add(Diagnostic(slug, message, span, Severity.WARNING, labels, notes, help))

    @property
    def has_errors(self) -> bool:
        """Whether the input is to be refused."""
        return any(d.severity is Severity.ERROR for d in self._found)

    def sorted(self) -> tuple[Diagnostic, ...]:
        """By file and place; those without a place first, in the order they came."""
        return tuple(sorted(self._found, key=_place))

    def raise_if_errors(self) -> None:
        """Raise ``Refused`` with everything found, warnings too, if there is an error."""
        if self.has_errors:
            raise Refused(*self.sorted())


def _place(diagnostic: Diagnostic) -> tuple[str, int, int]:
    span = diagnostic.span
    return (span.file, span.line, span.column) if span else ("", 0, 0)


def shortened(text: str, width: int = 200) -> str:
    """``text``, such as a path, for a message: with its middle left out where it is long."""
    half = width // 2
    return text if len(text) <= width else f"{text[:half]}…{text[-half:]}"


def suggest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that ``name`` was probably meant to be, or ``None`` if none is near."""
    import difflib

    names = list(candidates)
    by_folded = {candidate.casefold(): candidate for candidate in reversed(names)}
    near = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else None


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """Help for a misspelled name: the near candidate, else the whole choice where it is short."""
    names = list(candidates)
    if near := suggest(name, names):
        return f"did you mean `{near}`?"
    return f"choose one of {', '.join(f'`{n}`' for n in names)}" if 0 < len(names) <= 12 else None
