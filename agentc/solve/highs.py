"""HiGHS behind a small typed face: columns and rows by number, bounds that change, no output.

``highspy`` is imported when the first program is loaded, never on import. One thread, so that the same
program gives the same answer; only a time limit that is reached can make two runs differ.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from agentc.support.record import record

if TYPE_CHECKING:
    import highspy

Outcome: TypeAlias = Literal["optimal", "limit", "infeasible"]

INF = math.inf


@record(slots=True)
class Result:
    """``values`` is empty where no solution was found; ``bound`` is proven from below."""

    outcome: Outcome
    objective: float = INF
    bound: float = -INF
    values: Sequence[float] = ()


@dataclass
class Program:
    """A mixed-integer program that is written once and then solved many times with changed bounds and costs."""

    lower: list[float] = field(default_factory=list[float])
    upper: list[float] = field(default_factory=list[float])
    integer: list[int] = field(default_factory=list[int])
    row_lower: list[float] = field(default_factory=list[float])
    row_upper: list[float] = field(default_factory=list[float])
    starts: list[int] = field(default_factory=lambda: [0])
    columns: list[int] = field(default_factory=list[int])
    values: list[float] = field(default_factory=list[float])
    solver: "highspy.Highs | None" = None

    def column(self, lower: float = 0.0, upper: float = INF, *, integer: bool = False) -> int:
        """Add a column and return its number."""
        if integer:
            self.integer.append(len(self.lower))
        self.lower.append(lower)
        self.upper.append(upper)
        return len(self.lower) - 1

    def row(self, lower: float, upper: float, terms: Iterable[tuple[int, float]]) -> int:
        """Add ``lower <= sum(value * column) <= upper`` and return its number; equal columns are added up."""
        merged: dict[int, float] = {}
        for column, value in terms:
            merged[column] = merged.get(column, 0.0) + value
        number = len(self.row_lower)
        self.row_lower.append(lower)
        self.row_upper.append(upper)
        kept = {c: v for c, v in merged.items() if v != 0.0}
        if self.solver is not None:
            import numpy as np

            cells = np.array(list(kept), dtype=np.int32), np.array(list(kept.values()), dtype=np.float64)
            self.solver.addRow(lower, upper, len(kept), *cells)
            return number
        self.columns.extend(kept)
        self.values.extend(kept.values())
        self.starts.append(len(self.columns))
        return number

    def bound_column(self, column: int, lower: float, upper: float) -> None:
        """Change a column's bounds for the next runs."""
        self.loaded().changeColBounds(column, lower, upper)

    def bound_columns(self, columns: Sequence[int], lower: Sequence[float], upper: Sequence[float]) -> None:
        """The same of many columns."""
        import numpy as np

        numbers = np.array(columns, dtype=np.int32)
        self.loaded().changeColsBounds(len(columns), numbers, np.array(lower, float), np.array(upper, float))

    def bounds_of(self, columns: Sequence[int]) -> tuple[list[float], list[float]]:
        """Lower and upper bounds as they are now."""
        found = [self.loaded().getCol(column) for column in columns]
        return [row[2] for row in found], [row[3] for row in found]

    def basis(self) -> "highspy.HighsBasis":
        """Where the last run without whole columns has ended."""
        return self.loaded().getBasis()

    def take_basis(self, basis: "highspy.HighsBasis") -> None:
        """Let the next run begin there."""
        self.loaded().setBasis(basis)

    def close(self, columns: Iterable[int]) -> None:
        """These columns are zero in the next runs."""
        for column in columns:
            self.loaded().changeColBounds(column, 0.0, 0.0)

    def reduced_costs(self) -> Sequence[float]:
        """Column -> by how much it is too dear, after a run without whole columns that came to its end."""
        return list(self.loaded().getSolution().col_dual)

    def row_prices(self) -> Sequence[float]:
        """Row -> what one unit more of its limit would save, after such a run."""
        return list(self.loaded().getSolution().row_dual)

    def make_whole(self, columns: Iterable[int]) -> None:
        """These columns are integer in the next runs."""
        import highspy

        for column in columns:
            self.loaded().changeColIntegrality(column, highspy.HighsVarType.kInteger)
            self.integer.append(column)

    def bound_row(self, row: int, lower: float, upper: float) -> None:
        """Change a row's bounds for the next runs."""
        self.loaded().changeRowBounds(row, lower, upper)

    def change(self, row: int, column: int, value: float) -> None:
        """Change what one unit of a column counts in a row for the next runs."""
        self.loaded().changeCoeff(row, column, value)

    def costs(self, terms: Iterable[tuple[int, float]]) -> None:
        """Minimize this sum of columns."""
        import numpy as np

        dense = np.zeros(len(self.lower))
        for column, value in terms:
            dense[column] += value
        self.loaded().changeColsCost(len(dense), np.arange(len(dense), dtype=np.int32), dense)

    def option(self, name: str, value: float | str | bool) -> None:
        """Set one of HiGHS's options for the next runs."""
        self.loaded().setOptionValue(name, value)

    def start_from(self, values: dict[int, float]) -> None:
        """Give the next run a solution to begin with, by the values of some columns."""
        import numpy as np

        index = np.array(sorted(values), dtype=np.int32)
        self.loaded().setSolution(len(index), index, np.array([values[c] for c in sorted(values)]))

    def loaded(self) -> "highspy.Highs":
        """The solver with this program in it."""
        if self.solver is None:
            self.solver = self._load()
        return self.solver

    def _load(self) -> "highspy.Highs":
        import highspy
        import numpy as np

        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self.lower), len(self.row_lower)
        lp.col_cost_ = np.zeros(len(self.lower))
        lp.col_lower_, lp.col_upper_ = np.array(self.lower), np.array(self.upper)
        lp.row_lower_, lp.row_upper_ = np.array(self.row_lower), np.array(self.row_upper)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.array(self.starts, dtype=np.int32)
        lp.a_matrix_.index_ = np.array(self.columns, dtype=np.int32)
        lp.a_matrix_.value_ = np.array(self.values, dtype=np.float64)
        if self.integer:
            whole = set(self.integer)
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            lp.integrality_ = [kinds[column in whole] for column in range(len(self.lower))]
        solver = highspy.Highs()
        for name, value in (("output_flag", False), ("log_to_console", False), ("threads", 1), ("parallel", "off")):
            solver.setOptionValue(name, value)
        solver.passModel(lp)
        # The solver has its own copy; large programs should not be held twice.
        self.columns, self.values, self.starts = [], [], [0]
        return solver

    def run(self, *, time_limit: float = INF, gap: float = 1e-6, target: float = -INF, above: float = INF) -> Result:
        """Minimize. ``bound`` is the proven lower bound, also where the time limit (seconds) stops the run.

        ``target`` is an objective that is good enough. A linear program that is proven to be ``above`` what counts is
        not solved to its end: its outcome is a limit, and that its bound.
        """
        import highspy

        solver = self.loaded()
        solver.setOptionValue("mip_rel_gap", gap)
        solver.setOptionValue("mip_abs_gap", 1e-9)
        # The clock of linear programs runs on from run to run, that of whole ones starts anew.
        before = 0.0 if self.integer else solver.getRunTime()
        solver.setOptionValue("time_limit", before + time_limit)
        solver.setOptionValue("objective_target", target)
        solver.setOptionValue("objective_bound", above)
        solver.run()
        status = solver.getModelStatus()
        kinds = highspy.HighsModelStatus
        if status in (kinds.kInfeasible, kinds.kUnboundedOrInfeasible):
            return Result("infeasible", bound=INF)
        if status == kinds.kObjectiveBound:
            return Result("limit", bound=above)
        info = solver.getInfo()
        solution = solver.getSolution()
        values = list(solution.col_value) if solution.value_valid else []
        found = bool(values) and (not self.integer or info.max_integrality_violation < 1e-3)
        objective = info.objective_function_value if found else INF
        if status == kinds.kOptimal:
            bound = info.mip_dual_bound if self.integer else objective
            return Result("optimal", objective, bound, values)
        bound = info.mip_dual_bound if self.integer else -INF
        feasible = found and info.max_primal_infeasibility < 1e-4
        return Result("limit", objective if feasible else INF, bound, values if feasible else ())
