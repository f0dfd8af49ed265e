"""The built-in functions of `compute.builtin`: what each takes and gives. Frontends check by this table, the
runtime implements it."""

from collections.abc import Mapping
from dataclasses import field
from typing import Final, Literal, TypeAlias

from agentc.support.record import record

Gives: TypeAlias = Literal["text", "record", "list", "flag", "number", "documents", "any"]


@record(slots=True)
class Builtin:
    """One function."""

    doc: str
    gives: Gives = "text"
    least: int = 1
    """Inputs that it needs."""
    most: int | None = 1
    """Inputs that it takes at most; ``None``: any number."""
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    """Option -> what it says; one that ends in `(needed)` has no default."""


_FIELD = {"field": "dotted path of the field, numbers count in lists (needed)"}
_PATTERN = {"pattern": "Python regular expression (needed)"}

BUILTINS: Final[Mapping[str, Builtin]] = {
    "concat": Builtin("the inputs one after the other", most=None, options={"separator": "between them; nothing"}),
    "template": Builtin(
        "the template with `{0}`, `{1}`, … replaced by the inputs", least=0, most=None, options={"template": "(needed)"}
    ),
    "strip": Builtin("without white space at both ends"),
    "lower": Builtin("in small letters"),
    "upper": Builtin("in capital letters"),
    "title": Builtin("each word with a capital letter"),
    "truncate": Builtin(
        "at most so many characters", options={"length": "characters (needed)", "suffix": "ends what was cut; …"}
    ),
    "replace": Builtin("one text for another", options={"old": "(needed)", "new": "nothing"}),
    "regex_replace": Builtin(
        "every match replaced", options={**_PATTERN, "replacement": "with `\\1` for groups; nothing"}
    ),
    "regex_extract": Builtin("the first match, or its first group; empty without one", options=_PATTERN),
    "markdown_strip": Builtin("Markdown as plain text, as one says it aloud"),
    "split": Builtin(
        "parts of a text, stripped, without empty ones", gives="list", options={"separator": "line break"}
    ),
    "lines": Builtin("the lines of a text that are not empty", gives="list"),
    "join": Builtin("the items of a list as one text", options={"separator": "line break"}),
    "json_parse": Builtin("the value that a JSON text holds; also inside a Markdown fence", gives="any"),
    "json_format": Builtin("a value as JSON text", options={"indent": "spaces; none"}),
    "record": Builtin(
        "the inputs under names", gives="record", most=None, options={"names": "comma-separated (needed)"}
    ),
    "merge": Builtin("records as one; later ones win", gives="record", most=None),
    "select": Builtin("one field of a record or item of a list", gives="any", options=_FIELD),
    "default": Builtin("the first input that is there and not empty", gives="any", most=None),
    "list": Builtin("the inputs as a list", gives="list", least=0, most=None),
    "first": Builtin("the first item; nothing of an empty list", gives="any"),
    "last": Builtin("the last item; nothing of an empty list", gives="any"),
    "take": Builtin("the first items of a list", gives="list", options={"count": "(needed)"}),
    "reverse": Builtin("a list from its end", gives="list"),
    "flatten": Builtin("a list of lists as one list", gives="list"),
    "unique": Builtin("a list without what came before", gives="list"),
    "sort": Builtin("a list in order", gives="list", options={"field": "of records", "descending": "false"}),
    "filter": Builtin("records whose field equals a value", gives="list", options={**_FIELD, "value": "true"}),
    "pluck": Builtin("one field of each record", gives="list", options=_FIELD),
    "length": Builtin("characters of a text, items of a list, fields of a record", gives="number"),
    "sum": Builtin("numbers added up: the inputs, or the items of a list", gives="number", most=None),
    "mean": Builtin("the mean of numbers; 0 of none", gives="number", most=None),
    "min": Builtin("the smallest number", gives="number", most=None),
    "max": Builtin("the largest number", gives="number", most=None),
    "equals": Builtin(
        "whether two values, or a value and `value`, are equal",
        gives="flag",
        most=2,
        options={"value": "where there is one input"},
    ),
    "contains": Builtin(
        "whether a text, list or record has a part, item or key",
        gives="flag",
        most=2,
        options={"value": "where there is one input"},
    ),
    "matches": Builtin("whether a pattern is found", gives="flag", options=_PATTERN),
    "less": Builtin(
        "whether the first number is smaller than the second, or than `value`",
        gives="flag",
        most=2,
        options={"value": "where there is one input"},
    ),
    "greater": Builtin(
        "whether the first number is larger than the second, or than `value`",
        gives="flag",
        most=2,
        options={"value": "where there is one input"},
    ),
    "not": Builtin("the opposite flag", gives="flag"),
    "and": Builtin("whether all flags hold", gives="flag", most=None),
    "or": Builtin("whether any flag holds", gives="flag", most=None),
    "is_empty": Builtin("whether there is no value, or an empty one", gives="flag"),
    "documents": Builtin("texts or records as documents", gives="documents", most=None),
    "document_texts": Builtin("the passages of documents as a list of texts", gives="list"),
    "identity": Builtin("the input", gives="any"),
    "opaque": Builtin("what nobody stated: it is planned, and refused when it runs", gives="any", least=0, most=None),
}
