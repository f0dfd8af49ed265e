"""``np.convolve`` and ``np.correlate`` of rows: one generic that sums over the places of the second."""

import ast
from collections.abc import Sequence

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.ir import SSAValue

from agentc.analyses.kernel_ops import extract, index
from agentc.frontends.kernels.builder import KernelBuilder
from agentc.frontends.kernels.calls import keywords
from agentc.frontends.kernels.expressions import Scope, unsupported
from agentc.frontends.kernels.gathers import Indices, joined
from agentc.frontends.kernels.literals import together, written_or_array
from agentc.frontends.kernels.ordered import filled, reversed_axis
from agentc.frontends.kernels.scalars import ELEMENTS, HALVES, element_name, identity, storage, table_for
from agentc.frontends.kernels.table import Args, Function, Table, given
from agentc.frontends.kernels.tensors import ShapeError, Tensor, show
from agentc.plan import sizes
from agentc.plan.kernels import Dim

MODES = ("full", "same", "valid")


def window(one: Dim, other: Dim, mode: str, turned: bool) -> tuple[Dim, Dim]:
    """Of which place of the full result ``mode`` begins, and how many there are.

    ``same`` begins half a row of the shorter one later; where that is uneven NumPy's ``correlate`` (``turned``) of a
    shorter row and a longer one leaves the odd place at the beginning, as it swaps them and turns what it finds.
    """
    short, long = sizes.minimum(one, other), sizes.maximum(one, other)
    if mode == "full":
        return 0, sizes.subtract(sizes.add(one, other), 1)
    if mode == "valid":
        return sizes.subtract(short, 1), sizes.add(sizes.subtract(long, short), 1)
    half = sizes.floordiv(sizes.subtract(other if turned else short, 1), 2)
    return sizes.minimum(half, sizes.floordiv(one, 2)) if turned else half, long


def correlated(kernel: KernelBuilder, array: Tensor, taps: Tensor, start: Dim, count: Dim) -> Tensor:
    """``sum(padded[i + start + j] * taps[j] for j)`` for ``count`` places ``i``, where ``padded`` is ``array`` between
    as many zeros as ``taps`` has elements but one.

    Raises:
        ShapeError: the types differ, or are truth values.
    """
    element = kernel.common("convolve", [array, taps])
    if element in HALVES:
        wide = [kernel.cast(t, ELEMENTS["f32"]) for t in (array, taps)]
        return kernel.cast(correlated(kernel, wide[0], wide[1], start, count), element)
    if element == ELEMENTS["i1"]:
        raise ShapeError("products of truth values: convert them with `astype`")
    margin = sizes.subtract(taps.dims[0], 1)
    sides = [] if margin == 0 else [filled(kernel, [margin], 0, element_name(element))]
    memory = kernel.materialized(joined(kernel, [*sides, array, *sides], 0))
    ops = table_for(element)
    kernel.size_value(start)

    def body(build: Builder, values: Sequence[SSAValue]) -> SSAValue:
        code, at = Indices(kernel, build), [build.insert(index(i)).result for i in range(2)]
        place = code.op(arith.AddiOp, code.op(arith.AddiOp, at[0], at[1]), code.size(start))
        read = build.insert(extract(memory, [place], storage(element))).result
        product = build.insert(ops["mul"](read, values[0])).results[0]
        return build.insert(ops["add"](values[1], product)).results[0]

    return kernel.generic([(taps, [1])], [count, taps.dims[0]], [0], element, body, start=identity("sum", element))


def _product(turned: bool) -> Function:
    """``np.correlate`` (``turned``) and ``np.convolve``, which reads the second row from its end."""

    def make(scope: Scope, node: ast.Call, args: Args) -> Tensor:
        keywords(scope, node, ("mode",))
        build, stated = scope.builder, given(node, "mode", args, 2)
        mode = stated.value if isinstance(stated, ast.Constant) else ("valid" if turned else "full")
        if mode not in MODES or (stated is not None and not isinstance(stated, ast.Constant)):
            raise unsupported(scope, node, ast.unparse(node), f"modes: {', '.join(f'`{m}`' for m in MODES)}")
        array, taps = together(scope, node, *(written_or_array(scope, a) for a in args[:2]))
        for row in (array, taps):
            if len(row.dims) != 1:
                raise ShapeError(f"rows are convolved, not {show(row.dims)}")
            build.require(row.dims[0])
        start, count = window(array.dims[0], taps.dims[0], str(mode), turned)
        return correlated(build, array, taps if turned else reversed_axis(build, taps, 0), start, count)

    return make


CONVOLUTIONS: Table = {"convolve": (2, 3, _product(turned=False)), "correlate": (2, 3, _product(turned=True))}
"""NumPy's name -> fewest and most positional arguments, and what makes it."""
