"""``linalg.generic`` as ONNX: the body once on whole arrays, an axis for each loop, then reductions of the loops."""

import string
from collections.abc import Sequence
from dataclasses import dataclass, field

import onnx
from onnx import TensorProto, helper
from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import AnyFloat
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import GenericOp, IndexOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from agentc.analyses.kernel_dims import shape_of
from agentc.analyses.reductions import NEUTRAL, is_neutral
from agentc.backends.onnx.kernels.nodes import Nodes, inside
from agentc.backends.onnx.kernels.reductions import float_extreme, whole_extreme, whole_product, whole_sum
from agentc.backends.onnx.kernels.scalars import emit
from agentc.support.diagnostics import Diagnostic, Refused

REDUCE = {
    arith.AddfOp: "ReduceSum",
    arith.AddiOp: "ReduceSum",
    arith.MulfOp: "ReduceProd",
    arith.MuliOp: "ReduceProd",
    arith.MaximumfOp: "ReduceMax",
    arith.MaxSIOp: "ReduceMax",
    arith.MinimumfOp: "ReduceMin",
    arith.MinSIOp: "ReduceMin",
    arith.MaxUIOp: "ReduceMax",
    arith.MinUIOp: "ReduceMin",
}


def refuse(op: Operation) -> Refused:
    """The problem that ``op`` has no ONNX form."""
    return Refused(Diagnostic("kernel-unsupported", f"`{op.name}` has no ONNX form in a kernel"))


