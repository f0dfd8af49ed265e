"""Fuses elementwise tensor code into what uses it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeGuard

from xdsl.context import Context
from xdsl.dialects import arith, math, scf, tensor
from xdsl.dialects.builtin import AffineMapAttr, Float32Type, IntegerType, ModuleOp
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap
from xdsl.passes import ModulePass

from agentc.analyses.dead_code import erase_dead
from agentc.analyses.kernel_dims import element_of, is_tensor, shape_of
from agentc.analyses.kernel_maps import are_parallel, composed, covers, interned, is_identity, listed, used
from agentc.analyses.kernel_ops import every, index_constant, inputs_of, segments
from agentc.analyses.kernel_ops import index as index_op
from agentc.analyses.kernel_sources import inherit, settle, sources
from agentc.dialects.linalg_ext import ExtOp

FUNCTIONS = (math.ExpOp, math.LogOp, math.SqrtOp, math.TanhOp, math.SinOp, math.CosOp, math.PowFOp)
EXPENSIVE = (arith.DivfOp, *FUNCTIONS, scf.ForOp)
"""Not worth computing twice: a division, a call of a math function or a loop costs more than a load and a store."""
CODE = IntegerType(8)
FREE = (arith.ConstantOp, IndexOp, YieldOp)
CHEAP_OPS = 4
"""An elementwise body of at most as many cheap ops is recomputed rather than stored."""
DECODING_OPS = 10
"""As ``CHEAP_OPS``, where a byte becomes a number: four times as wide, that costs more to store and to read again."""
CHEAP_READS = 2
"""It is stored if it is read more often: the trips of a loop of the source then find all arrays stored, and can be one."""


def is_elementwise(op: Operation | Block) -> TypeGuard[GenericOp]:
    """Whether ``op`` computes each element of its one result by itself, in the order of the result."""
    match op:
        case GenericOp():
            return len(op.results) == 1 and _is_elementwise(op)
        case _:
            return False


def _is_elementwise(op: GenericOp) -> bool:
    if not are_parallel(op.iterator_types) or not is_identity(op.indexing_maps.data[-1]):
        return False
    return op.body.block.args[-1].first_use is None


def is_cheap(op: GenericOp) -> bool:
    """Whether computing an element of ``op`` again costs less than keeping it."""
    known: set[SSAValue] = set()
    body: list[type[Operation]] = []
    for inner in op.body.block.ops:
        if (kind := type(inner)) is arith.ConstantOp or (inner.operands and known.issuperset(inner.operands)):
            known.update(inner.results)  # folded: of two numbers there is one
        elif kind in EXPENSIVE:
            return False
        elif kind not in FREE:
            body.append(kind)
    return len(body) <= CHEAP_OPS or (len(body) <= DECODING_OPS and _decodes(op))


def _decodes(op: GenericOp) -> bool:
    """Whether numbers of single precision are made of bytes, with nothing else that has as many elements."""
    if not isinstance(element_of(op.results[0].type), Float32Type):
        return False
    extracted = [inner.tensor for inner in op.body.block.ops if isinstance(inner, tensor.ExtractOp)]
    read = [value for value in dict.fromkeys((*inputs_of(op), *extracted)) if is_tensor(value.type)]
    codes = [value for value in read if element_of(value.type) == CODE]
    most = max((_rank(value) for value in codes), default=0)
    return bool(codes) and all(_rank(value) < most for value in read if value not in codes)


def _rank(value: SSAValue) -> int:
    return len(shape_of(value.type) or ())


def _is_kept(op: GenericOp) -> bool:
    """Whether ``op`` makes an array of others that is read more often than it is worth to compute it again."""
    return bool(op.iterator_types.data and len(op.operands) > 1) and op.results[0].uses.get_length() > CHEAP_READS


def _leaves_sizes(producer: GenericOp, consumer: GenericOp, index: int) -> bool:
    """Whether every loop of ``consumer`` still runs over an axis of some operand: a gather has none of what it reads."""
    maps = consumer.indexing_maps.data
    read = maps[index]
    walked: set[int] = set()
    for map_ in producer.indexing_maps.data[:-1]:
        walked |= used(composed(map_, read))
    for i, map_ in enumerate(maps):
        if i != index:
            walked |= used(map_)
    return len(walked) == len(consumer.iterator_types)


@dataclass
class Fusion:
    """Fuses the ops of one module. What was found out of an op is kept until the op changes."""

    cheap: dict[Operation, bool] = field(default_factory=dict[Operation, bool])
    settled: set[Operation] = field(default_factory=set[Operation])

    def all(self, module: ModuleOp) -> bool:
        """As ``into``, into each op in order."""
        changed = [self.into(op) for op in every(module) if isinstance(op, GenericOp)]
        return any(changed)

    def into(self, consumer: GenericOp) -> bool:
        """Pull elementwise producers into ``consumer``, and theirs, as long as that pays; whether there were any."""
        changed = False
        while len(consumer.results) == 1 and (found := self._fusible(consumer)) is not None:
            self._fuse(found[0], consumer, found[1])
            changed = True
        return changed

    def _fusible(self, consumer: GenericOp) -> tuple[GenericOp, int] | None:
        for index, value in enumerate(inputs_of(consumer)):
            producer = value.owner
            if type(producer) is GenericOp and self._should_fuse(producer, consumer, index):
                return producer, index
        return None

    def _should_fuse(self, producer: GenericOp, consumer: GenericOp, index: int) -> bool:
        """Whether input ``index`` of ``consumer`` is better computed in its body."""
        if producer.parent is not consumer.parent or not is_elementwise(producer):
            return False
        once = producer.results[0].has_one_use() and covers(consumer.indexing_maps.data[index])
        return (once or (self._is_cheap(producer) and not _is_kept(producer))) and _leaves_sizes(
            producer, consumer, index
        )

    def _is_cheap(self, op: GenericOp) -> bool:
        found = self.cheap.get(op)
        if found is None:
            found = self.cheap[op] = is_cheap(op)
        return found

    def _settle(self, op: GenericOp) -> None:
        """What was put into it later is settled, too."""
        if op not in self.settled:
            self.settled.add(op)
            settle(op)

    def _fuse(self, producer: GenericOp, consumer: GenericOp, index: int) -> None:
        """Put the body of ``producer`` in place of input ``index`` of ``consumer``; where nobody else reads it, it is
        gone."""
        self._settle(producer)
        self._settle(consumer)
        self.cheap.pop(consumer, None)
        maps, given = [interned(map_) for map_ in consumer.indexing_maps.data], inputs_of(consumer)
        count, read = len(given), maps[index]
        outputs = consumer.operands[count:]
        places = [interned(composed(map_, read)) for map_ in producer.indexing_maps.data[:-1]]
        own = [Input(value, map_) for value, map_ in zip(inputs_of(producer), places, strict=True)]
        kept = {i: Input(given[i], maps[i]) for i in range(count) if i != index}
        inputs = {each.key: each for each in (*own, *kept.values())}
        once = producer.results[0].has_one_use()
        put = _extend if once and _is_longer(producer.body.block, consumer.body.block) else _precede
        put(producer, consumer, own, kept, read)
        consumer.operands = [*(each.value for each in inputs.values()), *outputs]
        consumer.properties["operandSegmentSizes"] = segments(len(inputs), len(outputs))
        consumer.properties["indexing_maps"] = listed([*(each.map_ for each in inputs.values()), *maps[count:]])
        inherit(consumer, sources(producer))
        if producer.results[0].first_use is None:
            erase_op(producer)


Key = tuple[SSAValue, int]


class Input(NamedTuple):
    """What a loop reads, and where. The map is the one of all that are equal to it."""

    value: SSAValue
    map_: AffineMapAttr

    @property
    def key(self) -> Key:
        """What two that are the same have in common."""
        return self.value, id(self.map_)


def _is_longer(block: Block, other: Block) -> bool:
    """Whether ``block`` has more ops."""
    op, end = block.first_op, other.first_op
    while op is not None and end is not None:
        op, end = op.next_op, end.next_op
    return op is not None


def _extend(
    producer: GenericOp, consumer: GenericOp, own: Sequence[Input], kept: Mapping[int, Input], loops: AffineMapAttr
) -> None:
    """Put the body of ``consumer`` behind that of ``producer``, which nobody else reads, and let ``consumer`` have it.

    ``own`` and ``kept`` are what both read, ``kept`` by place; ``loops`` says what the producer's loops are."""
    block, rest = producer.body.block, consumer.body.block
    arguments, new = block.args, dict[Key, SSAValue]()
    for argument, each in zip(arguments[:-1], own, strict=True):
        if new.setdefault(each.key, argument) is not argument:
            argument.replace_all_uses_with(new[each.key])
            block.erase_arg(argument)
    block.erase_arg(arguments[-1])
    for each in kept.values():
        if each.key not in new:
            new[each.key] = block.insert_arg(element_of(each.value.type), len(block.args))
    _turn(block, loops)
    end = block.last_op
    assert end is not None
    value = end.operands[0]
    block.erase_op(end)
    for i, argument in enumerate(rest.args[:-1]):
        argument.replace_all_uses_with(new[kept[i].key] if i in kept else value)
    out = rest.args[-1]
    out.replace_all_uses_with(block.insert_arg(out.type, len(block.args)))
    for op in list(rest.ops):
        op.detach()
        block.add_op(op)
    region = producer.detach_region(0)
    consumer.detach_region(0)
    consumer.add_region(region)


