"""The meaning of control flow, data flow and the order of effects."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from runtime_sample import SHAPE, SPECS, FakeEngines, program, write_build

from agentc.runtime import load
from agentc.runtime.events import Event
from agentc.support.diagnostics import Refused

TOOLS = """
tool.spec @note latency <0.0> cpu <0.0> {python = "tools.py:note"}
tool.spec @read latency <0.0> cpu <0.0> {python = "tools.py:read", pure}
"""


def slug(refused: pytest.ExceptionInfo[Refused]) -> str:
    return refused.value.diagnostics[0].slug


def run(body: str, tmp_path: Path, inputs: dict[str, object], engines: FakeEngines | None = None) -> dict[str, Any]:
    return program(body, tmp_path, engines).run(inputs).outputs


def test_call_fills_its_template(tmp_path: Path) -> None:
    body = f"""
    %q = agent.input "q" : !agent.text
    %a = llm.call @mind(%q, %q) system "S" prompt "{{0}}+{{1}}" {SHAPE} : (!agent.text, !agent.text) -> !agent.text
    agent.output ["a"](%a) : !agent.text"""
    assert run(body, tmp_path, {"q": "x"}) == {"a": "<S\n\nx+x>"}


def test_split_call_means_what_the_whole_call_means(tmp_path: Path) -> None:
    body = f"""
    %q = agent.input "q" : !agent.text
    %p = llm.prefill @mind(%q) prompt "Hi {{0}}" {SHAPE} : (!agent.text) -> !kv.cache<@mind>
    %t = kv.transfer @mind(%p) {SHAPE} : !kv.cache<@mind>
    %a = llm.decode @mind(%t) {SHAPE} : !kv.cache<@mind> -> !agent.text
    agent.output ["a"](%a) : !agent.text"""
    result = program(body, tmp_path).run({"q": "you"})
    assert result.outputs == {"a": "<Hi you>"}
    steps = {step.op: step for step in result.trace.steps}
    assert steps["llm.prefill"].tokens == 2 and steps["kv.transfer"].bytes_ == 64
    assert steps["llm.decode"].first_token_seconds is not None


def test_prefix_is_read_once_and_reused(tmp_path: Path) -> None:
    engines = FakeEngines()
    body = f"""
    %q = agent.input "q" : !agent.text
    %s = llm.prefill @mind() system "Be kind" {SHAPE} : () -> !kv.cache<@mind>
    %p = llm.prefill @mind(%q) from %s : !kv.cache<@mind> system "Be kind" {SHAPE} : (!agent.text) -> !kv.cache<@mind>
    %a = llm.decode @mind(%p) {SHAPE} : !kv.cache<@mind> -> !agent.text
    agent.output ["a"](%a) : !agent.text"""
    result = program(body, tmp_path, engines).run({"q": "x"})
    assert result.outputs == {"a": "<Be kind\n\nx>"}
    assert any("from the prefix" in step.note for step in result.trace.steps)
    prefix, whole = engines.mind.prefilled
    assert whole.startswith(prefix)


def test_split_experts_run_as_one_step(tmp_path: Path) -> None:
    seen: list[Any] = []

    def answer(prompt: str, ask: Any) -> Any:
        seen.append([field.name for field in ask.fields])
        return {"word": prompt}

    body = f"""
    %q = agent.input "q" : !agent.text
    %0 = gate.select @mind(%q) phase "prefill" prompt "P {{0}}" {SHAPE} : (!agent.text) -> !expert.routing
    %1 = expert.prefill @mind(%0) tp 2 {SHAPE} : !expert.routing -> !expert.hidden
    %2 = expert.merge @mind(%1) phase "prefill" {SHAPE} : !expert.hidden
    %c = comm.allreduce @mind(%2) phase "prefill" {SHAPE} : !expert.hidden -> !kv.cache<@mind>
    %3 = gate.select @mind(%c) phase "decode" {SHAPE} : (!kv.cache<@mind>) -> !expert.routing
    %4 = expert.decode @mind(%3) tp 2 {SHAPE} : !expert.routing -> !expert.hidden
    %5 = place.transfer %4 from "a" to "b" over "l" bytes 1.0 seconds 0.5 : !expert.hidden
    %6 = expert.merge @mind(%5) phase "decode" {SHAPE} : !expert.hidden
    %r = comm.allreduce @mind(%6) phase "decode" fields {{word = "text"}} {SHAPE} : !expert.hidden -> !agent.record
    %w = agent.get %r "word" : !agent.record -> !agent.text
    agent.output ["w"](%w) : !agent.text"""
    engines = FakeEngines(answer)
    result = program(body, tmp_path, engines).run({"q": "x"})
    assert result.outputs == {"w": "P x"}
    assert seen == [["word"]] and engines.mind.prefilled == ["P x"]
    notes = {step.op: step.note for step in result.trace.steps}
    assert "whole step" in notes["gate.select"] and notes["expert.decode"] == "ran with the gate"
    assert [s.estimated_seconds for s in result.trace.steps if s.op == "place.transfer"] == [0.5]


def test_loop_is_do_while_with_carried_values(tmp_path: Path) -> None:
    body = """
    %n = agent.input "n" : f64
    %end = agent.loop(%n) expected 2.0 max 5 : (f64) -> f64 {
    ^bb0(%i: f64):
      %one = compute.builtin "length"(%word) : (!agent.text) -> f64
      %next = compute.builtin "sum"(%i, %one) : (f64, f64) -> f64
      %more = compute.builtin "less"(%next) {options = {value = 3 : i64}} : (f64) -> i1
      agent.continue %more(%next) : f64
    }
    agent.output ["n"](%end) : f64"""
    body = body.replace(
        "%end =", '%word = compute.builtin "template"() {options = {template = "x"}} : () -> !agent.text\n%end ='
    )
    assert run(body, tmp_path, {"n": 0}) == {"n": 3.0}
    assert run(body, tmp_path, {"n": 9}) == {"n": 10.0}, "the body runs at least once"
    assert run(body, tmp_path, {"n": -100}) == {"n": -95.0}, "max trips end it"


def test_branch_takes_the_named_case_only(tmp_path: Path) -> None:
    body = f"""
    %k = agent.input "k" : !agent.text
    %r = agent.branch %k ["a", "*"] probabilities [0.5 : f64, 0.5 : f64] : !agent.text -> !agent.text {{
      %x = llm.call @mind(%k) prompt "A" {SHAPE} : (!agent.text) -> !agent.text
      agent.yield %x : !agent.text
    }} {{
      %n = agent.none : !agent.text
      agent.yield %n : !agent.text
    }}
    agent.output ["r"](%r) : !agent.text"""
    engines = FakeEngines()
    assert run(body, tmp_path, {"k": "a"}, engines) == {"r": "<A>"}
    assert run(body, tmp_path, {"k": "other"}, engines) == {"r": None}
    assert engines.mind.asked == ["A"]
    with pytest.raises(Refused) as refused:
        run(body.replace('"*"', '"b"'), tmp_path, {"k": "c"})
    assert slug(refused) == "no-case" and '`"c"`' in str(refused.value)


def test_flag_selects_true_or_false(tmp_path: Path) -> None:
    body = """
    %f = agent.input "f" : i1
    %r = agent.branch %f ["true", "false"] probabilities [0.5 : f64, 0.5 : f64] : i1 -> i1 {
      %no = compute.builtin "not"(%f) : (i1) -> i1
      agent.yield %no : i1
    } {
      agent.yield %f : i1
    }
    agent.output ["r"](%r) : i1"""
    assert run(body, tmp_path, {"f": True}) == {"r": False}
    assert run(body, tmp_path, {"f": False}) == {"r": False}


def test_map_keeps_order_and_concurrency(tmp_path: Path) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def answer(prompt: str, ask: Any) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02 if prompt == "0" else 0.005)
        with lock:
            running -= 1
        return prompt * 2

    body = f"""
    %l = agent.input "l" : !agent.list<!agent.text>
    %r = agent.map %l width <8.0> concurrency 3 : !agent.list<!agent.text> -> !agent.list<!agent.text> {{
    ^bb0(%i: !agent.text):
      %x = llm.call @mind(%i) {SHAPE} : (!agent.text) -> !agent.text
      agent.yield %x : !agent.text
    }}
    agent.output ["r"](%r) : !agent.list<!agent.text>"""
    items = [str(n) for n in range(8)]
    assert run(body, tmp_path, {"l": items}, FakeEngines(answer)) == {"r": [item * 2 for item in items]}
    assert 2 <= most <= 3
    assert run(body, tmp_path, {"l": []}, FakeEngines(answer)) == {"r": []}


def test_sub_agent_is_a_call(tmp_path: Path) -> None:
    inner = """
    agent.graph @shout {
      %t = agent.input "t" : !agent.text
      %u = compute.builtin "upper"(%t) {agent.node = "up"} : (!agent.text) -> !agent.text
      agent.output ["u", "t"](%u, %t) : !agent.text, !agent.text
    }"""
    body = """
    %q = agent.input "q" : !agent.text
    %a, %b = agent.call @shout(%q) {agent.node = "work"} : (!agent.text) -> (!agent.text, !agent.text)
    agent.output ["a", "b"](%a, %b) : !agent.text, !agent.text"""
    result = program(body, tmp_path, specs=SPECS + inner).run({"q": "x"})
    assert result.outputs == {"a": "X", "b": "x"}
    assert [step.node for step in result.trace.steps] == ["work", "work.up"]


def test_fused_steps_mean_what_they_mean_apart(tmp_path: Path) -> None:
    body = """
    %q = agent.input "q" : !agent.text
    %a = compute.fused(%q) : (!agent.text) -> !agent.text {
    ^bb0(%x: !agent.text):
      %y = compute.builtin "strip"(%x) : (!agent.text) -> !agent.text
      %z = compute.builtin "upper"(%y) : (!agent.text) -> !agent.text
      compute.yield %z : !agent.text
    }
    agent.output ["a"](%a) : !agent.text"""
    assert run(body, tmp_path, {"q": " x "}) == {"a": "X"}


def test_independent_steps_overlap(tmp_path: Path) -> None:
    meet = threading.Barrier(2, timeout=20)

    def answer(prompt: str, ask: Any) -> str:
        meet.wait()
        return prompt

    body = f"""
    %q = agent.input "q" : !agent.text
    %a = llm.call @mind(%q) {SHAPE} : (!agent.text) -> !agent.text
    %b = llm.call @mind(%q) {SHAPE} : (!agent.text) -> !agent.text
    agent.output ["a", "b"](%a, %b) : !agent.text, !agent.text"""
    assert run(body, tmp_path, {"q": "x"}, FakeEngines(answer)) == {"a": "x", "b": "x"}


def test_inner_step_waits_only_for_what_it_reads(tmp_path: Path) -> None:
    """A branch's first step starts while a later operand from outside is still on its way."""
    inside, outside = threading.Event(), threading.Event()

    def answer(prompt: str, ask: Any) -> str:
        if prompt == "outside":
            assert inside.wait(20)
            outside.set()
        if prompt == "inside":
            inside.set()
            assert outside.wait(20)
        return prompt

    body = f"""
    %k = agent.input "k" : !agent.text
    %slow = llm.call @mind(%k) prompt "outside" {SHAPE} : (!agent.text) -> !agent.text
    %r = agent.branch %k ["*"] probabilities [1.0 : f64] : !agent.text -> !agent.text {{
      %x = llm.call @mind(%k) prompt "inside" {SHAPE} : (!agent.text) -> !agent.text
      %y = compute.builtin "concat"(%x, %slow) : (!agent.text, !agent.text) -> !agent.text
      agent.yield %y : !agent.text
    }}
    agent.output ["r"](%r) : !agent.text"""
    assert run(body, tmp_path, {"k": "a"}, FakeEngines(answer)) == {"r": "insideoutside"}


