"""`apart_from` and `together_with`: from a definition to the plan, its reasons, and a refusal."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentc import api
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
  backup: {llm: mind, in: hear, tokens: {input: 1000, output: 200}%s}
outputs: {answer: answer, backup: backup}
"""
FLEET = """\
name: two-zones
devices:
  h100-eu: {device: h100, count: 8, rent_usd_per_hour: 4, site: eu}
  h100-us: {device: h100, count: 8, rent_usd_per_hour: 2, site: us}
  l40s-edge: {device: l40s, count: 4, rent_usd_per_hour: 3, site: edge}
sites:
  edge: {zone: eu}
  us: {zone: us}
  eu: {zone: eu}
"""
ZONES = {"h100-eu": "eu", "l40s-edge": "eu", "h100-us": "us"}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(rule: str = "", fleet: str = FLEET, pinned: str = "{}") -> dict[str, Any]:
    agent = AGENT % (f", placement: {rule}" if rule else "")
    Path("agent.yaml").write_text(agent.replace("output: 200}}\n", f"output: 200}}, placement: {pinned}}}\n", 1))
    Path("fleet.yaml").write_text(fleet)
    build = api.compile("agent.yaml", fleet="fleet.yaml", stop_after="placed")
    return json.loads(api.render(build.facts(), "json"))


def where(told: dict[str, Any], node: str) -> set[str]:
    return {task["device"] for task in told["tasks"] if task["name"].split(".")[0] == node}


def test_without_a_rule_both_are_at_the_cheapest_place(here: Path):
    told = planned()
    assert where(told, "answer") == where(told, "backup") == {"h100-us"}


def test_apart_by_device_class_by_site_and_by_zone(here: Path):
    free = planned()["cost"]["usd_per_hour"]
    for domain, shares in (("device", str), ("zone", ZONES.__getitem__)):
        told = planned(f"{{apart_from: [answer], domain: {domain}}}")
        here_, there = ({shares(name) for name in where(told, node)} for node in ("answer", "backup"))
        assert not here_ & there
        assert told["cost"]["usd_per_hour"] >= free


def test_together_binds_all_tasks_of_both(here: Path):
    told = planned("{sites: [eu], together_with: [answer, hear], domain: site}")
    assert where(told, "answer") == where(told, "backup") == where(told, "hear") == {"h100-eu"}


def test_the_rule_is_what_rules_another_place_out(here: Path):
    told = planned("{apart_from: [answer], domain: zone}", pinned="{sites: [us]}")
    task = next(each for each in told["tasks"] if each["name"] == "backup.decode")
    reasons = [row["why"] for row in task["alternatives"] if row["verdict"] == "infeasible"]
    assert any("`answer.prefill` and `backup.decode` are to share no zone" in why for why in reasons)


def test_a_rule_that_nothing_keeps_is_named(here: Path):
    one_zone = FLEET.replace("us: {zone: us}", "us: {zone: eu}")
    with pytest.raises(Refused) as refused:
        planned("{apart_from: [answer], domain: zone}", one_zone)
    found = refused.value.diagnostics[0]
    assert found.slug == "infeasible-placement"
    assert any("are to share no zone" in note for note in found.notes)
    assert found.help is not None and "placement" in found.help


def test_hosted_models_are_apart_from_all_and_together_with_none(here: Path):
    far = "  far: {hosted: {usd_per_million_input_tokens: 1, usd_per_million_output_tokens: 2}}\n  mind: {"
    hosted = AGENT.replace("  mind: {", far).replace("llm: mind, in: hear", "llm: far, in: hear", 1)
    Path("agent.yaml").write_text(hosted % ", placement: {together_with: [answer]}")
    Path("fleet.yaml").write_text(FLEET)
    with pytest.raises(Refused):
        api.compile("agent.yaml", fleet="fleet.yaml", stop_after="placed")
    Path("agent.yaml").write_text(hosted % ", placement: {apart_from: [answer]}")
    assert api.compile("agent.yaml", fleet="fleet.yaml", stop_after="placed").facts()


@pytest.mark.parametrize(
    ("rule", "slug", "said"),
    [
        ("{apart_from: [anwser]}", "unknown-reference", "there is no node `anwser` here"),
        ("{apart_from: [backup]}", "bad-placement", "`backup` cannot be apart from itself"),
        (
            "{apart_from: [answer], together_with: [answer]}",
            "bad-placement",
            "`backup` is to be apart from `answer` and together with it",
        ),
    ],
)
def test_rules_that_mean_nothing(here: Path, rule: str, slug: str, said: str):
    with pytest.raises(Refused) as refused:
        planned(rule)
    assert [(each.slug, each.message) for each in refused.value.diagnostics] == [(slug, said)]
    span = refused.value.diagnostics[0].span
    assert span is not None and span.line == 11


BUILT = """\
from agentc import Agent

agent = Agent("helper")
agent.load(requests_per_second=2)
ears = agent.model("ears", catalog="whisper-large-v3", precision="fp16")
mind = agent.model("mind", catalog="llama-3.1-8b", precision="fp8")
hear = agent.stt("hear", ears, agent.input("speech", type="audio", seconds=6))
answer = agent.llm("answer", mind, hear, tokens={"input": 1000, "output": 200})
backup = agent.llm(
    "backup", mind, hear, tokens={"input": 1000, "output": 200}, placement={"apart_from": ["answer"], "domain": "zone"}
)
agent.output("answer", answer)
agent.output("backup", backup)
"""


def test_the_python_builder_says_it_as_yaml_does(here: Path):
    Path("fleet.yaml").write_text(FLEET)
    Path("built.py").write_text(BUILT)
    build = api.compile("built.py:agent", fleet="fleet.yaml", stop_after="placed")
    told = json.loads(api.render(build.facts(), "json"))
    assert not {ZONES[name] for name in where(told, "answer")} & {ZONES[name] for name in where(told, "backup")}


def test_a_node_around_others_means_all_of_them(here: Path):
    loop = """\
  think:
    loop:
      expected: 1
      max: 2
      nodes:
        say: {llm: mind, in: hear, tokens: {input: 1000, output: 200}}
        sure: {llm: mind, in: say, fields: {again: bool}, tokens: {input: 200, output: 5}}
      while: sure.again
      output: say
"""
    agent = AGENT % ", placement: {apart_from: [think]}"
    Path("agent.yaml").write_text(
        agent.replace("  answer: {llm: mind, in: hear, tokens: {input: 1000, output: 200}}\n", loop).replace(
            "answer: answer", "answer: think"
        )
    )
    Path("fleet.yaml").write_text(FLEET)
    told = json.loads(api.render(api.compile("agent.yaml", fleet="fleet.yaml", stop_after="placed").facts(), "json"))
    assert len(where(told, "think")) >= 1
    assert not where(told, "think") & where(told, "backup")
