"""How well the cost model predicts a set of measurements: the shipped ones, or a user's."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import field

from agentc.cost.accuracy import store
from agentc.cost.accuracy.crossval import held_out, predictions
from agentc.cost.accuracy.errors import Scored, family, kind
from agentc.cost.accuracy.measurement import FOLDS, Measurement
from agentc.cost.accuracy.reader import Reading, read
from agentc.cost.accuracy.rules import believed
from agentc.cost.curves import Curves, active
from agentc.cost.curves import shipped as shipped_curves
from agentc.support.diagnostics import Diagnostic, Refused, Span
from agentc.support.record import record


@record
class Evaluation:
    """Predictions beside measurements."""

    scored: tuple[Scored, ...]
    fitted: tuple[Scored, ...] = ()
    """The same rows as the curves in use predict them, which saw them; empty for a user's rows."""
    left_out: Counter[str] = field(default_factory=Counter[str])
    problems: tuple[Diagnostic, ...] = ()
    seen: frozenset[str] = frozenset()
    """Groups among the rows that the shipped curves were fitted to."""

    @property
    def groups(self) -> dict[str, int]:
        """Group -> the fold that holds it out."""
        return dict(sorted({row.measurement.group: row.measurement.fold for row in self.scored}.items()))


def shipped() -> Evaluation:
    """The package's measurements, each predicted by the fit that did not see its group."""
    rows = store.shipped_measurements()
    scored = _scored(rows, [float(value) for value in held_out(rows, store.folds())])
    return Evaluation(scored, _scored(rows, [float(value) for value in predictions(rows, active())]))


def of_tables(tables: Sequence[tuple[str, Sequence[str]]]) -> Evaluation:
    """A user's tables, (name, lines), by the curves in use; a group that the shipped fit saw, by the fold that did not.

    Raises:
        Refused: No row can be used.
    """
    reading = Reading()
    for name, lines in tables:
        reading.merge(read(lines, name))
    kept, left_out = believed(reading.measurements)
    if not kept:
        raise Refused(*reading.problems[:20], _empty([name for name, _ in tables]))
    own = active() is not shipped_curves()
    seen = frozenset[str]() if own else frozenset(m.group for m in store.shipped_measurements())
    values = _honest(kept, seen)
    return Evaluation(
        _scored(kept, values), left_out=reading.left_out + left_out, problems=tuple(reading.problems),
        seen=frozenset(m.group for m in kept) & seen,
    )  # fmt: skip


def _honest(rows: Sequence[Measurement], seen: frozenset[str]) -> list[float]:
    """Predictions that never come from a fit that saw the row's group, unless the user's own calibration is in use."""
    values = [float(value) for value in predictions(rows, active())]
    if not seen:
        return values
    apart = held_out(rows, store.folds())
    return [float(apart[i]) if m.group in seen else values[i] for i, m in enumerate(rows)]


def _empty(names: Sequence[str]) -> Diagnostic:
    message = "no row can be used"
    return Diagnostic("bad-measurement", message, Span(names[0] if names else "data"), help=HELP)


HELP = "rows need device, model, precision, isl, batch_or_concurrency, and ttft_ms and tpot_ms, or metric, value, unit"


def _scored(rows: Sequence[Measurement], values: Sequence[float]) -> tuple[Scored, ...]:
    curves = active()
    return tuple(Scored(m, value, band_of(curves, m)) for m, value in zip(rows, values, strict=True))


def band_of(curves: Curves, m: Measurement) -> tuple[float, float]:
    """p10 and p90 of what would be measured, as factors of a prediction."""
    return curves.band(m.metric, family(m), kind(m))


def folds_told() -> str:
    """How groups are split."""
    return f"SHA-256 of `device model precision`, modulo {FOLDS}"
