"""Tiles products of matrices into blocks that stay in vector registers."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, memref, scf, vector
from xdsl.dialects.builtin import (
    Float32Type,
    Float64Type,
    ModuleOp,
    VectorType,
)
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from agentc.analyses.kernel_builders import Preceding, copied
from agentc.analyses.kernel_dims import element_of, insert_size
from agentc.analyses.kernel_ops import (
    INDEX,
    Appending,
    binary,
    branch,
    compare_integers,
    counted,
    functions,
    load,
    made,
    parallel,
    reductions,
    store,
    yielded,
)
from agentc.analyses.kernel_sources import replacing
from agentc.analyses.kernel_tables import erase_unread_table, insert_table, known_table
from agentc.analyses.kernel_values import Array
from agentc.analyses.kernel_walks import ops_of
from agentc.dialects.linalg_ext import ExtOp
from agentc.passes.lower_kernels_to_loops import LoopLowering
from agentc.plan import sizes
from agentc.plan.kernels import Dim
from agentc.support.record import record

ROWS = 6
"""Rows of a register block: with one wide vector of columns each, 6 sums hide the latency of multiply-add on processors
with 512-bit vectors, and as 12 halves fill the 16 registers of those with 256-bit ones."""
BYTES = 64
"""Columns of a register block: one 512-bit vector."""
TRANSPOSED_ROWS = 24
"""Rows from which on it pays to turn a matrix that is stored the other way around."""
ROW, COLUMN, DEPTH = (AffineMap.identity(3).results[i] for i in range(3))


@record
class Product:
    """``out[i, j] = start + sum over k of left[i, k] * right[k, j]`` in a kernel."""

    op: GenericOp
    fill: FillOp
    left: SSAValue
    right: SSAValue
    transposed: bool
    """Whether ``right`` is stored as ``[j, k]``."""

    @property
    def out(self) -> SSAValue:
        """The memory of the result."""
        return self.op.outputs[0]


@record
class Pack:
    """A right matrix, packed, and the loop that did it."""

    memory: SSAValue
    by: Operation | None
    """``None`` where it was packed while compiling."""


def written_between(memory: SSAValue, first: Operation, last: Operation) -> bool:
    """Whether an op behind ``first``, and before ``last`` in the same block, may write to ``memory``."""
    op = first.next_op
    while op is not None and op is not last:
        if any(_writes(inner, memory) for inner in op.walk()):
            return True
        op = op.next_op
    return False


def _writes(op: Operation, memory: SSAValue) -> bool:
    match op:
        case memref.StoreOp():
            return op.memref is memory
        case vector.StoreOp():
            return op.base is memory
        case memref.LoadOp() | vector.LoadOp() | memref.DimOp():
            return False
        case GenericOp() | FillOp() | ExtOp():
            return memory in op.outputs
        case _:
            return memory in op.operands


def packed_table(table: Array, lanes: int) -> Array:
    """The columns of ``table`` in tiles of ``lanes``, each row by row; the last tile begins earlier where columns end."""
    tiles = -(-table.shape[1] // lanes)
    firsts = [min(tile * lanes, table.shape[1] - lanes) for tile in range(tiles)]
    return np.ascontiguousarray(np.stack([table[:, first : first + lanes] for first in firsts]))


def product_of(op: Operation, before: Operation | None) -> Product | None:
    """``op`` as a product of two matrices whose result starts from the fill ``before`` it."""
    if not isinstance(op, GenericOp) or not isinstance(before, FillOp) or before.outputs[0] is not op.outputs[0]:
        return None
    kinds = [t.data for t in op.iterator_types]
    if kinds != [IteratorType.PARALLEL, IteratorType.PARALLEL, IteratorType.REDUCTION] or len(op.inputs) != 2:
        return None
    if not isinstance(element_of(op.outputs[0].type), Float32Type | Float64Type) or not _multiplies_and_adds(op):
        return None
    left, right, out = (m.data.results for m in op.indexing_maps.data)
    if (
        left != (ROW, DEPTH)
        or out != (ROW, COLUMN)
        or right not in ((DEPTH, COLUMN), (COLUMN, DEPTH))
        or op.outputs[0] in op.inputs
    ):
        return None
    return Product(op, before, op.inputs[0], op.inputs[1], right == (COLUMN, DEPTH))


def _multiplies_and_adds(op: GenericOp) -> bool:
    block = op.body.block
    match ops_of(block):
        case [arith.MulfOp() as product, arith.AddfOp() as total, YieldOp() as last]:
            factors, terms = set(product.operands), set(total.operands)
            inputs = set(block.args[:2])
            return factors == inputs and terms == {product.result, block.args[2]} and last.operands[0] is total.result
        case _:
            return False


@dataclass
class Tiling:
    """State of the tiling of one product."""

    lowering: LoopLowering
    product: Product
    packs: "dict[Hashable, Pack]" = field(default_factory=dict[Hashable, "Pack"])
    """What earlier products of the function have packed."""

    def __post_init__(self) -> None:
        out, left = self.lowering.dims(self.product.out), self.lowering.dims(self.product.left)
        self.n: Dim = out[0]
        self.m: Dim = out[1]
        self.k: Dim = left[1]
        element = element_of(self.product.out.type)
        self.element: Attribute = element
        self.lanes = BYTES // (4 if isinstance(element, Float32Type) else 8)
        self.vector: VectorType[Attribute] = VectorType(element, [self.lanes])
        self.table = self._known()
        self.least = TRANSPOSED_ROWS if self.product.transposed and self.table is None else ROWS
        many, wide = sizes.floordiv(self.n, self.least), sizes.floordiv(self.m, self.lanes)
        self.pays: Dim = sizes.multiply(sizes.minimum(1, many), sizes.minimum(1, wide))
        """1 where there are enough rows and columns, else 0."""
        if self.table is not None and self.pays != 0:
            self.pays = 1  # the matrix is packed already, and six rows of a block that are the same take as long as one
        tiles = sizes.floordiv(sizes.add(self.m, self.lanes - 1), self.lanes)
        self.packed_tiles: Dim = sizes.multiply(tiles, self.pays)

    def run(self) -> None:
        """Put tiled loops in the place of the product."""
        if self.pays == 0:
            return
        build = Preceding(self.product.fill)
        self.size = {name: self._size(build, name) for name in (self.n, self.m, self.k, self.packed_tiles)}
        packed = self._packed(build)
        blocks = self._size(build, sizes.floordiv(sizes.add(self.n, ROWS - 1), ROWS))
        self._parallel(build, blocks, lambda b, block: self._block(b, block, packed))
        for op in (self.product.op, self.product.fill):
            op.detach()
            op.erase()
        erase_unread_table(self.product.right)

    def _known(self) -> Array | None:
        """The right matrix, ``[k, j]``, if it is a constant wide enough for a tile."""
        found = known_table(self.product.right)
        table = found.T if found is not None and self.product.transposed else found
        return None if table is None or table.shape != (self.k, self.m) or table.shape[1] < self.lanes else table

    def count(self, value: int) -> SSAValue:
        """The index ``value``."""
        return self.lowering.integer(value)

    def _size(self, build: Builder, name: Dim) -> SSAValue:
        return insert_size(build, name, self.lowering.named)

    def _packed(self, build: Builder) -> SSAValue:
        """The right matrix as the blocks read it: as an earlier product packed it, if nobody has written to it since."""
        key = (self.product.right, self.product.transposed, self.packed_tiles, self.m, self.k)
        known = self.packs.get(key)
        if known and not (known.by and written_between(self.product.right, known.by, self.product.fill)):
            return known.memory
        if self.table is not None:
            return self._packed_before(build, self.table, key)
        memory = self._allocate(build)
        by = self._parallel(build, self.size[self.packed_tiles], lambda b, tile: self._pack(b, tile, memory))
        self.packs[key] = Pack(memory, by)
        return memory

    def _packed_before(self, build: Builder, table: Array, key: Hashable) -> SSAValue:
        """As ``_packed``, of a matrix that is known while compiling: another constant, at the top of the function."""
        owner = self.product.right.owner
        assert isinstance(owner, memref.GetGlobalOp)
        top = Preceding(owner)
        name, values = f"{owner.name_.string_value()}_packed", packed_table(table, self.lanes)
        memory = insert_table(top, self.lowering.function, name, self.element, values)
        self.packs[key] = Pack(memory, None)
        return memory

    def _allocate(self, build: Builder) -> SSAValue:
        dims = (self.packed_tiles, self.k, self.lanes)
        return self.lowering.temporary(build, self.element, dims, [self.size[d] for d in dims if isinstance(d, str)])

    def _pack(self, build: Builder, tile: SSAValue, packed: SSAValue) -> None:
        """Columns of one tile, a row of vectors after the other; the last tile begins earlier where columns end."""
        first = self._first(build, tile, self.lanes, self.m)

        def row(inner: Builder, k: SSAValue) -> None:
            if self.product.transposed:
                columns = self._gathered(inner, first, k)
            else:
                columns = inner.insert(made(vector.LoadOp, [self.product.right, k, first], [self.vector])).results[0]
            inner.insert(made(vector.StoreOp, [columns, packed, tile, k, self.count(0)]))

        self._for(build, self.size[self.k], row)

    def _gathered(self, build: Builder, first: SSAValue, k: SSAValue) -> SSAValue:
        """Place ``k`` of the columns from ``first`` on, one by one into a vector: LLVM would turn stores of one element
        each by hundreds of shuffles, which take longer to compile and no less time to run.
        """
        places = [build.insert(binary(arith.AddiOp, first, self.count(i))).results[0] for i in range(self.lanes)]
        one, *others = (build.insert(load(self.product.right, [j, k])).results[0] for j in places)
        columns: SSAValue = build.insert(made(vector.BroadcastOp, [one], [self.vector])).results[0]
        for i, other in enumerate(others, 1):
            columns = build.insert(vector.InsertOp(other, columns, [i])).result
        return columns

    def _first(self, build: Builder, index: SSAValue, step: int, whole: Dim) -> SSAValue:
        """Where block ``index`` begins: the last one is moved back, so that it is whole; what it shares with the one
        before is computed twice, to the same value.
        """
        start = build.insert(binary(arith.MuliOp, index, self.count(step))).results[0]
        last = build.insert(binary(arith.SubiOp, self.size[whole], self.count(step))).results[0]
        return build.insert(binary(arith.MinSIOp, start, last)).results[0]

    def _block(self, build: Builder, block: SSAValue, packed: SSAValue) -> None:
        if self.pays == 1:
            self._tiles(build, block, packed)
            return
        zero = self.count(0)
        pays = build.insert(compare_integers("sgt", self.size[self.packed_tiles], zero)).results[0]
        sides = [Block(), Block()]
        self._tiles(Appending(sides[0]), block, packed)
        self._plain(Appending(sides[1]), block)
        for side in sides:
            side.add_op(yielded())
        build.insert(branch(pays, [], Region(sides[0]), Region(sides[1])))

    def _tiles(self, build: Builder, block: SSAValue, packed: SSAValue) -> None:
        rows = self._rows(build, block)

        def tile(inner: Builder, t: SSAValue) -> None:
            start = inner.insert(made(vector.BroadcastOp, [self.product.fill.inputs[0]], [self.vector])).results[0]
            sums = self._sums(inner, [start] * ROWS, lambda b, k, old: self._step(b, rows, t, k, packed, old))
            column = self._first(inner, t, self.lanes, self.m)
            for place, value in zip(rows, sums, strict=True):
                inner.insert(made(vector.StoreOp, [value, self.product.out, place, column]))

        self._for(build, self.size[self.packed_tiles], tile)

    def _rows(self, build: Builder, block: SSAValue) -> list[SSAValue]:
        """The rows of a block: where there are too few for it, the last one again and again."""
        few = self.table is not None and not isinstance(self.n, int)
        first = self._first(build, block, ROWS, self.n)
        if not few:
            return [build.insert(binary(arith.AddiOp, first, self.count(r))).results[0] for r in range(ROWS)]
        first = build.insert(binary(arith.MaxSIOp, first, self.count(0))).results[0]
        last = build.insert(binary(arith.SubiOp, self.size[self.n], self.count(1))).results[0]
        rows = [build.insert(binary(arith.AddiOp, first, self.count(r))).results[0] for r in range(ROWS)]
        return [rows[0], *(build.insert(binary(arith.MinSIOp, row, last)).results[0] for row in rows[1:])]

    def _step(
        self,
        build: Builder,
        rows: Sequence[SSAValue],
        t: SSAValue,
        k: SSAValue,
        packed: SSAValue,
        old: Sequence[SSAValue],
    ) -> list[SSAValue]:
        """One vector of the right matrix times one number of each row of the left one."""
        right = build.insert(made(vector.LoadOp, [packed, t, k, self.count(0)], [self.vector])).results[0]
        body = self.product.op.body.block
        product, total = (next(o for o in body.ops if isinstance(o, kind)) for kind in (arith.MulfOp, arith.AddfOp))
        multiplied, added = {"fastmath": product.fastmath}, {"fastmath": total.fastmath}
        found: list[SSAValue] = []
        for row, value in zip(rows, old, strict=True):
            one = build.insert(load(self.product.left, [row, k])).results[0]
            many = build.insert(made(vector.BroadcastOp, [one], [self.vector])).results[0]
            term = build.insert(made(arith.MulfOp, [many, right], [self.vector], multiplied)).results[0]
            found.append(build.insert(made(arith.AddfOp, [value, term], [self.vector], added)).results[0])
        return found

    def _sums(
        self,
        build: Builder,
        starts: Sequence[SSAValue],
        step: Callable[[Builder, SSAValue, Sequence[SSAValue]], list[SSAValue]],
    ) -> Sequence[SSAValue]:
        block = Block(arg_types=[INDEX, *(s.type for s in starts)])
        inner = Appending(block)
        inner.insert(yielded(step(inner, block.args[0], block.args[1:])))
        loop = counted(self.count(0), self.size[self.k], self.count(1), starts, Region(block))
        return build.insert(loop).results

    def _plain(self, build: Builder, block: SSAValue) -> None:
        """Rows of a block when there are few of them, or few columns: a sum for each element."""
        start = build.insert(binary(arith.MuliOp, block, self.count(ROWS))).results[0]
        left = build.insert(binary(arith.SubiOp, self.size[self.n], start)).results[0]
        rows = build.insert(binary(arith.MinSIOp, left, self.count(ROWS))).results[0]

        def row(inner: Builder, r: SSAValue) -> None:
            i = inner.insert(binary(arith.AddiOp, start, r)).results[0]
            if self.product.transposed:
                self._for(inner, self.size[self.m], lambda b, j: self._element(b, i, j))
                return
            self._for(inner, self.size[self.m], lambda b, j: self._clear(b, i, j))
            self._for(inner, self.size[self.k], lambda b, k: self._along(b, i, k))

        self._for(build, rows, row)

    def _clear(self, build: Builder, i: SSAValue, j: SSAValue) -> None:
        build.insert(store(self.product.fill.inputs[0], self.product.out, [i, j]))

    def _along(self, build: Builder, i: SSAValue, k: SSAValue) -> None:
        def add(inner: Builder, j: SSAValue) -> None:
            old = inner.insert(load(self.product.out, [i, j])).results[0]
            inner.insert(store(self._term(inner, i, j, k, old), self.product.out, [i, j]))

        self._for(build, self.size[self.m], add)

    def _element(self, build: Builder, i: SSAValue, j: SSAValue) -> None:
        start = self.product.fill.inputs[0]
        (value,) = self._sums(build, [start], lambda b, k, old: [self._term(b, i, j, k, old[0])])
        build.insert(store(value, self.product.out, [i, j]))

    def _term(self, build: Builder, i: SSAValue, j: SSAValue, k: SSAValue, old: SSAValue) -> SSAValue:
        body = self.product.op.body.block
        one = build.insert(load(self.product.left, [i, k])).results[0]
        place = [j, k] if self.product.transposed else [k, j]
        other = build.insert(load(self.product.right, place)).results[0]
        mapper: dict[SSAValue, SSAValue] = dict(zip(body.args, (one, other, old), strict=True))
        value = old
        for op in ops_of(body):
            if not isinstance(op, YieldOp):
                value = build.insert(copied(op, mapper)).results[0]
        return value

    def _for(self, build: Builder, count: SSAValue, body: Callable[[Builder, SSAValue], None]) -> None:
        block = Block(arg_types=[INDEX])
        body(Appending(block), block.args[0])
        block.add_op(yielded())
        build.insert(counted(self.count(0), count, self.count(1), (), Region(block)))

    def _parallel(self, build: Builder, count: SSAValue, body: Callable[[Builder, SSAValue], None]) -> scf.ParallelOp:
        block = Block(arg_types=[INDEX])
        body(Appending(block), block.args[0])
        block.add_op(reductions((), ()))
        return build.insert(parallel(self.count(0), count, self.count(1), Region(block)))


@dataclass(frozen=True)
class TileKernelsPass(ModulePass):
    """Compute products of matrices by register blocks of 6 rows and one 512-bit vector of columns.

    The right matrix is first copied so that the columns of a block lie one after the other (a phase of its own), once for
    all products that take it; a constant is copied while compiling. Blocks at the end begin earlier, so that all are
    whole. Where a call has too few rows or columns, elements are summed one by one; by a constant, the last row is summed
    again in the place of those that a block lacks.

    Before:

    ```mlir
    linalg.fill ins(%zero : f32) outs(%c : memref<?x?xf32>)
    linalg.generic {…, ["parallel", "parallel", "reduction"]} ins(%a, %b) outs(%c) { %p = arith.mulf … arith.addf … }
    ```

    After:

    ```mlir
    scf.parallel (%t) = (%c0) to (%tiles) step (%c1) { … vector.store %v, %packed[%t, %k, %c0] … }
    scf.parallel (%block) = (%c0) to (%blocks) step (%c1) {
      scf.for %t = %c0 to %tiles step %c1 {
        %sums:6 = scf.for %k = %c0 to %depth step %c1 iter_args(…) { vector.load … vector.broadcast … arith.mulf … arith.addf … }
        vector.store %sums#0, %c[%i, %j] …
    ```
    """

    name = "tile-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in functions(op):
            if len(function.body.blocks) == 1:
                packs: dict[Hashable, Pack] = {}
                for inner in ops_of(function.body.block):
                    before = inner.prev_op
                    if (found := product_of(inner, before)) is not None:
                        with replacing(found.fill, found.op):
                            Tiling(LoopLowering(function, "auto"), found, packs).run()
