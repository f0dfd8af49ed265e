"""Fronts and objectives in order, from the command line: each point is tried by placing again under its own limits."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from study_sample import question

from agentc import api, cli
from agentc.analyses.study.answer import Question, answer
from agentc.analyses.study.pareto import Front, pareto
from agentc.plan.graph import Limit
from agentc.report.study import tell
from agentc.support.diagnostics import Refused

ASKED = question(Limit("tbt", 0.05), load=8.0, h100=1.5, l4=0.3, counts=12)


@pytest.fixture(scope="module")
def front() -> Front:
    return pareto(ASKED, "cost", "latency")


def within(asked: Question, seconds: float) -> float | None:
    """The least cost of a plan that is as fast as that from end to end."""
    limit = Limit("end_to_end", seconds)
    return answer(replace(asked, graph=replace(asked.graph, limits=(*asked.graph.limits, limit)))).usd_per_hour


def test_the_front_begins_at_the_cheapest_and_ends_at_the_fastest_plan(front: Front):
    assert len(front.points) > 2
    assert front.points[0].first == pytest.approx(answer(ASKED).usd_per_hour)
    fastest = answer(replace(ASKED, objective="latency")).summary.end_to_end_seconds
    assert front.points[-1].second == pytest.approx(fastest, rel=1e-5)


def test_each_point_is_the_cheapest_plan_that_is_so_fast(front: Front):
    for point in front.points:
        assert within(ASKED, point.second * (1 + 1e-6)) == pytest.approx(point.first, rel=1e-5)
        assert point.plan.summary.end_to_end_seconds == pytest.approx(point.second)
        assert point.plan.summary.usd_per_hour == pytest.approx(point.first)


def test_a_point_that_is_as_cheap_is_no_faster(front: Front):
    for before, after in zip(front.points, front.points[1:], strict=False):
        assert before.first < after.first and before.second > after.second
        assert (within(ASKED, before.second * (1 - 1e-4)) or 1e9) > before.first * (1 + 1e-6)


def test_every_plan_of_the_front_is_listed_in_text_json_and_picture(front: Front):
    text, data, picture = tell(front), json.loads(tell(front, "json")), ET.fromstring(tell(front, "svg"))
    assert max(map(len, text.splitlines())) <= 80
    assert [point["cost"] for point in data["points"]] == [point.first for point in front.points]
    assert all(f"${point.first:.2f}" in text for point in front.points)
    dots = [node for node in picture.iter() if node.tag.endswith("circle")]
    xs = [float(dot.attrib["cx"]) for dot in dots]
    assert len(dots) == len(front.points) and xs == sorted(xs, reverse=True)
    assert all(80 <= x <= 720 and 40 <= float(dot.attrib["cy"]) <= 400 for x, dot in zip(xs, dots, strict=True))


def test_energy_against_cost():
    found = pareto(ASKED, "energy", "cost")
    frugal = answer(replace(ASKED, objective="energy"))
    assert found.points[0].first == pytest.approx((frugal.summary.wh_per_request or 0) * 3600, rel=1e-5)
    assert found.points[-1].second == pytest.approx(answer(ASKED).usd_per_hour, rel=1e-5)


def test_without_a_plan_there_is_no_front():
    with pytest.raises(Refused) as refused:
        pareto(question(Limit("tbt", 1e-6)), "cost", "latency")
    assert refused.value.diagnostics[0].slug == "infeasible-placement"
    assert refused.value.diagnostics[0].notes


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agent.yaml").write_text(
        "agentc: v1\nname: helper\nload: {requests_per_second: 8}\nmodels: {mind: {catalog: llama-3.1-8b, precision: fp8}}\n"
        "inputs: {q: {type: text}}\nnodes: {think: {llm: mind, in: q, tokens: {input: 512, output: 100}}}\n"
        "outputs: {a: think}\n"
    )
    (tmp_path / "fleet.yaml").write_text(
        "name: two\ndevices: {h100: {count: 12, rent_usd_per_hour: 1.5}, l4: {count: 12, rent_usd_per_hour: 0.3}}\n"
    )
    return tmp_path


def test_objectives_in_order_cost_nothing_in_the_first(files: Path):
    plans = {
        objective: api.compile("agent.yaml", fleet="fleet.yaml", objective=objective).summary
        for objective in ("cost", "cost,latency", "cost,energy", "latency,cost")
    }
    cheap, fast, frugal, fastest = plans.values()
    assert cheap and fast and frugal and fastest
    assert fast.usd_per_hour == pytest.approx(cheap.usd_per_hour) == frugal.usd_per_hour
    assert (fast.end_to_end_seconds or 0) <= (frugal.end_to_end_seconds or 0)
    assert (frugal.watts or 0) <= (fast.watts or 0)
    assert (fastest.end_to_end_seconds or 0) <= (fast.end_to_end_seconds or 0)
    assert fast.then == ("latency",) and "then" not in str(cheap.then)


def test_on_the_command_line(files: Path, capsys: pytest.CaptureFixture[str]):
    asked = ["explain-placement", "agent.yaml", "--fleet", "fleet.yaml"]
    assert cli.main([*asked, "--pareto", "cost,latency", "--format", "svg", "-o", "front.svg"]) == 0
    ET.parse("front.svg")
    assert cli.main([*asked, "--objective", "cost,latency"]) == 0
    assert "optimal for cost, then latency" in capsys.readouterr().out
    assert cli.main([*asked, "--pareto", "cost"]) == 2
    assert cli.main([*asked, "--pareto", "energy,carbon"]) == 1
    assert cli.main([*asked, "--objective", "cost,speed"]) == 1
    assert "there is no objective `speed`" in capsys.readouterr().err
