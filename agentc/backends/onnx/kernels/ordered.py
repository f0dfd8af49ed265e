"""``linalg_ext`` as ONNX: ``TopK``, ``CumSum``, ``ScatterND``, and ``Scan`` for what has no operator of its own."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Sequence

from onnx import TensorProto, helper
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Attribute

from agentc.analyses.kernel_dims import bits, element_of, is_integer, shape_of
from agentc.backends.onnx.kernels.nodes import LEAST, Nodes, inside
from agentc.dialects.linalg_ext import AutomatonOp, ExtOp, ScanOp, ScatterOp, SortOp, TopKOp


def emit(
    nodes: Nodes, op: ExtOp, inputs: Sequence[str], outputs: Sequence[str], sizes: Sequence[Sequence[str]]
) -> list[str]:
    """The values of the results; ``outputs`` and ``sizes`` are what the outputs hold and how large they are."""
    match op:
        case SortOp():
            return sort(nodes, op, inputs)
        case TopKOp():
            return top_k(nodes, op, inputs[0], sizes[0])
        case ScanOp():
            return [scan(nodes, op, inputs[0])]
        case ScatterOp():
            return [scatter(nodes, op, inputs, outputs[0])]
        case AutomatonOp():
            return [automaton(nodes, inputs, backward=bool(op.backward))]
        case _:
            raise TypeError(f"{op.name} is no op of linalg_ext")


INFINITY = float("inf")
F64_MOST = 1.7976931348623157e308


def _best(nodes: Nodes, op: SortOp | TopKOp, value: str, count: str, largest: int) -> list[str]:
    type_ = element_of(op.inputs[0].type)
    keys = _comparable(nodes, value, type_, largest) if isinstance(type_, AnyFloat) else None
    keys = keys or nodes.ordered(value, type_, op.order.data)
    return nodes.ops("TopK", [keys, nodes.op("Reshape", count, nodes.row(1))], 2, axis=-1, largest=largest, sorted=1)


def _comparable(nodes: Nodes, value: str, type_: Attribute, largest: int) -> str:
    """The numbers in f64, infinities as the largest ones there are, and NaN, which is not compared, beyond them."""
    wide = value if str(type_) == "f64" else nodes.cast(value, TensorProto.DOUBLE)
    most = nodes.array(F64_MOST, "float64")
    kept = nodes.op("Clip", wide, nodes.op("Neg", most), most)
    last = nodes.array(-INFINITY if largest else INFINITY, "float64")
    return nodes.op("Where", nodes.op("IsNaN", value), last, kept)


def sort(nodes: Nodes, op: SortOp, inputs: Sequence[str]) -> list[str]:
    """The least of all."""
    axis = len(shape_of(op.inputs[0].type) or ()) - 1
    _, places = _best(nodes, op, inputs[0], nodes.extent(inputs[0], axis), 0)
    return [nodes.op("GatherElements", v, places, axis=axis) for v in inputs]


def top_k(nodes: Nodes, op: TopKOp, value: str, sizes: Sequence[str]) -> list[str]:
    """The largest, and behind them what stands for none."""
    type_ = element_of(op.inputs[0].type)
    axis = len(sizes) - 1
    count = nodes.op("Min", sizes[-1], nodes.extent(value, axis))
    _, places = _best(nodes, op, value, count, 1)
    best = nodes.op("GatherElements", value, places, axis=axis)
    lacking = nodes.shape([*sizes[:-1], nodes.op("Sub", sizes[-1], count)])
    least = float("-inf") if isinstance(type_, AnyFloat) else LEAST
    if is_integer(type_):
        least = -(1 << (bits(type_) - 1)) if op.order.data == "signed" else 0
    rest = [nodes.op("Expand", nodes.number(least, type_), lacking), nodes.op("Expand", nodes.whole(-1), lacking)]
    return [nodes.op("Concat", found, none, axis=axis) for found, none in zip((best, places), rest, strict=True)]


def scan(nodes: Nodes, op: ScanOp, value: str) -> str:
    """``CumSum``, or a ``Scan`` that carries the value so far."""
    type_ = element_of(op.inputs[0].type)
    axis = len(shape_of(op.inputs[0].type) or ()) - 1
    if op.kind.data == "add":
        return (
            nodes.wrapped(nodes.op("CumSum", value, nodes.whole(axis)), type_)
            if not isinstance(type_, AnyFloat)
            else nodes.op("CumSum", value, nodes.whole(axis))
        )
    kind = {"mul": "Mul", "max": "Max", "min": "Min"}[op.kind.data]
    keys = value if kind == "Mul" else nodes.ordered(value, type_, op.order.data)
    start: float = 1
    if kind != "Mul":
        sign = -1 if kind == "Max" else 1
        start = sign * float("inf") if isinstance(type_, AnyFloat) else (LEAST if sign < 0 else -LEAST - 1)

    def step(body: Nodes, state: str, item: str) -> str:
        found = body.op(kind, state, item)
        return found if isinstance(type_, AnyFloat) or kind != "Mul" else body.wrapped(found, type_)

    first = nodes.number(start, type_) if isinstance(type_, AnyFloat) else nodes.whole(int(start))
    found = carried(nodes, keys, axis, first, inside(type_), step)
    return (
        found
        if kind == "Mul" or isinstance(type_, AnyFloat)
        else nodes.wrapped(nodes.ordered(found, type_, op.order.data) if str(type_) == "i64" else found, type_)
    )


Step = Callable[[Nodes, str, str], str]


def carried(nodes: Nodes, value: str, axis: int, first: str, kind: int, step: Step, backward: bool = False) -> str:
    """A ``Scan`` along ``axis`` that gives each state; they start as ``first``."""
    return _scanned(nodes, value, axis, first, kind, step, backward)[1]


def final_state(nodes: Nodes, value: str, axis: int, first: str, kind: int, step: Step) -> str:
    """As ``carried``, of which the last state."""
    return _scanned(nodes, value, axis, first, kind, step, backward=False)[0]


def _scanned(nodes: Nodes, value: str, axis: int, first: str, kind: int, step: Step, backward: bool) -> list[str]:
    sizes = nodes.shape([nodes.extent(value, a) for a in range(axis)])
    state = nodes.op("Expand", first, sizes) if axis else nodes.op("Reshape", first, nodes.array([], "int64"))
    body = Nodes(nodes)
    names = [body.fresh("state"), body.fresh("item")]
    found = step(body, names[0], names[1])
    results = [body.op("Identity", found) for _ in range(2)]
    shape = [None] * axis
    graph = helper.make_graph(
        body.nodes,
        body.fresh("step"),
        [helper.make_tensor_value_info(n, kind, shape) for n in names],
        [helper.make_tensor_value_info(n, kind, shape) for n in results],
    )
    ways = {"scan_input_directions": [1], "scan_output_directions": [1]} if backward else {}
    axes = {"scan_input_axes": [axis], "scan_output_axes": [axis], **ways}
    return list(nodes.ops("Scan", [state, value], 2, body=graph, num_scan_inputs=1, **axes))


def automaton(nodes: Nodes, inputs: Sequence[str], backward: bool = False) -> str:
    """The states of a table, which the step looks up, from the end of rows with ``backward``."""
    text, table = inputs
    flat = nodes.op("Reshape", nodes.op("BitwiseAnd", table, nodes.whole(255)), nodes.row(-1))
    count = nodes.extent(table, 0)

    def step(body: Nodes, state: str, item: str) -> str:
        known = body.op("Where", body.op("Less", state, count), state, body.whole(0))
        place = body.op("Add", body.op("Mul", known, body.whole(256)), body.op("BitwiseAnd", item, body.whole(255)))
        return body.op("Gather", flat, place, axis=0)

    rank = 0
    return _signed(nodes, carried(nodes, text, rank, nodes.whole(0), TensorProto.INT64, step, backward))


def _signed(nodes: Nodes, value: str) -> str:
    sign = nodes.whole(128)
    return nodes.op("Sub", nodes.op("BitwiseXor", value, sign), sign)


def scatter(nodes: Nodes, op: ScatterOp, inputs: Sequence[str], target: str) -> str:
    """``ScatterND`` into the target and one more row, which gets what is beyond either end."""
    updates, rows = inputs
    type_ = element_of(op.outputs[0].type)
    count = nodes.extent(target, 0)
    shape = nodes.op("Shape", target)
    spare = nodes.op("Expand", nodes.number(0, type_), nodes.op("Concat", nodes.row(1), _tail(nodes, shape), axis=0))
    longer = nodes.op("Concat", target, spare, axis=0)
    place = nodes.op("Where", nodes.op("Less", rows, nodes.whole(0)), nodes.op("Add", rows, count), rows)
    outside = nodes.op("Or", nodes.op("Less", place, nodes.whole(0)), nodes.op("GreaterOrEqual", place, count))
    place = nodes.op("Unsqueeze", nodes.op("Where", outside, count, place), nodes.row(1))
    order = op.order.data
    sides = [nodes.ordered(v, type_, order) if op.kind.data in ("max", "min") else v for v in (longer, updates)]
    reduction = {"set": "none"}.get(op.kind.data, op.kind.data)
    found = nodes.op("ScatterND", sides[0], place, sides[1], reduction=reduction)
    kept = nodes.op("Slice", found, nodes.row(0), nodes.op("Reshape", count, nodes.row(1)), nodes.row(0))
    return kept if isinstance(type_, AnyFloat) else nodes.wrapped(kept, type_)


def _tail(nodes: Nodes, shape: str) -> str:
    return nodes.op("Slice", shape, nodes.row(1), nodes.row(1 << 31), nodes.row(0))
