"""A small question for tests: one call of an 8B model on two classes of device."""

from dataclasses import replace
from functools import cache

from harness.ir import parse, run

from agentc import catalog
from agentc.analyses.study.answer import Question
from agentc.analyses.task_graph import task_graph
from agentc.plan.fleet import Fleet, Stock
from agentc.plan.graph import Limit, Load, TaskGraph

PASSES = ("inline-agents", "split-llm", "split-experts", "split-tools", "fuse-compute", "annotate-work")
TEXT = """
  model.spec @mind <{name = "m8b", kind = "decoder", layers = 32 : i64, hidden = 4096 : i64, heads = 32 : i64,
    kv_heads = 8 : i64, head_dim = 128 : i64, intermediate = 14336 : i64, vocab = 128256 : i64}> precision "fp8"
  agent.graph entry @helper {
    %q = agent.input "question" : !agent.text
    %r = llm.call @mind(%q) shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<100.0>}
      {agent.node = "think", agent.source = "agent.yaml:12:3"} : (!agent.text) -> !agent.text
    agent.output ["r"](%r) : !agent.text
  } {load = #agent.load<{requests_per_second = 2.0 : f64}>}"""


@cache
def graph() -> TaskGraph:
    """The call as tasks, at two requests a second, without limits."""
    return task_graph(run(parse(TEXT), *PASSES))


def question(*limits: Limit, load: float = 2.0, h100: float = 2.0, l4: float = 0.8, counts: int = 8) -> Question:
    """The call on ``counts`` H100 and L4 each, at these prices per hour."""
    asked = replace(graph(), limits=limits, load=Load(load))
    stocks = (Stock(catalog.device("h100"), counts, h100), Stock(catalog.device("l4"), counts, l4))
    return Question(asked, Fleet("two", stocks))
