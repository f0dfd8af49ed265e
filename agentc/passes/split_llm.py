"""`split-llm`: a call of a language model becomes the two halves that want different hardware."""

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker, RewritePattern, op_type_rewrite_pattern

from agentc.dialects import kv, llm
from agentc.dialects.agent_values import quantities
from agentc.dialects.model import hosted_of, spec_of
from agentc.dialects.provenance import carried
from agentc.plan.quantity import Quantity

PREFILL_FIGURES = ("input_tokens", "cached_tokens")
"""What a prefill, and the cache that it hands on, depend on."""


class SplitLlmCall(RewritePattern):
    """A call of a model that the fleet runs becomes a prefill, a hand-over of the cache, and a decode."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: llm.CallOp, rewriter: PatternRewriter) -> None:
        if hosted_of(spec_of(op)) is not None:
            return
        shape, model = quantities(op.shape), op.model.root_reference.data
        prompt = prefill_figures(shape)
        prefill = llm.PrefillOp(
            model,
            op.inputs,
            prompt,
            prompt=text(op.prompt),
            system=text(op.system),
            options=op.options,
            attributes=carried(op, SplitLlmPass.name),
        )
        transfer = kv.TransferOp(
            model, prefill.result, prompt, carried(op, SplitLlmPass.name, without=("agent.placement",))
        )
        decode = llm.DecodeOp(
            model,
            transfer.result,
            op.result.type,
            shape,
            fields=op.fields,
            options=op.options,
            attributes=carried(op, SplitLlmPass.name),
        )
        rewriter.replace(op, [prefill, transfer, decode])


def prefill_figures(shape: dict[str, Quantity]) -> dict[str, Quantity]:
    """The figures of a call that its prefill depends on."""
    return {name: shape[name] for name in PREFILL_FIGURES if name in shape}


def text(attr: StringAttr | None) -> str | None:
    """The text of an optional attribute."""
    return attr.data if attr is not None else None


class SplitLlmPass(ModulePass):
    """
    Parts each call into `llm.prefill` (bound by compute), `kv.transfer` (by the link) and `llm.decode` (by memory
    bandwidth), so that each can be put where it is cheap. A call of a hosted model is somebody else's to part and stays.

    Before:

    ```mlir
    %reply = llm.call @mind(%question) prompt "Answer: {0}" shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<160.0>} : (!agent.text) -> !agent.text
    ```

    After:

    ```mlir
    %0 = llm.prefill @mind(%question) prompt "Answer: {0}" shape {input_tokens = #agent.quantity<512.0>} : (!agent.text) -> !kv.cache<@mind>
    %1 = kv.transfer @mind(%0) shape {input_tokens = #agent.quantity<512.0>} : !kv.cache<@mind>
    %reply = llm.decode @mind(%1) shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<160.0>} : !kv.cache<@mind> -> !agent.text
    ```
    """

    name = "split-llm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(SplitLlmCall(), apply_recursively=False).rewrite_module(op)
