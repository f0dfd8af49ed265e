"""Pydantic for the rules, the YAML's marks for the places: one problem, one diagnostic.

A model's validator names its own diagnostic by raising ``PydanticCustomError("my-slug", "message {value}", {...})``;
a ``help`` in the context becomes the diagnostic's help.
"""

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from agentc.support.diagnostics import Diagnostic, Diagnostics, Refused, did_you_mean, suggest
from agentc.support.ready import ready
from agentc.support.record import record
from agentc.support.yaml_source import Document

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "none_required": "empty",
}
"""Pydantic's errors about the shape of a value, and what it should have been."""


def validate(model: type[M], document: Document, path: Path = (), context: Any = None) -> M:
    """The value at ``path`` of ``document`` as ``model``.

    Raises:
        Refused: With every problem, each at its place and once.
    """
    data = document.data
    for step in path:
        data = data[step]
    try:
        return ready(model).model_validate(data, context=context)
    except ValidationError as problem:
        found = Diagnostics()
        found.extend(diagnose(problem, model, document, path))
        raise Refused(*found) from problem


@record
class _Problem:
    """An error of pydantic with its place in the document instead of in the schema."""

    kind: str
    path: Path
    """Of the offending value; for a missing field, of what misses it."""
    fields: tuple[str, ...]
    """What the mapping there may hold."""
    arms: tuple[tuple[Path, str | int], ...]
    """The unions on the way and the arm of each."""
    error: "ErrorDetails"

    @property
    def leaf(self) -> str:
        return str(self.error["loc"][-1]) if self.error["loc"] else ""

    @property
    def owner(self) -> Path:
        """The mapping that an unknown or missing field belongs to."""
        return self.path[:-1] if self.kind == "extra_forbidden" else self.path


def diagnose(error: ValidationError, model: type[BaseModel], document: Document, path: Path = ()) -> list[Diagnostic]:
    """The diagnostics of a failed validation of the value at ``path``."""
    problems = [_resolve(e, model, document, path) for e in error.errors(include_url=False)]
    problems = _likeliest_arms(problems)
    return [_diagnostic(p, problems, document) for p in problems if not _misspelled(p, problems)]


def _resolve(error: "ErrorDetails", model: type[BaseModel], document: Document, base: Path) -> _Problem:
    from agentc.support.schema_walk import walk

    kind, loc = error["type"], error["loc"]
    found = walk(model, loc, lambda path: document.has(base + path))
    fields = walk(model, loc[:-1], lambda path: document.has(base + path)).fields
    return _Problem(kind, base + found.path, fields, found.arms, error)


def _likeliest_arms(problems: list[_Problem]) -> list[_Problem]:
    """Of each union keep the arm that came nearest, or all where none fits the value's shape."""
    for union in dict.fromkeys(place for p in problems for place, _ in p.arms):
        arms: dict[str | int, list[_Problem]] = {}
        for problem in problems:
            if (arm := dict(problem.arms).get(union)) is not None:
                arms.setdefault(arm, []).append(problem)
        scores = {arm: _distance(union, found) for arm, found in arms.items()}
        nearest = min(scores, key=lambda arm: scores[arm], default="")
        if len(arms) > 1 and not scores[nearest][0]:
            problems = [p for p in problems if dict(p.arms).get(union, nearest) == nearest]
    return problems


def _distance(union: Path, found: list[_Problem]) -> tuple[bool, int, int]:
    """How far a union's arm is from the value: another shape, other fields, other mistakes."""
    here = [p for p in found if p.arms[-1][0] == union]
    shape = any(p.kind in _WANTED and len(p.error["loc"]) == len(union) + 1 for p in here)
    fields = sum(p.kind in ("missing", "extra_forbidden") and len(p.error["loc"]) == len(union) + 2 for p in here)
    return shape, fields, len(found)


def _misspelled(missing: _Problem, problems: list[_Problem]) -> bool:
    """Whether an unknown field beside it is this missing one, misspelled."""
    if missing.kind != "missing":
        return False
    unknown = [p.leaf for p in problems if p.kind == "extra_forbidden" and p.owner == missing.owner]
    return suggest(missing.leaf, unknown) is not None


def _diagnostic(problem: _Problem, problems: list[_Problem], document: Document) -> Diagnostic:
    kind, error = problem.kind, problem.error
    context: dict[str, Any] = error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_field(problem, problems, document)
    if kind in ("missing", "union_tag_not_found"):
        field = problem.leaf if kind == "missing" else str(context["discriminator"]).strip("'")
        return _missing_field(problem, field, document)
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        return _unknown_choice(problem, context, document)
    if "-" in kind:
        return Diagnostic(kind, error["msg"], document.span(problem.path), help=context.get("help"))
    return _wrong(problem, [p for p in problems if p.path == problem.path], document)


def _unknown_field(problem: _Problem, problems: list[_Problem], document: Document) -> Diagnostic:
    missing = [p.leaf for p in problems if p.kind == "missing" and p.owner == problem.owner]
    near = suggest(problem.leaf, missing)
    help_ = f"did you mean `{near}`?" if near else did_you_mean(problem.leaf, problem.fields)
    message = f"unknown field `{problem.leaf}`"
    return Diagnostic("unknown-field", message, document.span(problem.path, key=True), help=help_)


def _missing_field(problem: _Problem, field: str, document: Document) -> Diagnostic:
    message = f"{_name(problem.path)} needs a field `{field}`"
    return Diagnostic("missing-field", message, document.span(problem.path, key=True))


def _unknown_choice(problem: _Problem, context: dict[str, Any], document: Document) -> Diagnostic:
    given, path = problem.error["input"], problem.path
    if "tag" in context:
        given = context["tag"]
        field = str(context["discriminator"]).strip("'")
        path = (*path, field) if document.has((*path, field)) else path
    listed = str(context.get("expected") or context.get("expected_tags"))
    choices = listed.replace(" or ", ", ").replace("'", "").split(", ")
    message = f"{_name(path)} is {_shown(given)}, which is no choice"
    return Diagnostic("unknown-choice", message, document.span(path), help=did_you_mean(str(given), choices))


def _wrong(problem: _Problem, others: list[_Problem], document: Document) -> Diagnostic:
    """One diagnostic for all arms of a union that refused the value."""
    wanted = [_WANTED.get(p.kind) or p.error["msg"].removeprefix("Input should be ") for p in others]
    given = f"{_name(problem.path)} is {_shown(problem.error['input'])}"
    span = document.span(problem.path)
    if problem.kind in ("value_error", "assertion_error"):
        return Diagnostic("wrong-value", f"{given}: {problem.error['msg'].partition(', ')[2]}", span)
    slug = "wrong-type" if problem.kind in _WANTED else "wrong-value"
    return Diagnostic(slug, f"{given}, but should be {' or '.join(dict.fromkeys(wanted))}", span)


def _name(path: Path) -> str:
    """``nodes.hear.in[2]`` as code, or the document."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return f"`{text.lstrip('.')}`" if path else "the document"


def _shown(value: Any) -> str:
    """The offending value, short."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = "empty" if value is None else f"`{value}`"
    return text if len(text) <= 60 else f"{text[:56]}…`"
