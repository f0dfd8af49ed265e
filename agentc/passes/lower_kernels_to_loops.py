"""Turns linalg on memory into loops."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import DYNAMIC_INDEX, FloatAttr, IndexType, IntegerAttr, ModuleOp
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap
from xdsl.passes import ModulePass

from agentc.analyses.kernel_builders import Preceding, copied
from agentc.analyses.kernel_dims import DIMS, dims_attr, insert_size, shape_of, size_of, value_dims
from agentc.analyses.kernel_ops import (
    INDEX,
    Appending,
    alloc,
    counted,
    dealloc,
    functions,
    index_constant,
    inputs_of,
    load,
    memory_type,
    parallel,
    reduced,
    reductions,
    scalar,
    size_along,
    store,
    with_values,
    yielded,
)
from agentc.analyses.kernel_sources import hand_on, replacing_here
from agentc.analyses.kernel_walks import operands_of, ops_of
from agentc.analyses.reductions import NEUTRAL, neutral
from agentc.plan import sizes
from agentc.plan.kernels import Dim
from agentc.support.diagnostics import Diagnostic, Refused

Emit: TypeAlias = Callable[[Builder, Sequence[SSAValue]], None]
Accumulate = Literal["auto", "register"]


@dataclass
class LoopLowering:
    """State of the lowering of one function."""

    function: func.FuncOp
    accumulate: Accumulate
    starts: dict[Operation, FillOp] = field(default_factory=dict[Operation, FillOp])
    """Reduction -> the fill right before it, which gives its first value."""

    def __post_init__(self) -> None:
        block = self.function.body.block
        first = block.first_op
        self._top = Preceding(first) if first else Appending(block)
        self._dims = value_dims(self.function)
        self._sizes: dict[Dim, SSAValue] = {}
        self._integers: dict[int, SSAValue] = {}

    def run(self) -> None:
        """Lower the function in place."""
        block = self.function.body.block
        work = [op for op in ops_of(block) if isinstance(op, GenericOp | FillOp)]
        for before, op in zip(work, work[1:], strict=False):
            if isinstance(before, FillOp) and isinstance(op, GenericOp) and _starts(before, op):
                self.starts[op] = before
        for op in work:
            with replacing_here(op):
                self._lower(op, Preceding(op))
                op.detach()
                op.erase()

    def integer(self, value: int) -> SSAValue:
        """The index ``value``, from the top of the function."""
        if value not in self._integers:
            op = self._top.insert(index_constant(value))
            self._integers[value] = op.result
        return self._integers[value]

    def constant(self, attribute: IntegerAttr | FloatAttr) -> SSAValue:
        """A constant, from the top of the function."""
        return self._top.insert(scalar(attribute)).result

    def named(self, name: Dim) -> SSAValue:
        """The size ``name``, from the top of the function."""
        return self._size(name)

    def dims(self, value: SSAValue) -> tuple[Dim, ...]:
        """What the sizes of ``value`` are called."""
        return self._dims[value]

    def extent(self, value: SSAValue, axis: int) -> SSAValue:
        """The size of ``value`` along ``axis``; equal sizes are one value, which is what loop fusion looks for."""
        shape = shape_of(value.type) or ()
        if shape[axis] != DYNAMIC_INDEX:
            return self.integer(shape[axis])
        return self._size(self._dims[value][axis])

    def temporary(
        self, build: Builder, element: Attribute, dims: Sequence[Dim], unknown: Sequence[SSAValue]
    ) -> SSAValue:
        """New memory of ``dims``, of which those that are no numbers are ``unknown``, until the end of the function."""
        shape = tuple(d if isinstance(d, int) else DYNAMIC_INDEX for d in dims)
        made = build.insert(alloc(memory_type(element, shape), unknown))
        made.attributes[DIMS] = dims_attr([tuple(dims)])
        end = self.function.body.block.last_op
        assert end is not None
        self.function.body.block.insert_op_before(dealloc(made.memref), end)
        return made.memref

    def _size(self, name: Dim) -> SSAValue:
        if name not in self._sizes:
            if isinstance(name, str) and not sizes.is_name(name):
                self._sizes[name] = insert_size(self._top, name, self._size)
            else:
                owner, place = self._owner(name)
                self._sizes[name] = self._top.insert(size_along(owner, self.integer(place))).result
                self._sizes[name].name_hint = str(name)
        return self._sizes[name]

    def _owner(self, name: Dim) -> tuple[SSAValue, int]:
        for argument in self.function.body.block.args:
            if name in self._dims.get(argument, ()):
                return argument, self._dims[argument].index(name)
        raise Refused(Diagnostic("kernel-unsupported", f"size `{name}` is no size of an argument"))

    def _lower(self, op: GenericOp | FillOp, build: Builder) -> None:
        if isinstance(op, GenericOp):
            self._lower_generic(op, build)
        elif op not in self.starts.values():
            self._fill(build, operands_of(op)[0], operands_of(op)[1], ())

    def _fill(self, build: Builder, value: SSAValue, target: SSAValue, outer: Sequence[SSAValue]) -> None:
        extents = [self.extent(target, a) for a in range(len(outer), len(shape_of(target.type) or ()))]

        def body(inner: Builder, indices: Sequence[SSAValue]) -> None:
            inner.insert(store(value, target, [*outer, *indices]))

        self.nest(build, extents, body)

    def nest(self, build: Builder, extents: Sequence[SSAValue], emit: Emit, outer: Sequence[SSAValue] = ()) -> None:
        """Parallel loops over ``extents``, outermost first, with ``emit``'s code in the middle."""
        if not extents:
            emit(build, outer)
            return
        block = Block(arg_types=[INDEX])
        self.nest(Appending(block), extents[1:], emit, (*outer, block.args[0]))
        block.add_op(reductions((), ()))
        zero, one = self.integer(0), self.integer(1)
        build.insert(parallel(zero, extents[0], one, Region(block)))

    def _lower_generic(self, op: GenericOp, build: Builder) -> None:
        kinds = [t.data for t in op.iterator_types]
        extents = [self._loop_extent(op, i) for i in range(len(kinds))]
        parallel = [i for i, k in enumerate(kinds) if k == IteratorType.PARALLEL]
        reductions = [i for i, k in enumerate(kinds) if k != IteratorType.PARALLEL]
        generic = Nest(self, op, extents, parallel, reductions)
        if reductions and (combiner_of(op) is None or (self.accumulate == "auto" and strided(op))):
            generic.in_memory(build)
        else:
            generic.in_registers(build)

    def _loop_extent(self, op: GenericOp, loop: int) -> SSAValue:
        for value, map_ in zip(operands_of(op), op.indexing_maps.data, strict=True):
            for axis, expr in enumerate(map_.data.results):
                if isinstance(expr, AffineDimExpr) and expr.position == loop:
                    return self.extent(value, axis)
        raise Refused(Diagnostic("kernel-unsupported", f"loop {loop} of `{op.name}` has no size"))


