"""``python -m benchmarks.paper [--format json] [-o DIR]``: tables 3 to 5, both figures, and a verdict per claim."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.paper.chart import write
from benchmarks.paper.results import facts, results
from benchmarks.paper.text import render


def main(args: Sequence[str] | None = None) -> int:
    """Print the results; with ``-o`` also draw them. Gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paper", description="arXiv 2507.19635, reproduced.")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="also draw the figures into this folder")
    given = parser.parse_args(args)
    found = results()
    print(json.dumps(facts(found), indent=1) if given.format == "json" else render(found), end="")
    if given.output is not None:
        try:
            drawn = write(found, given.output)
        except OSError as error:
            print(f"error: cannot write to {given.output}: {error.strerror}", file=sys.stderr)
            return 1
        print(*(f"wrote {path}" for path in drawn), sep="\n", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
