"""Speculative decoding in plans: from the definition to the price of a round."""

from dataclasses import replace
from pathlib import Path

import pytest

from agentc import api, catalog, cost
from agentc.analyses.task_graph import task_graph
from agentc.plan import demand
from agentc.plan.fleet import Fleet, Stock
from agentc.plan.graph import Limit, Load, Task, TaskGraph
from agentc.plan.models import Draft
from agentc.plan.placement import Option
from agentc.plan.quantity import Quantity
from agentc.solve import brute_force, solve

BIG, SMALL = catalog.model("llama-3.1-70b"), catalog.model("llama-3.2-1b")
SHAPE = {"input_tokens": Quantity(512), "output_tokens": Quantity(128)}
FLEET = Fleet("test", (Stock(catalog.device("h100"), None, 1.0),))


def graph(draft: Draft | None, limits: tuple[Limit, ...] = ()) -> TaskGraph:
    """One call, with or without a draft."""
    prefill = Task("say.prefill", "llm.prefill", "", demand.prefill(BIG, "fp8"), SHAPE, BIG, "fp8", pair="say.decode")
    decode = Task("say.decode", "llm.decode", "", demand.decode(BIG, "fp8"), SHAPE, BIG, "fp8", pair="say.prefill")
    if draft is not None:
        first, rounds = demand.drafted_prefill(BIG, draft, "fp8"), demand.speculation(BIG, draft, "fp8")
        prefill = replace(prefill, work=demand.joined(first), draft=first)
        decode = replace(decode, work=demand.joined(rounds), draft=rounds)
    return TaskGraph("test", (prefill, decode), (), limits, Load(2.0))


def options(draft: Draft | None, task: str = "say.decode") -> dict[str, Option]:
    """All that fit, by name."""
    limits = (Limit("tbt", 10.0, "mean"), Limit("end_to_end", 1000.0))
    found = cost.options(graph(draft, limits), FLEET, lenient=True).options[task]
    return {option.name: option for option in found if option.mode == "disaggregated" and option.pp == 1}


def test_a_round_is_the_drafts_steps_and_one_of_the_model():
    """By hand from two estimates: three steps of the draft without the engine's times, one of the model over four
    positions, for the tokens that it gives."""
    draft = Draft(SMALL, 3, 0.6)
    option = options(draft)["llama-3.1-70b/decode/h100-sxm/tp2/b1"]
    env = cost.environment(SHAPE)
    kind = {"phase": "decode", "precision": "fp8", "tp": 2, "kv_shards": 8}
    device, parts = catalog.device("h100"), demand.speculation(BIG, draft, "fp8")
    check = cost.estimate(parts.check, env, device, model=BIG, **kind)
    small = cost.estimate(parts.step, env, device, model=SMALL, **kind)
    assert parts.gained == pytest.approx(1 + 0.6 + 0.36 + 0.216)
    whole = (check.step_seconds + 3 * small.step_seconds) * 128 / parts.gained
    assert option.seconds < whole, "the engine schedules once a round"
    assert option.seconds > (check.step_seconds + 3 * (small.step_seconds - 2e-3)) * 128 / parts.gained
    assert option.metrics["tbt"] == pytest.approx(option.seconds / 128)


def test_the_more_is_accepted_the_faster():
    seconds = [min(o.seconds for o in options(Draft(SMALL, 4, a)).values()) for a in (0.0, 0.3, 0.6, 0.9, 1.0)]
    assert seconds == sorted(seconds, reverse=True) and seconds[0] > 3 * seconds[-1]


@pytest.mark.parametrize("task", ["say.prefill", "say.decode"])
def test_a_draft_that_nothing_comes_of_only_costs(task: str):
    alone, with_draft = options(None, task), options(Draft(SMALL, 4, 0.0), task)
    both = alone.keys() & with_draft.keys()
    assert both
    for name in both:
        assert with_draft[name].seconds > alone[name].seconds
        assert with_draft[name].busy_seconds > alone[name].busy_seconds
        assert with_draft[name].host_bytes >= alone[name].host_bytes
        if with_draft[name].cache == "reserved":
            assert with_draft[name].memory_bytes >= alone[name].memory_bytes + 1.2e9 / alone[name].tp


def test_engines_draft_without_stages():
    found = cost.options(graph(Draft(SMALL, 4, 0.7)), FLEET).options
    assert {option.pp for column in found.values() for option in column} == {1}


def test_gaps_at_a_percentile_are_rounds():
    draft = Draft(SMALL, 4, 0.7)
    limits = (Limit("tbt", 10.0, "p95"), Limit("end_to_end", 1000.0))
    late = {o.name: o for o in cost.options(graph(draft, limits), FLEET, lenient=True).options["say.decode"]}
    gained = demand.expected_tokens(4, 0.7)
    both = options(draft).keys() & late.keys()
    assert both
    for name in both:
        assert late[name].metrics["tbt"] == pytest.approx(gained * options(draft)[name].metrics["tbt"])


@pytest.mark.parametrize("acceptance", [0.0, 0.8])
def test_the_best_plan_is_that_of_brute_force(acceptance: float):
    problem = cost.problem(graph(Draft(SMALL, 4, acceptance), (Limit("tbt", 0.05),)), FLEET)[0]
    best = brute_force(problem)
    assert best is not None
    assert solve(problem).usd_per_hour == pytest.approx(best[1].usd_per_hour)


AGENT = """\
agentc: v1
name: helper
models:
  small: {catalog: llama-3.2-1b}
  mind: {catalog: llama-3.1-70b, precision: fp8, draft: {model: small, tokens: 5, acceptance: 0.8}}
inputs: {question: {type: text, tokens: 512}}
nodes: {answer: {llm: mind, in: question, tokens: {input: 512, output: 128}}}
outputs: {answer: answer}
"""


def test_a_definition_says_who_drafts(tmp_path: Path):
    file = tmp_path / "agent.yaml"
    file.write_text(AGENT)
    module = api.compile(file, stop_after="task").module
    tasks = {task.name: task for task in task_graph(module).tasks}
    rounds, first = tasks["answer.decode"].draft, tasks["answer.prefill"].draft
    assert rounds is not None and first is not None
    assert (rounds.model.name, rounds.times, rounds.precision) == ("llama-3.2-1b", 5, "fp8")
    assert tasks["answer.decode"].work == demand.speculate(BIG, SMALL, "fp8", 5, 0.8)
    assert (first.times, first.step) == (1, demand.prefill(SMALL, "fp8"))


def test_a_draft_has_the_precision_that_it_states(tmp_path: Path):
    file = tmp_path / "agent.yaml"
    file.write_text(AGENT.replace("llama-3.2-1b}", "llama-3.2-1b, precision: bf16}"))
    module = api.compile(file, stop_after="task").module
    (rounds,) = [task.draft for task in task_graph(module).tasks if task.name == "answer.decode"]
    assert rounds is not None and rounds.precision == "bf16"


def test_experts_with_a_draft_stay_in_one_step(tmp_path: Path):
    file = tmp_path / "agent.yaml"
    file.write_text(AGENT.replace("llama-3.2-1b", "qwen3-0.6b").replace("llama-3.1-70b", "qwen3-30b-a3b"))
    module = api.compile(file, stop_after="task").module
    assert [task.op for task in task_graph(module).tasks] == ["llm.prefill", "llm.decode"]
