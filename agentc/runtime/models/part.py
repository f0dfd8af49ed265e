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
    joins: tuple[int, ...] = ()
    """Rows that the cache before it lacks, since they were padding until now."""


def with_joined(past: Array, joins: tuple[int, ...]) -> Array:
    """A cache with rows of padding at the places that ``joins`` lists in what comes, in their order."""
    rows = len(past) + len(joins)
    joined = np.zeros((rows, *past.shape[1:]), past.dtype)
    joined[[row for row in range(rows) if row not in joins]] = past
    return joined
