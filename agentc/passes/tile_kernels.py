"""Tiles products of matrices into blocks that stay in vector registers."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, memref, scf, vector
from xdsl.dialects.builtin import (
    Float32Type,
    ModuleOp,
    VectorType,
)
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
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
    select,
    store,
    yielded,
)
from agentc.analyses.kernel_sources import replacing
from agentc.analyses.kernel_tables import erase_unread_table, insert_table, known_table
from agentc.analyses.kernel_values import Array
from agentc.analyses.kernel_walks import ops_of
from agentc.analyses.matrix_products import Product, product_of
from agentc.dialects.linalg_ext import ExtOp
from agentc.dialects.vector_ext import RegistersOp
from agentc.passes.lower_kernels_to_loops import LoopLowering
from agentc.plan import sizes
from agentc.plan.kernels import Dim
from agentc.support.record import record

ROWS = 6
"""Rows of a register block. With one tile each, 6 sums fill the 16 registers of processors with 256-bit vectors as 12 halves,
together with what is read, and as 24 quarters the 32 of those with 128-bit ones."""
BYTES = 64
"""Columns of a tile: one 512-bit vector."""
WIDE = 4
"""Tiles of a register block where there are 32 registers of 512 bits: 24 sums. Two units that multiply and add in four
cycles need 8 that do not wait for each other, and 10 reads for 24 of them leave the caches time."""
WIDE_REGISTERS = 32 * 64
"""Bytes of registers from which on blocks are so wide."""
CHUNK = 4
"""Tiles that all rows are multiplied by before the next ones: of 4,096 numbers each 1 MiB, for the second cache."""
PACKED_ROWS = 16
"""Rows that are packed together, a tile of each after the other: a processor fetches ahead at so many places at once."""
TRANSPOSED_ROWS = 24
"""Rows from which on it pays to turn a matrix that is stored the other way around."""


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


def parts(size: Dim, by: int) -> Dim:
    """How many parts of ``by`` there are in ``size``; the last one may be smaller."""
    return sizes.floordiv(sizes.add(size, by - 1), by)


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
        self.packed_tiles: Dim = sizes.multiply(parts(self.m, self.lanes), self.pays)
        self.rows_of_blocks: Dim = parts(self.n, ROWS)

    def run(self) -> None:
        """Put tiled loops in the place of the product."""
        if self.pays == 0:
            return
        build = Preceding(self.product.fill)
        names = (self.n, self.m, self.k, self.packed_tiles, self.rows_of_blocks)
        self.size = {name: self._size(build, name) for name in names}
        packed = self._packed(build)
        chunks = sizes.maximum(1, parts(self.packed_tiles, CHUNK))
        shares = self._size(build, sizes.multiply(self.rows_of_blocks, chunks))
        self._parallel(build, shares, lambda b, share: self._share(b, share, packed))
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
        self.packs[key] = Pack(memory, self._pack(build, memory))
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

    def _pack(self, build: Builder, packed: SSAValue) -> scf.ParallelOp:
        """Lay the right matrix out tile by tile, each row by row."""
        if self.product.transposed:
            return self._parallel(build, self.size[self.packed_tiles], lambda b, tile: self._turn(b, tile, packed))
        pieces = self._size(build, sizes.multiply(parts(self.k, PACKED_ROWS), self.pays))
        return self._parallel(build, pieces, lambda b, piece: self._spread(b, piece, packed))

    def _spread(self, build: Builder, piece: SSAValue, packed: SSAValue) -> None:
        """Some rows to their places in all tiles."""
        low, high = self._range(build, piece, PACKED_ROWS, self.k)

        def tile(outer: Builder, t: SSAValue) -> None:
            column = self._first(outer, t, self.lanes, self.m)

            def row(inner: Builder, k: SSAValue) -> None:
                loaded = inner.insert(made(vector.LoadOp, [self.product.right, k, column], [self.vector])).results[0]
                inner.insert(made(vector.StoreOp, [loaded, packed, t, k, self.count(0)]))

            self._for(outer, high, row, low)

        self._for(build, self.size[self.packed_tiles], tile)

    def _turn(self, build: Builder, tile: SSAValue, packed: SSAValue) -> None:
        """Rows of a matrix that is stored the other way around to the columns of a tile."""
        first = self._first(build, tile, self.lanes, self.m)

        def row(inner: Builder, k: SSAValue) -> None:
            columns = self._gathered(inner, first, k)
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

    def _range(self, build: Builder, index: SSAValue, step: int, whole: Dim) -> tuple[SSAValue, SSAValue]:
        """Where part ``index`` of ``whole``, in parts of ``step``, begins and ends."""
        low = build.insert(binary(arith.MuliOp, index, self.count(step))).results[0]
        high = build.insert(binary(arith.AddiOp, low, self.count(step))).results[0]
        return low, build.insert(binary(arith.MinSIOp, high, self.size[whole])).results[0]

    def _first(self, build: Builder, index: SSAValue, step: int, whole: Dim) -> SSAValue:
        """Where block ``index`` begins: the last one is moved back, so that it is whole; what it shares with the one
        before is computed twice, to the same value.
        """
        start = build.insert(binary(arith.MuliOp, index, self.count(step))).results[0]
        last = build.insert(binary(arith.SubiOp, self.size[whole], self.count(step))).results[0]
        return build.insert(binary(arith.MinSIOp, start, last)).results[0]

    def _share(self, build: Builder, share: SSAValue, packed: SSAValue) -> None:
        """A chunk of tiles by a block of rows; those of one chunk follow one another, and find its tiles in a cache."""
        blocks = self.size[self.rows_of_blocks]
        chunk = build.insert(binary(arith.DivUIOp, share, blocks)).results[0]
        block = build.insert(binary(arith.RemUIOp, share, blocks)).results[0]
        if self.pays == 1:
            self._tiles(build, block, chunk, packed)
            return
        zero = self.count(0)
        pays = build.insert(compare_integers("sgt", self.size[self.packed_tiles], zero)).results[0]
        sides = [Block(), Block()]
        self._tiles(Appending(sides[0]), block, chunk, packed)
        self._plain(Appending(sides[1]), block)
        for side in sides:
            side.add_op(yielded())
        build.insert(branch(pays, [], Region(sides[0]), Region(sides[1])))

    def _tiles(self, build: Builder, block: SSAValue, chunk: SSAValue, packed: SSAValue) -> None:
        """Several tiles at a time as far as registers and tiles go, then one by one."""
        rows = self._rows(build, block)
        low, high = self._range(build, chunk, CHUNK, self.packed_tiles)
        if not isinstance(self.packed_tiles, int) or self.packed_tiles >= WIDE:
            middle = self._middle(build, low, high)
            self._for(build, middle, lambda b, t: self._summed(b, rows, t, WIDE, packed), low, WIDE)
            low = middle
        self._for(build, high, lambda b, t: self._summed(b, rows, t, 1, packed), low)

    def _middle(self, build: Builder, low: SSAValue, high: SSAValue) -> SSAValue:
        """Up to which tile blocks are wide; the target's registers are known when code is made."""
        count = build.insert(binary(arith.SubiOp, high, low)).results[0]
        rest = build.insert(binary(arith.RemUIOp, count, self.count(WIDE))).results[0]
        whole = build.insert(binary(arith.SubiOp, high, rest)).results[0]
        registers = build.insert(RegistersOp()).result
        enough = build.insert(compare_integers("sge", registers, self.count(WIDE_REGISTERS))).results[0]
        return build.insert(select(enough, whole, low)).results[0]

    def _summed(self, build: Builder, rows: Sequence[SSAValue], tile: SSAValue, count: int, packed: SSAValue) -> None:
        """One register block, of ``count`` tiles."""
        tiles = [tile, *(build.insert(binary(arith.AddiOp, tile, self.count(i))).results[0] for i in range(1, count))]
        start = build.insert(made(vector.BroadcastOp, [self.product.start], [self.vector])).results[0]
        sums = self._sums(
            build, [start] * (len(rows) * count), lambda b, k, old: self._step(b, rows, tiles, k, packed, old)
        )
        columns = [self._first(build, one, self.lanes, self.m) for one in tiles]
        for (row, column), value in zip(product(rows, columns), sums, strict=True):
            build.insert(made(vector.StoreOp, [value, self.product.out, row, column]))

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
        tiles: Sequence[SSAValue],
        k: SSAValue,
        packed: SSAValue,
        old: Sequence[SSAValue],
    ) -> list[SSAValue]:
        """A vector of each tile of the right matrix times one number of each row of the left one."""
        read = (made(vector.LoadOp, [packed, tile, k, self.count(0)], [self.vector]) for tile in tiles)
        rights = [build.insert(op).results[0] for op in read]
        body = self.product.op.body.block
        times, plus = (next(o for o in body.ops if isinstance(o, kind)) for kind in (arith.MulfOp, arith.AddfOp))
        multiplied, added = {"fastmath": times.fastmath}, {"fastmath": plus.fastmath}
        found: list[SSAValue] = []
        for row in rows:
            one = build.insert(load(self.product.left, [row, k])).results[0]
            many = build.insert(made(vector.BroadcastOp, [one], [self.vector])).results[0]
            for right in rights:
                term = build.insert(made(arith.MulfOp, [many, right], [self.vector], multiplied)).results[0]
                total = made(arith.AddfOp, [old[len(found)], term], [self.vector], added)
                found.append(build.insert(total).results[0])
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

        def row(inner: Builder, i: SSAValue) -> None:
            if self.product.transposed:
                self._for(inner, self.size[self.m], lambda b, j: self._element(b, i, j))
                return
            self._for(inner, self.size[self.m], lambda b, j: self._clear(b, i, j))
            self._for(inner, self.size[self.k], lambda b, k: self._along(b, i, k))

        low, high = self._range(build, block, ROWS, self.n)
        self._for(build, high, row, low)

    def _clear(self, build: Builder, i: SSAValue, j: SSAValue) -> None:
        build.insert(store(self.product.start, self.product.out, [i, j]))

    def _along(self, build: Builder, i: SSAValue, k: SSAValue) -> None:
        def add(inner: Builder, j: SSAValue) -> None:
            old = inner.insert(load(self.product.out, [i, j])).results[0]
            inner.insert(store(self._term(inner, i, j, k, old), self.product.out, [i, j]))

        self._for(build, self.size[self.m], add)

    def _element(self, build: Builder, i: SSAValue, j: SSAValue) -> None:
        start = self.product.start
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

    def _for(
        self,
        build: Builder,
        high: SSAValue,
        body: Callable[[Builder, SSAValue], None],
        low: SSAValue | None = None,
        step: int = 1,
    ) -> None:
        block = Block(arg_types=[INDEX])
        body(Appending(block), block.args[0])
        block.add_op(yielded())
        build.insert(counted(low or self.count(0), high, self.count(step), (), Region(block)))

    def _parallel(self, build: Builder, count: SSAValue, body: Callable[[Builder, SSAValue], None]) -> scf.ParallelOp:
        block = Block(arg_types=[INDEX])
        body(Appending(block), block.args[0])
        block.add_op(reductions((), ()))
        return build.insert(parallel(self.count(0), count, self.count(1), Region(block)))


