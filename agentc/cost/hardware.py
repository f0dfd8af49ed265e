"""What the time of work depends on of a device, by name: floats for one device, or arrays over configurations."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc.plan.fleet import Device

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Index: TypeAlias = NDArray[np.intp]

Figures: TypeAlias = Mapping[str, float]
"""Those of one device."""


class Hardware:
    """Figures by name, as attributes or items: those of one device, or arrays with one for each configuration.

    So that all configurations on all devices of a fleet are priced in one evaluation.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def __getattr__(self, name: str) -> Any:
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


def spread(devices: Sequence[Figures], at: "Index") -> Hardware:
    """The figures of ``devices``, each at the configurations whose entry in ``at`` is its place."""
    import numpy as np

    table = np.array([list(figures.values()) for figures in devices], dtype=np.float64)[at].T
    return Hardware(dict(zip(devices[0], np.ascontiguousarray(table), strict=True)))


def peaks(device: Device) -> dict[str, float]:
    """What data sheets say: bytes, bytes/s, the links of its scale-up domain and beyond, cores of a CPU (else 0)."""
    return {
        "memory_bytes": device.memory_bytes,
        "bandwidth": device.bytes_per_second,
        "domain": device.scale_up_size,
        "inside_rate": device.scale_up.bytes_per_second,
        "inside_latency": device.scale_up.latency_seconds,
        "outside_rate": device.scale_out.bytes_per_second,
        "outside_latency": device.scale_out.latency_seconds,
        "cores": max(device.cores, 1) if device.kind == "cpu" else 0,
    }
