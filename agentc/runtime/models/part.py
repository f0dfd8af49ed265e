"""What one pass over a language model's graph computes."""

import numpy as np

from agentc.runtime.models.session import Array
from agentc.support.record import record


@record(slots=True)
class Part:
    """Tokens of one pass, a row for each sequence."""

    tokens: Array
    """``[rows, tokens]``."""
    keep: tuple[int, ...]
    """The places among them whose logits are wanted."""
    reach: tuple[int, ...]
    """The length of each row's whole sequence, of which these tokens may be a part."""
    mask: Array | None = None
    """``[rows, cached + tokens]``: 1 where a slot holds a token of its row, 0 where it is padding; ``None``: all do."""
    rows: tuple[int, ...] | None = None
    """Which rows of the cache these are; ``None``: all. The others get padding."""


def of_rows(past: Array, rows: tuple[int, ...] | None) -> Array:
    """The part of a cache, ``[rows, heads, slots, width]``, that a pass goes on from."""
    return past if rows is None else past[list(rows)]


def with_rows(past: Array, present: Array, rows: tuple[int, ...] | None) -> Array:
    """The whole cache after a pass that made ``present`` of the part."""
    if rows is None:
        return present
    slots = past.shape[2]
    whole = np.zeros((*past.shape[:2], *present.shape[2:]), past.dtype)
    whole[:, :, :slots] = past
    whole[list(rows), :, slots:] = present[:, :, slots:]
    return whole
