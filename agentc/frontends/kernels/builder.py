"""Builds a kernel's tensor code: NumPy's broadcasting and reductions as ``linalg.generic`` on tensors.

A ``Tensor`` knows its sizes by name, and which axis of the value in the IR each of its axes is: ``x[:, None]``, ``x.T``
and ``keepdims`` cost nothing, as they only change that.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

from xdsl.builder import Builder
from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import ArrayAttr, IntegerType, ModuleOp, StringAttr
from xdsl.dialects.linalg.ops import YieldOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from agentc.analyses.kernel_dims import DIMS, NAMES, REQUIRES, UNSIGNED, dims_attr, insert_size
from agentc.analyses.kernel_ops import (
    Appending,
    Projection,
    empty,
    fill,
    index,
    index_constant,
    made,
    projected,
    tensor_type,
)
from agentc.analyses.kernel_sources import SOURCE, place_attribute
from agentc.frontends.kernels.scalars import (
    COMBINE,
    COMPARISONS,
    COMPOUND,
    ELEMENTS,
    HALVES,
    INTEGERS,
    WHOLE_ONLY,
    Element,
    constant,
    convert,
    element_name,
    from_index,
    identity,
    is_unsigned,
    limits,
    storage,
    table_for,
)
from agentc.frontends.kernels.tensors import ShapeError, Tensor, nest_of, show
from agentc.plan import sizes
from agentc.plan.kernels import Dim, Parameter

Body = Callable[[Builder, Sequence[SSAValue]], SSAValue]
Operand = Tensor | float

MOST_ELEMENTS = 1 << 48
"""What processors address."""


class KernelBuilder:
    """Collects one kernel. ``arguments`` are ready to use; ``finish`` gives the module."""

    def __init__(self, name: str, parameters: Sequence[Parameter]) -> None:
        self.name = name
        self.place = ""
        """Where the source says what is inserted now: ``file.py:line:column``."""
        self.statements = 0
        """How many of the source's were gone through."""
        self.parameters = tuple(parameters)
        self._block = Block(arg_types=[_type(p) for p in parameters])
        self._builder = Appending(self._block)
        self._sizes: dict[Dim, SSAValue] = {}
        self._empties: dict[tuple[tuple[Dim, ...], Element], SSAValue] = {}
        self._required: dict[Dim, None] = {}
        self.arguments: list[Tensor] = []
        for parameter, value in zip(parameters, self._block.args, strict=True):
            value.name_hint = parameter.name
            dims = parameter.dims or ()
            element = ELEMENTS[parameter.dtype]
            self.arguments.append(Tensor(value, dims, tuple(range(len(dims))), element, parameter.dims is None))

    def map(self, op: str, *operands: Operand) -> Tensor:
        """``op`` of the scalar table on every element, with broadcasting.

        Raises:
            ShapeError: the operands do not broadcast, differ in type, or the type lacks ``op``.
        """
        if op == "where":
            condition = operands[0]
            if not isinstance(condition, Tensor) or condition.element != ELEMENTS["i1"]:
                raise ShapeError("`where` chooses by an array of truth values, such as `x > 0`")
            element = self.common(op, operands[1:])
        else:
            element = self.common(op, operands)
        chosen = 1 if op == "where" else 0
        operands = (*operands[:chosen], *(self._adapted(o, element) for o in operands[chosen:]))
        if element in HALVES:
            single = ELEMENTS["f32"]
            wide = [self.cast(o, single) if isinstance(o, Tensor) and o.element == element else o for o in operands]
            found = self.map(op, *wide)
            return self.cast(found, element) if found.element == single else found
        whole = isinstance(element, IntegerType)
        table = table_for(element)
        known = op in table or (op in COMPOUND and element != ELEMENTS["i1"])
        if not known or (op in WHOLE_ONLY and not whole):
            raise ShapeError(f"`{op}` is not defined on {element_name(element)}")
        if whole:
            _check_constants(op, operands, element)

        def body(builder: Builder, values: Sequence[SSAValue]) -> SSAValue:
            supply = iter(values)
            scalars = [next(supply) if isinstance(o, Tensor) else constant(builder, o, element) for o in operands]
            if op in COMPOUND:
                return COMPOUND[op](builder, scalars[0], scalars[1], element)
            return builder.insert(table[op](*scalars)).results[0]

        result = ELEMENTS["i1"] if op in COMPARISONS else element
        return self.elementwise([o for o in operands if isinstance(o, Tensor)], result, body)

    def _adapted(self, operand: Operand, element: Element) -> Operand:
        """A size takes the type of what it meets, as a number does, and so do truth values."""
        if not isinstance(operand, Tensor) or operand.element is element:
            return operand
        if operand.element == ELEMENTS["i1"]:
            return self.cast(operand, element)
        return operand if operand.size is None else self.size(operand.size, element)

    def cast(self, operand: Tensor, element: Element) -> Tensor:
        """``operand`` converted to ``element``."""
        if operand.element == element:
            return operand
        source = operand.element
        return self.elementwise([operand], element, lambda builder, v: convert(builder, v[0], source, element))

    def reduce(self, kind: str, operand: Tensor, axes: Sequence[int], keep: bool, start: float | None = None) -> Tensor:
        """``sum``, ``prod``, ``max`` or ``min`` over ``axes``, from ``start``; ``mean`` divides the sum by the count.

        Sums and products of integers are 64 bits wide, as NumPy's; those of f16 and bf16 add up in f32.

        Raises:
            ShapeError: the type has no such reduction.
        """
        if not axes:
            return operand
        narrow = operand.element
        if narrow in HALVES:
            return self.cast(self.reduce(kind, self.cast(operand, ELEMENTS["f32"]), axes, keep, start), narrow)
        if isinstance(narrow, IntegerType):
            if kind == "mean":
                return self.reduce(kind, self.cast(operand, ELEMENTS["f64"]), axes, keep)
            if kind in ("sum", "prod"):
                sign = is_unsigned(narrow) and narrow != ELEMENTS["i1"]
                operand = self.cast(operand, ELEMENTS["u64" if sign else "i64"])
        if kind == "mean":
            count = self.count([operand.dims[a] for a in axes], operand.element)
            return self.map("div", self.reduce("sum", operand, axes, keep), count)
        combine = table_for(operand.element).get(COMBINE[kind])
        if combine is None:
            raise ShapeError(f"`{kind}` is not defined on {element_name(operand.element)}")
        rank = len(operand.dims)
        kept = [i for i in range(rank) if i not in axes]
        found = self.generic(
            [(operand, list(range(rank)))],
            [operand.dims[i] for i in range(rank)],
            kept,
            operand.element,
            lambda builder, values: builder.insert(combine(values[1], values[0])).results[0],
            start=identity(kind, operand.element) if start is None else start,
        )
        return self._with_kept_axes(found, rank, axes) if keep else found

    @staticmethod
    def _with_kept_axes(found: Tensor, rank: int, axes: Sequence[int]) -> Tensor:
        for axis in range(rank):
            if axis in axes:
                found = found.expanded(axis)
        return found

    def matmul(self, left: Tensor, right: Tensor) -> Tensor:
        """``left @ right`` for vectors and matrices.

        Raises:
            ShapeError: the inner sizes differ, a rank is not 1 or 2, or the types differ.
        """
        element = self.common("@", [left, right])
        if element in HALVES:
            wide = [self.cast(t, ELEMENTS["f32"]) for t in (left, right)]
            return self.cast(self.matmul(*wide), element)
        if element == ELEMENTS["i1"]:
            raise ShapeError("products of truth values: convert them with `astype`")
        left, right = self.cast(left, element), self.cast(right, element)
        if not 1 <= len(left.dims) <= 2 or not 1 <= len(right.dims) <= 2:
            raise ShapeError(f"`@` takes vectors and matrices, not {show(left.dims)} and {show(right.dims)}")
        inner = right.dims[0]
        if self.agreed(left.dims[-1], inner) is None:
            raise ShapeError(f"`@` of {show(left.dims)} and {show(right.dims)}: `{left.dims[-1]}` is not `{inner}`")
        rows, columns = left.dims[:-1], right.dims[1:]
        k = len(rows) + len(columns)
        table = table_for(element)

        def body(builder: Builder, values: Sequence[SSAValue]) -> SSAValue:
            product = builder.insert(table["mul"](values[0], values[1])).results[0]
            return builder.insert(table["add"](values[2], product)).results[0]

        loops_left = [*range(len(rows)), k]
        loops_right = [k, *range(len(rows), k)]
        return self.generic(
            [(left, loops_left), (right, loops_right)],
            [*rows, *columns, inner],
            range(k),
            element,
            body,
            start=identity("sum", element),
        )

    def size(self, dim: Dim, element: Element) -> Tensor:
        """The size that ``dim`` names, as a scalar of ``element``."""
        return replace(self.count([dim], element), size=dim)

    def finish(self, results: Sequence[Tensor], names: Sequence[str] = ()) -> ModuleOp:
        """The module with the kernel, which returns ``results``."""
        values = [self.materialized(r, own=True) for r in results]
        self._builder.insert(func.ReturnOp(*values))
        types = ([a.type for a in self._block.args], [v.type for v in values])
        function = func.FuncOp(self.name, types, Region(self._block))
        self._located(function)
        shaped = [p.dims for p in self.parameters if p.dims is not None]
        function.attributes[DIMS] = dims_attr([*shaped, *(r.dims for r in results)])
        taken = {str(n) for p in self.parameters for n in (p.name, *(p.dims or ()))}
        stem = "out"
        while any(t.startswith(stem) for t in taken):
            stem += "_"
        labels = names or ([f"{stem}{i}" for i in range(len(results))] if len(results) > 1 else [stem])
        every = [*(p.name for p in self.parameters), *labels]
        function.attributes[NAMES] = ArrayAttr([StringAttr(n) for n in every])
        elements = [*(ELEMENTS[p.dtype] for p in self.parameters), *(r.element for r in results)]
        unsigned = [n for n, e in zip(every, elements, strict=True) if is_unsigned(e) and e != ELEMENTS["i1"]]
        if self._required:
            function.attributes[REQUIRES] = dims_attr([list(self._required)]).data[0]
        if unsigned:
            function.attributes[UNSIGNED] = ArrayAttr([StringAttr(n) for n in unsigned])
        return ModuleOp([function])

    def materialized(self, result: Tensor, own: bool = False) -> SSAValue:
        """``result`` as a tensor of the IR with exactly its axes; with ``own`` it is no argument of the kernel."""
        as_is = result.axes == tuple(range(len(result.dims))) and not result.scalar
        if as_is and not (own and result.value.owner is self._block):
            return result.value
        loops = range(len(result.dims))
        body: Body = lambda _, values: values[0]  # noqa: E731
        return self.generic([(result, list(loops))], result.dims, loops, result.element, body).value

    def common(self, op: str, operands: Sequence[Operand]) -> Element:
        """The one element type of ``operands``; sizes and numbers take that of what they meet.

        Raises:
            ShapeError: there are two.
        """
        stated = [o for o in operands if isinstance(o, Tensor)]
        if not stated:
            whole = op == "where" and all(isinstance(o, int) for o in operands)
            return ELEMENTS["i64" if whole else "f32"]
        arrays = [t for t in stated if t.size is None] or stated
        if all(t.element is arrays[0].element for t in arrays):
            counted = len(arrays) < len(stated) and arrays[0].element == ELEMENTS["i1"]
            return ELEMENTS["i64"] if counted else arrays[0].element  # truth values and a size are whole numbers
        found = {t.element for t in arrays}
        if len(found) == 2:
            found -= {ELEMENTS["i1"]}  # truth values are 0 and 1, as in NumPy
        if len(found) > 1:
            names = " and ".join(sorted(element_name(e) for e in found))
            raise ShapeError(f"`{op}` of {names}: convert one with `astype`")
        return found.pop()

    def elementwise(self, operands: Sequence[Tensor], element: Element, body: Body) -> Tensor:
        """``body`` of the elements of ``operands``, with broadcasting.

        Raises:
            ShapeError: they do not broadcast.
        """
        operands = self.aligned(operands)
        nest = nest_of(tuple((o.dims, o.axes) for o in operands))
        value = self._inserted(operands, nest.maps, nest.loops, nest.loops, element, body)
        return Tensor(value, nest.dims, nest.axes, element)

    def empty(self, dims: Sequence[Dim], element: Element) -> SSAValue:
        """A tensor of ``dims`` whose elements nobody has set: one for all that are alike, as each op makes a new one
        of it."""
        key = (tuple(dims), element)
        found = self._empties.get(key)
        if found is None:
            found = self._empties[key] = self._empty(*key)
        return found

    def _empty(self, dims: tuple[Dim, ...], element: Element) -> SSAValue:
        for dim in dims:
            if not sizes.is_never_negative(dim):
                self.require(sizes.add(dim, 1))
        if prod(d for d in dims if isinstance(d, int)) >= MOST_ELEMENTS:
            raise ShapeError(f"an array {show(dims)} has more elements than 2^48")
        supply = [self.size_value(d) for d in dims if isinstance(d, str)]
        op = empty(supply, tensor_type(storage(element), dims))
        self._block.add_op(op)
        return op.tensor

    def require(self, size: Dim) -> None:
        """Have callers see to it that ``size`` is at least 1.

        Raises:
            ShapeError: it never is.
        """
        if isinstance(size, int):
            if size < 1:
                raise ShapeError("an element is read that the array does not have")
        elif sizes.maximum(size, 1) != size:
            self._required[size] = None

    def agreed(self, left: Dim, right: Dim) -> Dim | None:
        """The size that both are, or ``None``. Of ``n`` and ``max(n, 1)`` it is ``n``, and callers see to it that
        arrays are not empty."""
        if left == right:
            return left
        if not sizes.same_unless_empty(left, right):
            return None
        for name in dict.fromkeys((*sizes.names(left), *sizes.names(right))):
            self.require(name)
        return min(left, right, key=lambda size: (len(str(size)), str(size)))

    def aligned(self, operands: Sequence[Tensor]) -> list[Tensor]:
        """``operands`` with one spelling of what is one size: ``max(n, 1)`` beside ``n``."""
        if all(t.dims == operands[0].dims for t in operands):
            return list(operands)
        rank = max((len(t.dims) for t in operands), default=0)
        known: list[Dim] = [1] * rank
        for operand in operands:
            for i, dim in enumerate(operand.dims, rank - len(operand.dims)):
                known[i] = dim if known[i] == 1 else known[i] if dim == 1 else (self.agreed(known[i], dim) or known[i])
        found: list[Tensor] = []
        for operand in operands:
            pairs = zip(operand.dims, known[rank - len(operand.dims) :], strict=True)
            dims = tuple(d if d in (1, k) or self.agreed(d, k) is None else k for d, k in pairs)
            found.append(operand if dims == operand.dims else replace(operand, dims=dims))
        return found

    @property
    def top(self) -> Builder:
        """Where the kernel's code goes, outside of generic bodies."""
        return self._builder

    def insert(self, op: Operation) -> Operation:
        """Append ``op``, one that works on whole tensors, to the kernel."""
        self._block.add_op(self._located(op))
        return op

    def _located(self, op: Operation) -> Operation:
        if self.place:
            op.attributes[SOURCE] = place_attribute(self.place)
        return op

    def iota(self, dim: Dim, element: Element) -> Tensor:
        """``0, 1, …`` up to ``dim``."""

        def body(builder: Builder, values: Sequence[SSAValue]) -> SSAValue:
            return from_index(builder, builder.insert(index(0)).result, element)

        return self.generic([], [dim], [0], element, body)

    def generic(
        self,
        inputs: Sequence[tuple[Tensor, Sequence[int | None]]],
        loops: Sequence[Dim],
        kept: Sequence[int],
        element: Element,
        body: Body,
        start: float | None = None,
    ) -> Tensor:
        """One ``linalg.generic`` over ``loops``, of which ``kept`` are the result's axes."""
        dims = tuple(loops[i] for i in kept)
        maps = (*(t.projection(place) for t, place in inputs), tuple(kept))
        value = self._inserted([t for t, _ in inputs], maps, loops, dims, element, body, start)
        return Tensor(value, dims, tuple(range(len(dims))), element)

    def _inserted(
        self,
        inputs: Sequence[Tensor],
        maps: tuple[Projection, ...],
        loops: Sequence[Dim],
        dims: tuple[Dim, ...],
        element: Element,
        body: Body,
        start: float | None = None,
    ) -> SSAValue:
        """The result, an array of ``dims``."""
        target = self.empty(dims, element)
        type_ = target.type
        if start is not None:
            first = constant(self._builder, start, element)
            target = self.insert(fill(first, target, [type_])).results[0]
        block = Block(arg_types=[*(storage(t.element) for t in inputs), storage(element)])
        block.add_op(made(YieldOp, [body(Appending(block), block.args)]))
        op = projected([t.value for t in inputs], target, Region(block), len(loops), maps, type_)
        return self.insert(op).results[0]

    def size_value(self, dim: Dim) -> SSAValue:
        """The size that ``dim`` is, computed from what is read off the first argument that has a name."""
        if isinstance(dim, int):
            if dim not in self._sizes:
                self._sizes[dim] = self._index(dim)
            return self._sizes[dim]
        if dim not in self._sizes and not sizes.is_name(dim):
            self._sizes[dim] = insert_size(self._builder, dim, self.size_value)
        if dim not in self._sizes:
            owner, axis = next((t, t.dims.index(dim)) for t in self.arguments if dim in t.dims)
            at = self._index(axis)
            self._sizes[dim] = self._builder.insert(tensor.DimOp(owner.value, at)).result
            self._sizes[dim].name_hint = str(dim)
        return self._sizes[dim]

    def _index(self, value: int) -> SSAValue:
        return self._builder.insert(index_constant(value)).result

    def count(self, dims: Sequence[Dim], element: Element) -> Tensor:
        """How many elements ``dims`` span, as a scalar of ``element``."""
        total = self._index(1)
        for dim in dims:
            total = self._builder.insert(INTEGERS["mul"](total, self.size_value(dim))).results[0]
        return Tensor(from_index(self._builder, total, element), (), (), element, scalar=True)


def _check_constants(op: str, operands: Sequence[Operand], element: Element) -> None:
    """Refuse a number that the integers of the other operand do not hold, and one with a point, with which NumPy makes
    floats of them: but for comparisons, to which it is the same.

    Raises:
        ShapeError: it has a point, or is too large.
    """
    numbers = [o for o in operands if not isinstance(o, Tensor)]
    if not numbers:
        return
    low, high = limits(element)
    for operand in numbers:
        if isinstance(operand, float) and not (op in COMPARISONS and operand.is_integer()):
            raise ShapeError(f"`{op}` of {element_name(element)} and {operand}: convert one with `astype`")
        if not low <= operand <= high:
            raise ShapeError(f"`{op}`: {int(operand)} is beyond {element_name(element)}, which ends at {high}")


def _type(parameter: Parameter) -> Attribute:
    element = storage(ELEMENTS[parameter.dtype])
    if parameter.dims is None:
        return element
    return tensor_type(element, parameter.dims)