EFFECTS = """
%l = agent.input "l" : !agent.list<!agent.text>
%r = agent.map %l width <8.0> concurrency 4 : !agent.list<!agent.text> -> !agent.list<!agent.text> {
^bb0(%i: !agent.text):
  %x = tool.invoke @note(%i) : (!agent.text) -> !agent.text
  agent.yield %x : !agent.text
}
%end = compute.builtin "upper"(%word) : (!agent.text) -> !agent.text
%last = tool.invoke @note(%end) : (!agent.text) -> !agent.text
agent.output ["last"](%last) : !agent.text"""


def test_effects_keep_the_order_of_the_program(tmp_path: Path) -> None:
    """`@note` is not pure: the map's calls come in the order of its items, and before the call after it."""
    tools = """
import time, random
seen = []
def note(text):
    time.sleep(0.01 if text in ("0", "3") else 0)
    seen.append(text)
    return "".join(seen)
def read(text):
    return text
"""
    word = '%word = compute.builtin "template"() {options = {template = "z"}} : () -> !agent.text'
    text = SPECS + TOOLS + "agent.graph entry @sample {\n" + EFFECTS.replace("%r =", f"{word}\n%r =") + "\n}"
    build = write_build(tmp_path / "build", text, {"tools/tools.py": tools})
    assert load(build, state=tmp_path / "s").run({"l": list("012345")}).outputs == {"last": "012345Z"}


