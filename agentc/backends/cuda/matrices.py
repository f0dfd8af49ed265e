"""Matrix products by tiles: finds the loops of one, and writes what is done with each element of the result."""

from collections.abc import Sequence

from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import Operation, SSAValue

from agentc.analyses.kernel_dims import element_of
from agentc.backends.cuda.device import combiners
from agentc.backends.cuda.phase import PhaseCode
from agentc.backends.cuda.scalars import C_TYPES
from agentc.support.record import record

THREADS = 256
LARGE = 128
SMALL = 64
ENOUGH = 96
"""Large tiles that keep a large GPU busy; with fewer, small ones are as fast by being more."""


@record
class Product:
    """``result[i, j] = sum over k of a[i, k] * b[k, j]`` as loops."""

    columns: scf.ParallelOp
    depth: scf.ParallelOp
    a: SSAValue
    b: SSAValue
    a_along: bool
    """Whether neighbors in memory are neighbors along k."""
    b_along: bool

    @property
    def element(self) -> str:
        """The type of both factors' elements."""
        return str(element_of(self.a.type))


def product_of(rows: scf.ParallelOp) -> Product | None:
    """The product that the loop ``rows`` is, if tiles compute it: of ``f32`` or 16-bit floats, summed in f32."""
    index = rows.body.block.args[0]
    columns = _only_loop(rows)
    depth = _only_loop(columns) if columns is not None and not columns.res else None
    if columns is None or depth is None or len(depth.res) != 1 or not all(map(from_zero, (columns, depth))):
        return None
    factors = _factors(depth)
    if not _for_each_element(rows, columns):
        return None
    if factors is None or str(depth.res[0].type) != "f32":
        return None
    i, j, k = index, columns.body.block.args[0], depth.body.block.args[0]
    for a, b in (factors, factors[::-1]):
        places = tuple(a.indices), tuple(b.indices)
        if places[0] in ((i, k), (k, i)) and places[1] in ((j, k), (k, j)):
            same = element_of(a.memref.type) == element_of(b.memref.type)
            known = str(element_of(a.memref.type)) in ("f32", "f16", "bf16")
            found = Product(columns, depth, a.memref, b.memref, a.indices[1] is k, b.indices[1] is k)
            return found if same and known and not _writes(columns, (a.memref, b.memref)) else None
    return None


def _for_each_element(rows: scf.ParallelOp, columns: scf.ParallelOp) -> bool:
    """Whether all that is written is written once for each element, and none is read that another thread makes."""
    stores = [o for o in rows.walk() if isinstance(o, memref.StoreOp)]
    loads = [o for o in rows.walk() if isinstance(o, memref.LoadOp)]
    places = {(o.memref, *o.indices) for o in stores}
    made = {o.memref for o in stores}
    inside = set(columns.walk())
    return all(o in inside for o in stores) and all((o.memref, *o.indices) in places for o in loads if o.memref in made)


def _only_loop(op: scf.ParallelOp) -> scf.ParallelOp | None:
    """The one op with a region inside ``op``, if that is a parallel loop."""
    found = [o for o in op.body.block.ops if o.regions and not isinstance(o, scf.ReduceOp)]
    return found[0] if len(found) == 1 and isinstance(found[0], scf.ParallelOp) else None


def from_zero(loop: scf.ParallelOp) -> bool:
    """Whether the loop's range begins with 0."""
    owner = loop.lowerBound[0].owner
    return isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr) and owner.value.value.data == 0


def _factors(depth: scf.ParallelOp) -> tuple[memref.LoadOp, memref.LoadOp] | None:
    """The two loads of which the loop adds up the products, if that is all it does."""
    last = depth.body.block.last_op
    assert isinstance(last, scf.ReduceOp)
    product = last.args[0].owner
    if not isinstance(product, arith.MulfOp) or not isinstance(combiners(depth)[0], arith.AddfOp):
        return None
    loads = [_load(product.lhs), _load(product.rhs)]
    if loads[0] is None or loads[1] is None or loads[0] is loads[1]:
        return None
    extra = [o for o in depth.body.block.ops if not isinstance(o, memref.LoadOp | arith.ExtFOp) and o is not product]
    return (loads[0], loads[1]) if extra == [last] else None


def _load(value: SSAValue) -> memref.LoadOp | None:
    owner = value.owner
    if isinstance(owner, arith.ExtFOp):
        owner = owner.input.owner
    return owner if isinstance(owner, memref.LoadOp) else None


def _writes(op: Operation, memories: Sequence[SSAValue]) -> bool:
    return any(isinstance(o, memref.StoreOp) and o.memref in memories for o in op.walk())


def write(code: PhaseCode, rows: scf.ParallelOp) -> None:
    """Write the product with large and with small tiles, and choose by the size of the result."""
    found = product_of(rows)
    assert found is not None
    for tile in (LARGE, SMALL):
        code.kernel(f"_tiles{tile}", THREADS, _body(code, rows, found, tile))
    body = code.body()
    m = body.extent(found.columns.upperBound[0]) or "1"
    count = {tile: f"(({code.rows} + {tile - 1}) / {tile}) * (({m} + {tile - 1}) / {tile})" for tile in (LARGE, SMALL)}
    code.unless_empty(
        [
            f"if ({m} > 0 && {count[LARGE]} >= {ENOUGH}) {{",
            f"  {_call(code, found, LARGE, count[LARGE])}",
            f"}} else if ({m} > 0) {{",
            f"  {_call(code, found, SMALL, count[SMALL])}",
            "}",
        ]
    )


def _tile(found: Product, tile: int) -> str:
    """The template arguments that say how tiles are multiplied."""
    kind = f"FloatTile<{tile}>" if found.element == "f32" else f"HalfTile<{C_TYPES[found.element]}, {tile}>"
    return f"agentc::{kind}, {str(found.a_along).lower()}, {str(found.b_along).lower()}"


def _call(code: PhaseCode, found: Product, tile: int, count: str) -> str:
    line = code.call(f"_tiles{tile}", f"static_cast<unsigned>({count})", THREADS)
    shared = f"(agentc::Stages<{_tile(found, tile)}>::bytes)"
    return line.replace("AGENTC_LAUNCH(", "AGENTC_LAUNCH_SHARED(").replace("stream, ", f"{shared}, stream, ", 1)


def _body(code: PhaseCode, rows: scf.ParallelOp, found: Product, tile: int) -> list[str]:
    body = code.body()
    names = body.names
    i, j, total = body.fresh("i"), body.fresh("j"), body.fresh("total")
    names[rows.body.block.args[0]], names[found.columns.body.block.args[0]] = i, j
    m, k = names[found.columns.upperBound[0]], names[found.depth.upperBound[0]]
    factors = f"{names[found.a]}, {names[found.b]}, high, {m}, {k}"
    head = f"agentc::multiply<{_tile(found, tile)}>({factors}, [&](int64_t {i}, int64_t {j}, float {total})"
    with body.braces(head):
        for op in rows.body.block.ops:
            if op is found.columns:
                for inner in found.columns.body.block.ops:
                    if inner is found.depth:
                        body.finish(found.depth, [total])
                    else:
                        body.op(inner)
            else:
                body.op(op)
    body.lines[-1] += ");"
    return body.lines
