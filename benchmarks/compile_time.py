"""How long a cold compile takes: ``python benchmarks/compile_time.py [EXAMPLE ...]`` prints one row per example.

Each compile is a new process (bytecode is warm, the cache of builds empty), run turn by turn with the imports that a
compiler of this kind starts from; a row shows the median seconds of both and their ratio. The rows before them are
floors: what Python, those imports, and all libraries of a compile take without a line of agentc.
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


def seconds(code: str, *args: str) -> float:
    """Wall time of one process that runs ``code``.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    # Bytecode is kept, whatever the shell says: a cold compile is a new process, not a first one after an installation.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as empty:
        variables["AGENTC_CACHE"] = empty
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, *args], check=True, cwd=ROOT, env=variables, capture_output=True)
        return time.perf_counter() - start


def row(name: str, code: str, *args: str, bound: float | None = None) -> str:
    """Median seconds of ``code`` beside those of the imports, turn by turn; the first turn is not counted."""
    ours: list[float] = []
    base: list[float] = []
    for _ in range(TURNS + 1):
        ours.append(seconds(code, *args))
        base.append(seconds(IMPORTS))
    mine, theirs = statistics.median(ours[1:]), statistics.median(base[1:])
    return f"{name:24}{mine:>8.3f}{theirs:>10.3f}{mine / theirs:>8.2f}{bound or '':>8}"


def main(names: list[str]) -> None:
    """Print the table for the named examples, or all."""
    print(f"{'':24}{'seconds':>8}{'imports':>10}{'ratio':>8}{'bound':>8}", flush=True)
    for name, code in FLOORS.items():
        print(row(name, code), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in names or EXAMPLES:
            agent, build = f"examples/{name}/agent.yaml", str(Path(scratch) / name)
            command = ("compile", agent, "--fleet", FLEET, "-o", build)
            print(row(name, AGENTC, *command, bound=TARGETS.get(name)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
