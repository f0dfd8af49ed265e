"""What all layers of a decoder share: rotary tables, and who may see whom.

Rows of a batch may be of different lengths: ``attention_mask`` says which slots of a row hold its tokens, as it does
in transformers. Padding may lie before, behind or between them, and each row is computed as if it were alone: its
positions and its windows count its own tokens only.
"""

from collections.abc import Iterable
from dataclasses import field
from typing import Final, Literal, TypeAlias

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.graph import Graph
from agentc.backends.onnx.layers import dimension, real, scalar
from agentc.backends.onnx.messages import Element
from agentc.backends.onnx.rope import Rope, Tables
from agentc.support.record import record

REACH: Final = "reach"
"""An input of ``prefill`` where angles depend on the length of a sequence: that of each row's whole prompt, of which
these tokens may be a part, or one for all rows. All keys of a prompt are turned alike, in one piece or in many."""
MASK: Final = "attention_mask"
"""An input of ``prefill`` and ``decode``, ``[batch, past + tokens]``: 1 where a slot holds a token, 0 where it is
padding. Without it every slot does. Logits of padding mean nothing."""
_NOWHERE: Final = 1 << 30
"""The position of padding: no token looks so far ahead, but padding sees itself, so that no softmax is empty."""

Phase: TypeAlias = Literal["prefill", "decode", "step"]


@record(slots=True)
class Positions:
    """Values by what they depend on; ``rows`` is the batch, or one where all its rows are alike."""

    tables: Tables
    """Cosines and sines, ``[batch, tokens, pairs]``."""
    masks: dict[int, str]
    """By window, ``[rows, 1, tokens, total]``."""
    lengths: tuple[str, str] | None = None
    """Where the cache is a buffer that is filled in place: the place of each row's last token, ``[batch]``, and how
    many tokens the longest row comes to, ``[1]``; both int32."""
    every: Tables = field(default_factory=dict[Rope, tuple[str, str]])
    """Cosines and sines of all positions, ``[positions, pairs]``, of ropes that are not in ``tables``: the operator
    that fills the buffer turns queries and keys itself."""


def positions(
    graph: Graph,
    config: DecoderConfig,
    phase: Phase,
    cached: str,
    only: int | None = None,
) -> Positions:
    """``cached``: how many slots the cache holds, a vector of one; ``only``: the one layer that they are for."""
    layers = range(config.layers) if only is None else [only]
    ropes = dict.fromkeys(config.rope_of(layer) for layer in layers)
    total = graph.op("Add", cached, dimension(graph, "input_ids", 1))
    full, places = _places(graph, total)
    new = graph.op("Slice", places, cached, total, graph.constant([1]))
    length = graph.op("ReduceSum", full, graph.constant([1]), keepdims=1)
    if phase == "prefill" and any(rope.depends_on_length for rope in ropes):
        length = graph.op("Max", length, _column(graph, graph.optional(REACH, [0], ["rows"])))
    tables = _tables(graph, ropes, new, length)
    where = graph.op("Where", graph.op("Cast", full, to=Element.BOOL), places, graph.constant(_NOWHERE))
    queries = graph.op("Slice", where, cached, total, graph.constant([1]))
    queries = graph.op("Unsqueeze", queries, graph.constant([1, 3]))
    keys = graph.op("Unsqueeze", where, graph.constant([1, 2]))
    windows = sorted({config.windows[layer] for layer in layers})
    return Positions(tables, {window: _mask(graph, keys, queries, window) for window in windows})


def _places(graph: Graph, total: str) -> tuple[str, str]:
    """Which slots hold tokens, and how many tokens of its row each comes after, both ``[rows, total]``."""
    mask = graph.optional(MASK, [[1]], ["rows", "slots"])
    full = graph.op("Expand", mask, graph.op("Concat", graph.constant([1]), total, axis=0))
    counts = graph.op("CumSum", full, graph.constant(1))
    return full, graph.op("Sub", counts, graph.constant(1))


