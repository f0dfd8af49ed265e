"""Fits the figures of the step model to measurements.

Regularized robust least squares on the logarithm of predicted over measured: Huber's loss (a row off by more than
``SOFT`` counts linearly), each figure pulled to its prior by its standard deviation, Levenberg-Marquardt steps. All
rows of a group count as their number to the power ``CROWD``. Deterministic: no random start, fixed iterations.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from agentc.cost.accuracy.law import predicted
from agentc.cost.accuracy.measurement import Measurement
from agentc.cost.accuracy.rows import Rows, rows_of, target
from agentc.cost.curves import QUANTITIES, Curves, Target
from agentc.cost.step import Rates
from agentc.support.record import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]
    Index: TypeAlias = NDArray[np.int64]

SOFT = 0.15
"""Logarithm of predicted over measured from which a row counts linearly."""
CROWD = 0.65
PULL = 4.0
"""Weight of the priors."""
STEPS = 30
BUMP = 1e-4
_WORD = {"matrix_compute": "dense", "matrix_memory": "stored_dense", "expert_compute": "expert"}
_WORD["expert_memory"] = "stored_expert"


@dataclass
class Space:
    """All parameters: (quantity, scope=name) -> place; with what is believed of each."""

    places: dict[tuple[str, str], int]
    priors: list[float]
    spreads: list[float]

    def place(self, quantity: str, key: str, prior: float, spread: float) -> int:
        """The parameter's place, made when it is first asked for."""
        if (quantity, key) not in self.places:
            self.places[quantity, key] = len(self.priors)
            self.priors.append(prior)
            self.spreads.append(spread)
        return self.places[quantity, key]


@record
class Design:
    """Rows, and for each quantity the parameters whose sum is its logarithm in each row."""

    rows: Rows
    parameters: "dict[str, Index]"

    def rates(self, theta: "Array") -> Rates:
        """The figures at ``theta``."""
        import numpy as np

        return Rates({name: np.exp(theta[index].sum(axis=0)) for name, index in self.parameters.items()})


def design(measurements: Sequence[Measurement], space: Space, believed: Curves) -> Design:
    """The rows of ``measurements`` in ``space``; deviations that ``believed`` knows start, and are pulled, there."""
    import numpy as np

    rows = rows_of(measurements)
    targets = [target(rows, index) for index in range(len(rows))]
    table: dict[str, Any] = {}
    for name, quantity in QUANTITIES.items():
        base = space.place(name, "*", float(np.log(believed.base.get(name, quantity.prior))), quantity.sd)
        columns = [np.full(len(rows), base)]
        words = rows.words[_WORD[name]] if name in _WORD else [""] * len(rows)
        for scope, spread in quantity.scopes.items():
            columns.append(np.array(_scope(space, believed, name, scope, spread, targets, words)))
        table[name] = np.stack(columns)
    return Design(rows, table)


def _scope(
    space: Space,
    believed: Curves,
    name: str,
    scope: str,
    spread: float,
    targets: Sequence[Target],
    words: Sequence[str],
) -> list[int]:
    known, found = believed.deviations.get(name, {}), list[int]()
    for one, word in zip(targets, words, strict=True):
        key = f"{scope}={next(iter(one.keys(scope, word)))}"
        prior = known.get(key, 0.0)
        found.append(space.place(name, key, prior, min(spread, MEASURED_SPREAD) if key in known else spread))
    return found


MEASURED_SPREAD = 0.1
"""Standard deviation of a deviation that operator times measured."""


def fit(design_: Design, space: Space, start: "Array | None" = None, steps: int = STEPS) -> "Array":
    """The parameters that suit the rows best."""
    import numpy as np

    priors, spreads = np.array(space.priors), np.array(space.spreads)
    theta = priors.copy() if start is None else start
    target_, weight = np.log(design_.rows.value), _weights(design_.rows.measurements)
    damping = 1e-3
    residual = _residual(design_, theta, target_, weight)
    cost = _cost(residual, theta, priors, spreads)
    for _ in range(steps):
        gradient, hessian = _system(design_, theta, residual, target_, weight, priors, spreads)
        while True:
            move = -np.linalg.solve(hessian + damping * np.diag(np.diag(hessian)), gradient).clip(-0.5, 0.5)
            tried = _residual(design_, theta + move, target_, weight)
            after = _cost(tried, theta + move, priors, spreads)
            if after < cost or damping > 1e6:
                break
            damping *= 4
        if after >= cost:
            break
        gain, theta, residual, cost = cost - after, theta + move, tried, after
        damping = max(damping / 5, 1e-7)
        if gain < 1e-4 * cost:
            break
    return theta


def curves_of_fit(space: Space, theta: "Array", believed: Curves, measured: frozenset[str], origin: str) -> Curves:
    """The fitted parameters as curves; what was not fitted keeps its belief."""
    import numpy as np

    base = {name: believed.base.get(name, quantity.prior) for name, quantity in QUANTITIES.items()}
    deviations = {name: dict(believed.deviations.get(name, {})) for name in QUANTITIES}
    for (name, key), place in space.places.items():
        if key == "*":
            base[name] = float(np.exp(theta[place]))
        else:
            deviations[name][key] = float(theta[place])
    return Curves(base, deviations, measured | believed.measured, believed.bands, origin)


def _residual(design_: Design, theta: "Array", target_: "Array", weight: "Array") -> "Array":
    import numpy as np

    found = predicted(design_.rows, design_.rates(theta))
    return weight * (np.log(np.maximum(found, 1e-12)) - target_)


def _system(
    design_: Design,
    theta: "Array",
    residual: "Array",
    target_: "Array",
    weight: "Array",
    priors: "Array",
    spreads: "Array",
) -> tuple["Array", "Array"]:
    """Gradient and Gauss-Newton matrix. A figure's derivative is that of each parameter in its sum."""
    import numpy as np

    rates = design_.rates(theta)
    jacobian = np.zeros((len(residual), len(theta)))
    order = np.arange(len(residual))
    for name, index in design_.parameters.items():
        found = predicted(design_.rows, rates.scaled(name, float(np.exp(BUMP))))
        slope = (weight * (np.log(np.maximum(found, 1e-12)) - target_) - residual) / BUMP
        for column in index:
            np.add.at(jacobian, (order, column), slope)
    trust = 1 / np.maximum(np.abs(residual), 1.0)
    scaled = jacobian * trust[:, None]
    gradient = scaled.T @ residual + PULL * (theta - priors) / spreads**2
    return gradient, scaled.T @ jacobian + np.diag(PULL / spreads**2)


def _cost(residual: "Array", theta: "Array", priors: "Array", spreads: "Array") -> float:
    import numpy as np

    size = np.abs(residual)
    huber = np.where(size < 1, 0.5 * size**2, size - 0.5).sum()
    return float(huber + 0.5 * PULL * (((theta - priors) / spreads) ** 2).sum())


def _weights(measurements: Sequence[Measurement]) -> "Array":
    import numpy as np

    counts = Counter((m.group, m.metric) for m in measurements)
    weight = np.array([counts[m.group, m.metric] ** (CROWD - 1) for m in measurements])
    return np.sqrt(weight / weight.mean()) / SOFT
