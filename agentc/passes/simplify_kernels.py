"""Folds what is known and canonicalizes what is left, in a few sweeps."""

from dataclasses import dataclass
from functools import cache

from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import ModuleOp
from xdsl.folder import Folder
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern
from xdsl.traits import ConstantLike, HasCanonicalizationPatternsTrait, HasFolder

from agentc.analyses.dead_code import erase_dead, is_dead
from agentc.analyses.kernel_ops import walked
from agentc.support.record import record

OF_NUMBERS = (arith.SignlessIntegerBinaryOperation, arith.FloatingPointLikeBinaryOperation)
"""Kinds whose rules all ask for an operand that is a number. Most have none, and asking each rule takes long."""


@record
class Rules:
    """What may become of the ops of one kind."""

    folds: bool
    patterns: tuple[RewritePattern, ...]
    of_numbers: bool
    """Whether nothing becomes of an op without an operand that is a number."""

    def may_hold(self, op: Operation) -> bool:
        """Whether ``op`` is worth asking about."""
        return not self.of_numbers or any(isinstance(o.owner, arith.ConstantOp) for o in op.operands)


@cache
def rules_of(kind: type[Operation]) -> Rules | None:
    """The rules of ``kind``; ``None`` if there are none."""
    traits = kind.get_traits_of_type(HasCanonicalizationPatternsTrait)
    patterns = tuple(pattern for trait in traits for pattern in trait.get_patterns(kind))
    folds = kind.has_trait(HasFolder) and not kind.has_trait(ConstantLike)
    return Rules(folds, patterns, issubclass(kind, OF_NUMBERS)) if folds or patterns else None


@dataclass
class Simplification:
    """Asks the rules of each op's kind."""

    folder: Folder

    def sweep(self, module: ModuleOp) -> bool:
        """Apply each op's rules once, then erase what nobody needs; whether anything changed."""
        changed = False
        for op in walked(module):
            rules = rules_of(type(op))
            if rules is not None and op.parent is not None and rules.may_hold(op) and not is_dead(op):
                changed |= self._apply(op, rules)
        return erase_dead(module.body) or changed

    def _apply(self, op: Operation, rules: Rules) -> bool:
        rewriter = PatternRewriter(op)
        folded = self.folder.try_fold(op) if rules.folds else None
        if folded is not None:
            rewriter.replace(op, new_ops=folded[1], new_results=folded[0])
            return True
        for pattern in rules.patterns:
            pattern.match_and_rewrite(op, rewriter)
            if rewriter.has_done_action:
                return True
        return False


@dataclass(frozen=True)
class SimplifyKernelsPass(ModulePass):
    """What xDSL's ``canonicalize`` does, for kernels: each op is asked by the rules of its kind, and most kinds have none.

    Before:

    ```mlir
    %a = arith.addi %n, %c0 : index
    %b = arith.muli %c2, %c3 : index
    "use"(%a, %b)
    ```

    After:

    ```mlir
    %b = arith.constant 6 : index
    "use"(%n, %b)
    ```
    """

    name = "simplify-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        simplification = Simplification(Folder(ctx))
        while simplification.sweep(op):
            pass
