"""Work formulas: from a model's shape, or a plain figure, to the demand of a task on a machine.

Every function here returns ``Work`` for a whole batch and one step; docstrings derive the formulas.
"""

from agentc.plan.demand.algebra import add, repeated, substitute, times, unroll
from agentc.plan.demand.decoder import (
    decode,
    decode_parts,
    kv_cache_bytes,
    prefill,
    prefill_parts,
    touched_experts,
)
from agentc.plan.demand.encoders import embed, rerank, vision
from agentc.plan.demand.general import (
    control,
    cpu_compute,
    json_transform,
    kernel,
    memory_access,
    text_transform,
    tool_call,
)
from agentc.plan.demand.images import diffuse
from agentc.plan.demand.passes import (
    chunked_prefill,
    drafted_prefill,
    expected_tokens,
    joined,
    speculate,
    speculation,
)
from agentc.plan.demand.precision import PRECISIONS, activation_precision, width
from agentc.plan.demand.shape import (
    derived_parameters,
    kv_bytes,
    kv_bytes_per_token,
    parameters,
    weights_bytes,
)
from agentc.plan.demand.speech import synthesize, transcribe
from agentc.plan.demand.vectors import graph_evaluations, graph_lookup, list_lookup, vector_lookup

__all__ = [
    "PRECISIONS",
    "activation_precision",
    "add",
    "chunked_prefill",
    "control",
    "cpu_compute",
    "decode",
    "decode_parts",
    "derived_parameters",
    "diffuse",
    "embed",
    "drafted_prefill",
    "expected_tokens",
    "joined",
    "graph_evaluations",
    "graph_lookup",
    "json_transform",
    "kernel",
    "kv_bytes",
    "kv_bytes_per_token",
    "kv_cache_bytes",
    "list_lookup",
    "memory_access",
    "parameters",
    "prefill",
    "prefill_parts",
    "repeated",
    "rerank",
    "speculate",
    "speculation",
    "substitute",
    "synthesize",
    "text_transform",
    "times",
    "tool_call",
    "touched_experts",
    "transcribe",
    "unroll",
    "vector_lookup",
    "vision",
    "weights_bytes",
    "width",
]
