"""How well and how fast agents are placed: ``python -m benchmarks.placement [NAME ...] [--mix DIR]``.

One row per problem (see ``placing.problems``): status, gap and bill of the solver, and beside it what others make of
the same problem: brute force where there are few choices, the cheapest option of each task (greedy), Mélange's program
where nothing but load joins the tasks, OR-tools CP-SAT on the same model where it is installed, and three simpler
fleets (the best and the worst single class, the best with prefill and decode apart). ``-deadline`` problems bind: the
limit is 35 % of the way from the fastest placement's time to that of the cheapest. Every row is a fresh process, so
that its memory is its own. ``agent-`` problems are agents as the compiler poses them (see ``placing.agents``).
``--mix`` names a folder with problems of Mélange (``*.in.json``).
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from agentc.analyses.shortlist import solve_large
from agentc.plan.placement import Deadline, PlacementProblem, PlacementSolution
from agentc.solve import baselines, brute_force, solve
from benchmarks.placing.agents import compiled
from benchmarks.placing.problems import README, fleet, mix, priced, read_mix, shared
from benchmarks.placing.rivals import constraints, greedy, melange

RIVALS = ("brute force", "greedy", "Mélange", "CP-SAT", "best single class", "worst single class", "best split")
"""Heads of the columns beside the solver's."""

BRUTE = 100_000
"""Choices that brute force goes through."""

RIVAL_TASKS = 200
"""Tasks up to which CP-SAT is given the problem."""

SECONDS = 30.0
"""For the solver and for CP-SAT, on each problem."""

LONG = {
    "priced-1000x12": 120.0,
    "priced-1000x20": 120.0,
    "nested-1000x20": 120.0,
    "1000x20-deadline": 120.0,
    "fleet-50x200": 300.0,
    "fleet-50x200-deadline": 300.0,
    "fleet-50x200-tight": 300.0,
}
"""Problems that get more of them."""

ROUGH = {
    "1000x20": 1e-3,
    "1000x20-deadline": 1e-3,
    "fleet-50x200": 0.02,
    "fleet-50x200-deadline": 0.02,
    "fleet-50x200-tight": 0.02,
}
"""Relative gaps that are asked for; of the others 0.1 % with a deadline, else none."""


def _bound(free: PlacementProblem, seconds: float) -> PlacementProblem:
    """With a deadline that binds: about a third of the way from the fastest placement to a cheap one."""
    return replace(free, deadlines=(Deadline("end_to_end", seconds),))


def _fleet(limit: float | None) -> PlacementProblem:
    """10,000 tasks, 100,000 devices, 8 regions; ``limit`` in seconds."""
    made = fleet(50, 200, regions=8, devices=100_000)
    return made if limit is None else replace(made, deadlines=(Deadline("end_to_end", limit),))


PROBLEMS: Mapping[str, Callable[[], PlacementProblem]] = {
    "4x4": lambda: shared(4, 4),
    "8x4-deadline": lambda: _bound(shared(8, 4), 0.01348),
    "12x10": lambda: _bound(shared(12, 10), 0.01693),
    "50x20": lambda: shared(50, 20),
    "50x20-deadline": lambda: _bound(shared(50, 20), 0.1115),
    "200x20-deadline": lambda: _bound(shared(200, 20), 0.1876),
    "200x20-private-deadline": lambda: _bound(shared(200, 20, private=True), 0.2751),
    "1000x20": lambda: shared(1000, 20),
    "1000x20-deadline": lambda: _bound(shared(1000, 20), 0.5133),
    "priced-50x20": lambda: priced(50, 20),
    "priced-200x12": lambda: priced(200, 12),
    "priced-200x20": lambda: priced(200, 20),
    "priced-1000x12": lambda: priced(1000, 12),
    "priced-1000x20": lambda: priced(1000, 20),
    "nested-200x20": lambda: priced(200, 20, nested=True),
    "nested-1000x20": lambda: priced(1000, 20, nested=True),
    "mix-readme": lambda: mix(README),
    "fleet-50x200": lambda: _fleet(None),
    "fleet-50x200-deadline": lambda: _fleet(3.5),
    "fleet-50x200-tight": lambda: _fleet(1.3),
}


AGENTS: Mapping[str, Callable[[], PlacementProblem]] = {
    "agent-200-end-to-end": lambda: compiled(200, 4, {"ttft": 1.0, "tbt": 0.05, "end_to_end": 40.0}, 0.5),
    "agent-200-all-limits": lambda: compiled(200, 1, {"ttft": 1.0, "tbt": 0.03, "end_to_end": 45.0}, 1.0),
    "agent-200-two-replicas": lambda: compiled(200, 3, {"ttft": 1.0, "tbt": 0.03, "end_to_end": 60.0}, 1.0),
}
"""Agents of 200 nodes with all options of the cost model, placed as `agentc place` does: by a short list and prices."""


def _solved(name: str, given: PlacementProblem, gap: float) -> PlacementSolution:
    seconds = LONG.get(name, SECONDS)
    if name in AGENTS:
        return solve_large(
            given, lambda each, exact: solve(each, time_limit=seconds, gap=exact, reasons=False)
        ).solution
    return solve(given, time_limit=seconds, gap=gap, reasons=False)


def measure(name: str, given: PlacementProblem) -> str:
    """Solve one problem; its row of the table."""
    asked = ROUGH.get(name, 1e-3 if given.deadlines else 1e-6)
    started, busy = time.perf_counter(), time.process_time()
    answer = _solved(name, given, asked)
    took, busy = time.perf_counter() - started, time.process_time() - busy
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = (
        f"{name:33}{answer.status:11}{took:8.2f}{busy:8.2f}{answer.gap:10.2%}{answer.objective:12.4f}{memory:8.0f}"
    )
    return figures + "".join(f"{cell:>20}" for cell in _others(given))


def _others(given: PlacementProblem) -> tuple[str, ...]:
    """What each of ``RIVALS`` makes of it: bills, and seconds where it is slow."""
    choices = 1
    for task in given.tasks:
        choices = min(choices * len(task.options), BRUTE + 1)
    best = brute_force(given) if choices <= BRUTE else None
    plain = greedy(given)
    rival = constraints(given, SECONDS) if len(given.tasks) <= RIVAL_TASKS else "-"
    small = len(given.tasks) <= 60 and len(given.stock) == 0
    simpler = [base.usd_per_hour for base in baselines(given)] if small else [None] * 3
    return (
        "-" if best is None else f"{best[1].cost:.4f}",
        "late or too large" if plain is None else f"{plain:.4f}",
        melange(given, SECONDS),
        rival,
        *("-" if usd is None else f"{usd:.4f}" for usd in simpler),
    )


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--mix", type=Path)
    parser.add_argument("--row", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    files = {path.name: path for path in sorted(given.mix.glob("*.in.json"))} if given.mix else {}
    if given.row:
        asked = read_mix(files[given.row]) if given.row in files else {**PROBLEMS, **AGENTS}[given.row]()
        print(measure(given.row.removesuffix(".in.json"), asked))
        return
    print(f"{'problem':33}{'status':11}{'seconds':>8}{'CPU':>8}{'gap':>10}{'$/h':>12}{'MiB':>8}", end="")
    print("".join(f"{head:>20}" for head in RIVALS), flush=True)
    for name in given.names or [*PROBLEMS, *AGENTS, *files]:
        again = [sys.executable, "-m", "benchmarks.placement", "--row", name]
        again += ["--mix", str(given.mix)] if given.mix else []
        row = subprocess.run(again, check=True, capture_output=True, text=True)
        print(row.stdout, end="", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
