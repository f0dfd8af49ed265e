"""How long the command line takes: ``python benchmarks/command_line.py`` prints one row per command.

Each command is measured beside the imports that it cannot do without, in fresh processes, turn by turn; a row shows
the median seconds of both and their ratio.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
AGENTC = [sys.executable, "-c", "import sys; from agentc.cli import main; sys.exit(main())"]
CASES = {
    "agentc --help": (["--help"], "import click", 3.0),
}
"""Command -> its arguments, the imports beside it, and the ratio that it should stay under."""

TURNS = 7


def seconds(command: list[str]) -> float:
    """Wall time of one run.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    start = time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    return time.perf_counter() - start


def measure(name: str) -> str:
    """The row of a case."""
    args, code, bound = CASES[name]
    ours: list[float] = []
    base: list[float] = []
    for _ in range(TURNS):
        ours.append(seconds([*AGENTC, *args]))
        base.append(seconds([sys.executable, "-c", code]))
    mine, theirs = statistics.median(ours), statistics.median(base)
    return f"{name:28}{mine:>8.3f}{theirs:>10.3f}{mine / theirs:>8.2f}{bound:>8.1f}"


def main() -> None:
    """Print the table."""
    print(f"{'command':28}{'seconds':>8}{'imports':>10}{'ratio':>8}{'bound':>8}", flush=True)
    for name in CASES:
        print(measure(name), flush=True)


if __name__ == "__main__":
    main()
