"""Devices for users: the load is that of a closed loop, the time is kept, and no less would do as well."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from study_sample import graph, question

from agentc import cli
from agentc.analyses.study.answer import Question, answer
from agentc.analyses.study.edits import with_load
from agentc.analyses.study.size import Sizing, sizing
from agentc.analyses.study.tail import response_seconds
from agentc.plan.graph import Task
from agentc.plan.quantity import Quantity
from agentc.report.study import tell


def varied(task: Task) -> Task:
    """Sizes that vary: twice the mean at the 95th percentile."""
    return replace(task, shape={name: Quantity(q.mean, p95=2 * q.mean) for name, q in task.shape.items()})


@pytest.fixture(scope="module")
def asked() -> Question:
    base = question(l4=0.3, counts=64)
    return replace(base, graph=replace(base.graph, tasks=tuple(varied(task) for task in graph().tasks)))


@pytest.fixture(scope="module")
def found(asked: Question) -> Sizing:
    return sizing(asked, [1, 20, 100, 400], 4.0, think_seconds=6.0)


def test_the_time_is_kept_at_the_percentile(found: Sizing):
    for row in found.rows:
        assert row.plan.feasible
        assert row.mean_seconds < row.seconds <= 4.0 * (1 + 1e-6)
        assert row.seconds == response_seconds(row.plan, "p95")


def test_the_plan_carries_what_its_users_send(found: Sizing):
    for row in found.rows:
        assert row.requests_per_second * (row.mean_seconds + 6.0) == pytest.approx(row.users)  # Little's law
        planned = row.plan.question.graph.load.requests_per_second
        assert planned >= row.requests_per_second * (1 - 2e-3)
        again = answer(row.plan.question)
        assert again.usd_per_hour == pytest.approx(row.plan.usd_per_hour)


def test_no_cheaper_plan_carries_the_users_even_if_it_need_not_be_fast(asked: Question, found: Sizing):
    """Slower answers bring the least load that so many users can bring: a plan for it costs no more than ours."""
    for row in found.rows:
        least, _ = with_load(asked, row.users / (4.0 + 6.0))
        assert (answer(least).usd_per_hour or 0.0) <= (row.plan.usd_per_hour or 0.0) * (1 + 1e-5)


def test_more_users_cost_more_and_each_of_them_less(found: Sizing):
    costs = [row.plan.usd_per_hour or 0.0 for row in found.rows]
    each = [row.usd_per_user_hour or 0.0 for row in found.rows]
    assert costs == sorted(costs) and costs[0] < costs[-1]
    assert each[0] > each[-1]


def test_users_who_think_longer_need_no_more_devices(asked: Question, found: Sizing):
    calm = sizing(asked, [400], 4.0, think_seconds=60.0).rows[0]
    assert (calm.plan.usd_per_hour or 0.0) < (found.rows[-1].plan.usd_per_hour or 0.0)


def test_a_tighter_time_costs_no_less(asked: Question, found: Sizing):
    tight = sizing(asked, [400], 2.5, think_seconds=6.0).rows[0]
    assert tight.seconds <= 2.5 * (1 + 1e-6)
    assert (tight.plan.usd_per_hour or 0.0) >= (found.rows[-1].plan.usd_per_hour or 0.0) * (1 - 1e-6)


def test_a_time_that_no_device_keeps_and_a_stock_that_is_too_small(asked: Question):
    fast = sizing(asked, [10], 0.05)
    assert not fast.rows[0].plan.feasible and fast.rows[0].seconds > 0.05
    assert "10 users: the fastest plan takes" in tell(fast)
    many = sizing(question(counts=1), [1000], 10.0, think_seconds=1.0)
    assert not many.rows[0].plan.feasible and many.rows[0].plan.summary.conflict
    assert "1000 users: no plan keeps all demands" in tell(many)
    bought = sizing(question(counts=1), [1000], 10.0, think_seconds=1.0, unlimited=True)
    assert bought.rows[0].plan.feasible


def test_text_and_json_tell_the_same(found: Sizing):
    text, data = tell(found), json.loads(tell(found, "json"))
    assert max(map(len, text.splitlines())) <= 80
    assert [row["users"] for row in data["sizes"]] == [1, 20, 100, 400]
    for row in data["sizes"]:
        assert f"{row['plan']['usd_per_hour']:.2f}" in text


def test_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agent.yaml").write_text(
        "agentc: v1\nname: helper\nmodels: {mind: {catalog: llama-3.1-8b, precision: fp8}}\n"
        "inputs: {q: {type: text}}\nnodes: {think: {llm: mind, in: q, tokens: {input: 512, output: 100}}}\n"
        "outputs: {a: think}\n"
    )
    asked = ["size", "agent.yaml", "--users", "10, 20"]
    assert cli.main([*asked, "--p99", "5", "--think", "3"]) == 0
    assert "answers within 5 s at p99, 3 s between requests" in capsys.readouterr().out
    assert cli.main([*asked, "--p95", "5", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["percentile"] == "p95"
    for wrong in (asked, [*asked, "--p95", "5", "--p50", "2"], [*asked, "--p95", "5", "--load", "3"]):
        assert cli.main(wrong) == 2
    assert cli.main(["size", "agent.yaml", "--users", "many", "--p95", "5"]) == 2
    assert cli.main(["size", "nowhere.yaml", "--users", "3", "--p95", "5"]) == 1
