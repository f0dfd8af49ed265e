"""Products of arrays: ``np.matmul`` of any rank, ``np.einsum``, ``np.outer``. One generic for each pair."""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from xdsl.builder import Builder
from xdsl.ir import SSAValue

from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.calls import keywords
from agentc.frontends.kernels.expressions import Scope, tensor, unsupported
from agentc.frontends.kernels.gathers import gather, reshaped
from agentc.frontends.kernels.scalars import ELEMENTS, HALVES, identity, table_for
from agentc.frontends.kernels.table import Args, Table
from agentc.frontends.kernels.tensors import ShapeError, Tensor, show
from agentc.plan.kernels import Dim

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
SUBSCRIPTS = re.compile(r"([A-Za-z]|\.\.\.)*(,([A-Za-z]|\.\.\.)*)*(->([A-Za-z]|\.\.\.)*)?")


def contract(kernel: KernelBuilder, inputs: Sequence[tuple[Tensor, str]], result: str) -> Tensor:
    """The sum, over all letters that ``result`` lacks, of the product of ``inputs``, whose axes are letters. An axis of
    size 1 is repeated along a longer one of its letter. f16 and bf16 are multiplied and summed in f32.

    Raises:
        ShapeError: the sizes of a letter differ, or the types.
    """
    element = kernel.common("@", [t for t, _ in inputs])
    if element in HALVES:
        wide = [(kernel.cast(t, ELEMENTS["f32"]), letters) for t, letters in inputs]
        return kernel.cast(contract(kernel, wide, result), element)
    if element == ELEMENTS["i1"]:
        raise ShapeError("products of truth values: convert them with `astype`")
    inputs = [(kernel.cast(t, element), letters) for t, letters in inputs]
    sizes = _letters(kernel, inputs)
    loops = [*result, *(c for c in sizes if c not in result)]
    ops = table_for(element)

    def body(builder: Builder, values: Sequence[SSAValue]) -> SSAValue:
        product = values[0]
        for value in values[1:-1]:
            product = builder.insert(ops["mul"](product, value)).results[0]
        return builder.insert(ops["add"](values[-1], product)).results[0] if summed else product

    summed = len(loops) > len(result)
    operands = [(_known(t, letters, sizes), _loops(t, letters, sizes, loops)) for t, letters in inputs]
    start = identity("sum", element) if summed else None
    return kernel.generic(operands, [sizes[c] for c in loops], range(len(result)), element, body, start=start)


def _letters(kernel: KernelBuilder, inputs: Sequence[tuple[Tensor, str]]) -> dict[str, Dim]:
    """The size of each letter, in order of appearance."""
    found: dict[str, Dim] = {}
    for operand, letters in inputs:
        for letter, dim in zip(letters, operand.dims, strict=True):
            known = found.get(letter, 1)
            agreed = dim if known == 1 else known if dim == 1 else kernel.agreed(known, dim)
            if agreed is None:
                shapes = " and ".join(show(t.dims) for t, _ in inputs)
                raise ShapeError(f"products of {shapes}: `{known}` is not `{dim}`")
            found[letter] = agreed
    return found


def _known(operand: Tensor, letters: str, sizes: Mapping[str, Dim]) -> Tensor:
    dims = tuple(d if d == 1 else sizes[c] for c, d in zip(letters, operand.dims, strict=True))
    return replace(operand, dims=dims)


def _loops(operand: Tensor, letters: str, sizes: Mapping[str, Dim], loops: Sequence[str]) -> list[int | None]:
    pairs = zip(letters, operand.dims, strict=True)
    return [None if d == 1 and sizes[c] != 1 else loops.index(c) for c, d in pairs]


def matmul(kernel: KernelBuilder, left: Tensor, right: Tensor) -> Tensor:
    """``left @ right``, over whatever axes stand before the last two.

    Raises:
        ShapeError: the inner sizes differ, or the outer ones, or the types; one is a number.
    """
    if len(left.dims) == 0 or len(right.dims) == 0:
        raise ShapeError("`@` takes arrays, not numbers")
    if len(left.dims) <= 2 and len(right.dims) <= 2:
        return kernel.matmul(left, right)
    inner = right.dims[-2] if len(right.dims) > 1 else right.dims[0]
    if kernel.agreed(left.dims[-1], inner) is None:
        raise ShapeError(f"`@` of {show(left.dims)} and {show(right.dims)}: `{left.dims[-1]}` is not `{inner}`")
    one, other = len(left.dims) - 2, len(right.dims) - 2
    batch = LETTERS[: max(one, other)]
    rows = f"{batch[len(batch) - one :]}Y" if one >= 0 else ""
    columns = batch[len(batch) - max(other, 0) :]
    result = batch + ("Y" if one >= 0 else "") + ("Z" if other >= 0 else "")
    return contract(kernel, [(left, f"{rows}X"), (right, f"{columns}XZ" if other >= 0 else "X")], result)


