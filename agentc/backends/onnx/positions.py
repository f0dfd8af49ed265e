"""What all layers of a decoder share: rotary tables, and who may see whom."""

from typing import Final, Literal, TypeAlias

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.graph import Graph
from agentc.backends.onnx.layers import dimension, real, scalar
from agentc.backends.onnx.messages import Element
from agentc.backends.onnx.rope import Rope
from agentc.support.record import record

REACH: Final = "reach"
"""An input of ``prefill`` where angles depend on the length of a sequence: that of the whole prompt, of which these
tokens may be a part. All keys of a prompt are turned alike, in one piece or in many."""

Phase: TypeAlias = Literal["prefill", "decode", "step"]


@record(slots=True)
class Positions:
    """Values by what they depend on."""

    tables: dict[Rope, tuple[str, str]]
    """Cosines and sines, ``[batch, tokens, pairs]``."""
    masks: dict[int, str]
    """By window, ``[tokens, total]``; the empty name where everything that is there may be seen."""
    lengths: tuple[str, str] | None = None
    """Where the cache is a buffer that is filled in place: tokens in it, and tokens with the new one."""


def positions(graph: Graph, config: DecoderConfig, phase: Phase, cached: str, only: int | None = None) -> Positions:
    """``cached``: how many tokens the cache holds, a vector of one; ``only``: the one layer that they are for."""
    layers = range(config.layers) if only is None else [only]
    total = graph.op("Add", cached, dimension(graph, "input_ids", 1))
    one = graph.constant(1)
    queries = graph.op("Range", scalar(graph, cached), scalar(graph, total), one)
    queries = graph.op("Unsqueeze", queries, graph.constant([1]))
    keys = graph.op("Range", graph.constant(0), scalar(graph, total), one)
    places = graph.op("Cast", queries, to=Element.FLOAT)
    per_batch = graph.op("Concat", dimension(graph, "input_ids", 0), graph.constant([1, 1]), axis=0)
    ropes = dict.fromkeys(config.rope_of(layer) for layer in layers)
    length = total
    if phase == "prefill" and any(rope.depends_on_length for rope in ropes):
        length = graph.op("Max", total, graph.optional(REACH, [0]))
    tables = {rope: _table(graph, rope, places, length, per_batch) for rope in ropes}
    if phase == "step":
        lengths = (graph.op("Cast", value, to=Element.INT32) for value in (_per_sequence(graph, cached), total))
        return Positions(tables, {}, (next(lengths), next(lengths)))
    masks = {
        window: _mask(graph, keys, queries, window, phase)
        for window in sorted({config.windows[layer] for layer in layers})
    }
    return Positions(tables, masks)


def _per_sequence(graph: Graph, cached: str) -> str:
    return graph.op("Expand", cached, dimension(graph, "input_ids", 0))


def _table(graph: Graph, rope: Rope, places: str, length: str, per_batch: str) -> tuple[str, str]:
    angles = graph.op("Mul", places, _frequencies(graph, rope, length))
    cosines, sines = (_scaled(graph, graph.op(kind, angles), rope.scale) for kind in ("Cos", "Sin"))
    return graph.op("Expand", cosines, per_batch), graph.op("Expand", sines, per_batch)


def _scaled(graph: Graph, x: str, scale: float) -> str:
    return x if scale == 1 else graph.op("Mul", x, real(graph, scale))


def _frequencies(graph: Graph, rope: Rope, reached: str) -> str:
    """Radians per position, which two kinds of stretching make depend on the length of the sequence."""
    plain = real(graph, rope.frequencies)
    if rope.long:
        beyond = graph.op("Greater", reached, graph.constant([rope.trained]))
        return graph.op("Where", beyond, real(graph, rope.long), plain)
    if not rope.growth:
        return plain
    length = graph.op("Cast", graph.op("Max", reached, graph.constant([rope.trained])), to=Element.FLOAT)
    base = graph.op("Mul", length, real(graph, [rope.growth / rope.trained]))
    base = graph.op("Sub", base, real(graph, [rope.growth - 1]))
    pairs = len(rope.frequencies)
    exponents = [-i / (pairs - 1) if pairs > 1 else 0.0 for i in range(pairs)]
    return graph.op("Mul", plain, graph.op("Pow", base, real(graph, exponents)))


def _mask(graph: Graph, keys: str, queries: str, window: int, phase: Phase) -> str:
    """True where a query (row) may see a key (column): not later, and within the window."""
    if phase == "decode" and not window:
        return ""
    seen = graph.op("LessOrEqual", keys, queries)
    if not window:
        return seen
    near = graph.op("Greater", keys, graph.op("Sub", queries, graph.constant(window)))
    return graph.op("And", seen, near)
