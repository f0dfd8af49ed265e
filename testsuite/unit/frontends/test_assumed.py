"""Values that nobody stated: marked in the IR and told in reports, whether an importer or a comment says so."""

import re
from pathlib import Path

import pytest

from agentc import api
from agentc.frontends import yaml
from agentc.frontends.yaml.document import with_values
from agentc.support.yaml_source import parse_yaml

SAMPLES = Path(__file__).parents[2] / "corpus" / "samples"
TEXT = """
agentc: v1
name: a
models:
  m: {catalog: llama-3.1-8b, precision: bf16}
  h:
    hosted: {}  # assumed: nobody knows
tools:
  t:
    http: "http://x"  # assumed: its address
    latency_ms: 5
inputs: {q: {type: text, tokens: 10}, many: {type: list<text>, width: 4}}
nodes:
  think:
    loop:
      max: 9  # assumed: no bound
      expected: 2  # assumed: as usual
      while: say.more
      nodes:
        say: {llm: m, in: q, tokens: {input: 1, output: 1}, fields: {more: bool, a: text}}
  pick:
    branch:
      "on": think.say.more
      cases:
        "true":
          probability: 0.5  # assumed: alike
          nodes: {x: {tool: t, in: q}}
        "false": {probability: 0.5, nodes: {y: {llm: h, in: q, tokens: {input: 1, output: 1}}}}
  each:
    map:
      over: many
      width: 3  # assumed: a few
      concurrency: 2
      nodes: {z: {tool: t, in: item}}
  odd:
    compute:
      builtin: is_empty  #assumed, not known
    in: q
  last:
    tool: t
    in: q
    when:
      if: odd
      probability: 0.25  # assumed: seldom
outputs: {out: pick}
"""
MARKS = ["model", "server", "max", "probabilities", "builtin", "probabilities"]


def lowered(text: str) -> str:
    return str(yaml.lower(yaml.define(parse_yaml(text, "agent.yaml"), Path("."))))


def marks(text: str) -> list[str]:
    return [name for row in re.findall(r"agent\.assumed = \[([^\]]*)\]", text) for name in re.findall(r'"(\w+)"', row)]


def test_comments_mark_values() -> None:
    text = lowered(TEXT)
    assert marks(text) == MARKS
    assert "max 9 assumed" in text
    assert "width <3.0, assumed> concurrency 2" in text


def test_without_the_comments_they_are_stated() -> None:
    text = lowered(re.sub(r"  #.*", "", TEXT))
    assert marks(text) == []
    assert "max 9 :" in text
    assert "width <3.0> concurrency 2" in text


@pytest.mark.parametrize("inside", ['"# assumed"', "|\n      # assumed\n      x", "x# assumed"])
def test_text_that_looks_like_one(inside: str) -> None:
    document = parse_yaml(f"agentc: v1\na:\n  b: 1\n  c: {inside}\n  d: 2 # assume\n", "a.yaml")
    assert not any(document.assumed(path) for path in [(), ("a",), ("a", "b"), ("a", "c"), ("a", "d"), ("a", "e")])


def test_a_value_in_the_place_of_an_assumed_one_is_stated() -> None:
    document = parse_yaml("a:\n  b: 1 # assumed\n  c: 2 # assumed\n", "a.yaml")
    made = with_values(document, {"a.b": 3})
    assert (made.assumed(("a", "b")), made.assumed(("a", "c")), made.assumed(("a", "d"))) == (False, True, False)


@pytest.mark.parametrize("name", ["crewai.yaml", "nat.yaml"])
def test_reports_tell_what_an_importer_assumed(name: str) -> None:
    facts = api.compile(SAMPLES / name, stop_after="placed", assume=True).facts()
    told = [line.partition(":")[0] for line in facts.summary.assumptions]
    assert {"most trips", "probabilities", "where it is served"} <= set(told)
    assert any("trips expected" in line for line in facts.summary.assumptions)
