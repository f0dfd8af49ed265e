"""From IR to tasks and edges: visits, control, groups, pairs."""

from typing import Any

import pytest
from harness.ir import ROUTED, TINY, parse, run

from agentc.analyses.task_graph import entry_graph, task_graph
from agentc.plan.graph import Task, TaskEdge, TaskGraph

SIZES = "shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<160.0>}"


def graph(body: str, before: str = "", *passes: str) -> TaskGraph:
    text = f"""
      model.spec @mind {TINY}
      model.spec @moe {ROUTED}
      model.spec @api <{{name = "api", kind = "hosted"}}> precision "bf16" {{hosted = {{ttft_seconds = 0.3 : f64,
        tokens_per_second = 80.0 : f64, usd_per_input_token = 0.001 : f64}}}}
      tool.spec @search latency <0.18> cpu <0.002> {{python = "tools.py:search"}}
      tool.spec @pure latency <0.18> cpu <0.002> {{python = "tools.py:search", pure}}
      memory.spec @log kind "log" documents 0 dimension 0
      {before}
      agent.graph entry @a {{
        %q = agent.input "question" : !agent.text
        %flag = agent.input "flag" : i1
        %list = agent.input "list" : !agent.list<!agent.text>
        {body}
      }} {{load = #agent.load<{{requests_per_second = 2.0 : f64}}>}}"""
    return task_graph(run(parse(text), *passes))


def step(name: str, value: str, operand: str, extra: str = "") -> str:
    node = f'agent.node = "{name}"{extra}'
    return f'%{value} = compute.builtin "strip"(%{operand}) {{{node}}} : (!agent.text) -> !agent.text\n'


def by_name(found: TaskGraph) -> dict[str, Task]:
    return {task.name: task for task in found.tasks}


def pairs(found: TaskGraph) -> set[tuple[str, str]]:
    return {(edge.src, edge.dst) for edge in found.edges}


def edge(found: TaskGraph, src: str, dst: str) -> TaskEdge:
    return next(each for each in found.edges if (each.src, each.dst) == (src, dst))


def test_a_call_is_prefill_and_decode_with_the_cache_between() -> None:
    call = f'%r = llm.call @mind(%q) {SIZES} {{agent.node = "think", agent.source = "a.yaml:1:2"}}'
    found = graph(f'{call} : (!agent.text) -> !agent.text\nagent.output ["r"](%r) : !agent.text', "", "split-llm")
    prefill, decode = found.tasks
    assert (prefill.name, decode.name) == ("think.prefill", "think.decode")
    assert (prefill.pair, decode.pair) == (decode.name, prefill.name)
    assert prefill.source == "a.yaml:1:2"
    assert prefill.model is not None
    assert prefill.precision == "bf16"
    between = edge(found, prefill.name, decode.name)
    assert between.streams
    # 2 layers x (K and V) x 2 heads x 16 elements x 2 bytes
    assert between.bytes_.evaluate({"input_tokens": 512.0}) == 512 * 2 * 2 * 2 * 16 * 2
    assert found.load.requests_per_second == 2.0


def test_visits_multiply_through_regions() -> None:
    body = """
      %r = agent.loop(%q) expected 3.0 max 4 : (!agent.text) -> !agent.text {
      ^bb0(%last: !agent.text):
        %x = agent.branch %flag ["true", "false"] probabilities [0.25 : f64, 0.75 : f64] : i1 -> !agent.text {
    """
    body += step("rare", "a", "last") + "agent.yield %a : !agent.text\n} {\n" + "agent.yield %last : !agent.text\n}\n"
    body += "agent.continue %flag(%x) : !agent.text\n}\n"
    body += """%m = agent.map %list width <8.0> concurrency 4 : !agent.list<!agent.text> -> !agent.list<!agent.text> {
      ^bb0(%item: !agent.text):
    """
    body += step("each", "b", "item") + "agent.yield %b : !agent.text\n}\n"
    found = by_name(graph(body + 'agent.output ["r", "m"](%r, %m) : !agent.text, !agent.list<!agent.text>'))
    assert (found["rare"].visits, found["rare"].concurrency) == (0.75, 1.0)
    assert (found["each"].visits, found["each"].concurrency) == (8.0, 4.0)


