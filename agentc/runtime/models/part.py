"""What one pass over a language model's graph computes."""

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
