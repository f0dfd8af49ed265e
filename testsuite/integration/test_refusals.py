"""Never a bare "infeasible": pins that contradict, stocks of zero, places that are apart, loads beyond the stock."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentc import api, cli
from agentc.solve import highs, parts
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


DEADLINE = "sla: {ttft_ms: 1}\nload:"
PINS = "placement: {pin: h100},", "placement: {pin: l4},"


@pytest.mark.parametrize(
    ("agent", "fleet", "notes", "cure"),
    [
        pytest.param(
            AGENT.replace("SORT", "placement: {pin: h100},").replace("ANSWER", ""),
            FLEET.replace("count: 8", "count: 0"),
            ("the fleet has 0 of `h100-us`",),
            "fleet h100-us: 0 -> ",
            id="a stock of zero",
        ),
        pytest.param(
            AGENT.replace("SORT", "placement: {pin: l4, sites: [us]},").replace("ANSWER", ""),
            FLEET,
            ("`sort.prefill`, `sort.decode` fit no device of the fleet", "the definition pins it to `l4`"),
            "change the `placement` of the node, or the fleet",
            id="pins that contradict",
        ),
        pytest.param(
            AGENT.replace("SORT", "").replace("ANSWER", "").replace("load:", DEADLINE),
            FLEET,
            ("`sla.ttft_ms` allows 1 ms",),
            "sla.ttft_ms: 1 -> ",
            id="a limit that nothing keeps",
        ),
        pytest.param(
            AGENT.replace("SORT", PINS[0]).replace("ANSWER", PINS[1]),
            FLEET + CUT,
            ("links join nothing",),
            "join these places by an entry of the fleet's `links`",
            id="zones that are apart",
        ),
        pytest.param(
            AGENT.replace("SORT", "").replace("ANSWER", "").replace("second: 2", "second: 100000"),
            FLEET,
            ("the fleet has 8 of `h100-us`", "takes at least"),
            "load.requests_per_second: 100000 -> ",
            id="a load that no stock serves",
        ),
    ],
)
def test_the_command_tells_what_conflicts_where_and_what_would_do(
    agent: str, fleet: str, notes: tuple[str, ...], cure: str, capsys: pytest.CaptureFixture[str]
):
    Path("agent.yaml").write_text(agent)
    Path("fleet.yaml").write_text(fleet)
    assert cli.main(["compile", "agent.yaml", "--fleet", "fleet.yaml", "-o", "build"]) == 1
    told = capsys.readouterr()
    assert not told.out and not Path("build").exists()
    assert "error[infeasible-placement]: no placement on fleet `two` keeps what agent `helper` demands" in told.err
    assert re.search(r"--> agent\.yaml:\d+:\d+\n", told.err)
    for note in notes:
        assert note in told.err
    assert cure in told.err
    assert "Traceback" not in told.err


def test_a_demand_less_is_one_conflict_less(capsys: pytest.CaptureFixture[str]):
    """The set is minimal: the pins alone and the cut alone are kept, and it names nothing else."""
    found = refused(*PINS, FLEET + CUT, load=2.0)
    assert not any("sla." in note or "the fleet has" in note for note in found.notes)
    compiled(PINS[0], "", FLEET + CUT)
    compiled(*PINS)


def test_a_time_limit_gives_the_best_so_far_with_its_gap(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A solver that runs out of time: exit status 0, a plan, `feasible`, and how far it may be from the best."""
    nodes = "".join(
        f"  n{n}: {{llm: m{n % 4}, in: question, tokens: {{input: {100 + 37 * n}, output: {20 + 11 * n}}}}}\n"
        for n in range(28)
    )
    agent = AGENT.replace("SORT", "").replace("ANSWER", "").replace("outputs:", f"{nodes}outputs:")
    names = ("llama-3.1-8b", "qwen3-8b", "mistral-7b", "llama-3.2-3b")
    models = ", ".join(f"m{n}: {{catalog: {name}}}" for n, name in enumerate(names))
    agent = agent.replace("models: {", f"models: {{{models}, ")
    Path("agent.yaml").write_text(agent.replace("load:", "sla: {end_to_end_ms: 60000, tbt_ms: 40}\nload:"))
    Path("fleet.yaml").write_text(FLEET.replace("count: 8", "count: 400").replace("count: 4", "count: 400"))
    monkeypatch.setattr(parts, "CHOICES", 0)
    run = highs.Program.run
    monkeypatch.setattr(highs.Program, "run", lambda self, **limits: _run_short(self, run, **limits))
    assert cli.main(["compile", "agent.yaml", "--fleet", "fleet.yaml", "-o", "build"]) == 0
    plan = yaml.safe_load(Path("build/manifest.yaml").read_text())
    assert plan["status"] == "feasible" and plan["gap"] > 0
    assert cli.main(["explain-placement", "build"]) == 0
    assert f"feasible for cost (gap {plan['gap']:.2%})" in capsys.readouterr().out


def _run_short(self: highs.Program, run: Any, **limits: Any) -> highs.Result:
    """As where the clock stops a search that has found the best, but has proven only 99 % of it."""
    result: highs.Result = run(self, **limits)
    return replace(result, outcome="limit", bound=0.99 * result.bound) if self.integer and result.values else result
