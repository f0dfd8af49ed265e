"""A profile is worth what the same figures in the definition are worth, and is refused at its own places."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from langgraph_sample import CORRECTIVE
from xdsl.dialects.builtin import ModuleOp

from agentc import api, frontends
from agentc.frontends import profile as profiles
from agentc.frontends import yaml
from agentc.frontends.profile.figures import SLOTS, condition, shares
from agentc.frontends.profile.revised import with_edits
from agentc.frontends.profile.sites import Files, Unit
from agentc.frontends.yaml.document import Overlay
from agentc.support.diagnostics import Diagnostics, Refused
from agentc.support.yaml_source import load_yaml, parse_yaml

FOLDER = Path(__file__).parents[2] / "every_key"
EVERYTHING = load_yaml(FOLDER / "agent.yaml", "agent.yaml")


def module(data: Any, profile: Any = None, home: Path = FOLDER) -> ModuleOp:
    document = Overlay(EVERYTHING, data)
    patch = profiles.bind(profiles.load(profile), document, home) if profile is not None else None
    return yaml.lower(yaml.define(document, home, patch=patch))


def stated(**paths: Any) -> str:
    """The IR of the definition with figures where a user would write them."""
    return str(module(with_edits(EVERYTHING.data, [(tuple(path.split("/")), value) for path, value in paths.items()])))


TOKENS = {"mean": 77, "p50": 70, "p95": 130}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "llm": ({"ask": {"tokens": {"input": TOKENS, "output": 9}}}, {"nodes/ask/tokens": {"input": TOKENS, "output": 9}}),
    "one of two": ({"ask": {"tokens": {"output": 9}}}, {"nodes/ask/tokens/output": 9}),
    "unstated": ({"filed": {"tokens": {"output": 9}}}, {"nodes/filed/tokens": {"output": 9}}),
    "stt": (
        {"hear": {"seconds": 9, "tokens": {"output": 3}}},
        {"nodes/hear/seconds": 9, "nodes/hear/tokens/output": 3},
    ),
    "tts": ({"say": {"tokens": {"input": 3}}}, {"nodes/say/tokens/input": 3}),
    "embed": ({"vec": {"documents": 9}}, {"nodes/vec/documents": 9}),
    "rerank": ({"best": {"documents": TOKENS}}, {"nodes/best/documents": TOKENS}),
    "diffusion": ({"draw": {"steps": 9, "pixels": 10}}, {"nodes/draw/steps": 9, "nodes/draw/pixels": 10}),
    "vision": ({"see": {"pixels": 9}}, {"nodes/see/pixels": 9}),
    "tool": ({"found": {"latency_ms": TOKENS}}, {"tools/search/latency_ms": TOKENS}),
    "lookup": ({"near": {"k": 9}}, {"nodes/near/k": 9}),
    "load": ({"last": {"bytes": 9}}, {"nodes/last/bytes": 9}),
    "observe": ({"note": {"bytes": 9}}, {"nodes/note/bytes": 9}),
    "compute": ({"mine": {"cpu_ms": 9}}, {"nodes/mine/compute/cpu_ms": 9}),
    "kernel": ({"kern": {"sizes": {"n": 9}}}, {"nodes/kern/shape/n": 9}),
    "loop": ({"again": {"trips": 3}}, {"nodes/again/loop/expected": 3.0}),
    "trips": ({"still": {"trips": {"mean": 1.5, "p95": 2}}}, {"nodes/still/loop/expected": 1.5}),
    "map": ({"each": {"width": 9}}, {"nodes/each/map/width": 9}),
    "in a map": ({"each.sum": {"tokens": {"output": 9}}}, {"nodes/each/map/nodes/sum/tokens/output": 9}),
    "in a case": ({"pick.*.two": {"tokens": {"output": 9}}}, {"nodes/pick/branch/cases/*/nodes/two/tokens/output": 9}),
    "case": (
        {"pick": {"cases": {"x": 0.7}}},
        {
            "nodes/pick/branch/cases/x/probability": 0.7,
            "nodes/pick/branch/cases/y/probability": 0.25,
            "nodes/pick/branch/cases/*/probability": 0.05,
        },
    ),
    "when": ({"ask": {"probability": 0.2}}, {"nodes/ask/when/probability": 0.2}),
    "unless": ({"hosted": {"probability": 0.2}}, {"nodes/hosted/unless": {"if": "rec.flag", "probability": 0.2}}),
    "sub-agent": ({"sub.n": {"tokens": {"output": 9}}}, {"agents/helper/nodes/n/tokens/output": 9}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_figure_is_worth_what_it_is_in_the_definition(case: str) -> None:
    nodes, paths = CASES[case]
    made = module(EVERYTHING.data, {"nodes": nodes})
    assert made.attributes.pop("agent.profile")
    assert str(made) == stated(**paths)


def test_every_slot_is_tried() -> None:
    """So that a figure that somebody adds is tried too."""
    tried = {name for nodes, _ in CASES.values() for entry in nodes.values() for name in entry}
    assert tried >= {slot[0] for slots in SLOTS.values() for slot in slots}


def test_sections() -> None:
    profile = {
        "load": {"requests_per_second": 9},
        "sla": {"tbt_ms": 90, "ttft_ms": {"p99": 5000}},
        "inputs": {"q": {"tokens": 9}, "many": {"width": 3}},
        "tools": {"search": {"cpu_ms": 9}},
        "memories": {"facts": {"documents": 9}, "notes": {"documents": 9}},
        "models": {"far": {"ttft_ms": 9}, "mind": {"acceptance": 0.1}},
    }
    made = module(EVERYTHING.data, profile)
    assert made.attributes.pop("agent.profile")
    assert str(made) == stated(
        **{
            "load": {"requests_per_second": 9},
            "sla/tbt_ms": 90,
            "sla/ttft_ms": {"p99": 5000},
            "inputs/q/tokens": 9,
            "inputs/many/width": 3,
            "tools/search/cpu_ms": 9,
            "memories/facts/documents": 9,
            "memories/notes": {"kind": "keyvalue", "documents": 9},
            "models/far/hosted/ttft_ms": 9,
            "models/mind/draft/acceptance": 0.1,
        }
    )


def test_a_file_of_a_sub_agent_is_filled_too() -> None:
    text = str(module(EVERYTHING.data, {"nodes": {"ext.n": {"tokens": {"output": 987}}}}))
    assert text.count("987") == 1
    assert 'agent.source = "other.yaml:6:9"' in text


SHARED = """\
agentc: v1
name: two
models: {mind: llama-3.1-8b}
tools: {web: {http: "http://localhost/x", latency_ms: 100}}
inputs: {q: {type: text, tokens: 10}}
agents:
  inner:
    inputs: {x: {type: text}}
    nodes: {deep: {llm: mind, in: x}}
    outputs: {y: deep}
  helper:
    inputs: {x: {type: text}}
    nodes:
      say: {llm: mind, in: x}
      go: {agent: inner, in: say}
      look: {tool: web, in: go}
    outputs: {y: look}
