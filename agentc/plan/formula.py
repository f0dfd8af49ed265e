"""Arithmetic over named figures, kept symbolic: ``2 * parameters * input_tokens * batch``.

A formula prints as text that ``parse`` reads back, evaluates on floats or NumPy arrays, and knows its symbols.
It is built by operators (``symbol("batch") * 2``), which fold constants and drop neutral elements.
"""

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

Operand: TypeAlias = "Formula | float"

MAX_DEPTH = 200
"""Deepest tree that ``parse`` accepts, so that walking a formula of unknown origin cannot exhaust the stack."""

MAX_NESTING = 60
"""Most parentheses, calls and signs within one another that ``parse`` accepts, for the same reason."""

_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 4}
_CALLS = ("min", "max")
_ATOM = 9
_MAX_EXACT_INT = 2.0**53


class Formula:
    """An immutable expression tree. Equality and hash are structural.

    ``op`` is ``const``, ``symbol``, ``+``, ``-``, ``*``, ``/``, ``**``, ``min`` or ``max``;
    ``value`` belongs to ``const``, ``name`` to ``symbol``, ``args`` to the rest.
    Make one by ``constant``, ``symbol``, ``parse`` and the operators.
    """

    __slots__ = ("__dict__", "_hash", "args", "depth", "name", "op", "value")
    op: str
    args: tuple["Formula", ...]
    value: float
    name: str
    depth: int
    _hash: int

    def __init__(self, op: str, args: tuple["Formula", ...] = (), value: float = 0.0, name: str = "") -> None:
        place = object.__setattr__
        place(self, "op", op)
        place(self, "args", args)
        place(self, "value", value)
        place(self, "name", name)
        place(self, "depth", 1 + max((arg.depth for arg in args), default=0))
        place(self, "_hash", hash((op, args, value, name)))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a formula is immutable; cannot set `{name}`")

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Formula) or self._hash != other._hash:
            return False
        return (self.op, self.value, self.name, self.args) == (other.op, other.value, other.name, other.args)

    def __reduce__(self) -> tuple[type["Formula"], tuple[object, ...]]:
        return Formula, (self.op, self.args, self.value, self.name)

    def __add__(self, other: Operand) -> "Formula":
        return _make("+", self, other)

    def __radd__(self, other: float) -> "Formula":
        return _make("+", other, self)

    def __sub__(self, other: Operand) -> "Formula":
        return _make("-", self, other)

    def __rsub__(self, other: float) -> "Formula":
        return _make("-", other, self)

    def __mul__(self, other: Operand) -> "Formula":
        return _make("*", self, other)

    def __rmul__(self, other: float) -> "Formula":
        return _make("*", other, self)

    def __truediv__(self, other: Operand) -> "Formula":
        return _make("/", self, other)

    def __rtruediv__(self, other: float) -> "Formula":
        return _make("/", other, self)

    def __pow__(self, other: Operand) -> "Formula":
        return _make("**", self, other)

    def __rpow__(self, other: float) -> "Formula":
        return _make("**", other, self)

    def __neg__(self) -> "Formula":
        return _make("*", -1.0, self)

    @property
    def is_constant(self) -> bool:
        """True where no symbol occurs (constants fold, so the tree is one leaf)."""
        return self.op == "const"

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The names that ``evaluate`` needs."""
        if self.op == "symbol":
            return frozenset((self.name,))
        return frozenset[str]().union(*(arg.symbols for arg in self.args))

    @overload
    def evaluate(self, env: Mapping[str, float]) -> float: ...
    @overload
    def evaluate(self, env: Mapping[str, "float | Array"]) -> "float | Array": ...
    def evaluate(self, env: Mapping[str, "float | Array"]) -> "float | Array":
        """The value where ``env`` gives each symbol a float or an array; arrays broadcast.

        Raises KeyError for a symbol that ``env`` lacks, ZeroDivisionError as floats do.
        """
        if self.op == "const":
            return self.value
        if self.op == "symbol":
            return env[self.name]
        return _apply(self.op, [arg.evaluate(env) for arg in self.args])

    def substitute(self, env: Mapping[str, Operand]) -> "Formula":
        """The formula with the symbols that ``env`` names replaced, the others kept."""
        if self.op == "symbol":
            return _lift(env.get(self.name, self))
        if not self.args:
            return self
        return _make(self.op, *(arg.substitute(env) for arg in self.args))

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        if self.op == "const":
            return _number(self.value)
        if self.op == "symbol":
            return self.name
        if self.op in _CALLS:
            return f"{self.op}({', '.join(map(str, self.args))})"
        left, right = self.args
        level, power = _PRECEDENCE[self.op], self.op == "**"
        return f"{_wrap(left, level + power)} {self.op} {_wrap(right, level + (not power))}"

    def __repr__(self) -> str:
        return f"parse({self._text!r})"


def constant(value: float) -> Formula:
    """A fixed figure. Raises ValueError where it is not finite."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"a formula's constant must be finite, not {value}")
    return Formula("const", value=number + 0.0)


