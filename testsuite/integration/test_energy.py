"""Power, energy, carbon and what is paid off, from a fleet file to the report."""

import json
from pathlib import Path

import pytest

from agentc import api
from agentc.plan.placement import Objective

AGENT = """\
agentc: v1
name: helper
sla: {tbt_ms: 50}
load: {requests_per_second: 2}
models:
  mind: {catalog: llama-3.1-8b, precision: fp8}
inputs: {question: {type: text}}
nodes:
  answer: {llm: mind, in: question, tokens: {input: 1000, output: 200}}
outputs: {answer: answer}
"""


def report(tmp_path: Path, fleet: str, objective: Objective = "cost", agent: str = AGENT):
    (tmp_path / "agent.yaml").write_text(agent)
    (tmp_path / "fleet.yaml").write_text("name: ours\n" + fleet)
    build = api.compile(
        tmp_path / "agent.yaml", fleet=tmp_path / "fleet.yaml", objective=objective, stop_after="placed"
    )
    return json.loads(api.render(build.facts(), "json")), api.render(build.facts(), "text")


def test_at_a_flat_rate_the_plan_draws_what_its_devices_do(tmp_path: Path):
    told, text = report(tmp_path, "power: {utilization: 0.5, pue: 1.2, kg_co2_per_kwh: 0.1}\ndevices: {h100: 8}\n")
    watts = sum(pool["devices"] for pool in told["pools"]) * 700 * 0.5 * 1.2
    energy = told["energy"]
    assert energy["watts"] == pytest.approx(watts)
    assert energy["wh_per_request"] == pytest.approx(watts / 2 / 3600)
    assert energy["g_co2e_per_hour"] == pytest.approx(watts / 1000 * 100)
    assert energy["g_co2e_per_request"] == pytest.approx(energy["wh_per_request"] * 0.1)
    assert f"{watts:g} W" in text and "Wh a request" in text


def test_measured_power_lies_between_idle_and_busy_and_is_billed(tmp_path: Path):
    fleet = """
power: {utilization: measured, usd_per_kwh: 10}
financing: {years: 1, interest: 0}
devices: {h100: {price_usd: 8766}}
"""
    told, _ = report(tmp_path, fleet)
    devices = sum(pool["devices"] for pool in told["pools"])
    watts = told["energy"]["watts"]
    assert devices * 700 * 0.45 < watts < devices * 700 * 1.25
    assert told["cost"]["usd_per_hour"] == pytest.approx(devices * 1.0 + watts / 1000 * 10)
    assert sum(pool["usd_per_hour"] for pool in told["pools"]) == pytest.approx(told["cost"]["usd_per_hour"])


CLEAN_AND_DIRTY = """
sites: {coal: {kg_co2_per_kwh: 0.9}, hydro: {kg_co2_per_kwh: 0.02}}
devices:
  h100: {rent_usd_per_hour: 1, site: coal}
  h100-hydro: {device: h100, rent_usd_per_hour: 2, site: hydro}
"""


def test_carbon_goes_where_electricity_is_clean(tmp_path: Path):
    cheap, _ = report(tmp_path, CLEAN_AND_DIRTY)
    clean, text = report(tmp_path, CLEAN_AND_DIRTY, "carbon")
    assert {pool["device"] for pool in cheap["pools"]} == {"h100-sxm"}
    assert {pool["device"] for pool in clean["pools"]} == {"h100-hydro"}
    assert clean["objective"] == "carbon"
    assert clean["energy"]["g_co2e_per_request"] < cheap["energy"]["g_co2e_per_request"] / 10
    assert "g CO2e per request more" in text


def test_energy_takes_no_more_than_the_cheapest_plan_does(tmp_path: Path):
    fleet = "power: {utilization: measured}\ndevices: {l4: {acquire: rent}, h100: {acquire: rent}}\n"
    cheap, _ = report(tmp_path, fleet)
    frugal, _ = report(tmp_path, fleet, "energy")
    assert frugal["energy"]["wh_per_request"] <= cheap["energy"]["wh_per_request"] * 1.001
    assert frugal["cost"]["usd_per_hour"] >= cheap["cost"]["usd_per_hour"] * 0.999


def test_paid_off_devices_are_cheap_and_the_rest_is_told(tmp_path: Path):
    """The paper's open point: new, a B200 serves this at less than an H100 does; half paid off the H100 wins."""
    new = "devices: {h100: {price_usd: 30000}, b200: {price_usd: 32000}}\n"
    owned = "devices: {h100: {owned: {amortized: 0.5, price_usd: 30000}}, b200: {price_usd: 32000}}\n"
    before, _ = report(tmp_path, new)
    after, text = report(tmp_path, owned)
    assert after["cost"]["usd_per_hour"] < before["cost"]["usd_per_hour"]
    assert {pool["device"] for pool in after["pools"]} == {"h100-sxm"}
    assert before["cost"]["sunk_usd_per_hour"] == 0 < after["cost"]["sunk_usd_per_hour"]
    assert "paid off and not counted" in text


def test_a_rule_on_a_class_holds_for_all_its_entries(tmp_path: Path):
    forbidden = AGENT.replace("in: question, tok", "in: question, placement: {forbid: [h100]}, tok")
    told, _ = report(tmp_path, CLEAN_AND_DIRTY + "  l4: {rent_usd_per_hour: 50}\n", agent=forbidden)
    assert {pool["device"] for pool in told["pools"]} == {"l4"}