nodes:
  first: {agent: helper, in: q}
  second: {agent: helper, in: q}
  last: {tool: web, in: q}
outputs: {a: first, b: second, c: last}
"""


def tasks(nodes: Mapping[str, Any]) -> dict[str, list[str]]:
    """Node -> figures that are not assumed, once sub-agents are written out."""
    from agentc.analyses.task_graph import task_graph

    document = parse_yaml(SHARED, "agent.yaml")
    patch = profiles.bind(profiles.load({"nodes": nodes}), document, Path())
    made = api.compile(yaml.lower(yaml.define(document, Path(), patch=patch)), stop_after="task").module
    found: dict[str, list[str]] = {}
    for task in task_graph(made).tasks:
        known = [f"{figure.mean:g}" for figure in task.shape.values() if not figure.assumed]
        found.setdefault(task.name.rpartition(".")[0] or task.name, []).extend(known)
    return found


def test_two_calls_of_a_sub_agent_have_figures_of_their_own() -> None:
    found = tasks({"first.say": {"tokens": {"output": 11}}, "second.say": {"tokens": {"output": 22}}})
    assert "11" in found["first.say"] and "22" not in found["first.say"]
    assert "22" in found["second.say"] and "11" not in found["second.say"]


def test_what_the_profile_does_not_speak_of_stays() -> None:
    found = tasks({"first.go.deep": {"tokens": {"output": 11}}})
    assert "11" in found["first.go.deep"]
    assert not {"11"} & {*found["second.go.deep"], *found["first.say"]}


def test_calls_of_one_tool_may_take_different_times() -> None:
    found = tasks({"first.look": {"latency_ms": 5000}, "last": {"latency_ms": 7000}})
    assert ("5" in found["first.look"], "7" in found["last"], "0.1" in found["second.look"]) == (True, True, True)


def test_a_copy_of_a_tool_keeps_what_the_profile_says_of_the_tool() -> None:
    document = parse_yaml(SHARED, "agent.yaml")
    both = {"tools": {"web": {"cpu_ms": 7, "latency_ms": 1}}, "nodes": {"last": {"latency_ms": 5000}}}
    tools = profiles.bind(profiles.load(both), document, Path()).revise("", document).data["tools"]
    assert [tools[name]["latency_ms"] for name in ("web", "web_last")] == [1, 5000]
    assert [tools[name]["cpu_ms"] for name in ("web", "web_last")] == [7, 7]


def test_one_time_for_all_calls_is_the_tools() -> None:
    same = {"latency_ms": 5000}
    document = parse_yaml(SHARED, "agent.yaml")
    patch = profiles.bind(profiles.load({"nodes": {"last": same}}), document, Path())
    assert set(patch.revise("", document).data["tools"]) == {"web", "web_last"}
    alone = {"tools": {"web": {"latency_ms": 5000}}}
    assert set(profiles.bind(profiles.load(alone), document, Path()).revise("", document).data["tools"]) == {"web"}


def refused(text: str, definition: str = SHARED) -> list[str]:
    """``line:column slug`` of what is wrong with a profile."""
    document = parse_yaml(definition, "agent.yaml")
    made = profiles.Profile(parse_yaml(text, "profile.yaml"))
    made = profiles._checked(made.document)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(Refused) as why:
        yaml.define(document, Path(), patch=profiles.bind(made, document, Path()))
    assert {d.span.file for d in why.value.diagnostics if d.span} == {"profile.yaml"}
    return [f"{d.span.line}:{d.span.column} {d.slug}" for d in why.value.diagnostics if d.span]


def test_all_problems_at_once_each_at_its_place() -> None:
    text = """\
