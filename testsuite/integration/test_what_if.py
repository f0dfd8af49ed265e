"""What a question is told equals what the compiler decides for an agent and a fleet that are written that way."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentc import api, cli
from agentc.analyses.study.difference import what_if
from agentc.report.study import tell

AGENT = """\
agentc: v1
name: helper
sla: {tbt_ms: 50, end_to_end_ms: 6000}
load: {requests_per_second: 2}
models:
  mind: {catalog: llama-3.1-8b, precision: fp8}
inputs: {question: {type: text}}
nodes:
  answer: {llm: mind, in: question, tokens: {input: 1000, output: 200}}
outputs: {answer: answer}
"""
FLEET = """\
name: ours
devices:
  h100: {count: 8, rent_usd_per_hour: 2}
  l4: {count: 8, rent_usd_per_hour: 0.8}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agent.yaml").write_text(AGENT)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    return tmp_path


def planned(agent: str = AGENT, fleet: str = FLEET, **how: Any) -> dict[str, Any]:
    """What the compiler decides for these files."""
    Path("other.yaml").write_text(agent)
    Path("devices.yaml").write_text(fleet)
    build = api.compile("other.yaml", fleet="devices.yaml", stop_after="placed", **how)
    return json.loads(api.render(build.facts(), "json"))


def told(source: str, *changes: str, fleet: str | None = "fleet.yaml", format: str = "json") -> str:
    return tell(api.ask(source, lambda question: what_if(question, changes), fleet=fleet), format)


def asked(*changes: str) -> dict[str, Any]:
    return json.loads(told("agent.yaml", *changes))


@pytest.mark.parametrize(
    ("change", "agent", "fleet"),
    [
        ("l4.price=2.5", ("", ""), ("0.8", "2.5")),
        ("l4.count=0", ("", ""), ("l4: {count: 8", "l4: {count: 0")),
        ("load=60", ("second: 2", "second: 60"), ("", "")),
        ("sla.tbt_ms=6", ("tbt_ms: 50", "tbt_ms: 6"), ("", "")),
        ("answer.forbid=l4", ("in: question", "in: question, placement: {forbid: [l4]}"), ("", "")),
        ("answer.pin=h100", ("in: question", "in: question, placement: {pin: h100}"), ("", "")),
    ],
)
def test_the_plan_is_that_of_files_with_the_change(
    here: Path, change: str, agent: tuple[str, str], fleet: tuple[str, str]
):
    found, before, after = asked(change), planned(), planned(AGENT.replace(*agent), FLEET.replace(*fleet))
    for side, plan in (("before", before), ("after", after)):
        assert found[side]["usd_per_hour"] == pytest.approx(plan["cost"]["usd_per_hour"])
        assert found[side]["tbt_ms"] == pytest.approx(plan["latency"]["tbt_ms"])
        held: dict[str, int] = {}
        for pool in plan["pools"]:
            held[pool["device"]] = held.get(pool["device"], 0) + pool["devices"]
        assert found[side]["devices"] == held
    cost = found["change"]["usd_per_hour"]
    assert cost == pytest.approx(after["cost"]["usd_per_hour"] - before["cost"]["usd_per_hour"])
    where = [{task["name"]: task["device"] for task in plan["tasks"]} for plan in (before, after)]
    elsewhere = {name for name, device in where[0].items() if where[1][name] != device}
    assert elsewhere <= {move["task"] for move in found["moves"]}
    assert found["stay"] + len(found["moves"]) == len(before["tasks"])


def test_a_build_is_asked_on_its_own_fleet(here: Path):
    api.compile("agent.yaml", fleet="fleet.yaml", out="build", targets=["kubernetes"])
    assert json.loads(told("build", "l4.count=0", fleet=None)) == asked("l4.count=0")


def test_where_no_plan_is_left_the_reasons_are_told_and_that_is_an_answer(
    here: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = ["explain-placement", "agent.yaml", "--fleet", "fleet.yaml", "--what-if", "sla.tbt_ms=0.01"]
    assert cli.main(arguments) == 0
    text = capsys.readouterr().out
    assert "then: no plan keeps all demands" in text
    assert "`sla.tbt_ms` allows 0.01 ms" in text
    assert cli.main([*arguments, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["after"]["status"] == "infeasible" and found["after"]["usd_per_hour"] is None
    assert found["after"]["conflict"] and found["moves"] == []


def test_an_agent_that_has_no_plan_can_be_asked_what_would_give_it_one(here: Path):
    (here / "fleet.yaml").write_text(FLEET.replace("8", "0", 1).replace("l4: {count: 8", "l4: {count: 1"))
    (here / "agent.yaml").write_text(AGENT.replace("second: 2", "second: 40"))
    found = asked("h100.count=8")
    assert found["before"]["status"] == "infeasible"
    assert found["after"]["status"] == "optimal"


def test_the_text_keeps_80_columns_and_says_what_moves(here: Path):
    text = told("agent.yaml", "h100.price=9", format="text")
    assert max(map(len, text.splitlines())) <= 80
    assert "h100-sxm.price: 2 -> 9" in text
    assert "answer.decode" in text.split("task", 1)[1]


def test_questions_that_do_not_go_together_are_wrong_usage(here: Path, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["explain-placement", "agent.yaml", "--what-if", "load=3", "--task", "answer.decode"]) == 2
    assert "do not go together" in capsys.readouterr().err
    assert cli.main(["explain-placement", "agent.yaml", "--what-if", "load=3", "--format", "svg"]) == 1
