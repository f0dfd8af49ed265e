"""Other tools' files: what each format's sample becomes, and how what is wrong with one is told."""

import re
from pathlib import Path
from typing import Any

import pytest

from agentc.frontends import importers, load, yaml
from agentc.frontends.importers.frame import Imported
from agentc.frontends.importers.json_text import open_source
from agentc.frontends.importers.recognize import RECOGNIZERS
from agentc.support.diagnostics import Diagnostic, Diagnostics, Refused
from agentc.support.yaml_source import Document, parse_yaml
from testsuite.corpus.survey import fate

SAMPLES = Path(__file__).parents[2] / "corpus" / "samples"
FILES = sorted(SAMPLES.iterdir())


def sample(format: str) -> Imported:
    [path] = SAMPLES.glob(f"{format}.*")
    return importers.read(open_source(path), format)


def imported(text: str) -> dict[str, Any]:
    document = parse_yaml(text, "their.yaml")
    found = importers.read(document, str(importers.detect(document)))
    yaml.define(importers.overlay(document, found), Path("."))
    return found.definition


def refused(text: str) -> list[Diagnostic]:
    document = parse_yaml(text, "their.yaml")
    with pytest.raises(Refused) as caught:
        importers.read(document, str(importers.detect(document)))
    assert all(d.span is not None and d.span.file == "their.yaml" for d in caught.value.diagnostics)
    return list(caught.value.diagnostics)


def told(diagnostics: list[Diagnostic]) -> list[str]:
    return [f"{d.span.line if d.span else 0} {d.slug}: {d.message}" for d in diagnostics]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_samples_are_known_and_come_back_the_same(path: Path) -> None:
    found = fate(path, True, compiles=False)
    assert (found.format, found.imported, found.same, found.failure) == (path.stem, True, True, "")


def test_every_format_has_a_sample() -> None:
    assert sorted(path.stem for path in FILES) == sorted(importers.FORMATS)


def test_every_format_has_a_page() -> None:
    pages = {path.stem for path in (Path(__file__).parents[3] / "docs" / "formats").glob("*.md")}
    assert set(importers.FORMATS) - pages == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_sample_is_taken_for_another_format(path: Path) -> None:
    data = open_source(path).data
    assert [name for name in importers.FORMATS if RECOGNIZERS[name](data)] == [path.stem]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_places_are_in_the_file(path: Path) -> None:
    found = importers.read(open_source(path), path.stem)
    lines = len(path.read_text("utf-8").splitlines())
    assert found.places and all(span.file == str(path) and 1 <= span.line <= lines for span in found.places.values())
    assert all(message.span is not None and message.span.file == str(path) for message in found.warnings)


def test_a_flow_of_agent_spec() -> None:
    found = sample("agentspec")
    loop = found.definition["nodes"]["write_loop"]["loop"]
    assert (loop["max"], loop["expected"], loop["until"]) == (5, 1.5, "route_done")
    assert list(loop["nodes"]) == ["write", "check", "route_done"]
    assert loop["nodes"]["write"]["in"] == {"request": "request", "remarks": "check.remarks"}
    assert loop["nodes"]["write"]["prompt"] == "Write: {request}. Mind these remarks: {remarks}"
    assert loop["nodes"]["check"]["fields"] == {"verdict": "text", "remarks": "text"}
    assert loop["nodes"]["route_done"]["compute"]["options"] == {"pattern": "^(?:good|fine)$"}
    assert found.definition["nodes"]["send"] == {"tool": "mail", "in": {"text": "write_loop.write"}}
    assert found.definition["outputs"] == {"receipt": "send"}
    assert found.definition["sla"] == {"ttft_ms": {"p95": 900}}
    assert found.definition["tools"]["mail"]["latency_ms"] == 80
    assert found.definition["models"] == {"Llama_3_1_8B_Instruct": {"catalog": "meta-llama/Llama-3.1-8B-Instruct"}}
    assert list(found.assumptions) == [("tools", "mail", "http")]


def test_a_workflow_of_nat() -> None:
    found = sample("nat").definition
    assert found["memories"] == {"manuals": {"kind": "vector", "embed": "embed"}}
    assert found["agents"]["helper"]["nodes"]["work"]["loop"]["max"] == 4
    assert found["agents"]["both"]["nodes"]["together"]["in"] == ["helper", "coder"]
    assert list(found["agents"]["one_of"]["nodes"]["work"]["branch"]["cases"]) == ["helper", "coder"]
    assert found["agents"]["steps"]["outputs"] == {"answer": "one_of"}
    assert found["nodes"]["work"]["loop"]["nodes"]["decide"]["fields"]["tool"] == ["manuals", "steps", "clock"]


