"""Fleet files: what ships, what prices mean, what is refused and where."""

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from agentc import catalog
from agentc.catalog.device_file import read_devices
from agentc.plan.money import annuity_usd_per_hour, owned_usd_per_hour
from agentc.support.diagnostics import Refused


def load(tmp_path: Path, text: str):
    path = tmp_path / "fleet.yaml"
    path.write_text(text)
    return catalog.load_fleet(path)


def refusals(tmp_path: Path, text: str) -> list[tuple[str, int, str]]:
    with pytest.raises(Refused) as caught:
        load(tmp_path, text)
    return [(d.slug, d.span.line if d.span else 0, d.message) for d in caught.value.diagnostics]


@pytest.mark.parametrize("name", catalog.fleet_names())
def test_shipped_fleets_load_and_keep_the_schema(name: str):
    fleet = catalog.load_fleet(name)
    assert fleet.name == name and fleet.stocks and fleet.source
    assert all(stock.usd_per_hour > 0 for stock in fleet.stocks)
    assert any(stock.device.kind == "cpu" for stock in fleet.stocks)
    path = Path(catalog.__file__).parent / "fleets" / f"{name}.yaml"
    jsonschema.validate(yaml.safe_load(path.read_text()), catalog.fleet_schema())


def test_the_papers_fleet_costs_the_annuity_and_power():
    fleet = catalog.load_fleet("paper")
    h100 = next(stock for stock in fleet.stocks if stock.device.name == "h100-sxm")
    assert h100.count is None
    assert h100.usd_per_hour == pytest.approx(owned_usd_per_hour(h100.device, 25000, fleet.financing))
    assert h100.usd_per_hour == pytest.approx(1.1155, abs=1e-3)


def test_counts_prices_and_links(tmp_path: Path):
    fleet = load(
        tmp_path,
        """
name: mine
devices:
  h100: 8
  l40s: {count: unlimited, rent_usd_per_hour: 0.5}
  mi300x: {count: 16, price_usd: 10000, per_host: 4, site: east}
  b200: {acquire: rent}
links:
  - {between: [h100, mi300x], bandwidth_gbps: 100, latency_us: 20, name: wan}
financing: {years: 2, interest: 0}
power: {usd_per_kwh: 0}
""",
    )
    h100, l40s, mi300x, b200 = fleet.stocks
    assert (h100.device.name, h100.count, h100.per_host) == ("h100-sxm", 8, 8)
    assert (l40s.count, l40s.usd_per_hour) == (None, 0.5)
    assert mi300x.usd_per_hour == pytest.approx(10000 / (2 * 8766))
    assert (mi300x.per_host, mi300x.site) == (4, "east")
    assert b200.usd_per_hour == catalog.device("b200").rent_usd_per_hour
    link = fleet.links["h100-sxm->mi300x"]
    assert (link.name, link.bytes_per_second) == ("wan", 12.5e9)
    assert link.latency_seconds == pytest.approx(20e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: x\ndevices: {}\n", [("empty-fleet", 2)]),
        ("name: x\ndevices: {h100: 0}\n", [("empty-fleet", 2)]),
        ("name: x\ndevices:\n  h100: 1\n  h1000: 2\n", [("unknown-device", 4)]),
        ("name: x\nprofile: paper\ndevices:\n  l40s: 1\n", [("unknown-device", 4)]),
        ("name: x\ndevices:\n  h100: 1\n  h100-sxm: 2\n", [("duplicate-device", 4)]),
        ("name: x\ndevices:\n  h200: {acquire: buy}\n", [("no-price", 3)]),
        ("name: x\ndevices:\n  h200: {price_usd: 1, rent_usd_per_hour: 1}\n", [("two-prices", 3)]),
        ("name: x\ndevices:\n  h200: {cuont: 1}\n", [("unknown-field", 3)]),
        ("name: x\ndevices: {h200: -1}\n", [("wrong-value", 2)]),
        ("name: x\ndevices: {h200: {price_usd: -5}}\n", [("wrong-value", 2)]),
        ("devices: {h200: 1}\n", [("missing-field", 1)]),
        (
            "name: x\ndevices: {h200: 1}\nlinks:\n  - {between: [h200, l4], bandwidth_gbps: 1}\n",
            [("unknown-device", 4)],
        ),
        ("name: x\ndevices:\n  nope: 1\n  h20000: 1\n", [("unknown-device", 3), ("unknown-device", 4)]),
    ],
)
def test_what_is_wrong_is_told_at_its_place(tmp_path: Path, text: str, expected: list[tuple[str, int]]):
    assert [(slug, line) for slug, line, _ in refusals(tmp_path, text)] == expected


