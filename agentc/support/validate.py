"""Pydantic for the rules, the YAML's marks for the places: one problem, one diagnostic.

A model's validator names its own diagnostic by raising ``PydanticCustomError("my-slug", "message {value}", {...})``;
a ``help`` in the context becomes the diagnostic's help.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from agentc.support.diagnostics import Diagnostic, Diagnostics, Refused, did_you_mean, suggest
from agentc.support.schema_walk import fields_at
from agentc.support.yaml_source import Document

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

_CHOICES = {"literal_error", "enum", "union_tag_invalid"}
_SHAPES = {"dict_type", "model_type", "list_type", "tuple_type", "missing_argument", "is_instance_of"}


def validate(model: type[M], document: Document, path: Path = (), context: Any = None) -> M:
    """The value at ``path`` of ``document`` as ``model``.

    Raises:
        Refused: With every problem, each at its place and once.
    """
    data = document.data
    for step in path:
        data = data[step]
    try:
        return model.model_validate(data, context=context)
    except ValidationError as problem:
        found = Diagnostics()
        found.extend(diagnose(problem, model, document, path))
        raise Refused(*found) from problem


@dataclass(frozen=True)
class _Problem:
    """An error of pydantic with its place in the document instead of in the schema."""

    kind: str
    path: Path
    error: "ErrorDetails"

    @property
    def leaf(self) -> str:
        return str(self.path[-1]) if self.path else ""

    @property
    def parent(self) -> Path:
        return self.path[:-1]


def diagnose(error: ValidationError, model: type[BaseModel], document: Document, path: Path = ()) -> list[Diagnostic]:
    """The diagnostics of a failed validation of the value at ``path``."""
    problems = [_resolve(e, document, path) for e in error.errors(include_url=False)]
    problems = _without_shadows(problems)
    return [_diagnostic(p, problems, model, document, path) for p in problems if not _misspelled(p, problems)]


def _resolve(error: "ErrorDetails", document: Document, base: Path) -> _Problem:
    """Drop the steps of ``loc`` that name a union's arm rather than a key."""
    loc, path = error["loc"], base
    for i, step in enumerate(loc):
        last_missing = error["type"] == "missing" and i == len(loc) - 1
        if last_missing or document.has((*path, step)):
            path = (*path, step)
    return _Problem(error["type"], path, error)


def _without_shadows(problems: list[_Problem]) -> list[_Problem]:
    """Of a union's arms keep the one that got furthest: drop "not a number" where the mapping's own errors follow."""
    deeper = {p.path[:n] for p in problems for n in range(len(p.path))}
    return [p for p in problems if not (p.path in deeper and (p.kind.endswith("_type") or p.kind in _SHAPES))]


def _misspelled(missing: _Problem, problems: list[_Problem]) -> bool:
    """Whether an unknown field beside it is this missing one, misspelled."""
    if missing.kind != "missing":
        return False
    unknown = [p.leaf for p in problems if p.kind == "extra_forbidden" and p.parent == missing.parent]
    return suggest(missing.leaf, unknown) is not None


def _diagnostic(
    problem: _Problem, problems: list[_Problem], model: type[BaseModel], document: Document, base: Path
) -> Diagnostic:
    kind, error = problem.kind, problem.error
    context: dict[str, Any] = error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_field(problem, problems, model, document, base)
    span = document.span(problem.path)
    if kind == "missing":
        owner = ".".join(map(str, problem.parent)) or "the document"
        return Diagnostic(
            "missing-field", f"{owner} needs a field `{problem.leaf}`", document.span(problem.parent, True)
        )
    if kind in _CHOICES:
        return _unknown_choice(problem, context, document)
    if "-" in kind:
        return Diagnostic(kind, error["msg"], span, help=context.get("help"))
    others = [p for p in problems if p.path == problem.path]
    return Diagnostic(*_slug_and_message(problem, others), span)


def _unknown_field(
    problem: _Problem, problems: list[_Problem], model: type[BaseModel], document: Document, base: Path
) -> Diagnostic:
    missing = [p.leaf for p in problems if p.kind == "missing" and p.parent == problem.parent]
    near = suggest(problem.leaf, missing)
    known = fields_at(model, problem.error["loc"][:-1])
    help_ = f"did you mean `{near}`?" if near else did_you_mean(problem.leaf, known)
    message = f"unknown field `{problem.leaf}`"
    return Diagnostic("unknown-field", message, document.span(problem.path, key=True), help=help_)


def _unknown_choice(problem: _Problem, context: dict[str, Any], document: Document) -> Diagnostic:
    given = context.get("tag", problem.error["input"])
    text = str(context.get("expected") or context.get("expected_tags"))
    choices = text.replace(" or ", ", ").replace("'", "").split(", ")
    message = f"`{given}` is no `{problem.leaf or 'value'}`"
    return Diagnostic("unknown-choice", message, document.span(problem.path), help=did_you_mean(str(given), choices))


def _slug_and_message(problem: _Problem, others: list[_Problem]) -> tuple[str, str]:
    """One text for all arms of a union that refused the value."""
    texts = dict.fromkeys(_message(p) for p in others)
    slug = "wrong-type" if problem.kind.endswith(("_type", "_parsing")) or problem.kind in _SHAPES else "wrong-value"
    given = _shown(problem.error["input"])
    return slug, f"`{problem.leaf or 'the document'}` is {given}: {', or '.join(texts)}"


def _message(problem: _Problem) -> str:
    text = problem.error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return text[:1].lower() + text[1:]


def _shown(value: Any) -> str:
    """The offending value, short."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = "empty" if value is None else f"`{value}`"
    return text if len(text) <= 60 else f"{text[:56]}…`"
