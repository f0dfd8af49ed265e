"""`unfuse-compute`: a fused step falls apart where its parts may not share a place."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint

from agentc.dialects.agent_values import placement_rule
from agentc.dialects.compute import FusedOp
from agentc.dialects.interfaces import Placeable
from agentc.dialects.provenance import both, carried, rule_attribute


def wants_apart(op: FusedOp) -> bool:
    """Whether two parts of ``op`` carry different rules."""
    rules = {repr(placement_rule(part)) for part in op.body.block.ops if part.has_trait(Placeable)}
    return len(rules) > 1


@dataclass
class Unfuse(RewritePattern):
    """A fused op becomes its body."""

    all: bool

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: FusedOp, rewriter: PatternRewriter) -> None:
        if not (self.all or wants_apart(op)):
            return
        block = op.body.block
        for part in block.ops:
            inherit(part, op)
        last = block.last_op
        assert last is not None
        rewriter.inline_block(block, InsertPoint.before(op), list(op.inputs))
        given = list(last.operands)
        rewriter.erase(last)
        rewriter.replace(op, [], given)


def inherit(part: Operation, fused: FusedOp) -> None:
    """Give a part what only the fused op says: its node and source where it has none, asynchrony, placement."""
    rule = both(placement_rule(part), placement_rule(fused)) if not wants_apart(fused) else placement_rule(part)
    own = carried(part, UnfuseComputePass.name)
    outer = {name: attr for name, attr in fused.attributes.items() if name in ("agent.node", "agent.source")}
    if "agent.async" in fused.attributes:
        own["agent.async"] = fused.attributes["agent.async"]
    part.attributes = outer | own | rule_attribute(rule)


@dataclass(frozen=True)
class UnfuseComputePass(ModulePass):
    """
    The inverse of `fuse-compute`, for fused ops whose parts carry different placement rules (or for all, with `all`).

    Before:

    ```mlir
    %out = compute.fused(%a) : (!agent.text) -> !agent.text {
    ^bb0(%x: !agent.text):
      %y = compute.builtin "strip"(%x) : (!agent.text) -> !agent.text
      %z = compute.builtin "lower"(%y) {agent.placement = #agent.placement<{forbid = ["edge"]}>} : (!agent.text) -> !agent.text
      compute.yield %z : !agent.text
    }
    ```

    After:

    ```mlir
    %y = compute.builtin "strip"(%a) : (!agent.text) -> !agent.text
    %out = compute.builtin "lower"(%y) {agent.placement = #agent.placement<{forbid = ["edge"]}>} : (!agent.text) -> !agent.text
    ```
    """

    name = "unfuse-compute"

    all: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(Unfuse(self.all), apply_recursively=False).rewrite_module(op)