@dataclass
class Nest:
    """One ``linalg.generic`` on its way to loops."""

    lowering: LoopLowering
    op: GenericOp
    extents: Sequence[SSAValue]
    parallel: Sequence[int]
    reductions: Sequence[int]

    def in_registers(self, build: Builder) -> None:
        """Parallel loops outside; inside, reductions that keep their partial values in registers."""

        def body(inner: Builder, indices: Sequence[SSAValue]) -> None:
            at = dict(zip(self.parallel, indices, strict=True))
            value = self._reduce(inner, at) if self.reductions else self._element(inner, at)
            place = self._indices(inner, self._out_map, at)
            hand_on(inner.insert(store(value, self._out, place)), self._made)

        self.lowering.nest(build, [self.extents[i] for i in self.parallel], body)

    def in_memory(self, build: Builder) -> None:
        """Reductions as ordered loops around a parallel one that adds to the result in memory, so that rows are read in
        their order: ``for k: parallel j: c[j] += a[k] * b[k, j]``.
        """
        outer, last = self.parallel[:-1], self.parallel[-1:]

        def body(inner: Builder, indices: Sequence[SSAValue]) -> None:
            at = dict(zip(outer, indices, strict=True))
            if (fill := self.lowering.starts.get(self.op)) is not None:
                self._start(inner, fill, at, last)
            self._ordered(inner, self.reductions, at, last)

        self.lowering.nest(build, [self.extents[i] for i in outer], body)

    def _start(self, build: Builder, fill: FillOp, at: dict[int, SSAValue], last: Sequence[int]) -> None:
        def begin(inner: Builder, indices: Sequence[SSAValue]) -> None:
            all_ = {**at, **dict(zip(last, indices, strict=True))}
            inner.insert(store(operands_of(fill)[0], self._out, self._indices(inner, self._out_map, all_)))

        self.lowering.nest(build, [self.extents[i] for i in last], begin)

    def _ordered(self, build: Builder, loops: Sequence[int], at: dict[int, SSAValue], last: Sequence[int]) -> None:
        if not loops:

            def add(inner: Builder, indices: Sequence[SSAValue]) -> None:
                self._accumulate(inner, {**at, **dict(zip(last, indices, strict=True))})

            self.lowering.nest(build, [self.extents[i] for i in last], add)
            return
        block = Block(arg_types=[INDEX])
        inner = Appending(block)
        self._ordered(inner, loops[1:], {**at, loops[0]: block.args[0]}, last)
        block.add_op(yielded())
        zero, one = self.lowering.integer(0), self.lowering.integer(1)
        build.insert(counted(zero, self.extents[loops[0]], one, (), Region(block)))

    def _accumulate(self, build: Builder, at: dict[int, SSAValue]) -> None:
        place = self._indices(build, self._out_map, at)
        old = build.insert(load(self._out, place)).res
        value = self._element(build, at, old)
        hand_on(build.insert(store(value, self._out, place)), self._made)

    def _reduce(self, build: Builder, at: dict[int, SSAValue]) -> SSAValue:
        """The reduced value at one place of the result."""
        fill = self.lowering.starts.get(self.op)
        if fill is not None:
            start = operands_of(fill)[0]
        else:
            start = build.insert(load(self._out, self._indices(build, self._out_map, at))).res
        return self._reduction_loop(build, self.reductions, at, start)

    def _reduction_loop(
        self, build: Builder, loops: Sequence[int], at: dict[int, SSAValue], start: SSAValue
    ) -> SSAValue:
        combiner = combiner_of(self.op)
        assert combiner is not None
        block = Block(arg_types=[INDEX])
        inner = Appending(block)
        here = {**at, loops[0]: block.args[0]}
        if len(loops) > 1:
            first = self.lowering.constant(neutral(type(combiner), start.type))
            value = self._reduction_loop(inner, loops[1:], here, first)
        else:
            value = self._element(inner, here, skip=combiner)
        pair = Block(arg_types=[value.type] * 2)
        accumulator = self.op.body.block.args[-1]
        mapper: dict[SSAValue, SSAValue] = {
            o: pair.args[0] if o is accumulator else pair.args[1] for o in operands_of(combiner)
        }
        combined = copied(combiner, mapper)
        pair.add_ops([combined, reduced(combined.results[0])])
        block.add_op(reductions([value], [Region(pair)]))
        zero, one = self.lowering.integer(0), self.lowering.integer(1)
        loop = parallel(zero, self.extents[loops[0]], one, Region(block), [start])
        return build.insert(loop).results[0]

    def _element(
        self, build: Builder, at: dict[int, SSAValue], old: SSAValue | None = None, skip: Operation | None = None
    ) -> SSAValue:
        """The body at one iteration. With ``skip`` the combining op is left out: what it would add is the value."""
        body = self.op.body.block
        mapper: dict[SSAValue, SSAValue] = {}
        for argument, value, map_ in zip(body.args, inputs_of(self.op), self.op.indexing_maps.data, strict=False):
            if shape_of(value.type) is not None and argument.uses:
                place = self._indices(build, map_.data, at)
                made = build.insert(load(value, place))
                hand_on(made, next(iter(argument.uses)).operation)
                mapper[argument] = made.results[0]
            else:
                mapper[argument] = value
        if old is not None:
            mapper[body.args[-1]] = old
        for inner in ops_of(body):
            if inner is skip:
                other = next(o for o in operands_of(inner) if o is not body.args[-1])
                mapper[inner.results[0]] = mapper.get(other, other)
            elif type(inner) is IndexOp:
                mapper[inner.results[0]] = at[inner.dim.value.data]
            elif type(inner) is not YieldOp:
                inner.detach()  # nobody needs the op itself any more
                build.insert(with_values(inner, mapper))
        assert body.last_op is not None
        result = body.last_op.operands[0]
        return mapper[result] if result in mapper else result

    @property
    def _out(self) -> SSAValue:
        """The memory of the result."""
        return operands_of(self.op)[-1]

    @property
    def _made(self) -> SSAValue:
        """What the body ends with."""
        assert self.op.body.block.last_op is not None
        return self.op.body.block.last_op.operands[0]

    @property
    def _out_map(self) -> AffineMap:
        return self.op.indexing_maps.data[-1].data

    def _indices(self, build: Builder, map_: AffineMap, at: dict[int, SSAValue]) -> list[SSAValue]:
        return [self._index(expr, at) for expr in map_.results]

    def _index(self, expr: AffineExpr, at: dict[int, SSAValue]) -> SSAValue:
        match expr:
            case AffineDimExpr(position):
                return at[position]
            case AffineConstantExpr(value):
                return self.lowering.integer(value)
            case _:
                raise Refused(Diagnostic("kernel-unsupported", f"index `{expr}` is neither a loop nor a number"))


