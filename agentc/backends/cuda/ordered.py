"""Selection of the largest and sorting, by rounds of 1,024: see ``agentc_ordered.cuh``."""

from collections.abc import Sequence

from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Attribute, SSAValue

from agentc.analyses.kernel_dims import bits, element_of, is_integer
from agentc.analyses.kernel_sources import unsupported
from agentc.backends.cuda.phase import PhaseCode, size
from agentc.backends.cuda.scalars import c_type, literal
from agentc.dialects.linalg_ext import ExtOp, SortOp, TopKOp

HEADER = "agentc_ordered.cuh"
THREADS = 512
ROUND = 1024
PART = 8 * ROUND
"""Elements of a row for a block, at least; of which few are wanted, a round is enough."""
FEW = 64
"""Wanted elements of which the candidates of many parts are soon looked through."""
LONGEST = (1 << 32) - 1
"""A place has 32 bits of a key, and 0 is no key."""
MOST = 256
"""Parts of a row at most: their candidates are looked through by one block."""


def ordered_op(code: PhaseCode) -> ExtOp | None:
    """The op that the phase is, if it orders."""
    return next((op for op in code.function.body.block.ops if isinstance(op, ExtOp)), None)


def write(code: PhaseCode, op: ExtOp) -> None:
    """Write the two kernels of a round, and the host's loop over rounds.

    Raises:
        Refused: ``kernel-unsupported`` for an op that neither sorts nor selects.
    """
    if not isinstance(op, SortOp | TopKOp):
        raise unsupported(op, f"`{op.name}` has no CUDA form in a kernel")
    body = code.body()
    source, dims = op.inputs[0], body.dims[op.inputs[0]]
    length, wanted = size(dims[-1]), size(body.dims[op.outputs[0]][-1])
    rows = " * ".join(size(d) for d in dims[:-1]) or "1"
    unsigned = str(op.order.data == "unsigned").lower()
    order = f"agentc::Order<{unsigned}, {str(isinstance(op, TopKOp)).lower()}>"
    lines = [
        f"  agentc::select_part<{order}>({body.names[source]}, {length}, candidates_, bounds_, done_ == 0);",
    ]
    extra = ["uint64_t* __restrict__ candidates_", "uint64_t* __restrict__ bounds_", "int64_t done_", "int parts_"]
    code.kernel("_part", THREADS, lines, extra)
    give = _give_best if isinstance(op, TopKOp) else _give_sorted
    code.kernel("_whole", THREADS, _whole(give(op, body.names, length, wanted), wanted), extra)
    passed = ["candidates_", "bounds_", "done_", "parts_"]
    part = ROUND if wanted.isdigit() and int(wanted) <= FEW else PART
    code.launch += [
        f"if ({length} >= {LONGEST}) return cudaErrorInvalidValue;",
        f"if ({rows} > 0) {{",
        f"  const int parts_ = agentc::parts_of({length}, {part}, {MOST});",
        f"  const agentc::Scratch<uint64_t> candidates_({rows} * parts_ * {ROUND}, stream), bounds_({rows}, stream);",
        "  if (candidates_.error) return candidates_.error;",
        "  if (bounds_.error) return bounds_.error;",
        f"  for (int64_t done_ = 0; done_ < {wanted}; done_ += {ROUND}) {{",
        f"    {code.call('_part', f'dim3(static_cast<unsigned>({rows}), parts_)', THREADS, passed)}",
        f"    {code.call('_whole', f'static_cast<unsigned>({rows})', THREADS, passed)}",
        "  }",
        "}",
    ]


def _whole(give: Sequence[str], wanted: str) -> list[str]:
    return [
        "  const auto give_ = [&](int64_t row_, int i_, int64_t place_) {",
        f"    const int64_t slot_ = row_ * {wanted} + done_ + i_;",
        *(f"    {line}" for line in give),
        "  };",
        f"  agentc::select_whole(candidates_, parts_, {wanted} - done_, bounds_, give_);",
    ]


def _give_best(op: ExtOp, names: dict[SSAValue, str], length: str, wanted: str) -> list[str]:
    values, places = op.outputs
    type_ = element_of(values.type)
    value = f"{names[op.inputs[0]]}[row_ * {length} + place_]"
    least = literal(_least(type_, op), type_)
    return [
        f"{names[values]}[slot_] = place_ >= 0 ? {value} : {least};",
        f"{names[places]}[slot_] = static_cast<{c_type(element_of(places.type))}>(place_);",
    ]


def _give_sorted(op: ExtOp, names: dict[SSAValue, str], length: str, wanted: str) -> list[str]:
    pairs = zip(op.inputs, op.outputs, strict=True)
    return [f"{names[target]}[slot_] = {names[source]}[row_ * {length} + place_];" for source, target in pairs]


def _least(type_: Attribute, op: ExtOp) -> float:
    """What is in the slots of a selection for which there is no element."""
    if isinstance(type_, AnyFloat):
        return float("-inf")
    assert is_integer(type_) and isinstance(op, TopKOp)
    return -(1 << (bits(type_) - 1)) if op.order.data == "signed" else 0
