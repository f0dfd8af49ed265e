"""Agents that people published, where the corpus is at hand: imported and compiled, or refused as they should be."""

from pathlib import Path

import pytest

from testsuite.corpus.survey import fate, files

SAMPLES = Path(__file__).parents[1] / "corpus" / "samples"
CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
FILES = list(files(CORPUS)) if CORPUS.is_dir() else []


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.stem)
def test_samples_are_placed(path: Path) -> None:
    found = fate(path, True)
    assert found.good, found


@pytest.mark.skipif(not FILES, reason="needs the corpus of published agents beside the repository")
def test_published_agents() -> None:
    fates = [fate(path, expected, compiles=False) for _, path, expected in FILES]
    failed = [each for each in fates if each.failure or (each.imported and not each.same)]
    assert failed == []
    assert [each.path.name for each in fates if not each.expected and not each.refused] == []
    assert sum(each.imported for each in fates) >= 0.9 * sum(each.expected for each in fates)
