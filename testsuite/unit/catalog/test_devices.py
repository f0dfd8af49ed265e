"""The device table: complete, plausible, sourced."""

from pathlib import Path

import pytest

from agentc import catalog
from agentc.catalog.data_files import table
from agentc.catalog.device_file import ORDER, read_devices
from agentc.catalog.devices import plain
from agentc.catalog.sources import figures
from agentc.support.diagnostics import Refused

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
    assert device.bytes_per_second < device.scale_up.bytes_per_second * 100
    assert 8e9 <= device.memory_bytes <= 1e12
    assert 10 < device.watts < 2000
    assert device.price_usd or device.rent_usd_per_hour
    assert (device.cores > 0) == (device.kind == "cpu")
    assert device.target or device.vendor in ("Google", "AWS")


@pytest.mark.parametrize("profile", catalog.PROFILES)
def test_a_narrower_format_is_never_slower(profile: str):
    for device in catalog.devices(profile).values():
        rates = [device.flops_per_second[p] for p in ORDER if p in device.flops_per_second]
        assert rates == sorted(rates), device.name
        assert device.flops_per_second.get("int8", 1e18) >= device.flops_per_second.get("fp32", 0)


def test_ridge_points_are_those_of_real_devices():
    """FLOP a byte at 16 bits: CPUs near ten, accelerators between one and a few hundred, none beyond a thousand."""
    for device in catalog.devices().values():
        rates = device.flops_per_second
        ridge = max(rates.get("bf16", 0), rates.get("fp16", 0)) / device.bytes_per_second
        low, high = (10, 300) if device.kind == "cpu" else (100, 700)
        assert low < ridge < high, (device.name, ridge)


@pytest.mark.parametrize("profile", catalog.PROFILES)
def test_every_figure_has_a_source_and_a_month(profile: str):
    for name in catalog.devices(profile):
        entry = catalog.device_entry(name, profile)
        stated = {f"tflops.{precision}" for precision in entry.device.flops_per_second}
        stated |= {name for name in figures(table("devices")[name]) if not name.startswith("tflops.")}
        assert stated == set(entry.sources)
        for told in (*entry.sources.values(), *(rent.source for rent in entry.rents)):
            assert len(told.source) > 8 and 2017 <= int(told.date[:4]) <= 2026 and told.date[4] == "-", (name, told)
        assert entry.rents, name


def test_the_catalogs_table_keeps_the_rules_of_users_tables():
    """By the strict road it reads as it does by the short one, which trusts it."""
    entries = read_devices(Path(catalog.__file__).parent / "data" / "devices.yaml")
    assert {name: entry.device for name, entry in entries.items()} == dict(catalog.devices())


def test_a_guess_is_marked_and_a_read_figure_is_not():
    sources = catalog.device_entry("tpu-v5e").sources
    assert sources["watts"].estimated and not sources["tflops.bf16"].estimated
    assert "table 5" in catalog.device_entry("h100-sxm", "paper").sources["memory_gb"].source
    assert "table 5" not in catalog.device_entry("h100-sxm", "paper").sources["scale_up.gbs"].source


def test_names_aliases_case_and_makers():
    assert catalog.device("H100") is catalog.device("h100-sxm")
    assert catalog.device("x86-64-v3").name == "cpu-local"
    aliases = [plain(alias) for row in table("devices").values() for alias in row.get("aliases", [])]
    assert len(aliases) == len({*aliases})
    assert not {*aliases} & {*catalog.devices()}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("H100_SXM5", "h100-sxm"),
        ("h200_sxm", "h200"),
        ("NVIDIA H200-SXM-141GB", "h200"),
        ("b200_sxm", "b200"),
        ("NVIDIA B200-SXM-180GB", "b200"),
        ("gb200", "gb200"),
        ("MI300X", "mi300x"),
        ("AMD Instinct MI300X-NPS1-SPX-192GB-750W", "mi300x"),
        ("AMD MI250 GPU", "mi250"),
        ("Habana Gaudi2", "gaudi2"),
        ("Gaudi3 HL-325L (OAM)", "gaudi3"),
        ("Nvidia GH200 GPU", "gh200"),
        ("NVIDIA GH200 Grace Hopper Superchip 144GB", "gh200-144gb"),
        ("NVIDIA H100-NVL-94GB", "h100-nvl"),
        ("A100-PCIE-80GB", "a100-pcie"),
        ("A100-SXM4-80GB", "a100-80gb"),
        ("rtx_pro_6000_server", "rtx-pro-6000"),
        ("RTX4090", "rtx-4090"),
        ("INTEL(R) XEON(R) 6980P", "cpu-xeon-6980p"),
        ("gaudi3", "gaudi3"),
    ],
)
def test_names_as_benchmarks_and_drivers_write_them(written: str, name: str):
    assert catalog.device(written).name == name