def _turn(block: Block, loops: AffineMapAttr) -> None:
    """Let what ``block`` knows of its loops be what ``loops`` says."""
    if is_identity(loops):
        return
    for op in block.ops:
        if isinstance(op, IndexOp):
            made = _index_op(loops.data, op)
            block.insert_op_before(made, op)
            op.result.replace_all_uses_with(made.results[0])
            block.erase_op(op)


def _precede(
    producer: GenericOp, consumer: GenericOp, own: Sequence[Input], kept: Mapping[int, Input], loops: AffineMapAttr
) -> None:
    """As ``_extend``, of a short producer, or of one that others read: its body, or a copy, is put first into that of
    ``consumer``."""
    block = consumer.body.block
    old, first = block.args[:-1], block.first_op
    assert first is not None
    inputs = {each.key: each for each in (*own, *kept.values())}
    new = {key: block.insert_arg(element_of(each.value.type), i) for i, (key, each) in enumerate(inputs.items())}
    take = _taken if producer.results[0].has_one_use() else _copied
    value = take(producer, first, [new[each.key] for each in own], loops.data)
    for i, argument in enumerate(old):
        argument.replace_all_uses_with(new[kept[i].key] if i in kept else value)
        block.erase_arg(argument)


def _copied(op: GenericOp, first: Operation, places: Sequence[SSAValue], loops: AffineMap) -> SSAValue:
    mapper: dict[SSAValue, SSAValue] = dict(zip(op.body.block.args, places, strict=False))
    block = first.parent
    assert block is not None
    for inner in op.body.block.ops:
        if isinstance(inner, YieldOp):
            return mapper.get(inner.operands[0], inner.operands[0])
        made = _index_op(loops, inner) if isinstance(inner, IndexOp) else inner.clone(value_mapper=mapper)
        block.insert_op_before(made, first)
        mapper.update(zip(inner.results, made.results, strict=True))
    raise ValueError("a linalg.generic ends with linalg.yield")