@dataclass
class GenericGraph:
    """One generic on its way to nodes."""

    nodes: Nodes
    op: GenericOp
    values: dict[SSAValue, str]
    """What is known outside the body, to which the body's values are added."""
    first: str | None
    """The number that a reduction starts from; ``None`` where there is none or it changes nothing."""
    extents: list[str] = field(default_factory=list[str])
    flat: dict[SSAValue, str] = field(default_factory=dict[SSAValue, str])
    """What is read by place -> its elements in a row."""

    def run(self) -> str:
        """The value of the generic's result."""
        self.maps: list[AffineMap] = [m.data for m in self.op.indexing_maps.data]
        self.reduced = [i for i, t in enumerate(self.op.iterator_types) if t.data != IteratorType.PARALLEL]
        self.rank = len(self.op.iterator_types)
        self.extents = [self._extent(i) for i in range(self.rank)]
        if self.reduced and (product := self._contraction()) is not None:
            return self._started(product)
        arguments = self.op.body.block.args
        for argument, value, map_ in zip(arguments, self.op.inputs, self.maps, strict=False):
            if argument.uses:
                self.values[argument] = self._placed(value, map_)
        return self._reduce() if self.reduced else self._whole(self._body(self.op.body.block))

    def _extent(self, loop: int) -> str:
        for value, map_ in zip(self.op.operands, self.maps, strict=True):
            for axis, expr in enumerate(map_.results):
                if isinstance(expr, AffineDimExpr) and expr.position == loop:
                    return self.nodes.extent(self.values[value], axis)
        raise refuse(self.op)

    def _placed(self, value: SSAValue, map_: AffineMap) -> str:
        """An operand with an axis for each loop, of size 1 where it does not walk along it."""
        name, walked = self._walked(value, map_)
        if shape_of(value.type) is None:
            return name
        order = sorted(range(len(walked)), key=lambda i: walked[i])
        if order != list(range(len(walked))):
            name = self.nodes.op("Transpose", name, perm=order)
        missing = [i for i in range(self.rank) if i not in walked]
        return self.nodes.op("Unsqueeze", name, self.nodes.row(*missing)) if missing else name

    def _walked(self, value: SSAValue, map_: AffineMap) -> tuple[str, list[int]]:
        """An operand without the axes that stand still, and the loops that the others are."""
        name = self.values[value]
        walked: list[int] = []
        for expr in map_.results:
            if isinstance(expr, AffineDimExpr):
                walked.append(expr.position)
        for axis in reversed(range(len(map_.results))):
            expr = map_.results[axis]
            if isinstance(expr, AffineConstantExpr):
                name = self.nodes.op("Gather", name, self.nodes.whole(expr.value), axis=axis)
        if len({*walked}) != len(walked):
            raise refuse(self.op)
        return name, walked

    def _contraction(self) -> str | None:
        """Sums of products of two arrays, as an ``Einsum``; ``None`` for another body."""
        arguments, last = self.op.body.block.args, self.op.body.block.last_op
        ops = [o for o in self.op.body.block.ops if not isinstance(o, YieldOp)]
        if len(ops) != 2 or len(arguments) != 3 or last is None:
            return None
        product, total = ops
        if not isinstance(product, arith.MulfOp) or not isinstance(total, arith.AddfOp):
            return None
        if {*product.operands} != {*arguments[:2]} or {*total.operands} != {arguments[2], product.result}:
            return None
        parts = [self._walked(v, m) for v, m in zip(self.op.inputs, self.maps, strict=False)]
        if {d for _, walked in parts for d in walked} != {*range(self.rank)}:
            return None
        letters = string.ascii_lowercase
        names: list[str] = []
        terms: list[str] = []
        for (name, walked), (_, other), last_of in zip(parts, reversed(parts), (True, False), strict=True):
            order = self._order(walked, other, last_of)
            places = [walked.index(d) for d in order]
            names.append(self.nodes.op("Transpose", name, perm=places) if places != sorted(places) else name)
            terms.append("".join(letters[d] for d in order))
        kept = "".join(letters[i] for i in range(self.rank) if i not in self.reduced)
        return self.nodes.op("Einsum", *names, equation=f"{','.join(terms)}->{kept}")

    def _order(self, walked: Sequence[int], other: Sequence[int], last: bool) -> list[int]:
        """The loops of one factor as a product of matrices has them: those of both, then rows and what is summed, or
        the other way around. ONNX Runtime divides by zero where it has to turn empty arrays itself.
        """
        both = [d for d in walked if d in other and d not in self.reduced]
        summed = [d for d in sorted(walked) if d in self.reduced]
        own = [d for d in walked if d not in other and d not in self.reduced]
        return [*both, *own, *summed] if last else [*both, *summed, *own]

    def _reduce(self) -> str:
        """The value that the body combines with what it had, combined over the reduced loops."""
        block = self.op.body.block
        accumulator, last = block.args[-1], block.last_op
        uses = list(accumulator.uses)
        assert last is not None
        combiner = uses[0].operation if len(uses) == 1 else None
        if combiner is None or type(combiner) not in REDUCE or last.operands[0] is not combiner.results[0]:
            raise refuse(self.op)
        other = next(o for o in combiner.operands if o is not accumulator)
        self._body(block, skip=combiner)
        whole = self._whole(self.values[other])
        return self._started(self._reduced(combiner, whole, accumulator.type), combiner)

    def _reduced(self, combiner: Operation, whole: str, type_: Attribute) -> str:
        kind = REDUCE[type(combiner)]  # pyright: ignore[reportArgumentType]
        if isinstance(type_, AnyFloat) and kind in ("ReduceMax", "ReduceMin"):
            return float_extreme(self.nodes, kind, whole, self.reduced, type_)
        if isinstance(type_, AnyFloat) or inside(type_) != TensorProto.INT64:
            return self.nodes.op(kind, whole, self.nodes.row(*self.reduced), keepdims=0)
        if kind == "ReduceSum":
            return self.nodes.wrapped(whole_sum(self.nodes, whole, self.extents, self.reduced), type_)
        if kind == "ReduceProd":
            product = whole_product(self.nodes, whole, self.extents, self.reduced, type_)
            return self.nodes.wrapped(product, type_)
        unsigned = isinstance(combiner, arith.MaxUIOp | arith.MinUIOp)
        return whole_extreme(self.nodes, kind, whole, self.reduced, type_, unsigned)

    def _started(self, found: str, combiner: Operation | None = None) -> str:
        if self.first is None:
            return found
        if combiner is None:
            return self.nodes.op("Add", found, self.first)
        value = emit(self.nodes, combiner, [found, self.first])
        assert value is not None
        return value

    def _whole(self, value: str) -> str:
        """With every loop's axis in full."""
        return self.nodes.op("Expand", value, self.nodes.shape(self.extents)) if self.rank else value

    def _body(self, block: Block, skip: Operation | None = None) -> str:
        """The nodes of a block; what it yields."""
        for op in block.ops:
            match op:
                case YieldOp() | scf.YieldOp():
                    if skip is None:
                        return self.values[op.operands[0]]
                case IndexOp():
                    self.values[op.result] = self._index(op.dim.value.data)
                case tensor.ExtractOp():
                    self.values[op.result] = self._extract(op)
                case scf.IfOp():
                    self._if(op)
                case scf.ForOp():
                    self._for(op)
                case _ if op is skip:
                    pass
                case _:
                    value = emit(self.nodes, op, [self.values[o] for o in op.operands])
                    if value is None:
                        raise refuse(op)
                    self.values[op.results[0]] = value
        return ""

    def _index(self, loop: int) -> str:
        row = self.nodes.op("Range", self.nodes.whole(0), self.extents[loop], self.nodes.whole(1))
        others = [i for i in range(self.rank) if i != loop]
        return self.nodes.op("Unsqueeze", row, self.nodes.row(*others)) if others else row

    def _extract(self, op: tensor.ExtractOp) -> str:
        """Row-major places in the flat array, with one more element behind it for lanes that are not chosen."""
        nodes, source = self.nodes, self.values[op.tensor]
        flat = self._flat(op)
        place = nodes.whole(0)
        for axis, index in enumerate(op.indices):
            place = nodes.op("Add", nodes.op("Mul", place, nodes.extent(source, axis)), self.values[index])
        inside_ = nodes.op("Min", nodes.op("Max", place, nodes.whole(0)), nodes.op("Size", source))
        return nodes.op("Gather", flat, inside_, axis=0)

    def _flat(self, op: tensor.ExtractOp) -> str:
        """All that ``op`` may read, made once: what is made inside of a loop is made anew in each of its trips."""
        found = self.flat.get(op.tensor)
        if found is None:
            kept = self.nodes.op("Reshape", self.values[op.tensor], self.nodes.row(-1))
            spare = self.nodes.cast(self.nodes.array([0.0], "float32"), inside(op.result.type))
            found = self.flat[op.tensor] = self.nodes.op("Concat", kept, spare, axis=0)
        return found

    def _for(self, op: scf.ForOp) -> None:
        """A ``Loop`` that carries whole arrays. Its trips are known before, and are the same for all elements."""
        outer = self.nodes
        if op.body.block.args[0].uses or not all(isinstance(v.owner, arith.ConstantOp) for v in (op.lb, op.step)):
            raise refuse(op)
        for read in op.walk():
            if isinstance(read, tensor.ExtractOp):
                self._flat(read)
        far = outer.op("Sub", self.values[op.ub], self.values[op.lb])
        trips = outer.op("Div", far, self.values[op.step])
        starts = [self._whole(self.values[v]) for v in op.iter_args]
        self.nodes = Nodes(outer)
        body = self._trip(op)
        self.nodes = outer
        found = outer.ops("Loop", [trips, "", *starts], len(starts), body=body)
        self.values.update(zip(op.results, found, strict=True))

    def _trip(self, op: scf.ForOp) -> onnx.GraphProto:
        """One trip of a ``Loop``: its number, whether it goes on, and what is carried."""
        nodes, block = self.nodes, op.body.block
        trip, going = nodes.fresh("trip"), nodes.fresh("going")
        states = [nodes.fresh("state") for _ in op.iter_args]
        self.values.update(zip(block.args[1:], states, strict=True))
        self._body(block, skip=block.last_op)
        assert block.last_op is not None
        results = [nodes.op("Identity", name) for name in (going, *(self.values[v] for v in block.last_op.operands))]
        kinds = [TensorProto.BOOL, *(inside(v.type) for v in op.iter_args)]
        shapes: list[list[None]] = [[], *([None] * self.rank for _ in states)]
        given = [helper.make_tensor_value_info(trip, TensorProto.INT64, [])]
        given += [helper.make_tensor_value_info(*each) for each in zip((going, *states), kinds, shapes, strict=True)]
        left = [helper.make_tensor_value_info(*each) for each in zip(results, kinds, shapes, strict=True)]
        return helper.make_graph(nodes.nodes, nodes.fresh("trips"), given, left)

    def _if(self, op: scf.IfOp) -> None:
        sides = [self._body(region.block) for region in (op.true_region, op.false_region)]
        boolean = str(op.results[0].type) == "i1"
        if boolean:
            sides = [self.nodes.cast(s, 7) for s in sides]
        found = self.nodes.op("Where", self.values[op.cond], *sides)
        self.values[op.results[0]] = self.nodes.cast(found, 9) if boolean else found


def changes(first: SSAValue, kind: type[Operation] | None) -> bool:
    """Whether a reduction that starts from ``first`` gives another value than one that starts from nothing."""
    owner = first.owner
    if kind is None or kind not in NEUTRAL or not isinstance(owner, arith.ConstantOp):
        return True
    return not is_neutral(first, kind)


__all__: Sequence[str] = ("GenericGraph", "changes", "refuse")
