"""The device table: complete, plausible, sourced."""

import pytest

from agentc import catalog
from agentc.catalog.data_files import table
from agentc.catalog.schema import DeviceRow

ASKED = """a40 l4 l40s a100-40gb a100-80gb h100-sxm h100-pcie h200 gh200 b200 gb200 b300 gb300 mi250x
mi300x mi325x mi355x gaudi2 gaudi3 tpu-v5e tpu-v6e trainium2 rtx-4090 rtx-pro-6000 t4 v100
cpu-xeon-6980p cpu-epyc-9655 cpu-grace cpu-local"""


def test_holds_every_device_that_a_fleet_may_have():
    assert set(ASKED.split()) <= set(catalog.devices())


@pytest.mark.parametrize("name", catalog.devices())
def test_rows_are_plausible(name: str):
    device = catalog.device(name)
    rates = device.flops_per_second
    assert 0.5e12 < max(rates.values()) < 2e16
    assert rates.get("bf16", 0) <= rates.get("fp8", 1e18) <= rates.get("fp4", 1e18)
    assert device.bytes_per_second < device.scale_up.bytes_per_second * 100
    assert 8e9 <= device.memory_bytes <= 1e12
    assert 10 < device.watts < 2000
    assert device.price_usd or device.rent_usd_per_hour
    assert (device.cores > 0) == (device.kind == "cpu")
    assert device.source
    assert device.target or device.vendor in ("Google", "AWS")


@pytest.mark.parametrize("name", table("devices"))
def test_estimated_names_fields_that_are_there(name: str):
    row = DeviceRow.model_validate(table("devices")[name])
    for path in row.estimated:
        value: object = row
        for step in path.split("."):
            value = value[step] if isinstance(value, dict) else getattr(value, step)
        assert value is not None, path


def test_names_aliases_and_case():
    assert catalog.device("H100") is catalog.device("h100-sxm")
    assert catalog.device("x86-64-v3").name == "cpu-local"
    aliases = [alias for row in table("devices").values() for alias in row.get("aliases", [])]
    assert len(aliases) == len({*aliases})
    assert not {*aliases} & {*catalog.devices()}


def test_unknown_names_suggest():
    with pytest.raises(catalog.UnknownName) as caught:
        catalog.device("h1000")
    assert caught.value.kind == "device"
    assert "h100" in caught.value.suggestions
    assert str(caught.value).startswith("unknown device `h1000`; did you mean `h100`")


@pytest.mark.parametrize(
    ("name", "price", "memory", "bandwidth", "fp16"),
    [
        ("a40", 3000, 48, 696, 75),
        ("a100-80gb", 8000, 80, 2039, 322),
        ("gaudi3", 12500, 128, 3700, 1678),
        ("mi300x", 20000, 192, 5300, 1307),
        ("h100-sxm", 25000, 80, 3350, 1979),
        ("b200", 40000, 192, 8000, 2250),
    ],
)
def test_the_paper_profile_is_table_5_as_printed(name: str, price: float, memory: float, bandwidth: float, fp16: float):
    device = catalog.device(name, "paper")
    assert (device.price_usd, device.memory_bytes, device.bytes_per_second) == (price, memory * 1e9, bandwidth * 1e9)
    assert device.flops_per_second["fp16"] == device.flops_per_second["bf16"] == fp16 * 1e12
    assert device.scale_up_size == 8
    assert "table 5" in device.source


def test_the_paper_profile_has_no_other_accelerators():
    accelerators = [d.name for d in catalog.devices("paper").values() if d.kind != "cpu"]
    assert len(accelerators) == 6
    with pytest.raises(catalog.UnknownName):
        catalog.device("l40s", "paper")
    with pytest.raises(catalog.UnknownName, match="profile"):
        catalog.devices("brochure")
