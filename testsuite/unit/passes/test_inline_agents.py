"""Recursion and growth are refused, with the way that leads there."""

import pytest
from harness.ir import parse, run

from agentc.support.diagnostics import Refused


def agent(name: str, *callees: str, entry: bool = False) -> str:
    calls, value = "", "q"
    for i, callee in enumerate(callees):
        calls += (
            f'%r{i} = agent.call @{callee}(%{value}) {{agent.node = "c{i}", agent.source = "{name}.yaml:{i + 1}:3"}}'
        )
        calls += " : (!agent.text) -> !agent.text\n"
        value = f"r{i}"
    return (
        f'agent.graph {"entry " if entry else ""}@{name} {{\n%q = agent.input "q" : !agent.text\n{calls}'
        f'%x = compute.builtin "strip"(%{value}) {{agent.node = "s"}} : (!agent.text) -> !agent.text\n'
        f'agent.output ["r"](%x) : !agent.text\n}}\n'
    )


def refusal(text: str, **options: object) -> Refused:
    with pytest.raises(Refused) as refused:
        run(parse(text), "inline-agents", **options)
    return refused.value


def test_recursion_is_refused_with_the_cycle() -> None:
    (told,) = refusal(agent("a", "b", entry=True) + agent("b", "c") + agent("c", "b")).diagnostics
    assert told.slug == "recursive-agent"
    assert told.message == "agent `b` calls itself: b -> c -> b"
    assert str(told.span) == "c.yaml:1:3"


def test_nested_calls_that_multiply_are_refused_before_they_are_written_out() -> None:
    layers = "".join(agent(f"l{i}", f"l{i + 1}", f"l{i + 1}") for i in range(40)) + agent("l40")
    (told,) = refusal(agent("top", "l0", entry=True) + layers).diagnostics
    assert told.slug == "inlining-too-large"


def test_calls_of_one_agent_from_two_places_are_fine() -> None:
    module = run(parse(agent("a", "b", "c", entry=True) + agent("b", "c") + agent("c")), "inline-agents")
    nodes = [op.attributes["agent.node"] for op in module.walk() if op.name == "compute.builtin"]
    assert [str(node) for node in nodes] == ['"c0.c0.s"', '"c0.s"', '"c1.s"', '"s"']