def test_a_pipeline_of_haystack() -> None:
    found = sample("haystack").definition
    loop = found["nodes"]["prompt_loop"]["loop"]
    assert found["nodes"]["retriever"] == {"memory": {"lookup": "InMemoryDocumentStore"}, "k": 7, "in": "embedder"}
    assert found["nodes"]["ranker"]["in"] == ["question", "retriever"]
    assert loop["max"] == 3
    assert loop["nodes"]["prompt"]["compute"]["options"]["template"] == "{documents} Answer {question}"
    assert found["outputs"] == {"answer": "prompt_loop.llm"}


def test_an_app_of_dify() -> None:
    found = sample("dify").definition
    cases = found["nodes"]["Sort_route"]["branch"]["cases"]
    fan = cases["1"]["nodes"]["Each"]["map"]
    assert list(cases) == ["1", "2"]
    assert (fan["over"], fan["concurrency"], fan["output"]) == ("Each_items", 3, "Short")
    assert fan["nodes"]["Short"]["system"] == "Be {tone}."
    assert found["outputs"] == {"answer": "Sort_route"}


def test_turns_of_a_swarm() -> None:
    member = "{component_type: Agent, id: %s, name: %s, llm_config: {component_type: VllmConfig, id: m, model_id: m, name: m}}"
    first, second = (member % (name, name) for name in ("a", "b"))
    found = imported(
        f"component_type: Swarm\nid: s\nname: s\nagentspec_version: 26.1.0\nfirst_agent: {first}\n"
        f"relationships: [[{first}, {second}]]\n"
    )
    loop = found["nodes"]["turns"]["loop"]
    assert (loop["until"], loop["start"]) == ("done", {"next": "first"})
    assert set(found["agents"]) >= {"a", "b"}