def einsum(kernel: KernelBuilder, subscripts: str, arrays: Sequence[Tensor]) -> Tensor:
    """``np.einsum``, of several arrays two by two from the left.

    Raises:
        ShapeError: the subscripts are not of that form, or do not fit the arrays.
    """
    text = subscripts.replace(" ", "")
    if not SUBSCRIPTS.fullmatch(text):
        raise ShapeError(f"`{subscripts}` are no subscripts such as `ij,jk->ik`")
    stated, arrow, result = text.partition("->")
    terms = stated.split(",")
    if len(terms) != len(arrays):
        raise ShapeError(f"`{subscripts}` has {len(terms)} terms for {len(arrays)} arrays")
    free = "".join(c for c in LETTERS if c not in text)
    terms = [_expanded(term, array, free) for term, array in zip(terms, arrays, strict=True)]
    if not arrow:
        named = sorted(c for c in {*stated} - {",", "."} if stated.count(c) == 1)
        result = ("..." if "..." in stated else "") + "".join(named)
    widest = max(sum(c in free for c in term) for term in terms)
    result = result.replace("...", free[len(free) - widest :] if widest else "")
    if len({*result}) != len(result) or not {*result} <= {*"".join(terms)}:
        raise ShapeError(f"`{subscripts}`: each letter of the result is one of the arrays', once")
    pairs = [_diagonal(kernel, array, term) for array, term in zip(arrays, terms, strict=True)]
    while len(pairs) > 2:
        later = {*result, *"".join(term for _, term in pairs[2:])}
        kept = "".join(c for c in dict.fromkeys(pairs[0][1] + pairs[1][1]) if c in later)
        pairs = [(contract(kernel, pairs[:2], kept), kept), *pairs[2:]]
    return contract(kernel, pairs, result)


def _expanded(term: str, array: Tensor, free: str) -> str:
    """``term`` with letters for its dots, the last of ``free`` for the last axis."""
    before, dots, after = term.partition("...")
    count = len(array.dims) - len(before) - len(after)
    if count < 0 or (count > 0 and not dots) or "." in after:
        raise ShapeError(f"`{term}` names {len(before) + len(after)} axes, the array has {len(array.dims)}")
    return before + (free[len(free) - count :] if count else "") + after


def _diagonal(kernel: KernelBuilder, array: Tensor, term: str) -> tuple[Tensor, str]:
    """Letters that a term has twice become one."""
    letters = "".join(dict.fromkeys(term))
    if letters == term:
        return array, term
    sizes = _letters(kernel, [(array, term)])
    if any(d != sizes[c] for c, d in zip(term, array.dims, strict=True)):
        raise ShapeError(f"`{term}` of {show(array.dims)}: sizes of one letter differ")
    made = gather(
        kernel, array, [sizes[c] for c in letters], lambda code, loops, _: [loops[letters.index(c)] for c in term]
    )
    return made, letters


def _einsum(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ("optimize",))
    if not isinstance(args[0], ast.Constant) or not isinstance(args[0].value, str):
        raise unsupported(scope, args[0], ast.unparse(args[0]), 'write the subscripts out: "ij,jk->ik"')
    return einsum(scope.builder, args[0].value, [tensor(scope, a) for a in args[1:]])


def _matmul(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    return matmul(scope.builder, tensor(scope, args[0]), tensor(scope, args[1]))


def _dot(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    left, right = tensor(scope, args[0]), tensor(scope, args[1])
    if not left.dims or not right.dims:
        return scope.builder.map("mul", left, right)
    if len(right.dims) > 2:
        raise unsupported(scope, node, ast.unparse(node), "write `@`, or `np.einsum` for other pairs of axes")
    return matmul(scope.builder, left, right)


def _inner(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    left, right = tensor(scope, args[0]), tensor(scope, args[1])
    if not left.dims or not right.dims:
        return scope.builder.map("mul", left, right)
    rows = LETTERS[: len(left.dims) - 1]
    columns = LETTERS[len(rows) : len(rows) + len(right.dims) - 1]
    return contract(scope.builder, [(left, f"{rows}X"), (right, f"{columns}X")], rows + columns)


def _outer(scope: Scope, node: ast.Call, args: Args) -> Tensor:
    keywords(scope, node, ())
    left, right = (reshaped(scope.builder, t, [-1]) for t in (tensor(scope, a) for a in args))
    return scope.builder.map("mul", left.expanded(1), right)


PRODUCTS: Table = {
    "einsum": (2, 9, _einsum),
    "matmul": (2, 2, _matmul),
    "dot": (2, 2, _dot),
    "inner": (2, 2, _inner),
    "outer": (2, 2, _outer),
}
"""NumPy's name -> fewest and most positional arguments, and what makes it."""