ASYNC = f"""
%q = agent.input "q" : !agent.text
%a = llm.call @mind(%q) {SHAPE} : (!agent.text) -> !agent.text
%slow = llm.call @mind(%q) prompt "slow" {SHAPE} {{agent.async, agent.node = "late"}} : (!agent.text) -> !agent.text
agent.output ["a"](%a) : !agent.text"""


def test_asynchronous_step_delays_nothing_but_is_over_at_the_end(tmp_path: Path) -> None:
    answered = threading.Event()
    finished: list[str] = []

    def answer(prompt: str, ask: Any) -> str:
        if prompt == "slow":
            assert answered.wait(20), "the outputs waited for an asynchronous step"
            finished.append(prompt)
        return prompt

    def listen(event: Event) -> None:
        if event.kind == "outputs":
            answered.set()

    result = program(ASYNC, tmp_path, FakeEngines(answer)).run({"q": "x"}, on_event=listen)
    assert result.outputs == {"a": "x"} and finished == ["slow"] and result.warnings == ()
    assert result.trace.settled_seconds >= result.trace.seconds
    assert [step.node for step in result.trace.steps if step.asynchronous] == ["late"]


def test_asynchronous_failure_is_a_warning(tmp_path: Path) -> None:
    def answer(prompt: str, ask: Any) -> str:
        if prompt == "slow":
            raise OSError("disk full")
        return prompt

    result = program(ASYNC, tmp_path, FakeEngines(answer)).run({"q": "x"})
    assert result.outputs == {"a": "x"}
    assert [found.slug for found in result.warnings] == ["step-failed"]
    assert "disk full" in result.warnings[0].message


