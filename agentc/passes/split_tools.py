"""`split-tools`: a tool call becomes the stage that needs no tool and the stage that runs it."""

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker, RewritePattern, op_type_rewrite_pattern

from agentc.dialects import tool
from agentc.dialects.provenance import carried


class SplitToolCall(RewritePattern):
    """A call becomes a lookup, which holds the names of the arguments, and a compute."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: tool.InvokeOp, rewriter: PatternRewriter) -> None:
        name = op.tool.root_reference.data
        lookup = tool.LookupOp(name, op.inputs, carried(op, SplitToolsPass.name))
        compute = tool.ComputeOp(
            name, lookup.result, op.result.type, carried(op, SplitToolsPass.name, without=("arguments",))
        )
        rewriter.replace(op, [lookup, compute])


class SplitToolsPass(ModulePass):
    """
    Parts each call into `tool.lookup` (finds the tool, checks the arguments) and `tool.compute` (runs it), as in figure
    7 of arXiv 2507.19635: the first can run beside the agent's control, the second where the tool is.

    Before:

    ```mlir
    %pages = tool.invoke @search(%query) {arguments = ["query"]} : (!agent.text) -> !agent.documents
    ```

    After:

    ```mlir
    %0 = tool.lookup @search(%query) {arguments = ["query"]} : (!agent.text) -> !tool.handle
    %pages = tool.compute @search(%0) : !tool.handle -> !agent.documents
    ```
    """

    name = "split-tools"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(SplitToolCall(), apply_recursively=False).rewrite_module(op)
