"""Attributes of the IR as plain Python values."""

from typing import Any, cast

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, FloatAttr, IntegerAttr, IntegerType, StringAttr, UnitAttr
from xdsl.ir import Attribute


def plain_attribute(attr: Attribute) -> Any:
    """The value that an attribute holds; other attributes as they are."""
    match attr:
        case StringAttr():
            return attr.data
        case IntegerAttr():
            number = cast(IntegerAttr[Any], attr)
            return bool(number.value.data) if number.type == IntegerType(1) else number.value.data
        case FloatAttr():
            return cast(FloatAttr[Any], attr).value.data
        case ArrayAttr():
            return [plain_attribute(item) for item in attr]
        case DictionaryAttr():
            return plain_attributes(attr)
        case UnitAttr():
            return True
        case _:
            return attr


def plain_attributes(attr: DictionaryAttr | None) -> dict[str, Any]:
    """A dictionary attribute as a dictionary; nothing as an empty one."""
    return {key: plain_attribute(value) for key, value in attr.data.items()} if attr is not None else {}
