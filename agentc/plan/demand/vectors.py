"""Work of finding the vectors nearest to a query: flat, by inverted lists, by a graph.

Symbols: ``documents`` vectors of ``dimension`` elements. ``batch`` queries are served together.
"""

import math

from agentc.plan.demand.decoder import BATCH
from agentc.plan.formula import ZERO, Formula, Operand, constant, symbol
from agentc.plan.work import Work

DIMENSION = symbol("dimension")
DOCUMENTS = symbol("documents")

ID_BYTES = 8
"""Of a document's number in an inverted list (Faiss, arXiv 2401.08281)."""
LINK_BYTES = 4
"""Of a neighbor's number in a graph (hnswlib)."""
LINE_BYTES = 64
"""What a random read fetches at least: a cache line."""
MISS_SECONDS = 100e-9
"""Latency of a random read from a server's memory: order of magnitude, not calibrated."""
UPPER_HOPS = 3.0
"""Nodes that a greedy search visits on a level above the ground; a count of hops in tests bounds it."""


def vector_lookup(dimension: Operand = DIMENSION, documents: Operand = DOCUMENTS, width: float = 4.0) -> Work:
    """A flat (exact) search: the product of ``batch`` queries with ``documents`` vectors, one pass over them.

    2 x documents x dimension FLOP a query; the vectors (``width`` bytes an element) are read once a batch and stay
    resident; scores are written and read again to pick the best.
    """
    count = ZERO + documents
    elements = count * dimension
    return Work(
        flops={"fp32": BATCH * elements * 2},
        bytes_read=elements * width + BATCH * count * 4,
        bytes_written=BATCH * count * 4,
        weights_bytes=elements * width,
        activation_bytes=BATCH * count * 4,
    )


def list_lookup(
    lists: int, probes: int, dimension: Operand = DIMENSION, documents: Operand = DOCUMENTS, width: float = 4.0
) -> Work:
    """A search by inverted lists (IVF; Johnson et al., arXiv 1702.08734, section 2.1) of even length.

    A query meets ``lists`` centroids, then the N x probes / lists vectors of the nearest lists: 2 d FLOP each. A batch
    reads the lists that any query probes: lists x (1 - (1 - probes / lists)^batch), as if queries were independent.
    Resident: vectors, their numbers, centroids. Real lists are uneven, and popular queries probe the longer ones.

    Raises:
        ValueError: There are no lists, or ``probes`` is not within 1 to ``lists``.
    """
    if not 1 <= probes <= lists:
        raise ValueError(f"{probes} of {lists} lists cannot be probed")
    count, share = ZERO + documents, probes / lists
    scored = count * share + lists
    touched = 1 - constant(1 - share) ** BATCH
    entry = ZERO + dimension * width + ID_BYTES
    return Work(
        flops={"fp32": BATCH * scored * dimension * 2},
        bytes_read=touched * count * entry + dimension * (lists * width) + BATCH * scored * 4,
        bytes_written=BATCH * scored * 4,
        weights_bytes=count * entry + dimension * (lists * width),
        activation_bytes=BATCH * scored * 4,
    )


def graph_evaluations(links: int, breadth: int, documents: float) -> float:
    """Distances that a search of a navigable graph takes (HNSW, Malkov and Yashunin, arXiv 1603.09320, section 4).

    Above the ground there are ln N / ln M levels, on each ``UPPER_HOPS`` nodes with M links; on the ground the best
    ``breadth`` nodes are opened, 2 M links each. All links count, so it bounds what is left when nodes that were
    seen before are skipped; and no more than N nodes can be met.
    """
    if documents <= 1:
        return 1.0
    levels = math.log(documents) / math.log(max(links, 2))
    return min(levels * UPPER_HOPS * links + breadth * 2.0 * links, float(documents))


def graph_hops(links: int, breadth: int, documents: float) -> float:
    """Nodes opened one after the other, each a miss of the cache: those above the ground, and ``breadth`` on it."""
    levels = math.log(max(documents, 1.0)) / math.log(max(links, 2))
    return min(levels * UPPER_HOPS + breadth, max(float(documents), 1.0))


def graph_lookup(
    links: int, breadth: int, documents: float, dimension: Operand = DIMENSION, width: float = 4.0
) -> Work:
    """A search of an HNSW graph with M = ``links`` and ef = ``breadth``: ``graph_evaluations`` of 2 d FLOP a query.

    Reads are random: each vector takes whole cache lines, each opened node its links, and no two queries share them.
    A hop waits for memory, which no device speeds up. Resident: vectors and 2 M links on the ground (levels above
    add M / (M - 1) - 1 of that, left out).

    Raises:
        ValueError: ``links`` is below 2 or ``breadth`` below 1.
    """
    if links < 2 or breadth < 1:
        raise ValueError(f"a graph with {links} links and a breadth of {breadth} finds nothing")
    met, opened = graph_evaluations(links, breadth, documents), graph_hops(links, breadth, documents)
    vector = _lines(ZERO + dimension * width)
    return Work(
        flops={"fp32": BATCH * dimension * (2 * met)},
        bytes_read=BATCH * (vector * met + opened * 2 * links * LINK_BYTES),
        bytes_written=BATCH * (breadth * 2 * ID_BYTES),
        weights_bytes=(ZERO + dimension * width + 2 * links * LINK_BYTES) * documents,
        activation_bytes=BATCH * (breadth * 2 * ID_BYTES),
        static_seconds=constant(opened * MISS_SECONDS),
    )


def _lines(bytes_: Formula) -> Formula:
    """Bytes that a random read of ``bytes_`` fetches: on average one line more than they fill, less one byte."""
    return bytes_ + (LINE_BYTES - 1) if not bytes_.is_constant else constant(_whole(bytes_.evaluate({})))


def _whole(bytes_: float) -> float:
    return math.ceil(bytes_ / LINE_BYTES) * LINE_BYTES