AGENT = "component_type: Agent\nid: a\nname: a\nagentspec_version: 26.1.0\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (AGENT, "1 missing-field: the agent `a` has no `llm_config`"),
        (
            f"{AGENT}llm_config: {{$component_ref: nowhere}}\n",
            "5 unknown-reference: the component `nowhere` is not among",
        ),
        (AGENT.replace("26.1", "24.1"), "4 import-version: there is no Agent Spec version `24.1.0`"),
        (
            "component_type: VllmConfig\nid: m\nagentspec_version: 25.4.1\n",
            "1 import-no-agent: the file holds a `VllmConfig`",
        ),
        (
            "workflow: {_type: react_agent, llm_name: nim}\nllms: {nom: {_type: nim}}\n",
            "1 unknown-model: there is no LLM `nim`",
        ),
        (
            "workflow: {_type: react_agent, llm_name: m, tool_names: [tols]}\nllms: {m: {_type: nim}}\nfunctions: {tools: {}}\n",
            "1 unknown-tool: there is no function `tols`",
        ),
        (
            "components: {a: {type: x.A}}\nconnections: [{sender: b.x, receiver: a.y}]\n",
            "2 unknown-reference: there is no component `b`",
        ),
        ("components: [{name: a}]\npipelines: []\n", "1 import-version: this is a pipeline of Haystack 1"),
        (
            "app: {name: a}\nworkflow: {graph: {nodes: [{id: a, data: {type: code}}], edges: [{source: a, target: b}]}}\n",
            "2 unknown-reference: there is no node `b`",
        ),
        ("agents: {root: {instruction: x}}\n", "1 missing-field: the agent `root` names no model"),
        ("name: a\nagent_class: SequentialAgent\n", "1 missing-field: a `SequentialAgent` needs `sub_agents`"),
        ("name: a\nsub_agents: [{config_path: no.yaml}]\n", "2 missing-file: there is no file `no.yaml`"),
        (
            "$schema: promptflow\nnodes: [{name: a, use_variants: true}]\n",
            "2 missing-field: `a` has no default variant",
        ),
        ("kind: Workflow\nactions: []\n", "2 empty-nodes: the workflow has no actions"),
        ("kind: Workflow\nactions: [{kind: GotoAction, actionId: x}]\n", "2 unknown-reference: there is no action `x`"),
        ("nodes: [{id: a, data: {name: chatOpenAI}}]\nedges: []\n", "1 import-no-agent: the flow has no agent"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(text: str, message: str) -> None:
    assert any(line.startswith(message) for line in told(refused(text))), told(refused(text))


def test_agents_that_contain_themselves() -> None:
    nat = "llms: {m: {_type: nim, model_name: m}}\nfunctions: {f: {_type: sequential_executor, tool_list: [f]}}\n"
    [problem] = refused(f"{nat}workflow: {{_type: sequential_executor, tool_list: [f]}}\n")
    assert problem.slug == "recursive-agent"


def test_unknown_components_are_kept_with_a_warning() -> None:
    document = parse_yaml("components: {a: {type: my.Thing}}\n", "p.yaml")
    found = importers.read(document, "haystack")
    assert [message.slug for message in found.warnings] == ["import-opaque"]
    assert found.definition["nodes"]["a"] == {"compute": {"builtin": "opaque"}, "returns": "any", "in": "input"}


def test_models_of_the_user_stand_for_theirs() -> None:
    [path] = SAMPLES.glob("dify.*")
    options = importers.options({"gpt-4o-mini": {"catalog": "qwen3-32b", "precision": "fp8"}})
    found = importers.read(open_source(path), "dify", options)
    assert found.definition["models"] == {"gpt_4o_mini": {"catalog": "qwen3-32b", "precision": "fp8"}}
    assert not any(message.slug == "import-model" for message in found.warnings)


@pytest.mark.parametrize("assume", [False, True])
def test_assumptions_are_told_unless_they_are_taken(assume: bool) -> None:
    [path] = SAMPLES.glob("nat.*")
    found = Diagnostics()
    load(path, found=found, assume=assume)
    assert ("import-assumed" in {message.slug for message in found}) is not assume


def test_problems_of_what_was_made_point_at_their_file() -> None:
    text = "name: a\ninstruction: x\nmodel: m\ntools: [{name: t}]\ngenerate_content_config: {temperature: 0.1}\n"
    document = parse_yaml(text, "their.yaml")
    made = importers.read(document, "adk")
    broken = {**made.definition, "nodes": {**made.definition["nodes"], "extra": {"llm": "nobody", "prompt": "x"}}}
    over = importers.overlay(document, Imported(made.format, broken, made.places, {}, ()))
    with pytest.raises(Refused) as caught:
        yaml.define(over, Path("."))
    assert all(d.span is not None and d.span.file == "their.yaml" for d in caught.value.diagnostics)


def test_a_file_of_another_format() -> None:
    with pytest.raises(Refused) as caught:
        importers.read(Document("x.yaml", "", None), "dify")
    assert caught.value.diagnostics[0].slug == "import-format"


def test_the_ir_names_lines_of_their_file() -> None:
    [path] = SAMPLES.glob("agentspec.*")
    line = path.read_text().splitlines().index("  check:") + 2
    assert re.search(rf'agent.node = "write_loop.check", agent.source = "agentspec.yaml:{line}:', str(load(path)))


def ladder(count: int) -> str:
    nodes = [f"{{id: n{i}, data: {{type: if-else, cases: [{{case_id: 'true'}}]}}}}" for i in range(count)]
    edges = [f"{{source: n{i}, target: n{i + 1}, sourceHandle: 'true'}}" for i in range(count - 1)]
    return f"app: {{name: a}}\nworkflow: {{graph: {{nodes: [{', '.join(nodes)}], edges: [{', '.join(edges)}]}}}}\n"


def test_branches_as_deep_as_a_definition_goes(tmp_path: Path) -> None:
    path = tmp_path / "deep.yaml"
    path.write_text(ladder(11))
    assert fate(path, True, compiles=False).same
    [problem] = refused(ladder(40))
    assert problem.slug == "yaml-too-deep"


def test_an_agent_with_tools_is_the_loop_that_its_framework_runs() -> None:
    found = sample("docker-agent").definition
    assert found["agents"]["finder"] == {
        "inputs": {"request": {"type": "text"}},
        "nodes": {
            "work": {
                "loop": {
                    "max": 10,
                    "expected": 2.5,
                    "while": "decide.more",
                    "nodes": {
                        "decide": {
                            "llm": "claude_sonnet_4_5",
                            "in": ["request", "act"],
                            "system": "Search the web.",
                            "fields": {"more": "bool", "argument": "text", "answer": "text"},
                        },
                        "act": {"tool": "search", "in": "decide.argument", "when": "decide.more"},
                    },
                }
            }
        },
        "outputs": {"answer": "work.decide.answer"},
    }
    act = found["nodes"]["work"]["loop"]["nodes"]["act"]
    assert act["when"] == "decide.more" and act["branch"]["on"] == "decide.tool"
    assert list(act["branch"]["cases"]) == ["think", "recall", "remember", "finder", "handbook"]
    assert sum(case["probability"] for case in act["branch"]["cases"].values()) == pytest.approx(1)


def test_agents_as_deep_as_anybody_follows() -> None:
    functions = "".join(f"  f{i}: {{_type: sequential_executor, tool_list: [f{i + 1}]}}\n" for i in range(60))
    text = f"llms: {{}}\nfunctions:\n{functions}  f60: {{_type: clock}}\nworkflow: {{_type: sequential_executor, tool_list: [f0]}}\n"
    [problem] = refused(text)
    assert problem.slug == "yaml-too-deep"


def test_a_nesting_that_bites_its_tail() -> None:
    from agentc.frontends.importers.flow import home_of

    parents = {"a": "b", "b": "c", "c": "b", "d": "e"}
    assert [home_of(key, parents) for key in "abcdx"] == ["", "", "", "e", ""]
