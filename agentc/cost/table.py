"""Options of all tasks, and why some devices have none."""

from collections.abc import Mapping

from agentc.plan.placement import Option, Pool
from agentc.support.record import record


@record(slots=True)
class Rejected:
    """A device class that has no option for a task, and why: a sentence with figures."""

    task: str
    device: str
    why: str


@record
class OptionTable:
    """What ``options`` found."""

    options: Mapping[str, tuple[Option, ...]]
    """By task name; equal tasks share one tuple."""
    pools: Mapping[str, Pool]
    rejected: tuple[Rejected, ...]
    together: tuple[frozenset[tuple[str, str]], ...]
    """Sets of (task, option) to be chosen all or none: groups, and the two halves of an aggregated call."""
    calibrated: Mapping[str, bool]
    """By device class: whether every estimate on it rests on measured figures."""
