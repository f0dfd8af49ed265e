"""`inline-agents`: a sub-agent's steps take the place of the call, so that one graph holds the whole agent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint

from agentc.dialects.agent import CallOp, GraphOp, InputOp, OutputOp
from agentc.dialects.agent_values import placement_rule
from agentc.dialects.interfaces import Placeable
from agentc.dialects.provenance import both, is_asynchronous, made_by, node_path, rule_attribute, span
from agentc.support.diagnostics import Diagnostic, Label, Refused


@dataclass
class InlineCall(RewritePattern):
    """A call becomes a copy of its callee's body; node paths get the call's as prefix."""

    graphs: Mapping[str, GraphOp]

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: CallOp, rewriter: PatternRewriter) -> None:
        callee = self.graphs[op.callee.root_reference.data]
        mapping: dict[SSAValue, SSAValue] = {
            input_.result: given for input_, given in zip(callee.inputs(), op.inputs, strict=True)
        }
        for inner in callee.body.block.ops:
            if isinstance(inner, InputOp | OutputOp):
                continue
            copy = inner.clone(mapping)
            for part in copy.walk():
                adopt(part, op)
            rewriter.insert(copy, InsertPoint.before(op))
        rewriter.replace(op, [], [mapping.get(value, value) for value in callee.output().values])


def adopt(op: Operation, call: CallOp) -> None:
    """Give a copied op the call's path as prefix, its asynchrony, and what both say on placement."""
    prefix, path = node_path(call), node_path(op)
    if prefix is not None and path is not None:
        op.attributes["agent.node"] = StringAttr(f"{prefix}.{path}")
    if path is not None:
        op.attributes["agent.made_by"] = made_by([op], InlineAgentsPass.name)
    if "agent.source" not in op.attributes and "agent.source" in call.attributes and path is not None:
        op.attributes["agent.source"] = call.attributes["agent.source"]
    if is_asynchronous(call) and op.parent is None:
        op.attributes["agent.async"] = call.attributes["agent.async"]
    if path is not None or op.has_trait(Placeable):
        rule = placement_rule(op)
        if prefix is not None and rule.neighbors:
            inside = tuple(replace(each, node=f"{prefix}.{each.node}") for each in rule.neighbors)
            rule = replace(rule, neighbors=inside)
        op.attributes |= rule_attribute(both(rule, placement_rule(call)))


def calls(graph: GraphOp) -> list[CallOp]:
    """The calls in ``graph``, in order."""
    return [op for op in graph.walk() if isinstance(op, CallOp)]


def bottom_up(graphs: Mapping[str, GraphOp]) -> list[GraphOp]:
    """The graphs, each after those that it calls.

    Raises:
        Refused: ``recursive-agent`` where an agent reaches itself.
    """
    order: dict[str, None] = {}
    for root in graphs:
        stack: list[tuple[str, list[CallOp]]] = [(root, calls(graphs[root]))]
        while stack:
            _, pending = stack[-1]
            if not pending:
                order.setdefault(stack.pop()[0])
                continue
            call = pending.pop(0)
            callee = call.callee.root_reference.data
            if callee in (names := [entry for entry, _ in stack]):
                raise Refused(_recursion(call, [*names[names.index(callee) :], callee], graphs))
            if callee not in order:
                stack.append((callee, calls(graphs[callee])))
    return [graphs[name] for name in order]


def _recursion(call: CallOp, cycle: list[str], graphs: Mapping[str, GraphOp]) -> Diagnostic:
    home = span(graphs[cycle[0]])
    return Diagnostic(
        "recursive-agent",
        f"agent `{cycle[0]}` calls itself: {' -> '.join(cycle)}",
        span(call),
        labels=(Label(home, "this agent"),) if home else (),
        help="repeat steps with a `loop`, which states how often",
    )


def check_size(order: list[GraphOp], limit: int) -> None:
    """Refuse agents that would grow beyond ``limit`` ops (``inlining-too-large``): nested calls multiply."""
    sizes: dict[str, int] = {}
    for graph in order:
        name = graph.sym_name.data
        sizes[name] = sum(sizes[op.callee.root_reference.data] if isinstance(op, CallOp) else 1 for op in graph.walk())
        if sizes[name] > limit:
            raise Refused(
                Diagnostic(
                    "inlining-too-large",
                    f"agent `{name}` has {sizes[name]} steps once its sub-agents are written out, more than {limit}",
                    span(graph),
                    help="call the sub-agent once, in a `loop` or over a `map`",
                )
            )


@dataclass(frozen=True)
class InlineAgentsPass(ModulePass):
    """
    Puts a copy of each sub-agent in the place of its call. Its node paths get the call's as prefix; an asynchronous
    call makes asynchronous steps; placement rules of both hold. Agents that only served as sub-agents go.
    Recursion is refused: how deep it goes is known only at run time.

    Before:

    ```mlir
    agent.graph @writer {
      %b = agent.input "brief" : !agent.text
      %d = compute.builtin "strip"(%b) {agent.node = "tidy"} : (!agent.text) -> !agent.text
      agent.output ["draft"](%d) : !agent.text
    }
    agent.graph entry @boss {
      %q = agent.input "question" : !agent.text
      %r = agent.call @writer(%q) {agent.node = "write"} : (!agent.text) -> !agent.text
      agent.output ["answer"](%r) : !agent.text
    }
    ```

    After:

    ```mlir
    agent.graph entry @boss {
      %q = agent.input "question" : !agent.text
      %r = compute.builtin "strip"(%q) {agent.node = "write.tidy", agent.made_by = ["inline-agents"]} : (!agent.text) -> !agent.text
      agent.output ["answer"](%r) : !agent.text
    }
    ```
    """

    name = "inline-agents"

    max_ops: int = 100_000
    """Most ops of one agent after inlining."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        graphs = {graph.sym_name.data: graph for graph in op.ops if isinstance(graph, GraphOp)}
        called = {call.callee.root_reference.data for graph in graphs.values() for call in calls(graph)}
        order = bottom_up(graphs)
        check_size(order, self.max_ops)
        for graph in order:
            PatternRewriteWalker(InlineCall(graphs), apply_recursively=False).rewrite_region(graph.body)
        for name in called:
            if graphs[name].entry is None:
                graphs[name].detach()
                graphs[name].erase()