def test_edges_lead_through_branches_loops_and_projections() -> None:
    body = step("choose", "k", "q") + step("before", "p", "q")
    body += '%x = agent.branch %k ["a", "*"] probabilities [0.5 : f64, 0.5 : f64] : !agent.text -> !agent.text {\n'
    body += step("case", "c", "p") + "agent.yield %c : !agent.text\n} {\nagent.yield %p : !agent.text\n}\n"
    body += "%rec = agent.none : !agent.record\n"
    body += '%g = agent.get %rec "f" : !agent.record -> !agent.text\n'
    body += step("after", "z", "x") + step("free", "y", "g")
    found = graph(body + 'agent.output ["z", "y"](%z, %y) : !agent.text, !agent.text')
    assert pairs(found) == {
        ("choose", "case"),
        ("before", "case"),
        ("case", "after"),
        ("before", "after"),
    }


def test_a_step_inside_a_region_waits_for_what_opens_it() -> None:
    body = step("choose", "k", "q")
    body += '%x = agent.branch %k ["a", "*"] probabilities [0.5 : f64, 0.5 : f64] : !agent.text -> !agent.text {\n'
    body += step("one", "c", "q") + step("two", "d", "c")
    body += "agent.yield %d : !agent.text\n} {\nagent.yield %q : !agent.text\n}\n"
    found = graph(body + step("after", "z", "x") + 'agent.output ["z"](%z) : !agent.text')
    assert pairs(found) == {("choose", "one"), ("one", "two"), ("two", "after"), ("choose", "after")}
    assert edge(found, "choose", "one").bytes_.evaluate({}) == 0


def test_a_loop_ends_when_its_condition_is_known() -> None:
    body = """
      %r = agent.loop(%q) expected 2.0 max 4 : (!agent.text) -> !agent.text {
      ^bb0(%last: !agent.text):
        %more = compute.builtin "contains"(%last) {agent.node = "test"} : (!agent.text) -> i1
    """
    body += step("work", "w", "last") + "agent.continue %more(%w) : !agent.text\n}\n" + step("after", "z", "r")
    assert pairs(graph(body + 'agent.output ["z"](%z) : !agent.text')) == {("work", "after"), ("test", "after")}


def test_effects_on_one_memory_keep_their_order() -> None:
    body = """
      memory.store @log(%q, %q) {agent.node = "put"} : !agent.text, !agent.text
      %h = memory.load @log(%q) {agent.node = "get"} : (!agent.text) -> !agent.text
      %a = tool.invoke @search(%q) {agent.node = "one"} : (!agent.text) -> !agent.text
      %b = tool.invoke @search(%q) {agent.node = "two"} : (!agent.text) -> !agent.text
      %c = tool.invoke @pure(%q) {agent.node = "three"} : (!agent.text) -> !agent.text
      %d = tool.invoke @pure(%q) {agent.node = "four"} : (!agent.text) -> !agent.text
      agent.output ["h"](%h) : !agent.text
    """
    assert pairs(graph(body)) == {("put", "get"), ("one", "two")}


def test_what_is_asynchronous_has_asynchronous_edges() -> None:
    body = step("a", "x", "q") + step("b", "y", "x", ", agent.async") + 'agent.output ["x"](%x) : !agent.text'
    found = graph(body)
    assert [task.asynchronous for task in found.tasks] == [False, True]
    assert edge(found, "a", "b").asynchronous


def test_the_parts_of_a_routed_step_are_a_group_and_pair_up() -> None:
    call = f'%r = llm.call @moe(%q) {SIZES} {{agent.node = "t"}} : (!agent.text) -> !agent.text\n'
    found = graph(call + 'agent.output ["r"](%r) : !agent.text', "", "split-llm", "split-experts")
    stages = ("gate", "experts", "merge", "allreduce")
    assert [task.name for task in found.tasks] == [f"t.{p}.{s}" for p in ("prefill", "decode") for s in stages]
    assert [task.group for task in found.tasks] == ["t.prefill"] * 4 + ["t.decode"] * 4
    for task in found.tasks[:4]:
        pair = task.name.replace("prefill", "decode")
        assert task.pair == pair and by_name(found)[pair].pair == task.name


