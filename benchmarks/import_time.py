"""How long another tool's file takes to be read and checked: ``python benchmarks/import_time.py``.

A definition of 300 lines in each form, `agentc check` in a fresh process beside the interpreter alone and beside the
imports that it cannot do without (YAML, the command line, the rules), turn by turn. Seconds are of the processor, so
that what else runs counts little; the row shows medians of what goes beyond the interpreter, and their ratio.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHECK = [sys.executable, "-c", "import sys; from agentc.cli import main; sys.exit(main())", "check", "--assume"]
NOTHING = [sys.executable, "-c", "pass"]
IMPORTS = [sys.executable, "-c", "import yaml, click, pydantic.main"]
LINES, TURNS = 300, 9
BOUND = 0.150
"""Seconds beyond the interpreter's start."""


def ours() -> str:
    """A definition of ours: calls, tools, branches."""
    head = "agentc: v1\nname: large\nmodels: {m: {catalog: llama-3.1-8b}}\ntools: {t: {http: 'http://x'}}\n"
    rows, last = [head, "inputs: {q: {type: text, tokens: 20}}\nnodes:\n"], "q"
    while sum(row.count("\n") for row in rows) < LINES - 2:
        number = len(rows)
        rows.append(f"  n{number}:\n    llm: m\n    in: {last}\n    prompt: 'Go on {{{last}}}'\n    tokens:\n")
        rows.append(
            f"      input: 100\n      output: 50\n  t{number}:\n    tool: t\n    in: n{number}\n    returns: text\n"
        )
        last = f"t{number}"
    return "".join([*rows, f"outputs: {{a: {last}}}\n"])


def nat() -> str:
    """A workflow of NeMo Agent Toolkit: agents that call agents and tools."""
    rows = [
        "llms:\n  m:\n    _type: nim\n    model_name: meta/llama-3.1-8b-instruct\n    temperature: 0.2\nfunctions:\n"
    ]
    names: list[str] = []
    while sum(row.count("\n") for row in rows) < LINES - 5:
        number = len(rows)
        rows.append(f"  tool{number}:\n    _type: search{number}\n    description: finds {number}\n")
        rows.append(f"  agent{number}:\n    _type: react_agent\n    llm_name: m\n    tool_names: [tool{number}]\n")
        rows.append(f"    description: does {number}\n    max_iterations: 4\n")
        names.append(f"agent{number}")
    end = f"workflow:\n  _type: sequential_executor\n  tool_list: [{', '.join(names)}]\n"
    return "".join([*rows, end])


def crew() -> str:
    """A crew of CrewAI."""
    agents = "agents:\n" + "".join(
        f"  a{i}:\n    role: Role {i} for {{topic}}\n    goal: Do {i}\n    backstory: You do.\n    llm: llama-3.1-8b\n"
        for i in range(20)
    )
    rows, number = [agents, "tasks:\n"], 0
    while sum(row.count("\n") for row in rows) < LINES:
        rows.append(f"  t{number}:\n    description: Do {number} of {{topic}}\n    expected_output: It\n")
        rows.append(f"    agent: a{number % 20}\n    context: [{f't{number - 1}' if number else ''}]\n")
        number += 1
    return "".join(rows)


CASES: dict[str, Callable[[], str]] = {"agentc": ours, "nat": nat, "crewai": crew}


def seconds(command: list[str]) -> float:
    """Processor time of one run.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(name: str, folder: Path) -> str:
    """The row of a case."""
    path, text = folder / f"{name}.yaml", CASES[name]()
    path.write_text(text, "utf-8")
    yaml.safe_load(text)
    checked: list[float] = []
    imports: list[float] = []
    for _ in range(TURNS):
        nothing = seconds(NOTHING)
        checked.append(seconds([*CHECK, str(path)]) - nothing)
        imports.append(seconds(IMPORTS) - nothing)
    mine, theirs = statistics.median(checked), statistics.median(imports)
    return f"{name:10}{text.count(chr(10)):>7}{mine:>10.3f}{theirs:>10.3f}{mine / theirs:>8.2f}{BOUND:>8.2f}"


def main() -> None:
    """Print the table."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print(f"{'form':10}{'lines':>7}{'check s':>10}{'imports s':>10}{'ratio':>8}{'bound':>8}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in CASES:
            print(measure(name, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
