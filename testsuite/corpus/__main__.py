"""Print the table; exit with 1 where a file failed."""

import sys
from pathlib import Path

from testsuite.corpus.survey import Fate, fate, files

COLUMNS = ("files", "imported", "compiled", "refused", "failed")


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0] if arguments else "../shared/corpus")
    if not folder.is_dir():
        print(f"no corpus at {folder}: nothing to survey", file=sys.stderr)
        return 0
    table: dict[str, list[Fate]] = {}
    for name, path, expected in files(folder):
        table.setdefault(name, []).append(fate(path, expected))
    print(f"{'format':<20}" + "".join(f"{name:>10}" for name in COLUMNS))
    every = [each for fates in table.values() for each in fates]
    for name, fates in [*table.items(), ("all", every)]:
        print(f"{name:<20}" + "".join(f"{count:>10}" for count in _counts(fates)))
    bad = [each for each in every if not each.good]
    for each in bad:
        print(f"{each.path}: {each.failure or 'what is written lowers to other IR'}")
    return 1 if bad else 0


def _counts(fates: list[Fate]) -> tuple[int, ...]:
    return (
        len(fates),
        sum(each.imported for each in fates),
        sum(each.compiled for each in fates),
        sum(bool(each.refused) for each in fates),
        sum(not each.good for each in fates),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
