"""The lock: every package by version and hash, from nowhere in particular."""

import re
import tomllib

from harness.tree import ROOT

LOCK = (ROOT / "requirements.lock").read_text("utf-8")
MODELS = (ROOT / "requirements-models.lock").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def _entries(text: str) -> dict[str, str]:
    """Package -> what follows its name, with the hashes."""
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.M)
    return {re.match(r"[a-z0-9._-]+", block)[0]: block for block in blocks if re.match(r"[a-z0-9]", block)}  # type: ignore[index]


def test_every_package_is_pinned_with_a_hash() -> None:
    for name, entry in (_entries(LOCK) | _entries(MODELS)).items():
        assert re.match(r"\S+==\S+", entry), name
        assert "--hash=sha256:" in entry, name


def test_no_address_and_no_torch() -> None:
    assert "://" not in LOCK + MODELS
    assert "--find-links" not in LOCK
    assert "torch" not in _entries(LOCK)


def test_what_the_project_needs_is_locked() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["speech"], *extras["test"], *extras["lint"]]
    names = {re.match(r"[A-Za-z0-9._-]+", need)[0].lower() for need in wanted}  # type: ignore[index]
    assert names - set(_entries(LOCK)) == set()