def test_asynchronous_step_in_a_loop_does_not_hold_the_next_trip(tmp_path: Path) -> None:
    answered = threading.Event()

    def answer(prompt: str, ask: Any) -> str:
        if prompt == "late":
            assert answered.wait(20)
        return prompt

    body = f"""
    %n = agent.input "n" : f64
    %word = compute.builtin "template"() {{options = {{template = "x"}}}} : () -> !agent.text
    %end = agent.loop(%n) expected 2.0 max 3 : (f64) -> f64 {{
    ^bb0(%i: f64):
      %l = llm.call @mind(%word) prompt "late" {SHAPE} {{agent.async}} : (!agent.text) -> !agent.text
      %one = compute.builtin "length"(%word) : (!agent.text) -> f64
      %next = compute.builtin "sum"(%i, %one) : (f64, f64) -> f64
      %more = compute.builtin "less"(%next) {{options = {{value = 3 : i64}}}} : (f64) -> i1
      agent.continue %more(%next) : f64
    }}
    agent.output ["n"](%end) : f64"""
    result = program(body, tmp_path, FakeEngines(answer)).run(
        {"n": 0}, on_event=lambda event: answered.set() if event.kind == "outputs" else None
    )
    assert result.outputs == {"n": 3.0} and result.warnings == ()
    assert sum(step.asynchronous for step in result.trace.steps) == 3
    assert {step.trip for step in result.trace.steps if step.asynchronous} == {(0,), (1,), (2,)}


