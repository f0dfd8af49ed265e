"""Print the table kernel x target; exit with 1 where an error is too large. Arguments: kernels, or none for all."""

import sys

from agentc.frontends.kernels import BUILTINS
from testsuite.backends.survey import LARGER, ONES, SMALL, TARGETS, TOLERANCE, Unsupported, measure


def main(names: list[str]) -> int:
    print(f"{'kernel':<28}" + "".join(f"{t:>13}" for t in TARGETS))
    notes: dict[str, None] = {}
    bad = 0
    for name in names or sorted(BUILTINS):
        cells: list[str] = []
        for target in TARGETS:
            try:
                worst = max(measure(name, target, s, i) for i, s in enumerate(shapes(target)))
                cells.append(f"{worst:.1e}" + ("!" if worst > TOLERANCE else ""))
                bad += worst > TOLERANCE
            except Unsupported as why:
                cells.append("-")
                notes[f"{target}: {name}: {why}"] = None
        print(f"{name:<28}" + "".join(f"{c:>13}" for c in cells), flush=True)
    refused = [" `-` is refused:", *notes] if notes else [""]
    print(
        f"\nErrors are relative to 1 + |value|, against NumPy in double precision; at most {TOLERANCE:g}."
        + "\n".join(refused)
    )
    return 1 if bad else 0


def shapes(target: str) -> list[dict[str, int]]:
    """What a target is tried on: single elements, a few, many; what is interpreted loop by loop stays small."""
    small = [dict(ONES), dict(SMALL)]
    return small if target in ("loops", "cuda") else [*small, dict(LARGER)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
