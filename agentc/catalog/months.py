"""Months, as prices and purchases are dated."""

import re
from datetime import date as Date
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

AS_OF: Final = "2026-06"
"""The month that the catalog's prices are of. Nothing asks a clock: the same input gives the same plan."""

_FORM = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])(-([0-2]\d|3[01]))?\Z")


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, Date) else value


def _checked(value: str) -> str:
    if not _FORM.match(value):
        raise PydanticCustomError("wrong-value", "a date is a month as 2026-06, not `{given}`", {"given": value})
    return value


_SCHEMA = {"type": "string", "pattern": _FORM.pattern.removesuffix("\\Z") + "$"}
Month = Annotated[str, BeforeValidator(_text), AfterValidator(_checked), WithJsonSchema(_SCHEMA)]
"""``2026-06``, or a day of it."""


def months_between(first: str, last: str) -> int:
    """Whole months from ``first`` to ``last``, negative if that is before."""
    return (int(last[:4]) - int(first[:4])) * 12 + int(last[5:7]) - int(first[5:7])
