"""Traffic that several device classes share, where none has the stock for all of it."""

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentc import api
from agentc.dialects.place import ways
from agentc.report import text
from agentc.runtime import executor
from agentc.support.diagnostics import Refused

AGENT = """\
agentc: v1
name: helper
load: {requests_per_second: 40}
sla: {ttft_ms: 800, tbt_ms: 50}
models:
  mind: {catalog: llama-3.1-8b, precision: fp8}
inputs: {question: {type: text, tokens: 1000}}
nodes:
  answer: {llm: mind, in: question, tokens: {input: 1000, output: 200}}
outputs: {answer: answer}
"""
FLEET = """\
name: short
devices:
  h100: {count: %d, rent_usd_per_hour: 2}
  l40s: {count: %d, rent_usd_per_hour: 0.8}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agent.yaml").write_text(AGENT)
    return tmp_path


@cache
def planned(h100: int, l40s: int, **how: Any) -> dict[str, Any]:
    Path("fleet.yaml").write_text(FLEET % (h100, l40s))
    build = api.compile("agent.yaml", fleet="fleet.yaml", stop_after="placed", **how)
    return json.loads(api.render(build.facts(), "json"))


def test_what_no_class_carries_alone_is_shared(here: Path):
    for alone in ((1, 0), (0, 5)):
        with pytest.raises(Refused):
            planned(*alone)
    told = planned(1, 5)
    assert told["status"] == "feasible"
    for task in told["tasks"]:
        ways = [task, *task["routes"]]
        assert sum(way["share"] for way in ways) == pytest.approx(1.0)
        assert task["share"] == max(way["share"] for way in ways)
    assert {way["device"] for task in told["tasks"] for way in (task, *task["routes"])} == {"h100-sxm", "l40s"}
    held = {"h100-sxm": 0, "l40s": 0}
    for pool in told["pools"]:
        held[pool["device"]] += pool["devices"]
        assert pool["utilization"] <= 0.7 + 1e-9
    assert held["h100-sxm"] <= 1 and held["l40s"] <= 5
    assert told["sla"]["met"]


def test_a_plan_goes_one_way_unless_several_cost_less(here: Path):
    one_way = planned(8, 8, load=10)
    assert one_way["status"] == "optimal"
    assert not any("routes" in task for task in one_way["tasks"])
    # Three full H100s would do, at $6 an hour; two, and a tenth of the requests elsewhere, cost less.
    several = planned(8, 8)
    assert any("routes" in task for task in several["tasks"])
    assert several["cost"]["usd_per_hour"] < 0.99 * 3 * 2.0


@pytest.mark.parametrize("load", (10, 40))
def test_more_stock_never_costs_more(here: Path, load: float):
    def usd(h100: int, l40s: int) -> float:
        try:
            told = planned(h100, l40s, load=load)
        except Refused:
            return math.inf
        return told["cost"]["usd_per_hour"]

    for h100, l40s in ((1, 5), (2, 2)):
        held = usd(h100, l40s)
        assert math.isfinite(held)
        for more in ((h100 + 1, l40s), (h100 + 2, l40s), (h100, l40s + 3)):
            assert usd(*more) <= held * (1 + 1e-6)


def test_a_soft_or_hard_limit_that_no_route_keeps_is_refused_as_ever(here: Path):
    with pytest.raises(Refused) as refused:
        planned(1, 5, sla=("ttft_ms=1",))
    assert refused.value.diagnostics[0].slug == "infeasible-placement"


def test_a_limit_holds_on_every_route(here: Path):
    told = planned(1, 5)
    decode = next(task for task in told["tasks"] if task["name"] == "answer.decode")
    assert all(way["time_ms"] / 200 <= 50 for way in (decode, *decode["routes"]))


def test_a_build_says_the_shares(here: Path):
    Path("fleet.yaml").write_text(FLEET % (1, 5))
    build = api.compile("agent.yaml", fleet="fleet.yaml", out="build")
    manifest = yaml.safe_load(Path("build/manifest.yaml").read_text())["placement"]["answer.decode"]
    shares = [manifest["share"], *(way["share"] for way in manifest["routes"])]
    route = yaml.safe_load(Path("build/deploy/kubernetes/routes.yaml").read_text())
    assert route["kind"] == "HTTPRoute"
    assert route["spec"]["rules"][0]["matches"] == [{"headers": [{"name": "x-agentc-node", "value": "answer"}]}]
    weights = [each["weight"] for each in route["spec"]["rules"][0]["backendRefs"]]
    assert weights == [round(share * 10_000) for share in shares]
    kustomization = yaml.safe_load(Path("build/deploy/kubernetes/kustomization.yaml").read_text())
    assert "routes.yaml" in kustomization["resources"]
    services = {
        document["metadata"]["name"]
        for name in kustomization["resources"]
        for document in yaml.safe_load_all((here / "build/deploy/kubernetes" / name).read_text())
        if document["kind"] == "Service"
    }
    for rule in route["spec"]["rules"]:
        assert {each["name"] for each in rule["backendRefs"]} <= services
    told = api.render(build.facts(), "text")
    assert all(f"answer.decode {share:.1%}" in told for share in shares)


def test_a_task_and_a_run_say_where_requests_go(here: Path):
    Path("fleet.yaml").write_text(FLEET % (1, 5))
    build = api.compile("agent.yaml", fleet="fleet.yaml", stop_after="placed")
    told = " ".join(text.render(build.facts(), task="answer.decode").split())
    assert "and on l40s" in told and "% of the requests" in told
    op = next(op for op in build.module.walk() if op.name == "llm.decode")
    assert executor.planned_for(ways(op)).startswith("h100-sxm ")
    assert ", l40s " in executor.planned_for(ways(op))


def test_transfers_to_a_class_that_could_not_serve_all_are_told(here: Path):
    told = planned(1, 5)
    ends = {(row["from"], row["to"]) for row in told["transfers"]}
    assert ("answer.prefill", "answer.decode") in ends
