"""Files of packages: as ``importlib.resources`` has them."""

from importlib import resources

import pytest

from agentc.support import packaged


def test_it_reads_what_importlib_reads():
    for name in ("devices.yaml", "models.yaml"):
        expected = resources.files("agentc.catalog").joinpath("data", name).read_text(encoding="utf-8")
        assert packaged.text("agentc.catalog", "data", name) == expected
    shipped = resources.files("agentc.catalog").joinpath("fleets").iterdir()
    assert packaged.names("agentc.catalog", "fleets") == sorted(entry.name for entry in shipped)


def test_a_package_without_a_folder_is_asked_through_importlib(monkeypatch: pytest.MonkeyPatch):
    expected = packaged.text("agentc.catalog", "data", "models.yaml"), packaged.names("agentc.catalog", "fleets")
    monkeypatch.setattr(packaged, "_folder", lambda _: None)
    assert (packaged.text("agentc.catalog", "data", "models.yaml"), packaged.names("agentc.catalog", "fleets")) == (
        expected
    )


def test_what_is_not_there_is_an_error():
    with pytest.raises(OSError):
        packaged.text("agentc.catalog", "data", "nothing.yaml")
