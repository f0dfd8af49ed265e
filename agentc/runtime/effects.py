"""Which steps must keep the order of the program: those that touch one store, one tool that is not pure, one file.

Data flow orders everything else. Reads of one store may overlap; a write waits for all before it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias, cast

from xdsl.dialects.builtin import StringAttr, SymbolRefAttr
from xdsl.ir import Operation

from agentc.dialects import compute, kv, memory, tool
from agentc.dialects.agent import CallOp

Key: TypeAlias = tuple[str, str]
Touched: TypeAlias = Mapping[Key, bool]
"""What a step touches, and whether it may change it."""


class Touches:
    """What ops of one module touch, each looked up once."""

    def __init__(self, symbols: Mapping[str, Operation]) -> None:
        self._symbols = symbols
        self._known: dict[Operation, Touched] = {}

    def of(self, op: Operation) -> Touched:
        """What ``op`` and everything inside it touches; a call, what the sub-agent touches."""
        if op not in self._known:
            self._known[op] = {}  # a recursive agent meets itself here
            self._known[op] = self._find(op)
        return self._known[op]

    def _find(self, op: Operation) -> Touched:
        found = dict(self._own(op))
        inner = [one for region in op.regions for block in region.blocks for one in block.ops]
        if isinstance(op, CallOp):
            inner += [callee] if (callee := self._symbols.get(op.callee.string_value())) is not None else []
        for one in inner:
            for key, writes in self.of(one).items():
                found[key] = found.get(key, False) or writes
        return found

    def _own(self, op: Operation) -> Touched:
        match op:
            case memory.LoadOp() | memory.LookupOp():
                return {("memory", _symbol(op, "memory")): False}
            case memory.StoreOp() | memory.ObserveOp():
                return {("memory", _symbol(op, "memory")): True}
            case tool.InvokeOp() | tool.ComputeOp():
                name = _symbol(op, "tool")
                spec = self._symbols.get(name)
                return {} if isinstance(spec, tool.SpecOp) and spec.pure is not None else {("tool", name): True}
            case compute.PythonOp():
                return {("python", op.function.data.partition(":")[0]): True}
            case kv.StoreOp() | kv.LoadOp():
                return {("kv", cast(StringAttr, op.properties["key"]).data): isinstance(op, kv.StoreOp)}
            case _:
                return {}


def _symbol(op: Operation, name: str) -> str:
    return cast(SymbolRefAttr, op.properties[name]).string_value()


@dataclass(slots=True)
class _Last:
    """Who touched a thing last: the step that may have changed it, and those that have read it since."""

    write: "asyncio.Future[object] | None" = None
    reads: "list[asyncio.Future[object]]" = field(default_factory=list["asyncio.Future[object]"])


class Order:
    """The order within one body. Trips of a loop share one, so that a later trip waits for an earlier one."""

    def __init__(self) -> None:
        self._last: dict[Key, _Last] = {}

    def join(self, touched: Touched, settled: "asyncio.Future[object]") -> "list[asyncio.Future[object]]":
        """Put a step at the end of the queue; gives what it must wait for. ``settled``: when the step is over."""
        before: list[asyncio.Future[object]] = []
        for key, writes in touched.items():
            last = self._last.setdefault(key, _Last())
            before += [last.write] if last.write is not None else []
            if writes:
                before += last.reads
                last.write, last.reads = settled, []
            else:
                last.reads.append(settled)
                settled.add_done_callback(partial(_forget, last))
        return before


def _forget(last: _Last, settled: "asyncio.Future[object]") -> None:
    if settled in last.reads:
        last.reads.remove(settled)
