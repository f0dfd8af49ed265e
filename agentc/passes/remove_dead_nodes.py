"""`remove-dead-nodes`: steps whose values reach no output and that change nothing go, in all regions."""

from collections.abc import Iterator

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, BlockArgument, Operation, OpResult, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import IsTerminator, MemoryEffectKind, RecursiveMemoryEffect, get_effects

from agentc.dialects.agent import BranchOp, ContinueOp, GraphOp, LoopOp, MapOp
from agentc.dialects.compute import FusedOp


def changes_something(op: Operation) -> bool:
    """Whether ``op`` itself (not its regions) has an effect that somebody may see, or effects that nobody knows.

    Reading and drawing a sample are none: nobody misses them.
    """
    if op.has_trait(IsTerminator) or op.has_trait(RecursiveMemoryEffect):
        return isinstance(op.parent_op(), GraphOp) and op.has_trait(IsTerminator)
    effects = get_effects(op)
    quiet = (MemoryEffectKind.READ, MemoryEffectKind.ALLOC)
    return effects is None or any(effect.kind not in quiet for effect in effects)


class Live:
    """Ops and values that an output or an effect needs."""

    def __init__(self, graph: GraphOp) -> None:
        self.ops: set[Operation] = set()
        self.values: set[SSAValue] = set()
        self._pending: list[SSAValue] = []
        for op in graph.body.walk():
            if changes_something(op):
                self._need(op)
        while self._pending:
            value = self._pending.pop()
            for source in _sources(value):
                self._want(source)
            owner = value.owner
            self._need(owner) if isinstance(owner, Operation) else self._need_around(owner)

    def _want(self, value: SSAValue) -> None:
        if value not in self.values:
            self.values.add(value)
            self._pending.append(value)

    def _need(self, op: Operation) -> None:
        """``op`` runs: what it reads is wanted, and the ops around it run."""
        if op in self.ops:
            return
        self.ops.add(op)
        for value in _controls(op):
            self._want(value)
        if op.parent is not None:
            self._need_around(op.parent)

    def _need_around(self, block: Block) -> None:
        parent = block.parent_op()
        if parent is not None and not isinstance(parent, GraphOp):
            self._need(parent)


def _controls(op: Operation) -> Iterator[SSAValue]:
    """What ``op`` reads whatever becomes of its results."""
    match op:
        case BranchOp():
            yield op.selector
        case LoopOp():
            last = op.body.block.last_op
            assert isinstance(last, ContinueOp)
            yield last.condition
        case MapOp():
            yield op.items
            yield _last(op.body.block).operands[0]
        case FusedOp():
            return
        case _ if op.has_trait(IsTerminator) and not isinstance(op.parent_op(), GraphOp):
            return
        case _:
            yield from op.operands


def _sources(value: SSAValue) -> Iterator[SSAValue]:
    """The values of regions, or of the op around, that ``value`` is made of."""
    if isinstance(value, BlockArgument):
        parent = value.block.parent_op()
        if isinstance(parent, LoopOp):
            yield parent.inits[value.index]
            yield parent.results[value.index]
        elif isinstance(parent, FusedOp):
            yield parent.inputs[value.index]
        return
    assert isinstance(value, OpResult)
    match value.op:
        case BranchOp() as branch:
            yield from (_last(case.block).operands[value.index] for case in branch.cases)
        case LoopOp() as loop:
            yield _last(loop.body.block).operands[value.index + 1]
            yield loop.body.block.args[value.index]
        case MapOp() as map_:
            yield _last(map_.body.block).operands[0]
        case FusedOp() as fused:
            yield _last(fused.body.block).operands[value.index]
        case _:
            return


def _last(block: Block) -> Operation:
    last = block.last_op
    assert last is not None
    return last


def sweep(block: Block, live: Live) -> None:
    """Erase the ops of ``block`` that are not live, last first; narrow those that stay."""
    for op in reversed(list(block.ops)):
        if op.has_trait(IsTerminator):
            continue
        if op not in live.ops:
            Rewriter.erase_op(op, safe_erase=False)
            continue
        narrowed = narrow(op, live)
        for region in narrowed.regions:
            for inner in region.blocks:
                sweep(inner, live)


def narrow(op: Operation, live: Live) -> Operation:
    """``op`` without the results that nobody wants, or ``op`` itself."""
    kept = [result.index for result in op.results if result in live.values]
    if len(kept) == len(op.results) or not isinstance(op, BranchOp | LoopOp | FusedOp):
        return op
    fresh = _narrowed(op, kept)
    Rewriter.insert_op(fresh, InsertPoint.before(op))
    live.ops.add(fresh)
    for new, index in zip(fresh.results, kept, strict=True):
        new.name_hint = op.results[index].name_hint
        op.results[index].replace_all_uses_with(new)
        live.values.add(new)
    Rewriter.erase_op(op, safe_erase=False)
    return fresh


def _narrowed(op: BranchOp | LoopOp | FusedOp, kept: list[int]) -> Operation:
    """A copy of ``op`` with its own regions and only the results ``kept``."""
    shift = 1 if isinstance(op, LoopOp) else 0
    regions = list(op.regions)
    for region in regions:
        last = _last(region.block)
        last.operands = [*list(last.operands)[:shift], *(last.operands[i + shift] for i in kept)]
    operands = list(op.operands)
    if isinstance(op, LoopOp):
        operands = [operands[i] for i in kept]
        for arg in reversed(op.body.block.args):
            if arg.index not in kept:
                op.body.block.erase_arg(arg, safe_erase=False)
    bodies = [op.detach_region(region) for region in regions]
    return type(op).create(
        operands=operands,
        result_types=[op.results[i].type for i in kept],
        properties=op.properties,
        attributes=op.attributes,
        regions=bodies,
    )


class RemoveDeadNodesPass(ModulePass):
    """
    Removes steps that no output and no effect needs, also inside branches, loops and maps, and the results and carried
    values of these that nobody reads. Calls of tools that are not `pure`, user functions and writes to memories stay;
    models that are only sampled go. Inputs stay: they are the agent's signature.

    Before:

    ```mlir
    %a = compute.builtin "strip"(%q) : (!agent.text) -> !agent.text
    %b = llm.call @mind(%a) shape {input_tokens = #agent.quantity<8.0>} : (!agent.text) -> !agent.text
    agent.output ["answer"](%q) : !agent.text
    ```

    After:

    ```mlir
    agent.output ["answer"](%q) : !agent.text
    ```
    """

    name = "remove-dead-nodes"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for graph in op.ops:
            if isinstance(graph, GraphOp):
                sweep(graph.body.block, Live(graph))
