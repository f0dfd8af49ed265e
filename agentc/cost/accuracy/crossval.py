"""Every measurement predicted by a fit that did not see its group."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from agentc import catalog
from agentc.cost.accuracy.fit import Space, curves_of_fit, design, fit
from agentc.cost.accuracy.law import predicted
from agentc.cost.accuracy.measurement import FOLDS, Measurement
from agentc.cost.accuracy.rows import rows_of, target
from agentc.cost.curves import QUANTITIES, Curves
from agentc.cost.step import Rates
from agentc.support.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]


@record
class Validated:
    """Curves of all rows, and those of each fold, which saw the other folds only."""

    curves: Curves
    folds: tuple[Curves, ...]


def fitted(measurements: Sequence[Measurement], believed: Curves, origin: str = "") -> Curves:
    """The curves that suit ``measurements`` best."""
    space = Space({}, [], [])
    table = design(measurements, space, believed)
    return curves_of_fit(space, fit(table, space), believed, families(measurements), origin)


def validated(measurements: Sequence[Measurement], believed: Curves, origin: str = "") -> Validated:
    """Curves of all rows, and of all but each fold."""
    folds = [fitted([m for m in measurements if m.fold != k], believed) for k in range(FOLDS)]
    return Validated(fitted(measurements, believed, origin), tuple(folds))


def predictions(measurements: Sequence[Measurement], curves: Curves) -> "Array":
    """What ``curves`` predict for each measurement."""
    import numpy as np

    if not measurements:
        return np.zeros(0)
    rows = rows_of(measurements)
    words = {"matrix_compute": "dense", "matrix_memory": "stored_dense"}
    words |= {"expert_compute": "expert", "expert_memory": "stored_expert"}
    cache: dict[tuple[object, ...], float] = {}
    values: dict[str, Array] = {}
    targets = [target(rows, i) for i in range(len(rows))]
    for name in QUANTITIES:
        texts = rows.words[words[name]] if name in words else [""] * len(rows)
        found: list[float] = []
        for one, text in zip(targets, texts, strict=True):
            key = (name, one, text)
            if key not in cache:
                cache[key] = curves.value(name, one, text)
            found.append(cache[key])
        values[name] = np.array(found)
    return predicted(rows, Rates(values))


def held_out(measurements: Sequence[Measurement], folds: Sequence[Curves]) -> "Array":
    """Each measurement as the curves predict it that did not see its group."""
    import numpy as np

    found = np.zeros(len(measurements))
    for k, curves in enumerate(folds):
        places = [i for i, m in enumerate(measurements) if m.fold == k]
        found[places] = predictions([measurements[i] for i in places], curves)
    return found


def families(measurements: Sequence[Measurement]) -> frozenset[str]:
    """The device families that occur."""
    return frozenset(catalog.device(name).family for name in {m.device for m in measurements})
