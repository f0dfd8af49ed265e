"""Alternatives of one node: the plan takes the model that makes it best, and says what the others would take."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentc import api, cli
from agentc.support.diagnostics import Refused

MODELS = """\
models:
  small: {catalog: llama-3.1-8b, precision: fp8}
  large: {catalog: llama-3.1-70b, precision: fp8}
"""
AGENT = (
    """\
agentc: v1
name: helper
load: {requests_per_second: 2}
QUALITY
"""
    + MODELS
    + """\
inputs: {question: {type: text}}
nodes:
  sort: {llm: small, in: question, tokens: {input: 300, output: 5}}
  answer: {llm: large, ANY in: [question, sort], tokens: {input: 1000, output: 200}}
outputs: {answer: answer}
"""
)
FLEET = """\
name: edge-and-cloud
devices:
  l4-edge: {device: l4, count: EDGE, rent_usd_per_hour: 0.3, site: edge}
  h100-cloud: {device: h100, count: 8, rent_usd_per_hour: 2, site: cloud}
"""
BOTH = "any_of: {small: 0.7, large: 0.9},"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(any_of: str = BOTH, quality: str = "", edge: int = 4, **how: Any) -> tuple[dict[str, Any], str]:
    Path("agent.yaml").write_text(AGENT.replace("ANY", any_of).replace("QUALITY\n", quality))
    Path("fleet.yaml").write_text(FLEET.replace("EDGE", str(edge)))
    build = api.compile("agent.yaml", fleet="fleet.yaml", **how)
    return json.loads(api.render(build.facts(), "json")), build.text


def cost(told: dict[str, Any]) -> float:
    return told["cost"]["usd_per_hour"]


def test_the_plan_is_the_cheapest_of_all_choices():
    (found, text), (small, _), (large, _) = planned(), planned("any_of: {small: 0.7, large: 0.7},"), planned("")
    assert cost(found) == pytest.approx(min(cost(small), cost(large)))
    assert cost(found) < cost(large)
    assert {task["device"] for task in found["tasks"]} == {"l4-edge"}
    assert "agent.any_of" not in text
    (line,) = found["choices"]
    assert line.startswith("answer: small (quality 0.7); with large (quality 0.9) the best plan takes ")
    times = float(line.split(" takes ")[1].split()[0])
    assert times == pytest.approx(cost(large) / cost(found), rel=0.01)


def test_a_quality_that_the_agent_demands_rules_the_small_one_out():
    (found, _), (large, _) = planned(quality="quality: 0.8\n"), planned("")
    assert cost(found) == pytest.approx(cost(large)) and found["choices"] == []
    assert any(task["device"] == "h100-cloud" for task in found["tasks"])


def test_a_quality_that_the_named_model_lacks_takes_another():
    found, _ = planned("any_of: {large: 0.7, small: 0.9},", quality="quality: 0.8\n")
    assert {task["device"] for task in found["tasks"]} == {"l4-edge"}


def test_where_the_small_one_has_no_plan_the_large_one_serves_and_back():
    found, _ = planned(edge=0)
    assert {task["device"] for task in found["tasks"]} == {"h100-cloud"}
    fast, _ = planned(sla=["tbt_ms=7"])
    assert fast["choices"] and fast["sla"]["met"]


def test_other_objectives_choose_by_themselves():
    (quick, _), (large, _) = planned(objective="latency"), planned("", objective="latency")
    assert quick["latency"]["end_to_end_ms"] <= large["latency"]["end_to_end_ms"]
    assert quick["choices"]


def test_where_no_choice_has_a_plan_the_refusal_is_that_of_the_named_model():
    with pytest.raises(Refused) as refused:
        planned(sla=["tbt_ms=0.01"])
    assert refused.value.diagnostics[0].slug == "infeasible-placement"


def test_a_build_holds_the_choice_and_says_so(capsys: pytest.CaptureFixture[str]):
    planned(out="build", targets=["kubernetes"])
    assert cli.main(["explain-placement", "build"]) == 0
    assert "Chosen among alternatives\n  answer: small (quality 0.7)" in capsys.readouterr().out
    assert cli.main(["check", "agent.yaml"]) == 0


@pytest.mark.parametrize(
    ("any_of", "quality", "slug", "said"),
    [
        ("any_of: {small: 0.7},", "", "bad-any-of", "`large` is not among the alternatives"),
        (BOTH, "quality: 0.95\n", "bad-any-of", "no alternative has the quality of 0.95"),
        ("any_of: {tiny: 0.7, large: 0.9},", "", "unknown-model", "there is no model `tiny`"),
        ("any_of: {small: 7, large: 0.9},", "", "wrong-value", "1"),
    ],
)
def test_alternatives_that_leave_no_choice_are_refused(any_of: str, quality: str, slug: str, said: str):
    with pytest.raises(Refused) as refused:
        planned(any_of, quality)
    assert any(each.slug == slug and said in each.message for each in refused.value.diagnostics)


def test_too_many_alternatives_are_refused():
    nodes = "".join(
        f"  n{i}: {{llm: large, {BOTH} in: question, tokens: {{input: 100, output: 10}}}}\n" for i in range(7)
    )
    outputs = "outputs: {" + ", ".join(f"a{i}: n{i}" for i in range(7)) + "}\n"
    head = "agentc: v1\nname: helper\n" + MODELS + "inputs: {question: {type: text}}\nnodes:\n"
    Path("many.yaml").write_text(head + nodes + outputs)
    Path("fleet.yaml").write_text(FLEET.replace("EDGE", "4"))
    with pytest.raises(Refused) as refused:
        api.compile("many.yaml", fleet="fleet.yaml")
    assert "make 128 plans" in refused.value.diagnostics[0].message