def symbol(name: str) -> Formula:
    """A named figure. Raises ValueError where ``name`` is no identifier (dots are allowed) or is ``min`` or ``max``."""
    if name in _CALLS or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", name, re.ASCII):
        raise ValueError(f"`{name}` cannot name a symbol")
    return Formula("symbol", name=name)


def minimum(first: Operand, *more: Operand) -> Formula:
    """The least of the operands."""
    return _make("min", first, *more)


def maximum(first: Operand, *more: Operand) -> Formula:
    """The greatest of the operands."""
    return _make("max", first, *more)


def total(terms: Iterable[Formula]) -> Formula:
    """The sum, as a balanced tree: thousands of terms stay a shallow formula."""
    row: list[Formula] = list(terms)
    while len(row) > 1:
        odd = row[len(row) // 2 * 2 :]
        row = [left + right for left, right in zip(row[::2], row[1::2], strict=False)] + odd
    return row[0] if row else ZERO


def _lift(operand: Operand) -> Formula:
    return operand if isinstance(operand, Formula) else constant(operand)


def _make(op: str, *operands: Operand) -> Formula:
    """Build a node: constants folded, neutral elements dropped."""
    args = tuple(_lift(operand) for operand in operands)
    if len(args) == 1:
        return args[0]
    if op == "/" and args[1] == ZERO:
        raise ZeroDivisionError(f"division by zero in `{args[0]} / 0`")
    if all(arg.op == "const" for arg in args):
        return constant(_fold(op, [arg.value for arg in args]))
    if len(args) == 2 and op not in _CALLS:
        return _neutral(op, *args) or Formula(op, args)
    return Formula(op, args)


def _fold(op: str, values: list[float]) -> float:
    result = _apply(op, values)
    if isinstance(result, complex):
        raise ArithmeticError(f"`({_number(values[0])}) ** {_number(values[1])}` is not a real number")
    return float(result)


def _neutral(op: str, left: Formula, right: Formula) -> Formula | None:
    """What ``left op right`` is where one side is a neutral or annihilating constant."""
    match op:
        case "+":
            return right if left == ZERO else left if right == ZERO else None
        case "-":
            return left if right == ZERO else None
        case "*" if ZERO in (left, right):
            return ZERO
        case "*":
            return right if left == ONE else left if right == ONE else None
        case "/":
            return ZERO if left == ZERO else left if right == ONE else None
        case _:
            return left if right == ONE else None


def _apply(op: str, values: "list[float] | list[float | Array]") -> "float | Array":
    return _EVALUATORS[op](*values)


def _extreme(builtin: Callable[..., float], ufunc: str) -> Callable[..., "float | Array"]:
    def pick(*values: "float | Array") -> "float | Array":
        if all(isinstance(value, float | int) for value in values):
            return builtin(values)
        import numpy as np

        result = values[0]
        for value in values[1:]:
            result = getattr(np, ufunc)(result, value)
        return result

    return pick


def _divide(left: Any, right: Any) -> Any:
    return left / right


def _power(base: Any, exponent: Any) -> Any:
    return base**exponent


_EVALUATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "**": _power,
    "min": _extreme(min, "minimum"),
    "max": _extreme(max, "maximum"),
}


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) <= _MAX_EXACT_INT else repr(value)


def _wrap(child: Formula, level: int) -> str:
    """``child`` as text, in parentheses where it binds less tightly than ``level``."""
    binds = _PRECEDENCE.get(child.op, _ATOM)
    if child.op == "const" and child.value < 0:
        binds = 0
    return f"({child})" if binds < level else str(child)