def test_a_prefill_that_two_decodes_read_is_the_pair_of_the_first() -> None:
    body = f"""
      %c = llm.prefill @mind(%q) {SIZES} {{agent.node = "p"}} : (!agent.text) -> !kv.cache<@mind>
      %x = llm.decode @mind(%c) {SIZES} {{agent.node = "one"}} : !kv.cache<@mind> -> !agent.text
      %y = llm.decode @mind(%c) {SIZES} {{agent.node = "two"}} : !kv.cache<@mind> -> !agent.text
      agent.output ["x", "y"](%x, %y) : !agent.text, !agent.text
    """
    found = by_name(graph(body))
    assert found["p.prefill"].pair == "one.decode"
    assert found["two.decode"].pair is None


def test_a_hosted_call_is_one_task_with_its_price() -> None:
    call = f'%r = llm.call @api(%q) {SIZES} {{agent.node = "t"}} : (!agent.text) -> !agent.text\n'
    found = graph(call + 'agent.output ["r"](%r) : !agent.text', "", "split-llm")
    (task,) = found.tasks
    assert task.kinds == ("hosted",)
    assert task.hosted is not None
    assert task.hosted.usd_per_input_token == 0.001
    assert task.work.static_seconds.evaluate({"output_tokens": 160.0}) == pytest.approx(0.3 + 160 / 80)


def test_fused_steps_keep_their_figures_apart() -> None:
    fast = '{agent.node = "one", shape = {cpu_seconds = #agent.quantity<0.25>}}'
    slow = '{agent.node = "two", shape = {cpu_seconds = #agent.quantity<2.0>}}'
    body = f"""
      %x = compute.python "a.py:f"(%q) {fast} : (!agent.text) -> !agent.text
      %y = compute.python "a.py:g"(%x) {slow} : (!agent.text) -> !agent.text
      agent.output ["y"](%y) : !agent.text
    """
    (task,) = graph(body, "", "fuse-compute", "annotate-work").tasks
    env = {name: figure.mean for name, figure in task.shape.items()} | {"batch": 1.0}
    assert task.work.cpu_core_seconds.evaluate(env) == 2.25


def test_annotation_changes_no_task() -> None:
    call = f'%r = llm.call @moe(%q) {SIZES} {{agent.node = "t"}} : (!agent.text) -> !agent.text\n'
    body = call + 'agent.output ["r"](%r) : !agent.text'
    plain: Any = graph(body, "", "split-llm", "split-experts")
    annotated: Any = graph(body, "", "split-llm", "split-experts", "annotate-work")
    assert [(t.name, t.work, t.group, t.pair) for t in plain.tasks] == [
        (t.name, t.work, t.group, t.pair) for t in annotated.tasks
    ]
    assert plain.edges == annotated.edges


def test_an_entry_is_wanted() -> None:
    two = "agent.graph @a {\nagent.output [](){}\n}\nagent.graph @b {\nagent.output [](){}\n}"
    with pytest.raises(ValueError, match="0 of 2 agents are marked `entry`"):
        entry_graph(parse(two))


def test_a_long_chain_of_regions_needs_no_stack() -> None:
    body = ""
    value = "q"
    for i in range(300):
        body += f'%x{i} = agent.branch %q ["a", "*"] probabilities [0.5 : f64, 0.5 : f64] : !agent.text -> !agent.text '
        body += f"{{\nagent.yield %{value} : !agent.text\n}} {{\n{step(f's{i}', f'y{i}', value)}"
        body += f"agent.yield %y{i} : !agent.text\n}}\n"
        value = f"x{i}"
    found = graph(body + f'agent.output ["x"](%{value}) : !agent.text')
    assert len(found.tasks) == 300
