"""The listing of devices: narrow enough to read, complete enough to script."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agentc import catalog
from agentc.cli.root import agentc
from agentc.report.devices import device_page, device_table, payload


@pytest.mark.parametrize("profile", catalog.PROFILES)
def test_the_table_and_the_pages_fit_80_columns(profile: str):
    entries = [catalog.device_entry(name, profile) for name in catalog.device_names(profile)]
    texts = [device_table(entries), *map(device_page, entries)]
    assert max(len(line) for text in texts for line in text.splitlines()) <= 80
    assert all(f"\n  {entry.device.name} " in texts[0] for entry in entries)


def test_a_guess_is_marked_figure_by_figure():
    row = next(line for line in device_table([catalog.device_entry("tpu-v5e")]).splitlines() if "tpu-v5e" in line)
    assert row.split() == ["tpu-v5e", "197", "-", "393", "-", "16", "0.819", "~200", "-", "~1.20"]


def test_json_has_a_source_for_every_figure():
    data = json.loads(json.dumps(payload(catalog.device_entry("h100"))))
    assert data["name"] == "h100-sxm" and data["flops_per_second"]["fp8"] == 1979e12
    for precision in data["flops_per_second"]:
        assert data["sources"][f"tflops.{precision}"]["source"]
    assert {"memory_gb", "bandwidth_gbs", "watts", "price_usd", "scale_up.gbs", "scale_out.gbps"} <= set(
        data["sources"]
    )
    assert all(source["date"][:2] == "20" for source in data["sources"].values())
    assert {rent["kind"] for rent in data["rents"]} == {"on-demand", "reserved", "spot"}
    assert 0 < data["power_curve"]["idle"] < data["power_curve"]["memory"] < data["power_curve"]["compute"]


def test_the_command(tmp_path: Path):
    run = CliRunner().invoke
    listed = json.loads(run(agentc, ["devices", "--format", "json"]).output)
    assert [row["name"] for row in listed] == list(catalog.device_names())
    assert "table 5" in run(agentc, ["devices", "h100", "--profile", "paper"]).output
    table = tmp_path / "mine.yaml"
    table.write_text("npu: {vendor: Acme}\n")
    wrong = run(agentc, ["devices", "--file", str(table)])
    assert wrong.exit_code == 1 and not wrong.stdout