ZERO = constant(0)
ONE = constant(1)

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)|(?P<op>\*\*|[-+*/(),]))",
    re.ASCII,
)


def parse(text: str) -> Formula:
    """Read a formula: numbers, symbols, ``+ - * / **`` with Python's precedence, ``min(…)`` and ``max(…)``.

    Raises ValueError, with the position (0-based), for anything else, for constant expressions without a
    finite real value, and for trees deeper than ``MAX_DEPTH`` or ``MAX_NESTING``.
    """
    return _Parser(text).formula()


class _Parser:
    """Recursive descent; one method a precedence level."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._scan())
        self.index = 0
        self.nesting = 0

    def _scan(self) -> Iterable[tuple[str, str, int]]:
        position, end = 0, len(self.text.rstrip())
        while position < end:
            match = _TOKEN.match(self.text, position)
            if match is None:
                start = position + len(self.text[position:]) - len(self.text[position:].lstrip())
                self._fail(f"unexpected `{self.text[start]}`", start)
            kind = match.lastgroup or ""
            yield kind, match[kind], match.start(kind)
            position = match.end()
        yield "end", "", end

    def _fail(self, why: str, position: int) -> NoReturn:
        shown = self.text if len(self.text) <= 80 else self.text[:77] + "..."
        raise ValueError(f"{why} at position {position} of `{shown}`")

    def _take(self) -> tuple[str, str, int]:
        token = self.tokens[self.index]
        self.index += token[0] != "end"
        return token

    def _next_is(self, *texts: str) -> bool:
        kind, text, _ = self.tokens[self.index]
        return kind == "op" and text in texts

    def _expect(self, text: str) -> None:
        _, found, position = self._take()
        if found != text:
            self._fail(f"expected `{text}`, found {f'`{found}`' if found else 'the end'}", position)

    def formula(self) -> Formula:
        result = self._sum()
        _, text, position = self._take()
        if text:
            self._fail(f"unexpected `{text}`", position)
        return result

    def _combine(self, op: str, position: int, *args: Formula) -> Formula:
        try:
            result = _make(op, *args)
        except (ArithmeticError, ValueError) as error:
            self._fail(str(error), position)
        if result.depth > MAX_DEPTH:
            self._fail(f"formula deeper than {MAX_DEPTH} levels", position)
        return result

    def _binary(self, operators: tuple[str, ...], operand: Callable[[], Formula]) -> Formula:
        left = operand()
        while self._next_is(*operators):
            _, op, position = self._take()
            left = self._combine(op, position, left, operand())
        return left

    def _sum(self) -> Formula:
        return self._binary(("+", "-"), self._product)

    def _product(self) -> Formula:
        return self._binary(("*", "/"), self._unary)

    def _unary(self) -> Formula:
        self.nesting += 1
        position = self.tokens[self.index][2]
        if self.nesting > MAX_NESTING:
            self._fail(f"formula nested deeper than {MAX_NESTING} levels", position)
        if self._next_is("-", "+"):
            sign = self._take()[1]
            result = self._unary()
            result = self._combine("*", position, constant(-1), result) if sign == "-" else result
        else:
            result = self._power()
        self.nesting -= 1
        return result

    def _power(self) -> Formula:
        base = self._atom()
        if not self._next_is("**"):
            return base
        _, op, position = self._take()
        return self._combine(op, position, base, self._unary())

    def _atom(self) -> Formula:
        kind, text, position = self._take()
        if kind == "number":
            return self._literal(text, position)
        if kind == "name":
            return self._call(text, position) if text in _CALLS else symbol(text)
        if text == "(":
            inner = self._sum()
            self._expect(")")
            return inner
        self._fail(f"expected a number, a symbol or `(`, found {f'`{text}`' if text else 'the end'}", position)

    def _literal(self, text: str, position: int) -> Formula:
        try:
            return constant(float(text))
        except ValueError as error:
            self._fail(str(error), position)

    def _call(self, name: str, position: int) -> Formula:
        self._expect("(")
        args = [self._sum()]
        while self._next_is(","):
            self._take()
            args.append(self._sum())
        self._expect(")")
        return self._combine(name, position, *args)
