"""What is read from placed IR: critical path, KV caches, kernels, fleet."""

import pytest
from harness.ir import ROUTED, TINY, parse, run

from agentc.analyses import critical_path, fleet, kernels, kv_footprint
from agentc.analyses.visits import visits
from agentc.dialects.agent import MapOp


def placed(name: str, value: str, operand: str, seconds: float, extra: str = "") -> str:
    on = f'place.on = #place.on<{{device = "cpu", mode = "single", seconds = {seconds!r} : f64}}>'
    return (
        f'%{value} = compute.builtin "strip"(%{operand}) {{agent.node = "{name}", {on}{extra}}} : '
        "(!agent.text) -> !agent.text\n"
    )


def test_the_critical_path_weighs_visits_and_transfers_and_skips_what_nobody_awaits() -> None:
    body = placed("short", "a", "q", 1.0) + placed("long", "b", "q", 4.0)
    body += '%there = place.transfer %a from "x" to "cpu" over "wire" bytes 1.0 seconds 9.0 : !agent.text\n'
    body += "%r = agent.loop(%there) expected 2.5 max 4 : (!agent.text) -> !agent.text {\n^bb0(%last: !agent.text):\n"
    body += placed("inside", "c", "last", 2.0) + "agent.continue %flag(%c) : !agent.text\n}\n"
    body += placed("aside", "d", "r", 100.0, ", agent.async")
    module = parse(
        f"""agent.graph entry @a {{
          %q = agent.input "q" : !agent.text
          %flag = agent.input "f" : i1
          {body}
          agent.output ["r", "b"](%r, %b) : !agent.text, !agent.text
        }}"""
    )
    found = critical_path(module)
    assert found.tasks == ("short", "inside")
    # The transfer is before the loop, its value comes in by the loop's argument: counted with the consumer's operand.
    assert found.seconds == pytest.approx(1.0 + 2.5 * 2.0)


def test_a_transfer_before_its_reader_counts() -> None:
    body = placed("a", "x", "q", 1.0)
    body += '%there = place.transfer %x from "x" to "cpu" over "wire" bytes 1.0 seconds 9.0 : !agent.text\n'
    body += placed("b", "y", "there", 2.0)
    found = critical_path(parse(f'agent.graph entry @a {{\n%q = agent.input "q" : !agent.text\n{body}'
                                'agent.output ["y"](%y) : !agent.text\n}'))  # fmt: skip
    assert found.seconds == 12.0


def test_an_agent_without_tasks_has_no_path() -> None:
    found = critical_path(parse("agent.graph entry @a {\nagent.output [](){}\n}"))
    assert (found.seconds, found.tasks) == (0.0, ())


def test_kv_footprint_counts_each_model() -> None:
    sizes = "shape {input_tokens = #agent.quantity<100.0>, output_tokens = #agent.quantity<20.0, p95 = 60.0>}"

    def call(model: str) -> str:
        return f"llm.call @{model}(%q) {sizes} : (!agent.text) -> !agent.text"

    module = run(
        parse(
            f"""
            model.spec @mind {TINY}
            model.spec @moe {ROUTED}
            agent.graph entry @a {{
              %q = agent.input "q" : !agent.text
              %a = {call("mind")}
              %b = {call("mind")}
              %c = {call("moe")}
              agent.output ["a", "b", "c"](%a, %b, %c) : !agent.text, !agent.text, !agent.text
            }}"""
        ),
        "split-llm",
        "split-experts",
    )
    mind, moe = kv_footprint(module)
    per_token = 2 * 2 * 2 * 16 * 2
    assert (mind.model, moe.model) == ("mind", "moe")
    assert mind.bytes_per_token == per_token
    assert mind.bytes_per_call == per_token * 160
    assert mind.bytes_per_request == 2 * per_token * 120
    assert moe.bytes_per_request == per_token * 120


def test_kernels_are_found_with_their_devices_also_in_fused_steps() -> None:
    on = 'place.on = #place.on<{device = "cpu-local", mode = "single"}>'
    call = "compute.kernel @{}(%t) {{{}}} : (tensor<?xf32>) -> tensor<?xf32>"
    module = parse(
        f"""agent.graph entry @a {{
          %t = agent.input "t" : tensor<?xf32>
          %x = {call.format("score", on)}
          %y = {call.format("score", on.replace("cpu-local", "b200"))}
          %z = {call.format("other", "")}
          agent.output ["x", "y", "z"](%x, %y, %z) : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
        }}"""
    )
    assert [(use.name, use.devices) for use in kernels(module)] == [("score", ("b200", "cpu-local")), ("other", ())]


def test_the_fleet_reads_back_as_it_was_attached() -> None:
    from agentc.catalog import load_fleet

    module = parse("agent.graph entry @a {\nagent.output [](){}\n}")
    assert fleet(module) is None
    run(module, "attach-fleet", fleet="mixed-2026")
    assert fleet(parse(str(module))) == load_fleet("mixed-2026")


def test_visits_within_a_block() -> None:
    module = parse(
        """agent.graph entry @a {
          %q = agent.input "q" : !agent.list<!agent.text>
          %f = agent.input "f" : i1
          %r = agent.loop(%q) expected 2.0 max 4 : (!agent.list<!agent.text>) -> !agent.list<!agent.text> {
          ^bb0(%last: !agent.list<!agent.text>):
            %m = agent.map %last width <3.0> concurrency 8 : !agent.list<!agent.text> -> !agent.list<!agent.text> {
            ^bb1(%item: !agent.text):
              agent.yield %item : !agent.text
            }
            agent.continue %f(%m) : !agent.list<!agent.text>
          }
          agent.output ["r"](%r) : !agent.list<!agent.text>
        }"""
    )
    each = next(op for op in module.walk() if isinstance(op, MapOp))
    last = each.body.block.last_op
    assert last is not None
    # No more run side by side than there are.
    assert (visits(last).count, visits(last).concurrency) == (6.0, 3.0)
    assert visits(last, each.parent).count == 3.0
