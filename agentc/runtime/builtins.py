"""The functions of `compute.builtin`, by the table in ``plan.builtins``."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn, cast

from agentc.plan.builtins import BUILTINS
from agentc.runtime.values import Mistyped, as_documents, as_flag, as_text, is_documents, plain, shown
from agentc.support.diagnostics import Diagnostic, Refused, did_you_mean

Options = Mapping[str, Any]
Function = Callable[[Sequence[Any], Options], Any]


def call(name: str, inputs: Sequence[Any], options: Options) -> Any:
    """The value of a built-in function.

    Raises:
        Refused: ``unknown-builtin``, or ``builtin-misused`` for inputs and options that it does not take.
    """
    known = BUILTINS.get(name)
    if known is None:
        help = did_you_mean(name, BUILTINS) or f"there are {', '.join(f'`{one}`' for one in BUILTINS)}"
        raise Refused(Diagnostic("unknown-builtin", f"there is no built-in function `{name}`", help=help))
    if len(inputs) < known.least or (known.most is not None and len(inputs) > known.most):
        most = "any number" if known.most is None else str(known.most)
        raise _misused(name, f"{len(inputs)} inputs, where it takes {known.least} to {most}")
    if unknown := [key for key in options if key not in known.options]:
        raise _misused(name, f"no option `{unknown[0]}`", did_you_mean(unknown[0], known.options))
    try:
        return FUNCTIONS[name](inputs, options)
    except KeyError as error:
        raise _misused(
            name, f"option {error} is missing" if error.args[0] in known.options else f"no {error}"
        ) from None
    except (Mistyped, ValueError, TypeError, IndexError, re.error) as error:
        raise _misused(name, str(error)) from None


def fill_template(template: str, inputs: Sequence[Any]) -> str:
    """`{0}`, `{1}`, … replaced by the inputs as text; other braces stay as they are.

    Raises:
        Mistyped: a number without an input, or an input that has no text.
    """

    def replaced(match: re.Match[str]) -> str:
        place = int(match[1])
        if place >= len(inputs):
            raise Mistyped(f"`{match[0]}` stands for no input; there are {len(inputs)}")
        return as_text(inputs[place])

    return re.sub(r"\{(\d+)\}", replaced, template)


def _misused(name: str, why: str, help: str | None = None) -> Refused:
    return Refused(Diagnostic("builtin-misused", f"built-in `{name}`: {why}", help=help))


def _text(inputs: Sequence[Any], place: int = 0) -> str:
    return as_text(inputs[place])


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return list(cast(Sequence[Any], value))
    if hasattr(value, "tolist"):
        return cast(list[Any], value.tolist())
    raise Mistyped(f"expected a list, found {shown(value)}")


def _numbers(inputs: Sequence[Any]) -> list[float]:
    first: Any = inputs[0]
    items = _list(first) if len(inputs) == 1 and not isinstance(first, int | float | str) else list(inputs)
    return [_number(item) for item in items]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Mistyped(f"expected a number, found {shown(value)}")
    return float(value) if not isinstance(value, int) else value


def _pick(value: Any, path: str) -> Any:
    """The field at a dotted path. ``None`` of nothing; an error names what is there."""
    for name in path.split("."):
        if value is None:
            return None
        if isinstance(value, Mapping):
            fields = cast(Mapping[str, Any], value)
            if name not in fields:
                raise Mistyped(f"no field `{name}`; there are {', '.join(f'`{key}`' for key in fields) or 'none'}")
            value = fields[name]
        else:
            value = _list(value)[int(name)]
    return value


def _second(inputs: Sequence[Any], options: Options) -> Any:
    return inputs[1] if len(inputs) > 1 else options["value"]


def _same(left: Any, right: Any) -> bool:
    """Equal, where a flag and its word, and a number and its digits, are the same."""
    left, right = plain(left), plain(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return str(left).strip().lower() == str(right).strip().lower()
    if isinstance(left, int | float) != isinstance(right, int | float):
        return as_text(left).strip() == as_text(right).strip()
    return left == right


def _contains(inputs: Sequence[Any], options: Options) -> bool:
    whole, part = inputs[0], _second(inputs, options)
    if isinstance(whole, Mapping):
        return str(part) in whole
    if isinstance(whole, list):
        return any(_same(item, part) for item in cast(list[Any], whole))
    return as_text(part) in as_text(whole)


def _truncate(inputs: Sequence[Any], options: Options) -> str:
    text, length, suffix = _text(inputs), int(options["length"]), str(options.get("suffix", "…"))
    return text if len(text) <= length else text[: max(length - len(suffix), 0)].rstrip() + suffix[:length]


def _extract(inputs: Sequence[Any], options: Options) -> str:
    match = re.search(str(options["pattern"]), _text(inputs))
    return "" if match is None else (match[1] if match.re.groups else match[0]) or ""


def _parse(text: str) -> Any:
    fenced = re.search(r"```(?:json)?\s*(.*?)```", text, re.DOTALL)
    return json.loads(fenced[1] if fenced else text)


def _split(inputs: Sequence[Any], options: Options) -> list[str]:
    parts = _text(inputs).split(str(options.get("separator", "\n")))
    return [part.strip() for part in parts if part.strip()]


def _named(inputs: Sequence[Any], options: Options) -> dict[str, Any]:
    names = [name.strip() for name in str(options["names"]).split(",")]
    if len(names) != len(inputs):
        raise Mistyped(f"{len(names)} names for {len(inputs)} inputs")
    return dict(zip(names, inputs, strict=True))


def _merge(inputs: Sequence[Any], options: Options) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for record in inputs:
        if record is not None and not isinstance(record, Mapping):
            raise Mistyped(f"expected a record, found {shown(record)}")
        merged |= record or {}
    return merged


def _unique(inputs: Sequence[Any], options: Options) -> list[Any]:
    kept: dict[str, Any] = {}
    for item in _list(inputs[0]):
        kept.setdefault(json.dumps(plain(item), sort_keys=True, default=str), item)
    return list(kept.values())


def _sort(inputs: Sequence[Any], options: Options) -> list[Any]:
    field = options.get("field")
    return sorted(
        _list(inputs[0]),
        key=lambda item: _pick(item, str(field)) if field else item,
        reverse=as_flag(options.get("descending", False)),
    )


def _filter(inputs: Sequence[Any], options: Options) -> list[Any]:
    wanted = options.get("value", True)
    return [item for item in _list(inputs[0]) if _same(_pick(item, str(options["field"])), wanted)]


def _documents(inputs: Sequence[Any], options: Options) -> list[dict[str, Any]]:
    entries: list[Any] = []
    for value in inputs:
        entries += cast(list[Any], value) if isinstance(value, list) else ([value] if value is not None else [])
    return [
        {**one, "id": str(place)} if isinstance(entry, str) else one
        for place, (entry, one) in enumerate(zip(entries, as_documents(entries), strict=True))
    ]


def _unknown() -> NoReturn:
    raise Mistyped("nobody stated what it computes")


def _is_empty(value: Any) -> bool:
    return (
        value is None
        or (isinstance(value, str) and not value.strip())
        or (hasattr(value, "__len__") and not len(value))
    )


def _plain_markdown(inputs: Sequence[Any], options: Options) -> str:
    text = re.sub(r"```.*?```", "", _text(inputs), flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"^[ \t]{0,3}(#{1,6}|>|[-*+]|\d+\.)[ \t]+", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"(\*\*|__|\*|`)", "", text)).strip()


FUNCTIONS: Final[Mapping[str, Function]] = {
    "concat": lambda i, o: str(o.get("separator", "")).join(map(as_text, i)),
    "template": lambda i, o: fill_template(str(o["template"]), i),
    "strip": lambda i, o: _text(i).strip(),
    "lower": lambda i, o: _text(i).lower(),
    "upper": lambda i, o: _text(i).upper(),
    "title": lambda i, o: _text(i).title(),
    "truncate": _truncate,
    "replace": lambda i, o: _text(i).replace(str(o["old"]), str(o.get("new", ""))),
    "regex_replace": lambda i, o: re.sub(str(o["pattern"]), str(o.get("replacement", "")), _text(i)),
    "regex_extract": _extract,
    "markdown_strip": _plain_markdown,
    "split": _split,
    "lines": lambda i, o: [line for line in _text(i).splitlines() if line.strip()],
    "join": lambda i, o: str(o.get("separator", "\n")).join(map(as_text, _list(i[0]))),
    "json_parse": lambda i, o: _parse(_text(i)),
    "json_format": lambda i, o: json.dumps(plain(i[0]), ensure_ascii=False, indent=o.get("indent")),
    "record": _named,
    "merge": _merge,
    "select": lambda i, o: _pick(i[0], str(o["field"])),
    "default": lambda i, o: next((value for value in i if not _is_empty(value)), None),
    "list": lambda i, o: list(i),
    "first": lambda i, o: next(iter(_list(i[0])), None),
    "last": lambda i, o: next(reversed(_list(i[0])), None),
    "take": lambda i, o: _list(i[0])[: int(o["count"])],
    "reverse": lambda i, o: _list(i[0])[::-1],
    "flatten": lambda i, o: [item for part in _list(i[0]) for item in _list(part)],
    "unique": _unique,
    "sort": _sort,
    "filter": _filter,
    "pluck": lambda i, o: [_pick(item, str(o["field"])) for item in _list(i[0])],
    "length": lambda i, o: 0 if i[0] is None else len(i[0]),
    "sum": lambda i, o: sum(_numbers(i)),
    "mean": lambda i, o: sum(n) / len(n) if (n := _numbers(i)) else 0.0,
    "min": lambda i, o: min(_numbers(i)),
    "max": lambda i, o: max(_numbers(i)),
    "equals": lambda i, o: _same(i[0], _second(i, o)),
    "contains": _contains,
    "matches": lambda i, o: re.search(str(o["pattern"]), _text(i)) is not None,
    "less": lambda i, o: _number(i[0]) < _number(_second(i, o)),
    "greater": lambda i, o: _number(i[0]) > _number(_second(i, o)),
    "not": lambda i, o: not as_flag(i[0]),
    "and": lambda i, o: all(map(as_flag, i)),
    "or": lambda i, o: any(map(as_flag, i)),
    "is_empty": lambda i, o: _is_empty(i[0]),
    "documents": _documents,
    "document_texts": lambda i, o: [one["text"] for one in as_documents(i[0] or [])],
    "identity": lambda i, o: i[0],
    "opaque": lambda i, o: _unknown(),
}

__all__ = ["FUNCTIONS", "call", "fill_template", "is_documents"]
