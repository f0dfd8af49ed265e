"""The manifest as data: what is written is what is read, and nothing else is taken."""

import pytest
import yaml

from agentc.plan.manifest import Manifest, ManifestFile

FILE = ManifestFile("artifacts/a.o", "object", "llvm", "score", "0" * 64, 12, note="a note")
MANIFEST = Manifest("a", "f", "cost", "optimal", 0.0, 1.5, 0.1, {"t": {"device": "cpu"}}, {"m": {"name": "n"}}, (FILE,))


def test_round_trip_through_yaml() -> None:
    assert Manifest.read(yaml.safe_load(yaml.safe_dump(MANIFEST.payload(), sort_keys=False))) == MANIFEST


@pytest.mark.parametrize(
    "change", [{"schema": 2}, {"unknown": 1}, {"files": [{"path": "x"}]}, {"files": 3}, {"files": ["x"]}]
)
def test_another_form_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="manifest"):
        Manifest.read(MANIFEST.payload() | change)
