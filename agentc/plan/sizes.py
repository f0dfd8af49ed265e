"""Sizes of arrays that follow from other sizes: ``n + m``, ``max(n - 1, 0)``, ``(n - 400)//160 + 1``.

A size is a number or a text in one spelling, so that equal texts are equal sizes: a sum of products of names, and of
``//``, ``%``, ``min`` and ``max``, which are not taken apart. Plain names are the simplest such text.
"""

import ast
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import TypeVar

T = TypeVar("T")
Size = str | int
Valued = Callable[[Mapping[str, int]], int]
Polynomial = dict[tuple[str, ...], int]
"""Product of factors, sorted -> how often it is added."""

remembered = lru_cache(maxsize=1 << 14)
"""Of arithmetic on sizes: passes take the same sizes of a kernel apart again and again."""


@cache
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _polynomial(size: Size) -> Polynomial:
    return {(): size} if isinstance(size, int) else _of(_parsed(size))


def _of(node: ast.expr) -> Polynomial:
    match node:
        case ast.Constant(value=int() as value):
            return {(): value}
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return {key: -count for key, count in _of(inner).items()}
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            return _sum(_of(left), _of(right), -1 if isinstance(op, ast.Sub) else 1)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _product(_of(left), _of(right))
        case ast.BinOp(left=left, op=ast.FloorDiv(), right=right):
            return _polynomial_of(floordiv(_text(_of(left)), _text(_of(right))))
        case ast.BinOp(left=left, op=ast.Mod(), right=right):
            return _polynomial_of(modulo(_text(_of(left)), _text(_of(right))))
        case ast.Call(func=ast.Name(id="min" | "max" as name), args=[left, right]):
            return _polynomial_of((minimum if name == "min" else maximum)(_text(_of(left)), _text(_of(right))))
        case ast.Name(id=name):
            return {(name,): 1}
        case _:
            raise ValueError(f"`{ast.unparse(node)}` is no size")


def _polynomial_of(size: Size) -> Polynomial:
    """As ``_polynomial``, of a text that is one factor already."""
    return {(): size} if isinstance(size, int) else {(size,): 1} if _is_factor(size) else _polynomial(size)


def _is_factor(text: str) -> bool:
    node = _parsed(text)
    return isinstance(node, ast.Name | ast.Call) or (
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv | ast.Mod)
    )


def _sum(left: Polynomial, right: Polynomial, sign: int = 1) -> Polynomial:
    total = dict(left)
    for key, count in right.items():
        total[key] = total.get(key, 0) + sign * count
    return {key: count for key, count in total.items() if count}


