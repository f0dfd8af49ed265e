"""What `canonicalize` knows of the `agent` dialect: control flow that is decided already, fields of nothing."""

from collections.abc import Sequence

from xdsl.dialects.builtin import IntegerAttr
from xdsl.ir import Block, Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint

from agentc.dialects.agent import BranchOp, GetOp, LoopOp, NoneOp


class DecideBranch(RewritePattern):
    """A branch whose selector is a constant flag, or that has one case only, is that case."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: BranchOp, rewriter: PatternRewriter) -> None:
        if (case := _decided(op)) is not None and not _asynchronous(op):
            _splice(op, op.cases[case].block, (), rewriter)


class DropIdleBranch(RewritePattern):
    """A branch that does nothing and gives the same values in every case is these values."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: BranchOp, rewriter: PatternRewriter) -> None:
        yields = [_operands(case.block) for case in op.cases]
        if any(len(list(case.block.ops)) > 1 for case in op.cases) or any(row != yields[0] for row in yields):
            return
        rewriter.replace(op, [], yields[0])


class RunLoopOnce(RewritePattern):
    """A loop of at most one trip is its body."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: LoopOp, rewriter: PatternRewriter) -> None:
        if op.max.value.data == 1 and not _asynchronous(op):
            _splice(op, op.body.block, list(op.inits), rewriter)


class GetOfNothing(RewritePattern):
    """A field of no value is no value."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GetOp, rewriter: PatternRewriter) -> None:
        if isinstance(op.record.owner, NoneOp):
            rewriter.replace(op, NoneOp(op.result.type))


PATTERNS: tuple[RewritePattern, ...] = (DecideBranch(), DropIdleBranch(), RunLoopOnce(), GetOfNothing())


def _decided(op: BranchOp) -> int | None:
    """The only case that can run, if that is known."""
    if not op.cases:
        return None
    labels = [label.data for label in op.labels]
    if labels == ["*"]:
        return 0
    selector = op.selector.owner
    # By name: a compile without kernels does not load the `arith` dialect.
    if not isinstance(selector, Operation) or selector.name != "arith.constant":
        return None
    if not isinstance(flag := selector.properties["value"], IntegerAttr):
        return None
    wanted = "true" if flag.value.data else "false"
    return next((i for name in (wanted, "*") for i, label in enumerate(labels) if label == name), None)


def _asynchronous(op: Operation) -> bool:
    """Ops that were spliced out of it would have to carry the mark; leave it whole."""
    return "agent.async" in op.attributes


def _operands(block: Block) -> list[SSAValue]:
    last = block.last_op
    assert last is not None
    return list(last.operands)


def _splice(op: Operation, block: Block, arguments: Sequence[SSAValue], rewriter: PatternRewriter) -> None:
    """Put the block's ops in the place of ``op``; its results become what the terminator gives."""
    last = block.last_op
    assert last is not None
    rewriter.inline_block(block, InsertPoint.before(op), arguments)
    given = list(last.operands)[-len(op.results) :] if op.results else []
    rewriter.erase(last)
    rewriter.replace(op, [], given)
