"""How long a cold compile takes: ``python benchmarks/compile_time.py [EXAMPLE ...]`` prints one row per example.

Each compile is a new process (bytecode is warm, the cache of builds empty), run turn by turn with the imports that a
compiler of this kind starts from; a row shows the median seconds of both and their ratio. The rows before them are
floors: what Python, those imports, and all libraries of a compile take without a line of agentc. The last row of an
example is the same command again, whose agent nobody changed, beside the first.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ("voice-agent", "supervisor", "critic-loop", "retrieval", "figure7")
FLEET = "examples/fleets/mixed-2026.yaml"
AGENTC = "import sys; from agentc.cli import main; sys.exit(main())"

IMPORTS = "import xdsl.context, onnx, llvmlite.binding, highspy"
"""What times are told in multiples of."""

TARGETS = {"voice-agent": 2.5}
"""Example -> the ratio that it should stay under."""

AGAIN = 0.3
"""What a second compile should take of a first."""

FLOORS = {
    "python": "pass",
    "imports": IMPORTS,
    "libraries of a compile": (
        "import click, yaml, pydantic.fields, pydantic.types, xdsl.dialects.builtin, xdsl.pattern_rewriter,"
        " xdsl.parser, xdsl.irdl.declarative_assembly_format, highspy, onnx"
    ),
}
"""Row -> a program without agentc."""

TURNS = 9


def seconds(code: str, *args: str, runs: int = 1) -> list[float]:
    """Wall time of ``runs`` processes that run ``code`` one after the other, over a cache that is empty at first.

    Raises:
        subprocess.CalledProcessError: One failed.
    """
    # Bytecode is kept, whatever the shell says: a cold compile is a new process, not a first one after an installation.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code, *args]
    taken: list[float] = []
    with tempfile.TemporaryDirectory() as empty:
        variables["AGENTC_CACHE"] = empty
        for _ in range(runs):
            start = time.perf_counter()
            subprocess.run(command, check=True, cwd=ROOT, env=variables, capture_output=True)
            taken.append(time.perf_counter() - start)
    return taken


def row(name: str, code: str, *args: str, bound: float | None = None) -> str:
    """Median seconds of ``code`` beside those of the imports, turn by turn; the first turn is not counted."""
    ours: list[float] = []
    base: list[float] = []
    for _ in range(TURNS + 1):
        ours += seconds(code, *args)
        base += seconds(IMPORTS)
    return _shown(name, ours, base, bound)


def second(name: str, code: str, *args: str) -> str:
    """Median seconds of the same command again, beside those of the first time."""
    turns = [seconds(code, *args, runs=2) for _ in range(TURNS + 1)]
    return _shown(f"{name} again", [turn[1] for turn in turns], [turn[0] for turn in turns], AGAIN)


def _shown(name: str, ours: list[float], base: list[float], bound: float | None) -> str:
    mine, theirs = statistics.median(ours[1:]), statistics.median(base[1:])
    return f"{name:24}{mine:>8.3f}{theirs:>10.3f}{mine / theirs:>8.2f}{bound or '':>8}"


def main(names: list[str]) -> None:
    """Print the table for the named examples, or all."""
    print(f"{'':24}{'seconds':>8}{'beside':>10}{'ratio':>8}{'bound':>8}", flush=True)
    for name, code in FLOORS.items():
        print(row(name, code), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in names or EXAMPLES:
            agent, build = f"examples/{name}/agent.yaml", str(Path(scratch) / name)
            command = ("compile", agent, "--fleet", FLEET, "-o", build)
            print(row(name, AGENTC, *command, bound=TARGETS.get(name)), flush=True)
            print(second(name, AGENTC, *command), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