def _starts(fill: FillOp, op: GenericOp) -> bool:
    """Whether ``fill`` gives the first value of the reduction ``op``."""
    reducing = any(t.data != IteratorType.PARALLEL for t in op.iterator_types)
    return reducing and operands_of(fill)[-1] is operands_of(op)[-1] and operands_of(op)[-1] not in inputs_of(op)


def combiner_of(op: GenericOp) -> Operation | None:
    """The one op of a reduction's body that combines the partial value with a new one, if that is how it is written."""
    accumulator = op.body.block.args[-1]
    last = op.body.block.last_op
    uses = list(accumulator.uses)
    if last is None or len(uses) != 1:
        return None
    combiner = uses[0].operation
    simple = type(combiner) in NEUTRAL and last.operands[0] is combiner.results[0]
    return combiner if simple else None


def strided(op: GenericOp) -> bool:
    """Whether reducing innermost would jump through memory where the last parallel loop would walk along it."""
    kinds = [t.data for t in op.iterator_types]
    parallel = [i for i, k in enumerate(kinds) if k == IteratorType.PARALLEL]
    if not parallel:
        return False
    out = op.indexing_maps.data[-1].data.results
    if not out or out[-1] != AffineExpr.dimension(parallel[-1]):
        return False
    for map_ in op.indexing_maps.data[:-1]:
        results = map_.data.results
        reduced = any(kinds[i] != IteratorType.PARALLEL for i in map_.data.used_dims())
        if reduced and results and results[-1] == AffineExpr.dimension(parallel[-1]):
            return True
    return False


