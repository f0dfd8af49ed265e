"""Where the parts of a kernel come from: ``agent.source`` on tensor ops and on the loops that they become.

The frontend writes one place, ``file.py:line:column``; what is fused has the places of all that went in, as a list.
What is inside of such an op has one place of its own: that of the op that it was written for.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, lru_cache

from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.traits import IsTerminator

from agentc.analyses.kernel_dims import as_list
from agentc.analyses.kernel_ops import every
from agentc.dialects.linalg_ext import ExtOp
from agentc.support.diagnostics import Diagnostic, Refused, Span

SOURCE = "agent.source"
WORK = (scf.ParallelOp, scf.ForOp, memref.StoreOp, GenericOp, FillOp, ExtOp)
"""What states where it comes from: all else at the top of a function is there for one of these."""


NOWHERE = (arith.ConstantOp, memref.DimOp)
"""What has no place of its own: it is shared by whoever needs it."""


def sources(op: Operation) -> list[str]:
    """The places that ``op`` itself states."""
    attribute = op.attributes.get(SOURCE)
    if isinstance(attribute, StringAttr):
        return [attribute.data]
    return [each.data for each in as_list(attribute) or () if isinstance(each, StringAttr)]


def inherit(op: Operation, places: Iterable[str]) -> None:
    """Add ``places`` to those of ``op``, in the order of the text."""
    every = sorted({*sources(op), *places}, key=_order)
    if every:
        op.attributes[SOURCE] = _places_attribute(tuple(every))


@lru_cache(maxsize=4096)
def place_attribute(place: str) -> StringAttr:
    """``place`` as an attribute."""
    return StringAttr(place)


@lru_cache(maxsize=4096)
def _places_attribute(places: tuple[str, ...]) -> Attribute:
    found = [place_attribute(place) for place in places]
    return found[0] if len(found) == 1 else ArrayAttr(found)


def settle(op: Operation) -> None:
    """Give what is inside of ``op`` and states no place that of ``op``: before it is fused with others, whose places
    ``op`` has as well afterwards. Of several, the last one in the text, which is the consumer's.
    """
    if places := sources(op):
        _settle(every(op)[1:], places)


def _settle(ops: Iterable[Operation], places: Sequence[str]) -> None:
    place = place_attribute(places[-1])
    for op in ops:
        if SOURCE not in op.attributes and not _is_nowhere(type(op)):
            op.attributes[SOURCE] = place


@cache
def _is_nowhere(kind: type[Operation]) -> bool:
    return kind in NOWHERE or kind.has_trait(IsTerminator)


def hand_on(made: Operation, origin: Operation | SSAValue) -> None:
    """Let ``made``, which is there for ``origin`` alone, state the same place."""
    owner = origin.owner if isinstance(origin, SSAValue) else origin
    if isinstance(owner, Operation) and (place := owner.attributes.get(SOURCE)) is not None:
        made.attributes[SOURCE] = place


@lru_cache(maxsize=4096)
def _order(place: str) -> tuple[str, int, int]:
    span = Span.parse(place)
    return span.file, span.line, span.column


def unsupported(op: Operation, message: str) -> Refused:
    """The refusal of ``op``, at its place in the kernel or at that of the nearest op around it that has one."""
    return Refused(Diagnostic("kernel-unsupported", message, _nearest(op)))


def located(refused: Refused, op: Operation) -> Refused:
    """``refused`` at the place of ``op``, where it does not name one of its own."""
    return Refused(*(each if each.span else replace(each, span=_nearest(op)) for each in refused.diagnostics))


def _nearest(op: Operation) -> Span | None:
    around: Operation | None = op
    while around is not None and not sources(around):
        around = around.parent_op()
    return Span.parse(sources(around)[-1]) if around is not None else None


def sources_inside(ops: Iterable[Operation]) -> list[str]:
    """The places of ``ops`` and of all inside them, in the order of the text."""
    return sorted({place for op in ops for inner in every(op) for place in sources(inner)}, key=_order)


@contextmanager
def replacing(*ops: Operation) -> Generator[None]:
    """What is put into the block of ``ops`` meanwhile, and all inside it, comes from where they came from."""
    block, places = ops[0].parent, [place for op in ops for place in sources(op)]
    known = set(block.ops) if block is not None and places else set[Operation]()
    yield
    if block is None or not places:
        return
    _place([op for op in block.ops if op not in known], block, places)


@contextmanager
def replacing_here(op: Operation) -> Generator[None]:
    """As ``replacing``, of one op of many, where what counts is put right before it or right behind it."""
    block, places, before, after = op.parent, sources(op), op.prev_op, op.next_op
    yield
    if block is None or not places:
        return
    new: list[Operation] = []
    other = before.next_op if before is not None else block.first_op
    while other is not None and other is not after:
        if other is not op:
            new.append(other)
        other = other.next_op
    _place(new, block, places)


def _place(new: Sequence[Operation], block: Block, places: Sequence[str]) -> None:
    for op in new:
        if isinstance(op, WORK):
            inherit(op, places)
            settle(op)
    if not isinstance(block.parent_op(), func.FuncOp):
        _settle(new, places)  # at the top of a function there are sizes, too, which are everybody's


def lines(function: func.FuncOp) -> str:
    """The lines that ``function`` comes from, for a comment: ``ranking.py:12, 14, 17``; empty where none is known."""
    found: dict[str, dict[str, None]] = {}
    for place in sources(function):
        span = Span.parse(place)
        found.setdefault(span.file, {})[str(span.line)] = None
    return "; ".join(f"{file}:{', '.join(numbers)}" for file, numbers in found.items())
