"""Sites: what lies between them, where data may be, and why nothing fits where they are apart."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentc import api, catalog
from agentc.cost import link_between
from agentc.support.diagnostics import Refused

AGENT = """\
agentc: v1
name: helper
load: {requests_per_second: 2}
models:
  ears: {catalog: whisper-large-v3, precision: fp16}
  mind: {catalog: llama-3.1-8b, precision: fp8}
inputs: {speech: {type: audio, seconds: 6}}
nodes:
  hear: {stt: ears, in: speech}
  answer: {llm: mind, in: hear, tokens: {input: 1000, output: 200}}
outputs: {answer: answer}
"""
FLEET = """\
name: two-sites
devices:
  l40s-edge: {device: l40s, count: 4, rent_usd_per_hour: 1.5, site: edge}
  h100-us: {device: h100, count: 8, rent_usd_per_hour: 2, site: us}
  l4-us: {device: l4, count: 8, rent_usd_per_hour: 0.4, site: us}
  h100-eu: {device: h100, count: 8, rent_usd_per_hour: 4, site: eu}
sites:
  edge: {kg_co2_per_kwh: 0.3, zone: eu}
  us: {kg_co2_per_kwh: 0.5, zone: us}
  eu: {kg_co2_per_kwh: 0.05, zone: eu}
links:
  - {between: ["*", "*"], bandwidth_gbps: 400, latency_us: 5, name: roce}
  - {between: [edge, eu], bandwidth_gbps: 10, latency_us: 8000, name: metro}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(agent: str = AGENT, fleet: str = FLEET, **how: Any) -> dict[str, Any]:
    Path("agent.yaml").write_text(agent)
    Path("fleet.yaml").write_text(fleet)
    build = api.compile("agent.yaml", fleet="fleet.yaml", stop_after="placed", **how)
    return json.loads(api.render(build.facts(), "json"))


def where(told: dict[str, Any]) -> dict[str, str]:
    return {task["name"]: task["device"] for task in told["tasks"]}


def test_links_between_sites(here: Path):
    Path("fleet.yaml").write_text(FLEET)
    fleet = catalog.load_fleet("fleet.yaml")
    assert link_between(fleet, "l40s-edge", "h100-eu").name == "metro"
    assert link_between(fleet, "h100-eu", "l40s-edge").latency_seconds == pytest.approx(0.008)
    assert link_between(fleet, "h100-us", "l4-us").name == "roce"
    assumed = link_between(fleet, "h100-us", "h100-eu")
    assert assumed.name == "wan" and assumed.source.startswith("assumed")
    assert {stock.device.name: stock.zone for stock in fleet.stocks} == {
        "l40s-edge": "eu",
        "h100-us": "us",
        "l4-us": "us",
        "h100-eu": "eu",
    }


def test_what_is_stated_of_devices_comes_before_what_is_of_sites(here: Path):
    Path("fleet.yaml").write_text(
        FLEET
        + "  - {between: [l40s-edge, h100-eu], bandwidth_gbps: 1, name: own}\n"
        + '  - {between: [us, "*"], bandwidth_gbps: 5, latency_us: 70000, name: ocean}\n'
    )
    fleet = catalog.load_fleet("fleet.yaml")
    assert link_between(fleet, "l40s-edge", "h100-eu").name == "own"
    assert link_between(fleet, "h100-us", "h100-eu").name == "ocean"
    assert link_between(fleet, "h100-us", "l4-us").name == "roce"


def test_the_cheapest_site_serves_where_nothing_speaks_against_it(here: Path):
    assert all(device.endswith("-us") for device in where(planned()).values())


def test_data_that_must_stay_in_a_zone_stays_there(here: Path):
    zoned = AGENT.replace("in: hear,", "in: hear, placement: {zones: [eu]},")
    free, bound = planned(), planned(zoned)
    assert where(bound)["answer.decode"] in ("h100-eu", "l40s-edge")
    assert bound["cost"]["usd_per_hour"] > free["cost"]["usd_per_hour"]
    reasons = {row["device"]: row["why"] for row in bound["tasks"][-1]["alternatives"]}
    assert reasons["h100-us"] == "it is at site `us` in zone `us`, and the data may be in `eu` only"


def test_a_site_is_a_rule_too(here: Path):
    told = planned(AGENT.replace("in: speech}", "in: speech, placement: {sites: [edge]}}"))
    assert where(told)["hear"] == "l40s-edge"
    moved = next(row for row in told["transfers"] if row["from"] == "hear")
    assert moved["link"] in ("metro", "wan") and moved["time_ms"] >= 8


def test_a_deadline_pays_for_the_way_between_sites(here: Path):
    heard = AGENT.replace("in: speech}", "in: speech, placement: {sites: [edge]}}")
    near = planned(heard.replace("in: hear,", "in: hear, placement: {zones: [eu]},"))
    far = planned(heard.replace("in: hear,", "in: hear, placement: {sites: [us]},"))
    for told, link in ((near, ("metro", "none", "roce")), (far, ("wan",))):
        rows = [row for row in told["transfers"] if row["from"] == "hear"]
        assert all(row["link"] in link for row in rows)
    assert next(row for row in far["transfers"] if row["from"] == "hear")["time_ms"] >= 30


def test_carbon_goes_to_the_clean_site(here: Path):
    assert set(where(planned(objective="carbon")).values()) == {"h100-eu"}


def refused(agent: str = AGENT, fleet: str = FLEET) -> str:
    with pytest.raises(Refused) as caught:
        planned(agent, fleet)
    (found,) = caught.value.diagnostics
    return " | ".join((found.message, *found.notes, found.help or ""))


def test_a_zone_that_no_site_is_in_is_told(here: Path):
    told = refused(AGENT.replace("in: hear,", "in: hear, placement: {zones: [mars]},"))
    assert "the data may be in `mars` only" in told and "in zone `us`" in told
    assert "change the `placement` of the node, or the fleet" in told


def test_sites_that_are_not_connected_are_told(here: Path):
    agent = AGENT.replace("in: speech}", "in: speech, placement: {sites: [edge]}}")
    agent = agent.replace("in: hear,", "in: hear, placement: {sites: [us]},")
    cut = FLEET + "  - {between: [edge, us], connected: false}\n"
    assert planned(agent)["status"] == "optimal"
    told = refused(agent, cut)
    assert "from `hear` to `answer.prefill`" in told and "nothing" in told


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("  - {between: [edge, us]}\n", "a link needs `bandwidth_gbps`, or `connected: false`"),
        ("  - {between: [edge, us], bandwidth_gbps: 3, connected: false}\n", "a link needs `bandwidth_gbps`"),
        ("  - {between: [edge, mars], bandwidth_gbps: 3}\n", "unknown device `edge`"),
    ],
)
def test_links_that_are_wrong_are_refused(here: Path, line: str, said: str):
    Path("fleet.yaml").write_text(FLEET + line)
    with pytest.raises(Refused) as caught:
        catalog.load_fleet("fleet.yaml")
    assert any(said in each.message for each in caught.value.diagnostics)