def _taken(op: GenericOp, first: Operation, places: Sequence[SSAValue], loops: AffineMap) -> SSAValue:
    block = first.parent
    assert block is not None
    for argument, place in zip(op.body.block.args, places, strict=False):
        argument.replace_all_uses_with(place)
    for inner in list(op.body.block.ops):
        if isinstance(inner, YieldOp):
            return inner.operands[0]
        moved = inner
        if isinstance(inner, IndexOp):
            moved = _index_op(loops, inner)
            inner.result.replace_all_uses_with(moved.results[0])
        else:
            inner.detach()
        block.insert_op_before(moved, first)
    raise ValueError("a linalg.generic ends with linalg.yield")


def _index_op(loops: AffineMap, op: IndexOp) -> Operation:
    match loops.results[op.dim.value.data]:
        case AffineDimExpr(position):
            made = index_op(position)
            made.attributes.update(op.attributes)
            return made
        case AffineConstantExpr(value):
            return index_constant(value)
        case other:
            raise ValueError(f"index `{other}` is neither a loop nor a number")


def erase_unread(module: ModuleOp) -> None:
    """Erase tensor code whose result nobody reads. Linalg on tensors has no effect but its result."""
    for region in module.regions:
        _erase_unread(region)


def _erase_unread(region: Region) -> None:
    for block in region.blocks:
        op = block.last_op
        while op is not None:
            before = op.prev_op
            if not isinstance(op, GenericOp | FillOp | ExtOp):
                for inner in op.regions:
                    _erase_unread(inner)
            elif op.results and all(r.first_use is None for r in op.results):
                erase_op(op)
            op = before


def erase_op(op: Operation) -> None:
    """Erase ``op``, whose results nobody reads. xDSL takes all inside of it apart; here, where a body is one block of
    plain ops, only what it reads from around is let go of."""
    block = op.regions[0].first_block if len(op.regions) == 1 else None
    if block is None or block.next_block is not None:
        op.detach()
        op.erase()
        return
    inner = block.first_op
    while inner is not None:
        if inner.regions or any(_is_around(o.owner, block) for o in inner.operands):
            inner.drop_all_references()
        inner = inner.next_op
    op.detach()
    op.operands = ()


def _is_around(owner: Operation | Block, block: Block) -> bool:
    return owner is not block and (isinstance(owner, Block) or owner.parent is not block)


@dataclass(frozen=True)
class FuseKernelsPass(ModulePass):
    """Fuse elementwise ``linalg.generic`` ops into their consumers, elementwise or reducing.

    A producer with one reader always goes in, unless a broadcast would compute it again and again; one with several
    readers only where computing it again is cheaper than keeping it, and for two at most. Exponentials are never computed twice.

    Before:

    ```mlir
    %p = linalg.generic {…} ins(%x, %x) outs(%e) { %m = arith.mulf %a, %b … } -> tensor<?x?xf32>
    %s = linalg.generic {…, "reduction"} ins(%p) outs(%z) { %t = arith.addf %acc, %c … } -> tensor<?xf32>
    ```

    After:

    ```mlir
    %s = linalg.generic {…, "reduction"} ins(%x) outs(%z) {
      %m = arith.mulf %a, %a
      %t = arith.addf %acc, %m …
    } -> tensor<?xf32>
    ```
    """

    name = "fuse-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        erase_unread(op)
        fusion = Fusion()
        while fusion.all(op):
            pass
        erase_dead(op.body)
