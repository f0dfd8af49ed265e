"""Turns linalg_ext on memory into loops: merge sort, bounded selection, running sums, scattered rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IndexType, IntegerAttr, ModuleOp, i1
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from agentc.analyses.kernel_builders import Preceding
from agentc.analyses.kernel_dims import bits, element_of, is_integer, shape_of
from agentc.analyses.kernel_ops import (
    INDEX,
    Appending,
    binary,
    branch,
    cast,
    compare_floats,
    compare_integers,
    counted,
    functions,
    index_attribute,
    load,
    made,
    parallel,
    reduced,
    reductions,
    select,
    store,
    yielded,
)
from agentc.analyses.kernel_sources import replacing
from agentc.analyses.kernel_walks import ops_of
from agentc.dialects.linalg_ext import AutomatonOp, ExtOp, ScanOp, ScatterOp, SortOp, TopKOp
from agentc.passes.lower_kernels_to_loops import LoopLowering

CHUNK = 64
"""``top_k`` first asks of so many elements at once, which vectorizes, whether one is large enough."""
DOUBLINGS = 31
"""4 ** 31 exceeds every array."""
FLOATS: dict[str, type[Operation]] = {
    "add": arith.AddfOp, "mul": arith.MulfOp, "max": arith.MaximumfOp, "min": arith.MinimumfOp,
}  # fmt: skip
SIGNED: dict[str, type[Operation]] = {
    "add": arith.AddiOp, "mul": arith.MuliOp, "max": arith.MaxSIOp, "min": arith.MinSIOp,
}  # fmt: skip
UNSIGNED: dict[str, type[Operation]] = {**SIGNED, "max": arith.MaxUIOp, "min": arith.MinUIOp}


def least(type_: Attribute, order: str) -> IntegerAttr | FloatAttr:
    """The value of ``type_`` that no other is less than."""
    if isinstance(type_, AnyFloat):
        return FloatAttr(float("-inf"), type_)
    assert is_integer(type_)
    return IntegerAttr(-(1 << (bits(type_) - 1)) if order == "signed" else 0, type_)


def combiner(kind: str, type_: Attribute, order: str) -> type[Operation]:
    """The op that ``kind`` names on ``type_``."""
    return (FLOATS if isinstance(type_, AnyFloat) else SIGNED if order == "signed" else UNSIGNED)[kind]


Body = Callable[["Code", SSAValue, Sequence[SSAValue]], Sequence[SSAValue]]


@dataclass
class Code:
    """Writes loops at one place."""

    loops: LoopLowering
    build: Builder

    def number(self, value: int) -> SSAValue:
        """The index ``value``."""
        return self.loops.integer(value)

    def op(self, kind: type[Operation], *operands: SSAValue) -> SSAValue:
        """An op whose result has the type of its operands."""
        return self.build.insert(made(kind, operands, [operands[0].type])).results[0]

    def plus(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """``a + b``."""
        return self.op(arith.AddiOp, a, b)

    def minus(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """``a - b``."""
        return self.op(arith.SubiOp, a, b)

    def smaller(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """The smaller index."""
        return self.op(arith.MinSIOp, a, b)

    def whole(self, predicate: str, a: SSAValue, b: SSAValue) -> SSAValue:
        """Comparison of integers."""
        return self.build.insert(compare_integers(predicate, a, b)).results[0]

    def real(self, predicate: str, a: SSAValue, b: SSAValue) -> SSAValue:
        """Comparison of floats."""
        return self.build.insert(compare_floats(predicate, a, b)).results[0]

    def choose(self, condition: SSAValue, a: SSAValue, b: SSAValue) -> SSAValue:
        """``a if condition else b``."""
        return self.build.insert(select(condition, a, b)).results[0]

    def load(self, memory: SSAValue, *at: SSAValue) -> SSAValue:
        """``memory[at]``."""
        return self.build.insert(load(memory, at)).results[0]

    def store(self, value: SSAValue, memory: SSAValue, *at: SSAValue) -> None:
        """``memory[at] = value``."""
        self.build.insert(store(value, memory, at))

    def index(self, value: SSAValue) -> SSAValue:
        """An integer as an index."""
        return value if type(value.type) is IndexType else self.cast(value, INDEX)

    def cast(self, value: SSAValue, type_: Attribute) -> SSAValue:
        """Between an index and an integer."""
        if value.type == type_:
            return value
        return self.build.insert(cast(value, type_)).results[0]

    def ordered(
        self, low: SSAValue, high: SSAValue, step: SSAValue, body: Body, start: Sequence[SSAValue] = ()
    ) -> Sequence[SSAValue]:
        """``for i in range(low, high, step)`` that carries values."""
        block = Block(arg_types=[INDEX, *(v.type for v in start)])
        inner = Code(self.loops, Appending(block))
        block.add_op(yielded(body(inner, block.args[0], block.args[1:])))
        return self.build.insert(counted(low, high, step, start, Region(block))).results

    def loop(self, low: SSAValue, high: SSAValue, step: SSAValue, body: Body) -> None:
        """As ``ordered``, with nothing carried."""
        self.ordered(low, high, step, body)

    def when(self, condition: SSAValue, body: Callable[["Code"], None]) -> None:
        """``if condition``."""
        block = Block()
        body(Code(self.loops, Appending(block)))
        block.add_op(yielded())
        self.build.insert(branch(condition, [], Region(block)))

    def either(
        self,
        condition: SSAValue,
        body: Callable[["Code"], Sequence[SSAValue]],
        other: Callable[["Code"], Sequence[SSAValue]],
    ) -> Sequence[SSAValue]:
        """``if condition … else …`` that gives values."""
        sides: list[Block] = []
        for write in (body, other):
            block = Block()
            values = write(Code(self.loops, Appending(block)))
            block.add_op(yielded(values))
            sides.append(block)
        types = [o.type for o in (sides[0].last_op or yielded()).operands]
        return self.build.insert(branch(condition, types, Region(sides[0]), Region(sides[1]))).results

    def any_of(self, low: SSAValue, high: SSAValue, body: Callable[["Code", SSAValue], SSAValue]) -> SSAValue:
        """Whether ``body`` holds for any index: a parallel loop."""
        block = Block(arg_types=[INDEX])
        inner = Code(self.loops, Appending(block))
        value = body(inner, block.args[0])
        pair = Block(arg_types=[i1, i1])
        either = binary(arith.OrIOp, pair.args[0], pair.args[1])
        pair.add_ops([either, reduced(either.results[0])])
        block.add_op(reductions([value], [Region(pair)]))
        no = self.loops.constant(IntegerAttr(0, i1))
        return self.build.insert(parallel(low, high, self.number(1), Region(block), [no])).results[0]

    def ahead(self, a: SSAValue, b: SSAValue, predicate: str, order: str) -> SSAValue:
        """Whether ``a`` comes before ``b``, where NaN comes last; ``predicate`` is ``lt`` or ``gt``."""
        if not isinstance(a.type, AnyFloat):
            return self.whole(("s" if order == "signed" else "u") + predicate, a, b)
        real_a, nan_b = self.real("oeq", a, a), self.real("une", b, b)
        return self.op(arith.OrIOp, self.real("o" + predicate, a, b), self.op(arith.AndIOp, real_a, nan_b))


def rows(op: ExtOp, code: Code, body: Callable[[Code, Sequence[SSAValue]], None]) -> None:
    """Parallel loops over all axes but the last."""
    value = op.inputs[0]
    extents = [code.loops.extent(value, a) for a in range(len(shape_of(value.type) or ()) - 1)]
    code.loops.nest(code.build, extents, lambda build, at: body(Code(code.loops, build), at))


def scan(op: ScanOp, code: Code) -> None:
    """One ordered loop a row."""
    source, target = op.inputs[0], op.outputs[0]
    type_ = element_of(source.type)
    kind = combiner(op.kind.data, type_, op.order.data)
    length = code.loops.extent(source, len(shape_of(source.type) or ()) - 1)
    zero, one = code.number(0), code.number(1)

    def row(code: Code, at: Sequence[SSAValue]) -> None:
        def step(code: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            total = code.op(kind, carried[0], code.load(source, *at, i))
            code.store(total, target, *at, i)
            return [total]

        code.ordered(zero, length, one, step, [code.loops.constant(_neutral(op, type_))])

    rows(op, code, row)


def _neutral(op: ScanOp, type_: Attribute) -> IntegerAttr | FloatAttr:
    """What the first element is combined with."""
    if op.kind.data == "max":
        return least(type_, op.order.data)
    if isinstance(type_, AnyFloat):
        return FloatAttr({"add": -0.0, "mul": 1.0, "min": float("inf")}[op.kind.data], type_)
    assert is_integer(type_)
    if op.kind.data == "min":
        return IntegerAttr((1 << (bits(type_) - 1)) - 1 if op.order.data == "signed" else -1, type_)
    return IntegerAttr(int(op.kind.data == "mul"), type_)


def automaton(op: AutomatonOp, code: Code) -> None:
    """One ordered loop a row that carries the state."""
    text, table = op.inputs
    states = code.loops.extent(table, 0)
    length = code.loops.extent(text, len(shape_of(text.type) or ()) - 1)
    zero, one = code.number(0), code.number(1)
    low = code.loops.constant(index_attribute(255))

    def byte(code: Code, value: SSAValue) -> SSAValue:
        return code.op(arith.AndIOp, code.index(value), low)

    def row(code: Code, at: Sequence[SSAValue]) -> None:
        last = code.minus(length, one) if op.backward else zero

        def step(code: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            place = code.minus(last, i) if op.backward else i
            state = code.load(table, carried[0], byte(code, code.load(text, *at, place)))
            code.store(state, op.outputs[0], *at, place)
            found = byte(code, state)
            return [code.choose(code.whole("slt", found, states), found, zero)]

        code.ordered(zero, length, one, step, [zero])

    rows(op, code, row)


def scatter(op: ScatterOp, code: Code) -> None:
    """An ordered loop over the updates around parallel loops along a row."""
    updates, places, target = op.inputs[0], op.inputs[1], op.outputs[0]
    type_ = element_of(target.type)
    rank = len(shape_of(target.type) or ())
    count = code.loops.extent(target, 0)
    inner = [code.loops.extent(target, a) for a in range(1, rank)]
    zero, one = code.number(0), code.number(1)

    def write(code: Code, update: SSAValue, row: SSAValue) -> None:
        def element(build: Builder, at: Sequence[SSAValue]) -> None:
            here = Code(code.loops, build)
            value = here.load(updates, update, *at)
            if op.kind.data != "set":
                value = here.op(combiner(op.kind.data, type_, op.order.data), here.load(target, row, *at), value)
            here.store(value, target, row, *at)

        code.loops.nest(code.build, inner, element)

    def step(code: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
        stated = code.index(code.load(places, i))
        row = code.choose(code.whole("slt", stated, zero), code.plus(stated, count), stated)
        inside = code.op(arith.AndIOp, code.whole("sge", row, zero), code.whole("slt", row, count))
        code.when(inside, lambda then: write(then, i, row))
        return []

    code.ordered(zero, code.loops.extent(updates, 0), one, step)


def top_k(op: TopKOp, code: Code) -> None:
    """One pass over each row, with the best so far in the outputs, in order. Most elements are below the last of them."""
    source, (values, places) = op.inputs[0], op.outputs
    axis = len(shape_of(source.type) or ()) - 1
    length, count = code.loops.extent(source, axis), code.loops.extent(values, axis)
    zero, one = code.number(0), code.number(1)
    order, place_type = op.order.data, element_of(places.type)
    floats = isinstance(element_of(source.type), AnyFloat)
    lowest = code.loops.constant(least(element_of(source.type), order))
    nowhere = code.cast(code.number(-1), place_type)

    def insert(code: Code, at: Sequence[SSAValue], i: SSAValue, filled: SSAValue) -> None:
        """Move what is worse than element ``i`` up by one, from slot ``filled`` down; put ``i`` into the gap."""
        value = code.load(source, *at, i)

        def shift(code: Code, t: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            slot = code.minus(filled, t)
            before = code.minus(slot, one)
            other = code.load(values, *at, before)
            better = code.ahead(value, other, "gt", order)
            code.store(code.choose(better, other, code.load(values, *at, slot)), values, *at, slot)
            moved = code.choose(better, code.load(places, *at, before), code.load(places, *at, slot))
            code.store(moved, places, *at, slot)
            return [code.choose(better, before, carried[0])]

        gap = code.ordered(zero, filled, one, shift, [filled])[0]
        code.store(value, values, *at, gap)
        code.store(code.cast(i, place_type), places, *at, gap)

    def row(code: Code, at: Sequence[SSAValue]) -> None:
        def clear(code: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            code.store(lowest, values, *at, i)
            code.store(nowhere, places, *at, i)
            return []

        def begin(code: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            insert(code, at, i, i)
            return []

        def chunk(code: Code, low: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            high = code.smaller(code.plus(low, code.number(CHUNK)), length)
            worst = code.load(values, *at, last)
            beyond = "ugt" if floats or order != "signed" else "sgt"

            def large(code: Code, i: SSAValue) -> SSAValue:
                value = code.load(source, *at, i)
                return code.real(beyond, value, worst) if floats else code.whole(beyond, value, worst)

            code.when(code.any_of(low, high, large), lambda then: then.loop(low, high, one, one_by_one))
            return []

        def one_by_one(code: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            better = code.ahead(code.load(source, *at, i), code.load(values, *at, last), "gt", order)
            code.when(better, lambda then: insert(then, at, i, last))
            return []

        first, last = code.smaller(count, length), code.minus(count, one)
        code.ordered(zero, count, one, clear)
        code.ordered(zero, first, one, begin)
        rest = code.choose(code.whole("sgt", count, zero), length, zero)
        code.ordered(first, rest, code.number(CHUNK), chunk)

    rows(op, code, row)


def sort(op: SortOp, code: Code) -> None:
    """Merge sort from the bottom, to and fro between the outputs and temporaries of their size."""
    axis = len(shape_of(op.inputs[0].type) or ()) - 1
    length = code.loops.extent(op.inputs[0], axis)
    outputs = list(op.outputs)
    others = [_like(code, value) for value in outputs]
    zero, one = code.number(0), code.number(1)

    def merge(code: Code, at: Sequence[SSAValue], width: SSAValue, source: list[SSAValue], to: list[SSAValue]) -> None:
        def pair(code: Code, low: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            middle = code.smaller(code.plus(low, width), length)
            high = code.smaller(code.plus(middle, width), length)
            last = code.minus(high, one)

            def take(code: Code, place: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
                left, right = carried
                a, b = code.smaller(left, last), code.smaller(right, last)
                ahead = code.ahead(code.load(source[0], *at, b), code.load(source[0], *at, a), "lt", op.order.data)
                ahead = code.op(arith.AndIOp, ahead, code.whole("slt", right, high))
                second = code.op(arith.OrIOp, ahead, code.whole("sge", left, middle))
                chosen = code.choose(second, b, a)
                for memory, target in zip(source, to, strict=True):
                    code.store(code.load(memory, *at, chosen), target, *at, place)
                return [
                    code.choose(second, left, code.plus(left, one)),
                    code.choose(second, code.plus(right, one), right),
                ]

            code.ordered(low, high, one, take, [low, middle])
            return []

        code.ordered(zero, length, code.plus(width, width), pair)

    def row(code: Code, at: Sequence[SSAValue]) -> None:
        def copy(code: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            for source, target in zip(op.inputs, outputs, strict=True):
                code.store(code.load(source, *at, i), target, *at, i)
            return []

        def level(code: Code, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            width = carried[0]
            twice = code.plus(width, width)

            def both(code: Code) -> None:
                merge(code, at, width, outputs, others)
                merge(code, at, twice, others, outputs)

            code.when(code.whole("slt", width, length), both)
            return [code.plus(twice, twice)]

        code.ordered(zero, length, one, copy)
        code.ordered(zero, code.number(DOUBLINGS), one, level, [one])

    rows(op, code, row)


def _like(code: Code, value: SSAValue) -> SSAValue:
    """Memory for as many elements as ``value`` has."""
    shape = shape_of(value.type) or ()
    sizes = [code.loops.extent(value, a) for a, n in enumerate(shape) if n < 0]
    return code.loops.temporary(code.build, element_of(value.type), code.loops.dims(value), sizes)


def lower(op: ExtOp, code: Code) -> None:
    """Write the loops of ``op``."""
    match op:
        case ScanOp():
            scan(op, code)
        case AutomatonOp():
            automaton(op, code)
        case ScatterOp():
            scatter(op, code)
        case TopKOp():
            top_k(op, code)
        case SortOp():
            sort(op, code)
        case _:
            raise TypeError(f"{op.name} is no op of linalg_ext")


def is_selection(op: ExtOp) -> bool:
    """Whether ``op`` orders elements whose rank and place fit 64 bits together."""
    type_ = element_of(op.inputs[0].type) if op.inputs else None
    narrow = str(type_) in ("f32", "f16", "bf16") or (type_ is not None and is_integer(type_) and bits(type_) <= 32)
    return isinstance(op, SortOp | TopKOp) and narrow


@dataclass(frozen=True)
class LowerLinalgExtPass(ModulePass):
    """Lower linalg_ext on memory to loops: parallel over rows, in order along each row.

    `sort` is a stable merge sort with temporaries of the outputs' size. `top_k` keeps the best so far in the outputs and asks
    of 64 elements at once whether any is better than the last of them.

    Before:

    ```mlir
    linalg_ext.scan "add" "signed" ins(%x : memref<?x?xf32>) outs(%y : memref<?x?xf32>)
    ```

    After:

    ```mlir
    scf.parallel (%i) = (%c0) to (%n) step (%c1) {
      %total = scf.for %j = %c0 to %m step %c1 iter_args(%sum = %zero) -> (f32) {
        %v = memref.load %x[%i, %j] : memref<?x?xf32>
        %next = arith.addf %sum, %v : f32
        memref.store %next, %y[%i, %j] : memref<?x?xf32>
        scf.yield %next : f32
      }
    }
    ```
    """

    name = "lower-linalg-ext"
    keep_selections: bool = False
    """Whether ``sort`` and ``top_k`` of elements up to 32 bits stay, as the target has a better way than in order."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in [f for f in functions(op) if len(f.body.blocks) == 1]:
            every = [inner for inner in ops_of(function.body.block) if isinstance(inner, ExtOp)]
            found = [inner for inner in every if not (self.keep_selections and is_selection(inner))]
            loops = LoopLowering(function, "auto") if found else None
            for inner in found:
                assert loops is not None
                with replacing(inner):
                    lower(inner, Code(loops, Preceding(inner)))
                inner.detach()
                inner.erase()