ROW = """
mine:
  vendor: Acme
  kind: gpu
  family: hopper
  tflops: {fp32: 50, bf16: 500, fp8: 1000}
  memory_gb: 80
  bandwidth_gbs: 3000
  watts: 600
  scale_up: {name: nv, gbs: 400, us: 2, size: 8}
  scale_out: {name: roce, gbps: 400, us: 5}
  price_usd: 20000
  rents: [{usd_per_hour: 2, source: sky}]
  sources: {"*": {source: a quote of Acme, date: 2026-05}}
  estimated: [watts]
"""


def test_a_users_table(tmp_path: Path):
    path = tmp_path / "devices.yaml"
    path.write_text(ROW)
    entry = read_devices(path)["mine"]
    assert entry.device.flops_per_second["fp8"] == 1e15
    assert entry.device.rent_usd_per_hour == 2
    assert entry.sources["watts"].estimated and entry.sources["watts"].source == "a quote of Acme"


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        ("memory_gb: 80", "memory_gb: -80", ("wrong-value", 7, "`mine.memory_gb` is `-80`")),
        ("price_usd: 20000", "price_usd: 1e12", ("wrong-value", 12, "`mine.price_usd`")),
        ("bf16: 500", "bf16: 1.0e+9", ("wrong-value", 6, "`mine.tflops.bf16`")),
        ("watts: 600", "watts: lots", ("wrong-type", 9, "`mine.watts` is `lots`")),
        ("watts: 600", "watt: 600", ("unknown-field", 9, "`watt`")),
        ("fp8: 1000", "fp8: 100", ("inconsistent-device", 6, "`tflops.fp8` is 100, less than the 500")),
        ("bandwidth_gbs: 3000", "bandwidth_gbs: 3.0", ("inconsistent-device", 8, "FLOP a byte")),
        ("estimated: [watts]", "estimated: [wats]", ("inconsistent-device", 15, "`wats` is no figure")),
        ('"*":', "watts:", ("missing-field", 14, "where `tflops.fp32`")),
        ("source: sky", "source: skype", ("unknown-name", 13, "no source `skype`")),
        ("date: 2026-05", "date: May", ("wrong-value", 14, "not `May`")),
        ("usd_per_hour: 2", "usd_per_hour: 0", ("wrong-value", 13, "`mine.rents[0].usd_per_hour`")),
        ("usd_per_hour: 2", "usd_per_hour: .nan", ("wrong-value", 13, "`mine.rents[0].usd_per_hour`")),
    ],
)
def test_what_is_wrong_in_a_table_is_told_with_file_row_and_field(
    tmp_path: Path, good: str, bad: str, expected: tuple[str, int, str]
):
    path = tmp_path / "devices.yaml"
    assert good in ROW
    path.write_text(ROW.replace(good, bad, 1))
    with pytest.raises(Refused) as caught:
        read_devices(path)
    first = caught.value.diagnostics[0]
    assert first.span and (first.slug, first.span.line) == expected[:2], first
    assert expected[2] in first.message and first.span.file == str(path)


def test_unknown_names_suggest():
    with pytest.raises(catalog.UnknownName) as caught:
        catalog.device("h1000")
    assert caught.value.kind == "device"
    assert "h100" in caught.value.suggestions
    assert str(caught.value).startswith("unknown device `h1000`; did you mean `h100`")
    with pytest.raises(catalog.UnknownName) as caught:
        catalog.device("b20")  # near to a name that is an alias too
    assert len(set(caught.value.suggestions)) == len(caught.value.suggestions) == 3


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