def share_sizes(function: func.FuncOp) -> None:
    """Make equal sizes at the top of a function one value: equal ranges are how loops are known to be equal.

    Only sizes: what else is computed twice may belong to two phases, which exchange nothing but memory.
    """
    dims = value_dims(function)

    def read(value: SSAValue) -> Dim | None:
        owner = value.owner
        if not isinstance(owner, memref.DimOp) or owner.source not in dims:
            return None
        axis = size_of(owner.index, read)
        return dims[owner.source][axis] if isinstance(axis, int) else None

    known: dict[Dim, SSAValue] = {}
    for op in ops_of(function.body.block):
        if len(op.results) == 1 and type(op.results[0].type) is IndexType:
            name = size_of(op.results[0], read)
            first = known.setdefault(name, op.results[0]) if name is not None else op.results[0]
            if first is not op.results[0]:
                op.results[0].replace_all_uses_with(first)
                op.detach()
                op.erase()


@dataclass(frozen=True)
class LowerKernelsToLoopsPass(ModulePass):
    """Lower linalg on memory to ``scf.parallel`` loops, one loop each; a reduction is a loop with ``scf.reduce``.

    Where reducing innermost would jump through memory, the reduction becomes an ordered ``scf.for`` around a parallel loop
    that adds in memory (``accumulate=auto``, for processors with caches). ``accumulate=register`` always reduces innermost:
    on a GPU each thread then walks its own column, and neighbors read neighbors.

    Before:

    ```mlir
    linalg.fill ins(%zero : f32) outs(%s : memref<?xf32>)
    linalg.generic {…, ["parallel", "reduction"]} ins(%x : memref<?x?xf32>) outs(%s : memref<?xf32>) {…}
    ```

    After:

    ```mlir
    scf.parallel (%i) = (%c0) to (%n) step (%c1) {
      %r = scf.parallel (%j) = (%c0) to (%d) step (%c1) init (%zero) -> f32 {
        %v = memref.load %x[%i, %j] : memref<?x?xf32>
        scf.reduce(%v : f32) { … }
      }
      memref.store %r, %s[%i] : memref<?xf32>
    }
    ```
    """

    name = "lower-kernels-to-loops"
    accumulate: Accumulate = "auto"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in functions(op):
            if len(function.body.blocks) == 1:
                LoopLowering(function, self.accumulate).run()
                share_sizes(function)
