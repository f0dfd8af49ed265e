"""Configurations of one kind of work on all device classes that may do it, one class after the other."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc.cost.grid import Grid, joined
from agentc.cost.hardware import Figures, Hardware, spread
from agentc.plan.fleet import Device, Stock

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Index: TypeAlias = NDArray[np.intp]


class Bench:
    """What is tried, as arrays: so that a fleet is priced in one evaluation, however many device classes it has."""

    def __init__(self, stocks: Sequence[Stock], grids: Sequence[Grid]) -> None:
        import numpy as np

        self.stocks = tuple(stocks)
        self.devices: tuple[Device, ...] = tuple(stock.device for stock in stocks)
        sizes = [len(grid) for grid in grids]
        ends = np.cumsum(sizes).tolist()
        self.rows: list[slice] = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
        """Of each device class, its configurations."""
        self.at: Index = np.repeat(np.arange(len(sizes)), sizes)
        """The place of a configuration's device class in ``devices``."""
        self.grid = joined(grids)
        self._hardware: dict[object, Hardware] = {}

    def __len__(self) -> int:
        return len(self.grid)

    def hardware(self, key: object, of_device: Callable[[Device], Figures]) -> Hardware:
        """The figures of every configuration's device; those of one ``key`` are looked up once."""
        if key not in self._hardware:
            self._hardware[key] = spread([of_device(device) for device in self.devices], self.at)
        return self._hardware[key]

    def each(self, of_device: Callable[[Device], float]) -> Any:
        """A figure of every configuration's device."""
        import numpy as np

        return np.array([of_device(device) for device in self.devices], dtype=np.float64)[self.at]
