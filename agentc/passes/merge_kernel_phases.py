"""Keeps one function of phases of a kernel that do the same to other memory."""

from collections.abc import Hashable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.passes import ModulePass

from agentc.analyses.kernel_dims import NAMES, PHASE
from agentc.analyses.kernel_ops import every
from agentc.analyses.kernel_sources import SOURCE, inherit, sources_inside
from agentc.analyses.kernel_walks import operands_of, ops_of

UNSEEN = frozenset({NAMES, SOURCE})
"""Attributes that do not tell phases apart: what their arguments are called, and where they come from."""


def shape_of(phase: func.FuncOp) -> Hashable:
    """What phases that may be one have in common at least, quickly told."""
    return tuple(type(op) for op in every(phase)), tuple(a.type for a in phase.body.block.args)


def meaning_of(phase: func.FuncOp) -> Hashable:
    """The same for two phases that do the same, whatever they and their arguments are called."""
    found: list[Hashable] = [_attributes(phase.attributes)]
    _block(phase.body.block, {}, found)
    return tuple(found)


def _block(block: Block, numbers: dict[SSAValue, int], found: list[Hashable]) -> None:
    for argument in block.args:
        numbers[argument] = len(numbers)
        found.append(argument.type)
    for op in ops_of(block):
        found += (type(op), *[numbers[o] for o in operands_of(op)])
        found += [r.type for r in op.results]
        found += (_attributes(op.properties), _attributes(op.attributes))
        for region in op.regions:
            for inner in region.blocks:
                _block(inner, numbers, found)
            found.append(None)
        for result in op.results:
            numbers[result] = len(numbers)


def _attributes(found: dict[str, Attribute]) -> Hashable:
    return frozenset([(name, value) for name, value in found.items() if name not in UNSEEN]) if found else None


def twins(module: ModuleOp) -> dict[str, func.FuncOp]:
    """Name of each phase that does what one before it does -> that one."""
    phases = [op for op in ops_of(module.body.block) if isinstance(op, func.FuncOp) and PHASE in op.attributes]
    alike: dict[Hashable, list[func.FuncOp]] = {}
    for phase in phases:
        alike.setdefault(shape_of(phase), []).append(phase)
    found: dict[str, func.FuncOp] = {}
    for group in alike.values():
        first: dict[Hashable, func.FuncOp] = {}
        for phase in group if len(group) > 1 else ():
            kept = first.setdefault(meaning_of(phase), phase)
            if kept is not phase:
                found[phase.sym_name.data] = kept
    return found


@dataclass(frozen=True)
class MergeKernelPhasesPass(ModulePass):
    """Let calls of phases that do the same to other memory call one function: the trips of a loop of the source, which
    are written out one after another, are compiled once.

    Before:

    ```mlir
    func.call @k_p0(%x, %s)
    func.call @k_p1(%y, %t)
    …
    func.func @k_p0(%a: memref<?xf32>, %b: memref<f32>) attributes {agentc.phase = "serial"} { … }
    func.func @k_p1(%c: memref<?xf32>, %d: memref<f32>) attributes {agentc.phase = "serial"} { … }
    ```

    After:

    ```mlir
    func.call @k_p0(%x, %s)
    func.call @k_p0(%y, %t)
    …
    func.func @k_p0(%a: memref<?xf32>, %b: memref<f32>) attributes {agentc.phase = "serial"} { … }
    ```
    """

    name = "merge-kernel-phases"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        found = twins(op)
        if not found:
            return
        for call in [inner for inner in every(op) if type(inner) is func.CallOp]:
            if (kept := found.get(call.callee.string_value())) is not None:
                call.properties["callee"] = SymbolRefAttr(kept.sym_name.data)
        for phase in ops_of(op.body.block):
            if isinstance(phase, func.FuncOp) and (kept := found.get(phase.sym_name.data)) is not None:
                inherit(kept, sources_inside([phase]))
                phase.detach()  # nothing outside of it knows of what is inside: there is nothing to be undone
