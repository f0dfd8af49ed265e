"""Split steps of mixture-of-experts models: `gate`, `expert`, `comm`.

The parts of one step run as one on this machine: the gate reads or answers, the others hand on what it made.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from xdsl.ir import Operation, SSAValue

from agentc.dialects.comm import AllReduceOp
from agentc.dialects.gate import SelectOp
from agentc.dialects.kv import CacheType
from agentc.runtime.executor import Call, Handler
from agentc.runtime.handlers.llm import decode, prefill, prompt_of
from agentc.runtime.values import Mistyped

WHOLE: Final = "the whole step: gate, experts, merge, all-reduce"
PART: Final = "ran with the gate"


async def select(call: Call) -> Sequence[Any]:
    """The whole step: a prefill gives a cache, a decode an answer."""
    op = cast(SelectOp, call.op)
    if op.phase.data == "decode":
        last = last_of_step(op)
        fields = last.fields if last is not None else None
        options = last.options if last is not None else op.options
        reply = await decode(call, call.args[0], fields, options)
        result: Any = reply.value
    else:
        has_prefix = bool(op.inputs) and isinstance(op.inputs[0].type, CacheType)
        reuse, inputs = (call.args[0], call.args[1:]) if has_prefix else (None, call.args)
        result = await prefill(call, prompt_of(op, inputs), reuse)
    call.step.note = "; ".join(filter(None, [WHOLE, call.step.note]))
    return [result]


async def part(call: Call) -> Sequence[Any]:
    """A part whose work the gate did."""
    call.step.note = PART
    return call.args


async def all_reduce(call: Call) -> Sequence[Any]:
    """The last part: gives what the step was for."""
    call.step.note = PART
    value = call.args[0]
    if isinstance(call.op.results[0].type, CacheType) and isinstance(value, str | dict):
        raise Mistyped("a decode's answer is no cache")
    return [value]


def last_of_step(op: Operation) -> AllReduceOp | None:
    """The all-reduce in which the parts that follow ``op`` end."""
    values: list[SSAValue] = list(op.results)
    seen: set[Operation] = set()
    while values:
        for use in values.pop().uses:
            if isinstance(use.operation, AllReduceOp):
                return use.operation
            if use.operation not in seen:
                seen.add(use.operation)
                values += use.operation.results
    return None


HANDLERS: Final[Mapping[str, Handler]] = {
    "gate.select": select,
    "expert.prefill": part,
    "expert.decode": part,
    "expert.merge": part,
    "comm.alltoall": part,
    "comm.allreduce": all_reduce,
}
