"""What a task asks of a machine: one row per resource, each a formula of the request and of the batch."""

from collections.abc import Mapping
from dataclasses import field

from agentc.plan.formula import ZERO, Formula, constant
from agentc.plan.models import ModelShape
from agentc.support.record import record


@record
class Work:
    """Demand of one step of a task, over the resource dimensions of arXiv 2507.19635, section 2.5.

    Every row is a ``Formula`` over the symbols ``batch`` (requests served together), ``input_tokens``,
    ``cached_tokens`` (prefix already in the KV cache), ``context_tokens``, ``output_tokens``,
    ``audio_seconds``, ``documents``, ``pixels``, ``steps``, … and is the demand of the *whole batch*
    in one step. A task is ``repeats`` such steps, one after the other (a decode repeats once per output token).
    """

    flops: Mapping[str, Formula] = field(default_factory=dict[str, Formula])
    """FLOP per precision (``fp32``, ``tf32``, ``bf16``, ``fp16``, ``fp8``, ``int8``, ``fp4``)."""
    bytes_read: Formula = ZERO
    bytes_written: Formula = ZERO
    weights_bytes: Formula = ZERO
    """Resident once per replica."""
    kv_bytes: Formula = ZERO
    """Resident for the requests in flight (the whole batch)."""
    activation_bytes: Formula = ZERO
    attention_flops: Formula = ZERO
    """Part of ``flops`` that is the scores and values of attention."""
    expert_flops: Formula = ZERO
    """Part of ``flops`` that is routed experts."""
    weights_traffic: Formula = ZERO
    """Part of ``bytes_read`` that is weights."""
    expert_traffic: Formula = ZERO
    """Part of ``weights_traffic`` that is routed experts."""
    kv_traffic: Formula = ZERO
    """Part of ``bytes_read`` that is the KV cache."""
    network_bytes: Formula = ZERO
    """Bytes that leave the device to the next task (for example the KV cache after a prefill)."""
    collective_bytes: Formula = ZERO
    """Bytes of the tensor that tensor parallelism all-reduces, summed over all reductions of a step."""
    collectives: Formula = ZERO
    """Number of such all-reduces in a step."""
    disk_bytes: Formula = ZERO
    cpu_core_seconds: Formula = ZERO
    static_seconds: Formula = ZERO
    """Latency that no device speeds up: a remote service's answer, a kernel launch."""
    repeats: Formula = constant(1)
    """Sequential steps in one execution of the task."""


@record
class Drafted:
    """Work of which a draft does a part: steps of two models, one after the other."""

    model: ModelShape
    """The draft."""
    times: int
    """Its steps before one of the model."""
    step: Work
    """One of the draft."""
    check: Work
    """One of the model, over all that was drafted."""
    precision: str
    """Of the draft."""
    gained: float = 1.0
    """Tokens that a round gives in the mean."""
