"""`split-experts`: a step of a mixture-of-experts model becomes gate, experts, merge and all-reduce."""

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from agentc.dialects import comm, expert, gate, llm
from agentc.dialects.agent_values import quantities
from agentc.dialects.model import spec_of
from agentc.dialects.provenance import carried
from agentc.plan.quantity import Quantity
from agentc.support.record import record


def is_mixture(op: llm.PrefillOp | llm.DecodeOp) -> bool:
    """Whether the model of ``op`` routes tokens to experts, in steps of its own: with a draft a step is of two models."""
    spec = spec_of(op)
    return spec.shape.data.experts > 0 and spec.drafted is None


@record
class Step:
    """The parts behind the gate, which prefill and decode share."""

    model: str
    shape: Mapping[str, Quantity]
    attributes: Mapping[str, Attribute]
    tp: int

    def experts(self, routed: SSAValue, phase: str) -> list[Operation]:
        """The experts and the merge of their outputs."""
        kind = expert.PrefillOp if phase == "prefill" else expert.DecodeOp
        hidden = kind(self.model, routed, self.shape, tp=self.tp, attributes=self.attributes)
        return [hidden, expert.MergeOp(self.model, hidden.result, phase, self.shape, self.attributes)]


@dataclass
class SplitPrefill(RewritePattern):
    """A prefill: the cache of a prefix, where there is one, is the gate's first operand."""

    tp: int

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: llm.PrefillOp, rewriter: PatternRewriter) -> None:
        if not is_mixture(op):
            return
        step = Step(op.model.root_reference.data, quantities(op.shape), carried(op, SplitExpertsPass.name), self.tp)
        inputs = [*([op.prefix] if op.prefix is not None else []), *op.inputs]
        routed = gate.SelectOp(
            step.model,
            inputs,
            "prefill",
            step.shape,
            prompt=op.prompt,
            system=op.system,
            options=op.options,
            attributes=step.attributes,
        )
        parts = step.experts(routed.result, "prefill")
        whole = comm.AllReduceOp(
            step.model, parts[-1].results[0], "prefill", op.result.type, step.shape, attributes=step.attributes
        )
        rewriter.replace(op, [routed, *parts, whole])


@dataclass
class SplitDecode(RewritePattern):
    """A decode: every part repeats once per token."""

    tp: int

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: llm.DecodeOp, rewriter: PatternRewriter) -> None:
        if not is_mixture(op):
            return
        step = Step(op.model.root_reference.data, quantities(op.shape), carried(op, SplitExpertsPass.name), self.tp)
        routed = gate.SelectOp(step.model, [op.cache], "decode", step.shape, attributes=step.attributes)
        parts = step.experts(routed.result, "decode")
        whole = comm.AllReduceOp(
            step.model,
            parts[-1].results[0],
            "decode",
            op.result.type,
            step.shape,
            fields=op.fields,
            options=op.options,
            attributes=step.attributes,
        )
        rewriter.replace(op, [routed, *parts, whole])


@dataclass(frozen=True)
class SplitExpertsPass(ModulePass):
    """
    Parts prefill and decode of mixture-of-experts models as figure 7 (c) of arXiv 2507.19635 does: gate, experts under
    tensor parallelism, merge, all-reduce. `tp` stands until `place` writes the one that it chose. The parts of one step
    run on one pool. Dense models, and those that a draft helps, are left alone.

    Before:

    ```mlir
    %cache = llm.prefill @mind(%question) shape {input_tokens = #agent.quantity<512.0>} : (!agent.text) -> !kv.cache<@mind>
    ```

    After:

    ```mlir
    %0 = gate.select @mind(%question) phase "prefill" shape {input_tokens = #agent.quantity<512.0>} : (!agent.text) -> !expert.routing
    %1 = expert.prefill @mind(%0) tp 2 shape {input_tokens = #agent.quantity<512.0>} : !expert.routing -> !expert.hidden
    %2 = expert.merge @mind(%1) phase "prefill" shape {input_tokens = #agent.quantity<512.0>} : !expert.hidden
    %cache = comm.allreduce @mind(%2) phase "prefill" shape {input_tokens = #agent.quantity<512.0>} : !expert.hidden -> !kv.cache<@mind>
    ```
    """

    name = "split-experts"

    tp: int = 1

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns = GreedyRewritePatternApplier([SplitPrefill(self.tp), SplitDecode(self.tp)])
        PatternRewriteWalker(patterns, apply_recursively=False).rewrite_module(op)
