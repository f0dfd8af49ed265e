"""Soft limits: what is paid and what is missed weigh against each other, as they do over all hard limits."""

import json
from dataclasses import replace

import pytest
from study_sample import question

from agentc import api, cli
from agentc.analyses.study.answer import Question, answer
from agentc.analyses.study.edits import edit
from agentc.analyses.study.sensitivity import sensitivity
from agentc.plan.graph import Limit

LIMIT = 0.008
RATE = 6.0
VOICE = "examples/voice-agent/agent.yaml"


def asked(usd_per_ms: float | None, seconds: float = LIMIT) -> Question:
    return question(Limit("tbt", seconds, usd_per_ms=usd_per_ms), load=RATE, l4=0.3)


def hard(seconds: float) -> tuple[float, float]:
    """What the cheapest plan within a hard limit costs, and its time between tokens."""
    plan = answer(asked(None, seconds)).summary
    return plan.usd_per_hour, plan.tbt_seconds or 0.0


@pytest.mark.parametrize("usd_per_ms", [1e-7, 1e-6, 3e-6, 1e-5, 1e-4])
def test_no_hard_limit_makes_a_plan_that_is_better_with_its_penalty(usd_per_ms: float):
    soft = answer(asked(usd_per_ms))
    summary = soft.summary
    late = max(0.0, (summary.tbt_seconds or 0.0) - LIMIT) * 1e3
    told = late * usd_per_ms * 3600 * RATE
    assert summary.penalty_usd_per_hour == pytest.approx(told, rel=1e-6, abs=1e-9)
    rivals: list[float] = []
    for seconds in (0.008, 0.01, 0.012, 0.02, 0.03, 0.045, 0.1):
        cost, tbt = hard(seconds)
        rivals.append(cost + max(0.0, tbt - LIMIT) * 1e3 * usd_per_ms * 3600 * RATE)
    assert soft.usd_per_hour is not None
    assert soft.usd_per_hour <= min(rivals) * (1 + 1e-6)
    if late == 0:
        assert soft.usd_per_hour == pytest.approx(rivals[0])


def test_a_high_price_keeps_the_limit_and_a_low_one_does_not():
    assert (answer(asked(1e-2)).summary.tbt_seconds or 0.0) <= LIMIT * (1 + 1e-6)
    assert (answer(asked(1e-9)).summary.tbt_seconds or 0.0) > LIMIT


def test_the_price_of_a_missed_millisecond_is_told():
    (row,) = sensitivity(asked(1e-7)).margins
    assert row.binds and row.usd_per_hour_per_ms == pytest.approx(1e-7 * 3600 * RATE)
    (kept,) = sensitivity(asked(1e-2)).margins
    assert not kept.binds


def test_a_change_makes_a_limit_soft():
    softened, _ = edit(asked(None), ["sla.tbt_ms.usd_per_ms=0.0000001"])
    assert softened == replace(asked(1e-7))


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]):
    soft = ["--sla", "tbt_ms=15", "--sla", "tbt_ms.usd_per_ms=0.000001"]
    assert cli.main(["explain-placement", VOICE, *soft, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sla"]["soft"] == {"tbt": 0.000001} and not told["sla"]["met"]
    assert told["cost"]["penalty_usd_per_hour"] > 0
    assert told["status"] == "optimal"
    build = api.compile(VOICE, sla=["tbt_ms=15", "tbt_ms.usd_per_ms=0.000001"])
    text = api.render(build.facts())
    assert "penalty" in text and "missed, as it is soft" in text
    assert cli.main(["check", VOICE]) == 0
    for wrong in ("tbt_ms.usd_per_ms=-1", "tbt_ms.usd_per_ms=cheap"):
        assert cli.main(["explain-placement", VOICE, "--sla", wrong]) == 1
        assert "not a positive number of dollars" in capsys.readouterr().err
