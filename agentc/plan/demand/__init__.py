"""Work formulas: from a model's shape, or a plain figure, to the demand of a task on a machine.

Every function here returns ``Work`` for a whole batch and one step; docstrings derive the formulas.
"""

from agentc.plan.demand.algebra import add, unroll
from agentc.plan.demand.decoder import (
    decode,
    decode_parts,
    kv_cache_bytes,
    prefill,
    prefill_parts,
    touched_experts,
)
from agentc.plan.demand.encoders import diffuse, embed, rerank, synthesize, transcribe, vision
from agentc.plan.demand.general import (
    control,
    cpu_compute,
    json_transform,
    kernel,
    memory_access,
    text_transform,
    tool_call,
    vector_lookup,
)
from agentc.plan.demand.precision import PRECISIONS, activation_precision, width
from agentc.plan.demand.shape import (
    derived_parameters,
    kv_bytes,
    kv_bytes_per_token,
    parameters,
    weights_bytes,
)

__all__ = [
    "PRECISIONS",
    "activation_precision",
    "add",
    "control",
    "cpu_compute",
    "decode",
    "decode_parts",
    "derived_parameters",
    "diffuse",
    "embed",
    "json_transform",
    "kernel",
    "kv_bytes",
    "kv_bytes_per_token",
    "kv_cache_bytes",
    "memory_access",
    "parameters",
    "prefill",
    "prefill_parts",
    "rerank",
    "synthesize",
    "text_transform",
    "tool_call",
    "touched_experts",
    "transcribe",
    "unroll",
    "vector_lookup",
    "vision",
    "weights_bytes",
    "width",
]
