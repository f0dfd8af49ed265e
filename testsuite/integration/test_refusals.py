"""Never a bare "infeasible": pins that contradict, stocks of zero, places that are apart, loads beyond the stock."""

from pathlib import Path

import pytest

from agentc import api, cli
from agentc.support.diagnostics import Diagnostic, Refused

AGENT = """\
agentc: v1
name: helper
load: {requests_per_second: 2}
models: {mind: {catalog: llama-3.1-8b, precision: fp8}}
inputs: {question: {type: text}}
nodes:
  sort: {llm: mind, in: question, SORT tokens: {input: 300, output: 5}}
  answer: {llm: mind, in: [question, sort], ANSWER tokens: {input: 1000, output: 200}}
outputs: {answer: answer}
"""
FLEET = """\
name: two
devices:
  h100-us: {device: h100, count: 8, rent_usd_per_hour: 2, site: us}
  l4: {count: 4, rent_usd_per_hour: 1, site: eu}
sites: {us: {zone: us}, eu: {zone: eu}}
"""
CUT = "links: [{between: [us, eu], connected: false}]\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def compiled(sort: str = "", answer: str = "", fleet: str = FLEET, load: float | None = None) -> None:
    Path("agent.yaml").write_text(AGENT.replace("SORT", sort).replace("ANSWER", answer))
    Path("fleet.yaml").write_text(fleet)
    api.compile("agent.yaml", fleet="fleet.yaml", load=load)


def refused(sort: str = "", answer: str = "", fleet: str = FLEET, load: float | None = None) -> Diagnostic:
    with pytest.raises(Refused) as caught:
        compiled(sort, answer, fleet, load)
    (found,) = caught.value.diagnostics
    return found


def test_pins_to_places_that_nothing_joins():
    pins = "placement: {pin: h100},", "placement: {pin: l4},"
    compiled(*pins)
    found = refused(*pins, FLEET + CUT)
    assert any("from `sort." in note and "join nothing" in note for note in found.notes)
    assert any("`answer.prefill` can run on `l4`" in note for note in found.notes)
    assert found.help == "join these places by an entry of the fleet's `links`, or let both tasks run in one of them"


def test_a_pin_to_a_class_of_which_there_are_none():
    empty = FLEET.replace("count: 8", "count: 0")
    compiled(fleet=empty)
    found = refused("placement: {pin: h100},", fleet=empty)
    assert "the fleet has 0 of `h100-us`" in found.notes
    assert found.help is not None and found.help.startswith("fleet h100-us: 0 -> ")


def test_a_pin_into_a_zone_where_there_is_none():
    found = refused(answer="placement: {pin: l4, zones: [us]},")
    assert "`answer.prefill`, `answer.decode` fit no device of the fleet" in found.notes
    assert any("it is at site `eu` in zone `eu`, and the data may be in `us` only" in note for note in found.notes)
    assert found.help == "change the `placement` of the node, or the fleet"


def test_a_load_that_no_stock_serves_and_the_one_that_it_does():
    found = refused(load=5000.0)
    assert any("takes at least" in note for note in found.notes)
    assert found.help is not None and "load.requests_per_second: 5000 -> " in found.help
    rate = float(found.help.split("load.requests_per_second: 5000 -> ")[1].split(";")[0].split()[0])
    compiled(load=rate)
    refused(load=rate * 1.05)


def test_a_rule_that_forbids_what_it_pins_is_told_before_anything_is_placed(capsys: pytest.CaptureFixture[str]):
    Path("agent.yaml").write_text(
        AGENT.replace("SORT", "placement: {pin: h100, forbid: [h100]},").replace("ANSWER", "")
    )
    assert cli.main(["check", "agent.yaml"]) == 1
    assert "`sort` may go nowhere" in capsys.readouterr().err


def test_a_device_may_be_asked_about_by_its_alias(capsys: pytest.CaptureFixture[str]):
    Path("agent.yaml").write_text(AGENT.replace("SORT", "").replace("ANSWER", ""))
    assert cli.main(["explain-placement", "agent.yaml", "--why-not", "h100", "--task", "answer.decode"]) == 0
    assert "h100-sxm" in capsys.readouterr().out
    assert cli.main(["explain-placement", "agent.yaml", "--why-not", "h9000"]) == 1
