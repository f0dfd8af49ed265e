"""``kv_footprint``: what the KV caches of an agent take, by model."""

from xdsl.dialects.builtin import ModuleOp

from agentc.analyses.flow import Flow
from agentc.analyses.task_graph import entry_graph
from agentc.dialects import comm, llm
from agentc.dialects.agent import GraphOp
from agentc.dialects.model import model_shape, spec_of
from agentc.plan.demand import kv_bytes, kv_bytes_per_token
from agentc.plan.formula import constant
from agentc.support.record import record


@record(slots=True)
class KvFootprint:
    """KV cache of one model. Its elements are as wide as the model's activations."""

    model: str
    bytes_per_token: float
    """Before a sliding window is full."""
    bytes_per_call: float
    """Of the longest call when it ends: its input and its output, at the 95th percentile where that is known."""
    bytes_per_request: float
    """Written in one request: expected calls x their mean length."""


def kv_footprint(module: ModuleOp, graph: GraphOp | None = None) -> tuple[KvFootprint, ...]:
    """The footprint of each model that decodes, in the order of its first call."""
    found: dict[str, KvFootprint] = {}
    for step in Flow(graph or entry_graph(module)).steps:
        op = step.op
        decodes = isinstance(op, llm.DecodeOp) or isinstance(op, comm.AllReduceOp) and op.phase.data == "decode"
        if not decodes:
            continue
        spec, shape = spec_of(op), model_shape(op)
        name, precision = spec.sym_name.data, spec.cache_precision
        figures = [shape[key] for key in ("input_tokens", "output_tokens") if key in shape]
        longest, mean = sum(figure.at("p95") for figure in figures), sum(figure.mean for figure in figures)
        old = found.get(name, KvFootprint(name, kv_bytes_per_token(spec.shape.data, precision), 0.0, 0.0))
        found[name] = KvFootprint(
            name,
            old.bytes_per_token,
            max(old.bytes_per_call, kv_bytes(spec.shape.data, precision, constant(longest)).evaluate({})),
            old.bytes_per_request
            + step.visits.count * kv_bytes(spec.shape.data, precision, constant(mean)).evaluate({}),
        )
    return tuple(found.values())