def _product(left: Polynomial, right: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for a, x in left.items():
        for b, y in right.items():
            total = _sum(total, {tuple(sorted((*a, *b))): x * y})
    return total


def _text(polynomial: Polynomial) -> Size:
    if not any(polynomial):
        return polynomial.get((), 0)
    parts: list[str] = []
    for factors, count in sorted(polynomial.items(), key=lambda item: (not item[0], item[1] < 0, item[0])):
        plain = len(factors) == 1 and abs(count) == 1 and (parts or count > 0)
        shown = [f if plain else _grouped(f) for f in factors]
        body = "*".join([*([] if abs(count) == 1 and factors else [str(abs(count))]), *shown])
        sign = ("-" if count < 0 else "") if not parts else (" - " if count < 0 else " + ")
        parts.append(sign + body)
    return "".join(parts)


def _grouped(text: str) -> str:
    return text if isinstance(_parsed(text), ast.Name | ast.Constant | ast.Call) else f"({text})"


def canonical(text: str) -> Size:
    """``text`` in the one spelling; a number where no name is left.

    Raises:
        ValueError: it is no size.
    """
    try:
        return _text(_polynomial(text))
    except (SyntaxError, ZeroDivisionError, RecursionError) as error:
        raise ValueError(f"`{text}` is no size: {error}") from None


@remembered
def add(left: Size, right: Size) -> Size:
    """``left + right``."""
    return _text(_sum(_polynomial(left), _polynomial(right)))


@remembered
def subtract(left: Size, right: Size) -> Size:
    """``left - right``."""
    return _text(_sum(_polynomial(left), _polynomial(right), -1))


@remembered
def multiply(left: Size, right: Size) -> Size:
    """``left * right``."""
    return _text(_product(_polynomial(left), _polynomial(right)))


@remembered
def floordiv(left: Size, right: Size) -> Size:
    """``left // right``, downward; exact where each product divides.

    Raises:
        ZeroDivisionError: ``right`` is 0.
    """
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    if isinstance(right, int):
        terms = _polynomial(left)
        if all(count % right == 0 for count in terms.values()):
            return _text({key: count // right for key, count in terms.items()})
    elif left == right:
        return 1
    elif (one := _polynomial(right)) and len(one) == 1:
        (factors, count), terms = next(iter(one.items())), _polynomial(left)
        if all(c % count == 0 and not _lacks(key, factors) for key, c in terms.items()):
            return _text({_without(key, factors): c // count for key, c in terms.items()})
    return f"{_side(left)}//{_side(right)}"


def _lacks(key: tuple[str, ...], factors: tuple[str, ...]) -> bool:
    return any(key.count(f) < factors.count(f) for f in factors)


def _without(key: tuple[str, ...], factors: tuple[str, ...]) -> tuple[str, ...]:
    rest = list(key)
    for factor in factors:
        rest.remove(factor)
    return tuple(rest)


@remembered
def modulo(left: Size, right: Size) -> Size:
    """``left % right``, of the sign of ``right``: what a whole number of ``right`` leaves."""
    return subtract(left, multiply(floordiv(left, right), right))


def _side(size: Size) -> str:
    return _grouped(str(size))


@remembered
def minimum(left: Size, right: Size) -> Size:
    """The smaller."""
    return _extreme("min", left, right)


@remembered
def maximum(left: Size, right: Size) -> Size:
    """The larger."""
    return _extreme("max", left, right)


def _extreme(name: str, left: Size, right: Size) -> Size:
    if _at_most(left, right):
        return left if name == "min" else right
    if _at_most(right, left):
        return right if name == "min" else left
    return f"{name}({left}, {right})"


def _at_most(left: Size, right: Size) -> bool:
    """Whether ``left <= right`` whatever the names are. For a size ``a``, ``a//k`` is at most ``a``."""
    difference = _sum(_polynomial(right), _polynomial(left), -1)
    for factors, count in list(difference.items()):
        whole = _divided(factors[0]) if len(factors) == 1 and count < 0 else None
        if whole is not None:
            difference = _sum(difference, _sum({factors: -count}, {k: c * count for k, c in whole.items()}))
    rest = _text(difference)
    if rest >= 0 if isinstance(rest, int) else _never_negative(_parsed(rest)):
        return True
    return _by_parts(left, right)


def _by_parts(left: Size, right: Size) -> bool:
    """A maximum is at most what both of its sides are, and so on."""
    match _parsed(str(left)):
        case ast.Call(func=ast.Name(id=name), args=args):
            return (all if name == "max" else any)(_at_most(ast.unparse(a), right) for a in args)
        case _:
            pass
    match _parsed(str(right)):
        case ast.Call(func=ast.Name(id=name), args=args):
            return (any if name == "max" else all)(_at_most(left, ast.unparse(a)) for a in args)
        case _:
            return False


def _divided(factor: str) -> Polynomial | None:
    """``a`` of ``a//k``, where that is a size divided by a number."""
    match _parsed(factor):
        case ast.BinOp(left=left, op=ast.FloorDiv(), right=ast.Constant()) if _never_negative(left):
            return _of(left)
        case _:
            return None


def _never_negative(node: ast.expr) -> bool:
    """Names are sizes, which are at least 0."""
    match node:
        case ast.Name():
            return True
        case ast.Constant(value=int() as value):
            return value >= 0
        case ast.BinOp(left=left, op=ast.Add() | ast.Mult() | ast.FloorDiv() | ast.Mod(), right=right):
            return _never_negative(left) and _never_negative(right)
        case ast.Call(func=ast.Name(id=name), args=args):
            return (any if name == "max" else all)(_never_negative(a) for a in args)
        case _:
            return False


def is_never_negative(size: Size) -> bool:
    """Whether ``size`` is 0 or more whatever the names are, as far as its text tells."""
    return _at_most(0, size)


@cache
def same_unless_empty(left: Size, right: Size) -> bool:
    """Whether both are the same number wherever every name is at least 1, such as ``max(n, 1)`` and ``n``."""
    return left == right or _shifted(left) == _shifted(right)


def _shifted(size: Size) -> Size:
    """``size`` by names that count from 1, of which no more is known than that they are sizes."""
    combine: Mapping[str, Callable[[Size, Size], Size]] = {
        "+": add,
        "-": subtract,
        "*": multiply,
        "//": floordiv,
        "%": modulo,
        "min": minimum,
        "max": maximum,
    }
    return fold(size, lambda name: f"{name} + 1", lambda number: number, lambda symbol, a, b: combine[symbol](a, b))


SYMBOLS: Mapping[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
}
ARITHMETIC: Mapping[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "min": min,
    "max": max,
}


def fold(size: Size, name: Callable[[str], T], number: Callable[[int], T], apply: Callable[[str, T, T], T]) -> T:
    """Go through a size from its names and numbers upward; ``apply`` gets ``+ - * // % min max`` and both sides."""
    if isinstance(size, int):
        return number(size)

    def visit(node: ast.expr) -> T:
        match node:
            case ast.Name(id=text):
                return name(text)
            case ast.Constant(value=int() as value):
                return number(value)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return apply("-", number(0), visit(inner))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in SYMBOLS:
                return apply(SYMBOLS[type(op)], visit(left), visit(right))
            case ast.Call(func=ast.Name(id="min" | "max" as text), args=[left, right]):
                return apply(text, visit(left), visit(right))
            case _:
                raise ValueError(f"`{ast.unparse(node)}` is no size")

    return visit(_parsed(size))


def names(size: Size) -> list[str]:
    """The names in ``size``, each once, in order of appearance."""
    found = fold(size, lambda n: [n], lambda _: [], lambda _, a, b: [*a, *b])
    return list(dict.fromkeys(found))


def is_name(size: Size) -> bool:
    """Whether ``size`` is a plain name, which somebody has to give."""
    return isinstance(size, str) and size.isidentifier()


def evaluate(size: Size, known: Mapping[str, int]) -> int:
    """The value of ``size``.

    Raises:
        KeyError: a name is not in ``known``.
        ZeroDivisionError: it divides by a size that is 0.
    """
    return _evaluator(size)(known)


@cache
def _evaluator(size: Size) -> Callable[[Mapping[str, int]], int]:
    """``size`` as a function: kernels are called more often than they are compiled."""

    def apply(symbol: str, left: Valued, right: Valued) -> Valued:
        combine = ARITHMETIC[symbol]
        return lambda known: combine(left(known), right(known))

    return fold(size, lambda name: lambda known: known[name], lambda number: lambda _: number, apply)


class Sizes(dict[str, int]):
    """Sizes by name; what follows from them is computed when it is asked for."""

    def __missing__(self, size: str) -> int:
        if size.isidentifier():
            raise KeyError(size)
        self[size] = evaluate(size, self)
        return self[size]