def test_unknown_fleets_and_files():
    with pytest.raises(Refused) as caught:
        catalog.load_fleet("mixed-2025")
    (problem,) = caught.value.diagnostics
    assert problem.slug == "unknown-fleet" and "mixed-2026" in (problem.help or "")
    with pytest.raises(Refused) as caught:
        catalog.load_fleet("./none.yaml")
    assert caught.value.diagnostics[0].slug == "unreadable-file"


def stocks(tmp_path: Path, text: str):
    return {stock.device.name: stock for stock in load(tmp_path, "name: x\n" + text).stocks}


def test_rents_by_terms_and_provider(tmp_path: Path):
    found = stocks(
        tmp_path,
        """
price: {kind: reserved}
devices:
  h100: 8
  h200: {price: {kind: spot}}
  l40s: {price: {provider: nebius}}
  t4: 4
  mi300x: {rent_usd_per_hour: 1}
  b200: {acquire: buy}
""",
    )
    assert found["h100-sxm"].usd_per_hour == 1.30
    assert found["h200"].usd_per_hour == 1.45
    assert found["l40s"].usd_per_hour == 1.5484
    assert found["t4"].acquired.startswith("rent: on-demand"), "nobody asks for a T4 by the year"
    assert found["mi300x"].usd_per_hour == 1
    assert found["b200"].acquired == "bought"


def test_what_is_paid_off_is_sunk(tmp_path: Path):
    """Two of four years paid at 8 %: 54 % of the price is owed still (by hand: the balance after 24 of 48 rates)."""
    price, rate = 30000.0, 0.08 / 12
    owed = price
    monthly = price * rate / (1 - (1 + rate) ** -48)
    for _ in range(24):
        owed = owed * (1 + rate) - monthly
    found = stocks(
        tmp_path,
        """
as_of: 2026-06
power: {usd_per_kwh: 0}
devices:
  h100: {owned: {bought: 2024-06, price_usd: 30000, term_years: 4}}
  a100: {owned: {bought: 2020-01, price_usd: 30000, term_years: 4}}
  h200: {price_usd: 30000}
  gh200: {owned: {amortized: 0.25, price_usd: 30000}}
""",
    )
    new = found["h200"].usd_per_hour
    assert found["h100-sxm"].usd_per_hour == pytest.approx(new * owed / price)
    assert found["h100-sxm"].acquired == "owned, 46% paid off"
    assert found["a100-80gb"].usd_per_hour == pytest.approx(0)
    assert found["a100-80gb"].sunk_usd_per_hour == pytest.approx(new)
    assert found["gh200"].usd_per_hour == pytest.approx(0.75 * new)
    assert all(stock.usd_per_hour + stock.sunk_usd_per_hour == pytest.approx(new) for stock in found.values())


def test_power_as_measured_is_paid_by_who_owns(tmp_path: Path):
    """H100: 700 W, idle 0.15 + host 0.30 of it, PUE 1.2, at $0.10: 0.0378 an hour while held, the rest while busy."""
    found = stocks(
        tmp_path,
        """
power: {utilization: measured, usd_per_kwh: 0.1, pue: 1.2}
devices:
  h100: {price_usd: 30000}
  h200: {acquire: rent}
""",
    )
    bought, rented = found["h100-sxm"], found["h200"]
    assert bought.power and rented.power
    assert bought.power.idle_watts == pytest.approx(700 * 1.2 * 0.45)
    assert bought.power.busy_watts["memory"] == pytest.approx(700 * 1.2 * (0.64 + 0.30))
    assert bought.usd_per_hour == pytest.approx(annuity_usd_per_hour(30000, 4, 0.08) + 0.0378)
    assert (bought.power.usd_per_kwh, rented.power.usd_per_kwh) == (0.1, 0.0)
    assert rented.usd_per_hour == 2.60