nodes:
  frist.say: {tokens: {output: 3}}
  first.say: {trips: 3, tokens: {output: {p50: 9, p95: 3}}}
  last: {latency_ms: -1}
  second.go: {tokens: {output: 3}}
  q: {tokens: {input: 3}}
tools: {wbe: {latency_ms: 3}}
models: {mind: {ttft_ms: 3}}
lod: {requests_per_second: 1}
"""
    assert refused(text) == [
        "2:3 profile-name",
        "3:15 profile-figure",
        "3:56 bad-quantity",
        "4:22 wrong-value",
        "5:24 profile-figure",
        "6:3 profile-name",
        "7:9 profile-name",
        "8:17 profile-figure",
        "9:1 unknown-field",
    ]


LOOP = """\
agentc: v1
name: loops
models: {mind: llama-3.1-8b}
inputs: {q: {type: text, tokens: 10}}
nodes:
  again: {loop: {max: 4, until: c.done, nodes: {c: {llm: mind, in: q, fields: {done: bool, way: [x, y]}}}}}
  pick: {branch: {on: again.way, cases: {x: {probability: 0.5, output: q}, y: {probability: 0.5, output: q}}}}
outputs: {a: pick}
"""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("again: {trips: 9}", "1:24 bad-loop"),
        ("again: {trips: 0.5}", "1:24 wrong-value"),
        ("again.c: {probability: 0.5}", "1:19 profile-figure"),
        ("pick: {cases: {x: 0.7, y: 0.7}}", "1:16 bad-probabilities"),
        ("pick: {cases: {x: 0.3, y: 0.3}}", "1:16 bad-probabilities"),
        ("pick: {cases: {z: 0.3}}", "1:24 unknown-case"),
        ("again.c.decode: {tokens: {output: 3}}", "1:9 profile-name"),
    ],
)
def test_impossible_figures_are_told_in_the_profile(line: str, told: str) -> None:
    assert refused(f"nodes: {{{line}}}", LOOP) == [told]


def test_shares_of_the_other_cases() -> None:
    before = {"a": 0.2, "b": 0.6, "c": 0.2}
    assert shares({"a": 0.6}, before) == pytest.approx({"a": 0.6, "b": 0.3, "c": 0.1})
    assert shares({"a": 0.5, "b": 0.5}, before) == pytest.approx({"a": 0.5, "b": 0.5, "c": 0.0})
    assert shares({"a": 0.5}, {"a": 1.0, "b": 0.0, "c": 0.0}) == pytest.approx({"a": 0.5, "b": 0.25, "c": 0.25})


SAMPLES = sorted((Path(__file__).parents[2] / "corpus" / "samples").iterdir())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_other_tools_files_take_a_profile_and_assume_less(sample: Path) -> None:
    """A profile that states what every node has, by the names that reports show."""
    plain, told = Diagnostics(), Diagnostics()
    frontends.load(sample, found=plain)
    document, home, _ = frontends.read(str(sample), {})
    known = Files(Unit("", document, home)).written_out().sites.values()
    figures = {"llm": {"tokens": {"output": 5}}, "loop": {"trips": 1.0}, "map": {"width": 2}, "tool": {"latency_ms": 9}}
    nodes = {site.dotted: figures[site.kind] for site in known if site.kind in figures}
    nodes |= {site.dotted: {"probability": 0.5} for site in known if condition(site) and site.dotted not in nodes}
    assert nodes
    filled = frontends.load(sample, found=told, profile=profiles.load({"nodes": nodes}))
    assert "agent.profile" in filled.attributes
    assert {d.message for d in told} <= {d.message for d in plain}
    assert not any("expected` is assumed" in d.message for d in told)


COMMENTED = """\
agentc: v1
name: guessed
models: {mind: llama-3.1-8b}
inputs: {q: {type: text, tokens: 10}}
nodes:
  again:
    loop:
      expected: 2  # assumed: one that does the work, one that corrects it
      max: 4
      until: c.done
      nodes: {c: {llm: mind, in: q, fields: {done: bool, way: [x, y, z]}}}
  pick:
    branch:
      on: again.way
      cases:
        x:
          probability: 0.4  # assumed
          output: q
        y:
          probability: 0.3  # assumed
          output: q
        z:
          probability: 0.3  # assumed
          output: q
