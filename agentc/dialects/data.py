"""Plan data as attributes: one codec between frozen dataclasses and dictionary attributes.

``#model.shape<{name = "…", layers = 80 : i64}>`` is a ``plan.ModelShape``. Fields that hold their default
are left out, so that text stays short and old files keep parsing when a field is added.
"""

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import Any, ClassVar, Generic, TypeVar, cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    IntAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    UnitAttr,
    f64,
    i1,
    i64,
)
from xdsl.ir import Attribute, Data
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from agentc.plan.formula import Formula, parse

T = TypeVar("T")


def to_attr(value: object) -> Attribute:
    """``value`` (str, bool, int, float, ``None``, Formula, tuple, mapping, dataclass) as an attribute.

    Raises:
        TypeError: a value of any other type.
    """
    match value:
        case None:
            return UnitAttr()
        case bool():
            return IntegerAttr(int(value), i1)
        case int():
            return IntegerAttr(value, i64)
        case float():
            return FloatAttr(value, f64)
        case str():
            return StringAttr(value)
        case Formula():
            return StringAttr(str(value))
        case tuple() | list():
            return ArrayAttr([to_attr(item) for item in cast(tuple[object, ...], value)])
        case Mapping():
            items = cast(Mapping[str, object], value)
            return DictionaryAttr({key: to_attr(items[key]) for key in items})
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return DictionaryAttr({name: to_attr(item) for name, item in _stated(value)})
        case _:
            raise TypeError(f"no attribute form for {type(value).__name__}")


def print_value(printer: Printer, value: object) -> None:
    """Print what ``to_attr(value)`` prints, without making its attributes: a fleet has a thousand.

    Raises:
        TypeError: a value that has no attribute form.
    """
    match value:
        case None:
            printer.print_string("unit")
        case bool():
            printer.print_string("true" if value else "false")
        case int():
            printer.print_string(f"{value} : i64")
        case float():
            printer.print_float(value, f64)
            printer.print_string(" : f64")
        case str() | Formula():
            printer.print_string_literal(str(value))
        case tuple() | list():
            with printer.in_square_brackets():
                printer.print_list(cast(tuple[object, ...], value), partial(print_value, printer))
        case Mapping():
            _print_entries(printer, cast(Mapping[str, object], value).items())
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            _print_entries(printer, _stated(value))
        case _:
            raise TypeError(f"no attribute form for {type(value).__name__}")


def _print_entries(printer: Printer, entries: Iterable[tuple[str, object]]) -> None:
    def entry(named: tuple[str, object]) -> None:
        name, value = named
        printer.print_identifier_or_string_literal(name)
        if value is not None:
            printer.print_string(" = ")
            print_value(printer, value)

    with printer.in_braces():
        printer.print_list(entries, entry)


def from_attr(kind: Any, attr: Attribute) -> Any:
    """The plain value of type ``kind`` that ``attr`` holds: the inverse of ``to_attr``.

    Raises:
        VerifyException: the attribute does not hold a ``kind``; the message names the field.
    """
    if dataclasses.is_dataclass(kind):
        return _dataclass(cast(type, kind), attr)
    if kind is Formula:
        return parse(cast(str, _scalar(str, attr)))
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        present = [arg for arg in args if arg is not type(None)]
        return None if isinstance(attr, UnitAttr) else from_attr(present[0], attr)
    if origin is typing.Literal:
        return _literal(args, attr)
    if origin is tuple:
        return tuple(from_attr(args[0], item) for item in _expect(ArrayAttr[Attribute], attr))
    if origin is not None and issubclass(origin, Mapping):
        return {key: from_attr(args[1], item) for key, item in _expect(DictionaryAttr, attr).data.items()}
    return _scalar(kind, attr)


def _stated(value: Any) -> list[tuple[str, object]]:
    """The fields of a dataclass that differ from their default."""
    stated: list[tuple[str, object]] = []
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        if default is dataclasses.MISSING or item != default:
            stated.append((field.name, item))
    return stated


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _dataclass(kind: type, attr: Attribute) -> Any:
    data = _expect(DictionaryAttr, attr).data
    hints = _hints(kind)
    unknown = [name for name in data if name not in hints]
    if unknown:
        raise VerifyException(f"{kind.__name__} has no field `{unknown[0]}`")
    try:
        return kind(**{name: from_attr(hints[name], item) for name, item in data.items()})
    except TypeError as error:
        raise VerifyException(f"{kind.__name__}: {error}") from None


def _literal(choices: tuple[Any, ...], attr: Attribute) -> str:
    text = _expect(StringAttr, attr).data
    if text not in choices:
        raise VerifyException(f"`{text}` is none of {', '.join(map(str, choices))}")
    return text


def _scalar(kind: Any, attr: Attribute) -> object:
    match attr:
        case StringAttr() if kind is str:
            return attr.data
        case IntegerAttr() if kind is bool and attr.type == IntegerType(1):
            return bool(attr.value.data)
        case IntegerAttr() if kind in (int, float):
            return kind(attr.value.data)
        case FloatAttr() if kind is float:
            return attr.value.data
        case IntAttr() if kind is int:
            return attr.data
        case _:
            raise VerifyException(f"expected {getattr(kind, '__name__', kind)}, found {attr}")


def _expect(kind: type[T], attr: Attribute) -> T:
    plain = typing.get_origin(kind) or kind
    if not isinstance(attr, plain):
        raise VerifyException(f"expected {plain.__name__}, found {attr}")
    return cast(T, attr)


class PlainData(Data[T], Generic[T]):
    """An attribute whose data is a dataclass of ``agentc.plan``, printed as its dictionary."""

    plain: ClassVar[Any]
    """The dataclass."""

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> T:
        with parser.in_angle_brackets():
            start = parser.pos
            attr = parser.parse_attribute()
            try:
                return from_attr(cls.plain, attr)
            except (VerifyException, ValueError) as error:
                parser.raise_error(str(error), start, parser.pos)

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            print_value(printer, self.data)

    def __hash__(self) -> int:
        return hash((self.name, repr(self.data)))
