"""Fleet files: what ships, what prices mean, what is refused and where."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from agentc import catalog
from agentc.plan.money import owned_usd_per_hour
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