outputs: {a: pick}
"""


@pytest.mark.parametrize(
    ("nodes", "loop", "shares"),
    [
        ({}, True, True),
        ({"again": {"trips": 2}}, False, True),
        ({"pick": {"cases": {"x": 0.4}}}, True, True),
        ({"pick": {"cases": {"x": 0.4, "y": 0.3}}}, True, False),
        ({"pick": {"cases": {"x": 0.2, "y": 0.3, "z": 0.5}}}, True, False),
    ],
)
def test_what_a_profile_states_is_not_assumed_any_more(nodes: dict[str, Any], loop: bool, shares: bool) -> None:
    """Not even where it says the same as was assumed; shares that follow from assumed ones are assumed."""
    document = parse_yaml(COMMENTED, "agent.yaml")
    patch = profiles.bind(profiles.load({"nodes": nodes}), document, Path())
    made = yaml.lower(yaml.define(document, Path(), patch=patch))
    ops = {op.name: op for op in made.walk()}
    assert (ops["agent.loop"].properties.get("assumed") is not None) == loop
    assert ("agent.assumed" in ops["agent.branch"].attributes) == shares


def test_reports_say_what_comes_from_the_profile(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(LOOP)
    (tmp_path / "mine.yaml").write_text("nodes: {again: {trips: 1.5}, again.c: {tokens: {output: 5}}}")
    facts = api.compile(tmp_path / "agent.yaml", profile=tmp_path / "mine.yaml").facts()
    assert facts.profile == "mine.yaml"
    assert facts.profiled == ("trips: again", "output_tokens: again.c")
    assert not any("again: 2.5 trips" in row for row in facts.summary.assumptions)
    text, data = api.render(facts), api.render(facts, "json")
    assert "From mine.yaml\n  trips: again\n  output_tokens: again.c\n" in text
    assert '"profile"' in data and "From mine.yaml" in api.render(facts, "html")


def test_ir_and_builds_take_no_profile(tmp_path: Path) -> None:
    (tmp_path / "x.mlir").write_text("builtin.module {}")
    for source in (tmp_path / "x.mlir", ModuleOp([]), tmp_path):
        with pytest.raises(Refused) as why:
            if source == tmp_path:
                api.ask(source, lambda _: None, profile={"nodes": {}})
            else:
                api.compile(source, profile={"nodes": {}})
        assert why.value.diagnostics[0].slug in ("profile-source", "not-a-build")


PYTHON = """\
import agentc

agent = agentc.Agent("loops")
agent.model("mind", catalog="llama-3.1-8b")
q = agent.input("q", type="text")
with agent.loop("again", max=4, until="c.done") as again:
    again.llm("c", "mind", q, fields={"done": "bool"})
agent.output("a", "again.c")
"""


def test_agents_in_python_take_a_profile(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text(PYTHON)
    (tmp_path / "p.yaml").write_text("inputs: {q: {tokens: 321}}\nnodes: {again: {trips: 1.25}, again.d: {trips: 1}}\n")
    (problem,) = api.check(f"{tmp_path}/agent.py:agent", profile=tmp_path / "p.yaml")
    assert problem.slug == "profile-name" and problem.help == "did you mean `again.c`?"
    made = frontends.load(f"{tmp_path}/agent.py:agent", profile=profiles.load({"inputs": {"q": {"tokens": 321}}}))
    assert "321" in str(made) and 'agent.source = "' in str(made)


def test_graphs_in_python_take_a_profile(tmp_path: Path) -> None:
    (tmp_path / "graph.py").write_text(CORRECTIVE)
    source = str(tmp_path / "graph.py")
    document, home, _ = frontends.read(source, {})
    calls = [site.dotted for site in Files(Unit("", document, home)).written_out().sites.values() if site.kind == "llm"]
    figures = {name: {"tokens": {"output": 321}} for name in calls}
    assert calls and str(frontends.load(source, profile=profiles.load({"nodes": figures}))).count("321.0") >= len(calls)