def test_failure_names_node_op_and_place(tmp_path: Path) -> None:
    def answer(prompt: str, ask: Any) -> str:
        raise RuntimeError("out of memory")

    body = f"""
    %q = agent.input "q" : !agent.text
    %a = llm.call @mind(%q) {SHAPE} {{agent.node = "think", agent.source = "agent.yaml:12:3"}}
      : (!agent.text) -> !agent.text
    agent.output ["a"](%a) : !agent.text"""
    with pytest.raises(Refused) as refused:
        run(body, tmp_path, {"q": "x"}, FakeEngines(answer))
    found = refused.value.diagnostics[0]
    assert str(found) == "agent.yaml:12:3: error[step-failed]: RuntimeError: out of memory"
    assert found.notes == ("in `think` (llm.call)",)


def test_timeout_names_what_was_running(tmp_path: Path) -> None:
    release = threading.Event()

    def answer(prompt: str, ask: Any) -> str:
        release.wait(20)
        return prompt

    body = f"""
    %q = agent.input "q" : !agent.text
    %a = llm.call @mind(%q) {SHAPE} {{agent.node = "think"}} : (!agent.text) -> !agent.text
    agent.output ["a"](%a) : !agent.text"""
    with pytest.raises(Refused) as refused:
        program(body, tmp_path, FakeEngines(answer)).run({"q": "x"}, timeout=0.2)
    release.set()
    found = refused.value.diagnostics[0]
    assert found.slug == "run-timeout" and found.notes == ("still running: `think`",)


def test_run_inside_a_running_loop(tmp_path: Path) -> None:
    import asyncio

    body = """
    %q = agent.input "q" : !agent.text
    agent.output ["q"](%q) : !agent.text"""

    async def notebook() -> dict[str, Any]:
        return run(body, tmp_path, {"q": "x"})

    assert asyncio.run(notebook()) == {"q": "x"}


def test_seed_depends_on_node_and_trip_not_on_time(tmp_path: Path) -> None:
    seeds: list[int] = []

    def answer(prompt: str, ask: Any) -> str:
        seeds.append(ask.seed)
        return prompt

    body = f"""
    %l = agent.input "l" : !agent.list<!agent.text>
    %r = agent.map %l width <8.0> concurrency 1 : !agent.list<!agent.text> -> !agent.list<!agent.text> {{
    ^bb0(%i: !agent.text):
      %x = llm.call @mind(%i) {SHAPE} {{agent.node = "n"}} : (!agent.text) -> !agent.text
      agent.yield %x : !agent.text
    }}
    agent.output ["r"](%r) : !agent.list<!agent.text>"""
    agent = program(body, tmp_path, FakeEngines(answer))
    agent.run({"l": ["a", "b"]}, seed=1)
    agent.run({"l": ["a", "b"]}, seed=1)
    agent.run({"l": ["a", "b"]}, seed=2)
    assert seeds[:2] == seeds[2:4] and len(set(seeds)) == 4
