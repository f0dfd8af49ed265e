"""`fuse-compute`: a chain of steps on the host becomes one step, with nothing between them but memory."""

from collections.abc import Iterator, Sequence

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, OpResult, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import MemoryEffectKind, get_effects

from agentc.dialects import tool
from agentc.dialects.agent import GetOp, GraphOp, InputOp, NoneOp
from agentc.dialects.agent_values import placement_rule
from agentc.dialects.compute import FusedOp, YieldOp
from agentc.dialects.interfaces import Fusible, Placeable
from agentc.dialects.provenance import carried_by_all, is_asynchronous


def joins(op: Operation) -> bool:
    """Whether ``op`` may be a part of a chain: fusible work for the host, or a tool's run, which heads one."""
    kinds = op.get_trait(Placeable)
    hosted = kinds is not None and kinds.kinds == ("cpu",)
    return hosted and (op.has_trait(Fusible) or isinstance(op, tool.ComputeOp)) and not isinstance(op, FusedOp)


def link(op: Operation) -> list[Operation] | None:
    """What runs right after ``op`` with its value and for nobody else: the consumer, after the `agent.get`s between.

    ``None`` where the value goes elsewhere too: a fused step would make the others wait.
    """
    if len(op.results) != 1:
        return None
    users = [use.operation for use in op.results[0].uses]
    gets = [user for user in dict.fromkeys(users) if isinstance(user, GetOp)]
    users = [user for user in users if user not in gets]
    users += [use.operation for get in gets for use in get.result.uses]
    if len(set(users)) != 1 or any(other.parent is not op.parent for other in (*gets, *users)):
        return None
    return [*gets, users[0]]


def may_follow(chain: Sequence[Operation], steps: Sequence[Operation]) -> bool:
    """Whether the last of ``steps`` may run in one step with ``chain``: it brings no input to wait for, both may be in
    one place, and no effect changes its turn."""
    head, consumer = chain[0], steps[-1]
    if not joins(consumer) or isinstance(consumer, tool.ComputeOp):
        return False
    if placement_rule(head) != placement_rule(consumer) or is_asynchronous(head) != is_asynchronous(consumer):
        return False
    inside = {result for op in (*chain, *steps) for result in op.results}
    known = {operand for op in chain for operand in op.operands}
    fresh = [value for value in consumer.operands if value not in inside and value not in known]
    return all(_is_there(value, head) for value in fresh) and _in_order(chain, consumer)


def _is_there(value: SSAValue, head: Operation) -> bool:
    """Whether ``value`` is there when ``head``'s block starts: it comes from outside, or is an input of the graph."""
    owner = value.owner
    return isinstance(owner, Block) or owner.parent is not head.parent or isinstance(owner, InputOp | NoneOp)


def _in_order(chain: Sequence[Operation], consumer: Operation) -> bool:
    """Whether the chain may run at the consumer's turn: no effect of another op lies between, or it has none itself."""
    if all(get_effects(op) == frozenset() for op in chain):
        return True
    members, at = set(chain), chain[0].next_op
    while at is not None and at is not consumer:
        if at not in members and _writes(at):
            return False
        at = at.next_op
    return at is consumer


def _writes(op: Operation) -> bool:
    effects = get_effects(op)
    return effects is None or any(effect.kind is not MemoryEffectKind.ALLOC for effect in effects)


def chains(block: Block) -> Iterator[list[Operation]]:
    """The longest chains of ``block`` that may run as one step, `agent.get`s between included."""
    taken: set[Operation] = set()
    for op in list(block.ops):
        if op in taken or not joins(op):
            continue
        chain = [op]
        while (steps := link(chain[-1])) is not None and may_follow(chain, steps):
            chain += steps
        taken |= set(chain)
        if len(chain) > 1:
            yield chain


def fuse(chain: Sequence[Operation]) -> FusedOp:
    """Put one `compute.fused` in the place of ``chain``, where its last op stands."""
    inside = {result for op in chain for result in op.results}
    inputs = list(dict.fromkeys(value for op in chain for value in op.operands if value not in inside))
    outputs: list[OpResult] = list(chain[-1].results)
    body = Block(arg_types=[value.type for value in inputs])
    mapping: dict[SSAValue, SSAValue] = dict(zip(inputs, body.args, strict=True))
    copies = [op.clone(mapping) for op in chain]
    body.add_ops([*copies, YieldOp(*(mapping[value] for value in outputs))])
    parts = [op for op in chain if not isinstance(op, GetOp)]
    attributes = carried_by_all(parts, FuseComputePass.name)
    fused = FusedOp(inputs, [value.type for value in outputs], Region(body), attributes)
    Rewriter.insert_op(fused, InsertPoint.before(chain[-1]))
    for old, new in zip(outputs, fused.results, strict=True):
        new.name_hint = old.name_hint
        old.replace_all_uses_with(new)
    for op in reversed(chain):
        Rewriter.erase_op(op)
    return fused


def blocks(op: Operation) -> Iterator[Block]:
    """All blocks inside ``op``, but not those of fused steps."""
    for inner in list(op.walk()):
        if not isinstance(inner, FusedOp):
            for region in inner.regions:
                yield from region.blocks


class FuseComputePass(ModulePass):
    """
    Joins steps on the host that follow each other (`compute.builtin`, `compute.python`, and a `tool.compute` whose
    answer only they read) into one `compute.fused`: one hand-over to a worker instead of several.

    A step joins only if its value is wanted nowhere else, it brings no input that the chain does not wait for anyway
    (so nothing on the critical path gets later), both carry the same placement rule, and effects keep their order.

    Before:

    ```mlir
    %raw = tool.compute @search(%ready) {agent.node = "find"} : !tool.handle -> !agent.text
    %out = compute.builtin "strip"(%raw) {agent.node = "tidy"} : (!agent.text) -> !agent.text
    ```

    After:

    ```mlir
    %out = compute.fused(%ready) : (!tool.handle) -> !agent.text {
    ^bb0(%0: !tool.handle):
      %raw = tool.compute @search(%0) {agent.node = "find"} : !tool.handle -> !agent.text
      %1 = compute.builtin "strip"(%raw) {agent.node = "tidy"} : (!agent.text) -> !agent.text
      compute.yield %1 : !agent.text
    } {agent.node = "find+tidy", agent.made_by = ["fuse-compute"]}
    ```
    """

    name = "fuse-compute"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for graph in (graph for graph in op.ops if isinstance(graph, GraphOp)):
            for block in list(blocks(graph)):
                for chain in list(chains(block)):
                    fuse(chain)