def positions_in_buffer(
    graph: Graph, config: DecoderConfig, total: str, every: Tables, *, one_token: bool
) -> Positions:
    """Of the last tokens of rows that come to ``total`` tokens, in ``step``. ``every``: as in the answer."""
    last = graph.op("Sub", total, graph.constant([1]))
    ropes = dict.fromkeys(config.rope_of(layer) for layer in range(config.layers))
    own: Tables = {}
    if others := [rope for rope in ropes if rope not in every]:
        places = _column(graph, last) if one_token else _behind(graph, total)
        own = _tables(graph, others, places, _column(graph, total))
    per_row = graph.op("Expand", last, dimension(graph, "input_ids", 0))
    longest = graph.op("ReduceMax", total, keepdims=1)
    return Positions(own, {}, (_int32(graph, per_row), _int32(graph, longest)), every)


def _behind(graph: Graph, total: str) -> str:
    """The places of all new tokens, ``[rows, tokens]``: behind what a row has, or from the first on where it has
    nothing and is padded behind."""
    tokens = dimension(graph, "input_ids", 1)
    before = graph.op("Max", graph.op("Sub", total, tokens), graph.constant([0]))
    new = graph.op("Range", graph.constant(0), scalar(graph, tokens), graph.constant(1))
    return graph.op("Add", _column(graph, before), new)


def _column(graph: Graph, vector: str) -> str:
    return graph.op("Unsqueeze", vector, graph.constant([1]))


def _int32(graph: Graph, x: str) -> str:
    return graph.op("Cast", x, to=Element.INT32)


def _tables(graph: Graph, ropes: Iterable[Rope], places: str, length: str) -> Tables:
    """Of tokens at ``places``, ``[rows, tokens]``, in rows of ``length``, ``[rows, 1]``."""
    places = graph.op("Cast", graph.op("Unsqueeze", places, graph.constant([2])), to=Element.FLOAT)
    per_batch = graph.op("Concat", dimension(graph, "input_ids", 0), graph.constant([1, 1]), axis=0)
    return {rope: _table(graph, rope, places, length, per_batch) for rope in ropes}


def _table(graph: Graph, rope: Rope, places: str, length: str, per_batch: str) -> tuple[str, str]:
    angles = graph.op("Mul", places, _frequencies(graph, rope, length))
    cosines, sines = (_scaled(graph, graph.op(kind, angles), rope.scale) for kind in ("Cos", "Sin"))
    return graph.op("Expand", cosines, per_batch), graph.op("Expand", sines, per_batch)


def _scaled(graph: Graph, x: str, scale: float) -> str:
    return x if scale == 1 else graph.op("Mul", x, real(graph, scale))


def _frequencies(graph: Graph, rope: Rope, reached: str) -> str:
    """Radians per position, which two kinds of stretching make depend on the length of a row, ``[rows, 1]``."""
    plain = real(graph, rope.frequencies)
    if not rope.depends_on_length:
        return plain
    reached = graph.op("Unsqueeze", reached, graph.constant([2]))
    if rope.long:
        beyond = graph.op("Greater", reached, graph.constant([rope.trained]))
        return graph.op("Where", beyond, real(graph, rope.long), plain)
    length = graph.op("Cast", graph.op("Max", reached, graph.constant([rope.trained])), to=Element.FLOAT)
    base = graph.op("Mul", length, real(graph, [rope.growth / rope.trained]))
    base = graph.op("Sub", base, real(graph, [rope.growth - 1]))
    pairs = len(rope.frequencies)
    exponents = [-i / (pairs - 1) if pairs > 1 else 0.0 for i in range(pairs)]
    return graph.op("Mul", plain, graph.op("Pow", base, real(graph, exponents)))


def _mask(graph: Graph, keys: str, queries: str, window: int) -> str:
    """True where a query (row) may see a key (column): not later, and within the window."""
    seen = graph.op("LessOrEqual", keys, queries)
    if not window:
        return seen
    near = graph.op("Greater", keys, graph.op("Sub", queries, graph.constant(window)))
    return graph.op("And", seen, near)