def test_sites_differ_in_power(tmp_path: Path):
    found = stocks(
        tmp_path,
        """
power: {usd_per_kwh: 0.2, pue: 1.5, kg_co2_per_kwh: 0.5}
sites: {north: {kg_co2_per_kwh: 0.02, usd_per_kwh: 0.05}}
devices:
  h100: {price_usd: 30000}
  h100-north: {device: h100, price_usd: 30000, site: north}
links:
  - {between: [h100-north, h100], bandwidth_gbps: 10, latency_us: 9000}
""",
    )
    here, north = found["h100-sxm"], found["h100-north"]
    assert here.power is None, "the financing says it"
    assert north.power and (north.power.kg_co2_per_kwh, north.power.idle_watts) == (0.02, 1050)
    assert here.usd_per_hour - north.usd_per_hour == pytest.approx(1.05 * 0.15)
    assert north.device.flops_per_second == here.device.flops_per_second


def test_a_table_of_the_users_own(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(
        """
npu:
  {vendor: Acme, kind: accelerator, family: acme, tflops: {bf16: 500}, memory_gb: 80, bandwidth_gbs: 3000, watts: 600,
   scale_up: {name: nv, gbs: 400, us: 2, size: 8}, scale_out: {name: roce, gbps: 400, us: 5}, price_usd: 9000,
   sources: {"*": {source: a quote, date: 2026-05}}}
"""
    )
    assert stocks(tmp_path, "catalog: mine.yaml\ndevices: {npu: 4, h100: 2}\n")["npu"].device.vendor == "Acme"
    assert refusals(tmp_path, "name: x\ncatalog: mine.yaml\ndevices: {npo: 4}\n") == [
        ("unknown-device", 3, "unknown device `npo`")
    ]
    assert refusals(tmp_path, "name: x\ncatalog: none.yaml\ndevices: {h100: 4}\n")[0][0] == "unreadable-file"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("devices:\n  h100: {owned: {}}\n", ("one-of", 3)),
        ("devices:\n  h100: {owned: {bought: 2024-06, amortized: 0.5}}\n", ("one-of", 3)),
        ("devices:\n  h100: {owned: {bought: 2026-07}}\n", ("wrong-value", 3)),
        ("devices:\n  h100: {owned: {bought: June}}\n", ("wrong-value", 3)),
        ("devices:\n  h100: {owned: {amortized: 1.5}}\n", ("wrong-value", 3)),
        ("devices:\n  h100: {owned: {amortized: 0.5}, rent_usd_per_hour: 2}\n", ("two-prices", 3)),
        ("devices:\n  h100: {price: {kind: spot}, price_usd: 2}\n", ("two-prices", 3)),
        ("devices:\n  t4: {price: {kind: spot}}\n", ("no-price", 3)),
        ("devices:\n  t4: {price: {kind: sport}}\n", ("unknown-choice", 3)),
        ("devices:\n  h100: {price_usd: 1e12}\n", ("wrong-value", 3)),
        ("devices:\n  mine: {device: h1000}\n", ("unknown-device", 3)),
        ("devices:\n  h100: {device: b200}\n", ("duplicate-device", 3)),
        ("devices:\n  a/b: {device: b200}\n", ("wrong-value", 3)),
        ("sites: {north: {}}\ndevices:\n  h100: {site: nroth}\n", ("unknown-name", 4)),
        ("power: {utilization: much}\ndevices: {h100: 1}\n", ("unknown-choice", 2)),
    ],
)
def test_what_is_wrong_with_money_is_told_at_its_place(tmp_path: Path, text: str, expected: tuple[str, int]):
    assert [(slug, line) for slug, line, _ in refusals(tmp_path, "name: x\n" + text)] == [expected]


def test_the_manuals_examples_are_what_they_say(tmp_path: Path):
    manual = (Path(catalog.__file__).parents[2] / "docs" / "fleet-files.md").read_text()
    fleet, devices = re.findall(r"^```yaml\n(.*?)^```$", manual, re.M | re.S)
    (tmp_path / "my-devices.yaml").write_text(devices)
    found = {stock.device.name: stock for stock in load(tmp_path, fleet + "catalog: my-devices.yaml\n").stocks}
    told = {name: stock.acquired for name, stock in found.items()}
    assert told == {
        "h100-sxm": "owned, 46% paid off",
        "a100-80gb": "owned, 80% paid off",
        "h200": "rent: spot, Nebius",
        "b200": "bought",
        "l40s": "rent: as stated",
        "h100-north": "rent: on-demand, Seeweb",
        "cpu-epyc-9655": "rent: on-demand, Nebius (192 vCPU at 0.0248)",
    }
    assert list(read_devices(tmp_path / "my-devices.yaml")) == ["npu-2"]