@dataclass(frozen=True)
class TileKernelsPass(ModulePass):
    """Compute products of matrices by register blocks of 6 rows and 512-bit vectors of columns, "tiles": four of them where
    the target has 32 registers of 512 bits, else, and where tiles are left over, one.

    The right matrix is first copied so that the columns of a tile lie one after the other (a phase of its own), once for
    all products that take it; a constant is copied while compiling. All rows are multiplied by four tiles before the next
    four, so that these stay in a cache. Blocks and tiles at the end begin earlier, so that all are whole. Where a call has
    too few rows or columns, elements are summed one by one; by a constant, the last row is summed again in the place of
    those that a block lacks. Each sum is in the order of the source.

    Before:

    ```mlir
    linalg.fill ins(%zero : f32) outs(%c : memref<?x?xf32>)
    linalg.generic {…, ["parallel", "parallel", "reduction"]} ins(%a, %b) outs(%c) { %p = arith.mulf … arith.addf … }
    ```

    After:

    ```mlir
    scf.parallel (%piece) = (%c0) to (%pieces) step (%c1) { … vector.store %v, %packed[%t, %k, %c0] … }
    scf.parallel (%share) = (%c0) to (%shares) step (%c1) {
      %chunk = arith.divui %share, %blocks : index
      …
      %bytes = vector_ext.registers : index
      …
      scf.for %t = %low to %middle step %c4 {
        %sums:24 = scf.for %k = %c0 to %depth step %c1 iter_args(…) { vector.load … vector.broadcast … arith.mulf … arith.addf … }
        vector.store %sums#0, %c[%i, %j] …
      }
      scf.for %t = %middle to %high step %c1 { %sums:6 = … }
    }
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
