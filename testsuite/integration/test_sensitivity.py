"""What is said to bind, to cost and to turn is so: each claim is tried by placing again with the figure that is named."""

import math
from dataclasses import replace

import pytest
from study_sample import question

from agentc import cli
from agentc.analyses.study.answer import Answer, Question, answer
from agentc.analyses.study.edits import with_count, with_limit, with_load, with_price
from agentc.analyses.study.sensitivity import Sensitivity, devices_of, sensitivity
from agentc.plan.graph import Limit
from agentc.report.study import tell
from agentc.support.diagnostics import Refused

CASES = (
    question(Limit("tbt", 0.03), Limit("ttft", 1.0), load=2.0, l4=0.3),
    question(Limit("tbt", 0.012), load=6.0, l4=0.3),  # two steps: three L4, then two
    question(Limit("end_to_end", 10.0), load=30.0, h100=3.0, l4=0.1, counts=3),
    question(Limit("end_to_end", 10.0), Limit("tbt", 0.1), load=8.0, h100=1.0, l4=0.4),
)
VOICE = "examples/voice-agent/agent.yaml"


@pytest.fixture(scope="module", params=range(len(CASES)))
def found(request: pytest.FixtureRequest) -> Sensitivity:
    return sensitivity(CASES[request.param])


def usd(asked: Question) -> float:
    got = answer(asked, reasons=False)
    return got.usd_per_hour if got.usd_per_hour is not None else math.inf


def test_the_samples_have_something_to_tell():
    told = [sensitivity(case) for case in CASES]
    assert any(row.looser for one in told for row in one.margins)
    assert any(row.tighter for one in told for row in one.margins)
    assert any(one.shortages for one in told)
    assert any(one.turns for one in told) and any(one.loads for one in told)


def test_a_looser_limit_saves_what_is_said_and_one_just_short_of_it_nothing(found: Sensitivity):
    base = found.base.usd_per_hour or 0.0
    for row in found.margins:
        free = usd(with_limit(found.base.question, row.limit, 1e6))
        assert (free < base * (1 - 1e-4)) == row.binds
        if row.looser is None:
            continue
        assert usd(with_limit(found.base.question, row.limit, row.looser.to)) == pytest.approx(
            base + row.looser.usd_per_hour, rel=1e-4
        )
        short = max(row.limit.seconds, row.looser.to * 0.995)
        assert usd(with_limit(found.base.question, row.limit, short)) == pytest.approx(base, rel=1e-4)
        assert row.usd_per_hour_per_ms > 0 > row.looser.usd_per_hour


def test_a_tighter_limit_costs_what_is_said(found: Sensitivity):
    base = found.base.usd_per_hour or 0.0
    for row in found.margins:
        assert row.value <= row.limit.seconds * (1 + 1e-6)
        if row.tighter is not None:
            assert row.tighter.to < row.limit.seconds and row.tighter.usd_per_hour > 0
            there = usd(with_limit(found.base.question, row.limit, row.tighter.to))
            assert there == pytest.approx(base + row.tighter.usd_per_hour, rel=1e-4)


def test_more_devices_save_what_is_said_and_one_fewer_nothing(found: Sensitivity):
    base = found.base.usd_per_hour or 0.0
    for row in found.shortages:
        more = usd(with_count(found.base.question, row.device, round(row.more.to))[0])
        assert more == pytest.approx(base + row.more.usd_per_hour, rel=1e-4)
        fewer = usd(with_count(found.base.question, row.device, round(row.more.to) - 1)[0])
        assert fewer == pytest.approx(base, rel=1e-4)


def test_at_a_turn_of_a_price_both_plans_cost_the_same_and_beyond_it_the_other_one_less(found: Sensitivity):
    asked, base = found.base.question, found.base
    for row in found.turns:
        held = base.devices.get(row.device, 0)

        def ours(price: float, row=row, held=held) -> float:
            return (base.usd_per_hour or 0.0) + held * (price - row.now)

        beyond, before = row.at + 0.02 * (row.at - row.now), row.at - 0.02 * (row.at - row.now)
        assert usd(with_price(asked, row.device, before)[0]) == pytest.approx(ours(before), rel=1e-4)
        assert usd(with_price(asked, row.device, beyond)[0]) < ours(beyond) - 1e-6
        there = answer(with_price(asked, row.device, beyond)[0])
        assert there.devices != base.devices


def test_where_no_turn_is_told_no_price_makes_a_difference(found: Sensitivity):
    below = {row.device for row in found.turns if row.at < row.now}
    for stock in found.base.question.fleet.stocks:
        if stock.device.name not in below:
            held = found.base.devices.get(stock.device.name, 0)
            free = usd(with_price(found.base.question, stock.device.name, 0.0)[0])
            assert free == pytest.approx((found.base.usd_per_hour or 0.0) - held * stock.usd_per_hour, rel=1e-4)


def test_the_choice_turns_at_the_load_that_is_told_and_not_much_before(found: Sensitivity):
    for row in found.loads:
        there: Answer = answer(with_load(found.base.question, row.at)[0], reasons=False)
        assert devices_of(there) != devices_of(found.base)
        assert there.usd_per_hour == (None if row.usd_per_hour is None else pytest.approx(row.usd_per_hour))
        short = row.at * (0.985 if row.at > row.now else 1.015)
        assert devices_of(answer(with_load(found.base.question, short)[0])) == devices_of(found.base)


def test_only_the_cheapest_plan_tells_what_limits_cost():
    with pytest.raises(Refused) as refused:
        sensitivity(replace(CASES[0], objective="latency"))
    assert refused.value.diagnostics[0].slug == "wrong-objective"


def test_without_a_plan_there_is_nothing_to_tell_but_why():
    with pytest.raises(Refused) as refused:
        sensitivity(question(Limit("tbt", 1e-6)))
    assert refused.value.diagnostics[0].slug == "infeasible-placement"
    assert any("tbt" in note for note in refused.value.diagnostics[0].notes)


def test_text_and_json_tell_the_same(capsys: pytest.CaptureFixture[str]):
    import json

    told = sensitivity(CASES[0])
    text, data = tell(told), json.loads(tell(told, "json"))
    assert max(map(len, text.splitlines())) <= 80
    assert f"{data['plans_compared']} plans were compared" in text
    for row in data["prices"]:
        assert f"{'above' if row['turns_at'] > row['usd_per_hour'] else 'below'} {row['turns_at']:.2f}" in text
    assert [row["metric"] for row in data["limits"]] == ["tbt_ms", "ttft_ms"]
    assert cli.main(["explain-placement", VOICE, "--sensitivity", "--task", "hear"]) == 2
    capsys.readouterr()
