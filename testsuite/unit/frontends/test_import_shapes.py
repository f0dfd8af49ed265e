"""Components of other tools that the samples do not hold, one by one: each becomes a definition that keeps the rules."""

from pathlib import Path
from typing import Any

import pytest

from agentc.frontends import importers, yaml
from agentc.support.yaml_source import load_yaml, parse_yaml

LLM = "{component_type: VllmConfig, id: m, name: m, model_id: llama-3.1-8b}"
AGENT = f"{{component_type: Agent, id: w, name: worker, llm_config: {LLM}}}"


def imported(text: str) -> dict[str, Any]:
    document = parse_yaml(text, "their.yaml")
    found = importers.read(document, str(importers.detect(document)))
    yaml.lower(yaml.define(importers.overlay(document, found), Path("."))).verify()
    return found.definition


def flow(
    node: str, inputs: str = "{title: x, type: string}", outputs: str = "{title: y, type: string}"
) -> dict[str, Any]:
    """A flow of Agent Spec with one node between start and end, whose data goes in as ``x`` and out as ``y``."""
    return imported(f"""
component_type: Flow
id: f
name: f
agentspec_version: 26.1.0
inputs: [{inputs}]
start_node: {{$component_ref: s}}
nodes: [{{$component_ref: s}}, {{$component_ref: n}}, {{$component_ref: e}}]
control_flow_connections:
- {{component_type: ControlFlowEdge, id: a, name: a, from_node: {{$component_ref: s}}, to_node: {{$component_ref: n}}}}
- {{component_type: ControlFlowEdge, id: b, name: b, from_node: {{$component_ref: n}}, to_node: {{$component_ref: e}}}}
data_flow_connections:
- {{component_type: DataFlowEdge, id: c, name: c, source_node: {{$component_ref: s}}, source_output: x, destination_node: {{$component_ref: n}}, destination_input: x}}
- {{component_type: DataFlowEdge, id: d, name: d, source_node: {{$component_ref: n}}, source_output: y, destination_node: {{$component_ref: e}}, destination_input: y}}
$referenced_components:
  s: {{component_type: StartNode, id: s, name: s, inputs: [{inputs}]}}
  n: {{id: n, name: n, inputs: [{inputs}], outputs: [{outputs}], {node}}}
  e: {{component_type: EndNode, id: e, name: e, outputs: [{outputs}]}}
""")


INNER = f"""{{component_type: Flow, id: g, name: g, inputs: [{{title: x, type: string}}],
  start_node: {{component_type: StartNode, id: gs, name: gs, inputs: [{{title: x, type: string}}]}},
  nodes: [{{component_type: LlmNode, id: gl, name: gl, llm_config: {LLM}, prompt_template: "Do {{{{x}}}}",
    inputs: [{{title: x, type: string}}], outputs: [{{title: y, type: string}}]}},
    {{component_type: EndNode, id: ge, name: ge, inputs: [{{title: y, type: string}}]}}],
  control_flow_connections: []}}"""


@pytest.mark.parametrize(
    ("node", "made"),
    [
        ('component_type: ApiNode, url: "https://example.com/a", http_method: GET', {"tool": "n", "in": {"x": "x"}}),
        ('component_type: OutputMessageNode, message: "Said {{x}} and {{z}}"', {"in": {"x": "x"}}),
        (
            f"component_type: AgentNode, agent: {AGENT[:-1]}, inputs: [{{title: x, type: string}}]}}",
            {"agent": "worker"},
        ),
        (f"component_type: FlowNode, subflow: {INNER}", {"agent": "g", "in": {"x": "x"}}),
        (f"component_type: CatchExceptionNode, subflow: {INNER}", {"agent": "g", "in": {"x": "x"}}),
        ("component_type: MyOwnNode", {"compute": {"builtin": "opaque"}, "returns": "any", "in": "x"}),
    ],
)
def test_nodes_of_agent_spec(node: str, made: dict[str, Any]) -> None:
    found = flow(node)
    assert made.items() <= found["nodes"]["n"].items()
    assert found["outputs"]["y"].partition(".")[0] == "n"


def test_parallel_maps_of_agent_spec() -> None:
    lists = "{title: x, type: array, items: {type: string}}"
    found = flow(f"component_type: ParallelMapNode, subflow: {INNER}", lists)
    fan = found["nodes"]["n"]["map"]
    assert (fan["over"], fan["concurrency"]) == ("x", 4)
    assert fan["nodes"]["g"] == {"agent": "g", "in": {"x": "n_item"}}


def test_parallel_flows_of_agent_spec() -> None:
    found = flow(f"component_type: ParallelFlowNode, subflows: [{INNER}]")
    assert found["nodes"]["g"]["agent"] == "g"


def test_flows_without_data_edges_connect_by_name() -> None:
    assert imported(
        INNER[1:-1]
        .replace("component_type: Flow, id", "agentspec_version: 25.4.2, component_type: Flow, id", 1)
        .join("{}")
    )["nodes"]["gl"]["in"] == {"x": "x"}


def test_loops_and_sides_of_adk(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "name: a\nmodel: m\ninstruction: x\noutput_schema: {properties: {u: {type: string}, v: {type: boolean}}}\n"
    )
    (tmp_path / "root.yaml").write_text(
        "name: r\nagent_class: LoopAgent\nmax_iterations: 4\nsub_agents: [{config_path: both.yaml}]\n"
    )
    (tmp_path / "both.yaml").write_text("name: both\nagent_class: ParallelAgent\nsub_agents: [{config_path: a.yaml}]\n")
    from agentc.frontends import load

    made = load(tmp_path / "root.yaml", assume=True)
    made.verify()
    assert "max 4" in str(made) and "@both" in str(made)


@pytest.mark.parametrize("mode", ["chat", "agent-chat"])
def test_simple_apps_of_dify(mode: str) -> None:
    found = imported(f"""
app: {{name: helper, mode: {mode}}}
model_config:
  model: {{name: gpt-4o-mini, completion_params: {{temperature: 0.3}}}}
  pre_prompt: Be {{{{tone}}}}.
  user_input_form: [{{text-input: {{variable: tone}}}}]
  agent_mode: {{max_iteration: 4, tools: [{{tool_name: search, provider_name: web}}]}}
""")
    assert list(found["inputs"]) == ["tone", "query"]
    assert found["nodes"]["work"]["loop"]["nodes"]["decide"]["system"] == "Be {tone}."
    assert found["nodes"]["work"]["loop"]["max"] == 4


def dify(nodes: str, edges: str) -> dict[str, Any]:
    return imported(
        f"app: {{name: a, mode: workflow}}\nworkflow: {{graph: {{nodes: [{{id: s, data: {{type: start}}}}, {nodes}], edges: [{edges}]}}}}"
    )


def test_variables_and_failures_of_dify() -> None:
    found = dify(
        "{id: h, data: {type: http-request, title: Call, url: 'https://example.com', timeout: {max_read_timeout: 5}}},"
        "{id: k, data: {type: assigner, title: Keep, items: [{variable_selector: [conversation, seen], value: [h, body]}]}},"
        "{id: r, data: {type: llm, title: Say, model: {name: m}, prompt_template: [{text: '{{#conversation.seen#}}'}]}},"
        "{id: e, data: {type: end, title: End, outputs: [{variable: out, value_selector: [r, text]}]}}",
        "{source: s, target: h}, {source: h, target: k, sourceHandle: success-branch},"
        "{source: h, target: r, sourceHandle: fail-branch}, {source: r, target: e}",
    )
    assert found["tools"]["Call"] == {"http": "https://example.com", "timeout_ms": 5000.0}
    assert found["nodes"]["recall_seen"] == {"memory": {"load": "seen"}}
    cases = found["nodes"]["Call_route"]["branch"]["cases"]
    assert cases["failed"]["probability"] == 0.05 and cases["failed"]["nodes"]["Say"]["prompt"] == "{conversation_seen}"


def flowise(nodes: str, edges: str) -> dict[str, Any]:
    return imported(f"nodes: [{nodes}]\nedges: [{edges}]\n")


def test_chat_flows_of_flowise() -> None:
    found = flowise(
        "{id: m, data: {name: chatOpenAI, category: Chat Models, inputs: {modelName: gpt-4o}}},"
        "{id: v, data: {name: faiss, label: Faiss, category: Vector Stores, inputs: {}}},"
        "{id: c, data: {name: retrievalQAChain, label: QA, category: Chains, inputs: {}}}",
        "{source: m, target: c, targetHandle: c-input-model-BaseChatModel},"
        "{source: v, target: c, targetHandle: c-input-vectorStoreRetriever-BaseRetriever}",
    )
    assert found["nodes"]["found"] == {"memory": {"lookup": "Faiss"}, "in": "question"}
    assert found["nodes"]["answer"]["llm"] == "gpt_4o"


def test_teams_of_flowise() -> None:
    found = flowise(
        "{id: m, data: {name: chatOpenAI, category: Chat Models, inputs: {modelName: gpt-4o}}},"
        "{id: s, data: {name: supervisor, label: Boss, inputs: {supervisorPrompt: Lead.}}},"
        "{id: w, data: {name: worker, label: W, inputs: {workerName: Coder, workerPrompt: Code.}}},"
        "{id: x, data: {name: worker, label: X, inputs: {workerName: Tester, workerPrompt: Test.}}}",
        "{source: m, target: s, targetHandle: s-input-model-X}, {source: s, target: w, targetHandle: w-input-supervisor-X}",
    )
    assert list(found["agents"]) == ["Coder", "Tester"]
    assert found["nodes"]["work"]["loop"]["nodes"]["decide"]["fields"]["tool"] == ["Coder", "Tester"]


def test_iterations_of_flowise() -> None:
    found = flowise(
        "{id: s, data: {name: startAgentflow, inputs: {}}}, {id: i, data: {name: iterationAgentflow, label: Each, inputs: {}}},"
        "{id: l, parentNode: i, data: {name: llmAgentflow, label: Say, inputs: {llmModelConfig: {modelName: gpt-4o}}}}",
        "{source: s, target: i}",
    )
    assert list(found["nodes"]["Each"]["map"]["nodes"]) == ["Say"]


def test_loops_and_switches_of_ms_agent_framework() -> None:
    found = imported("""
kind: Workflow
name: w
actions:
- kind: Foreach
  id: each
  items: =Workflow.Inputs.rows
  value: Local.Row
  actions:
  - kind: Switch
    id: which
    value: =Local.Row
    cases:
    - {value: stop, actions: [{kind: BreakLoop}]}
    - {value: skip, actions: [{kind: ContinueLoop}]}
    default: [{kind: InvokeFunctionTool, id: work, functionName: work, arguments: {row: =Local.Row}}]
- {kind: SetValue, path: Workflow.Outputs.done, value: =Workflow.Inputs.rows}
""")
    [loop] = [node["loop"] for node in found["nodes"].values() if "loop" in node]
    assert list(found["inputs"]) == ["rows"] and list(found["outputs"]) == ["done"]
    assert loop["while"] == "each_again"
    inner = loop["nodes"]["each_route"]["branch"]["cases"]["again"]["nodes"]
    assert "work" in inner["which_route"]["branch"]["cases"]["*"]["nodes"]


def test_agents_of_ms_agent_framework() -> None:
    found = imported(
        "kind: Prompt\nname: p\nmodel: {id: gpt-4.1, options: {topP: 0.5}}\ntools: [{kind: mcp, name: t, url: 'https://x.y/z'}]\n"
    )
    assert found["tools"] == {"t": {"mcp": "https://x.y/z#t"}}
    assert found["nodes"]["work"]["loop"]["nodes"]["decide"]["top_p"] == 0.5


def test_plans_and_reasoning_of_nat() -> None:
    found = imported("""
llms: {m: {_type: nim, model_name: meta/llama-3.1-8b-instruct}}
memory: {notes: {_type: mem0_memory}}
functions:
  keep: {_type: add_memory, memory: notes}
  look: {_type: get_memory, memory: notes}
  plan: {_type: rewoo_agent, tool_names: [keep, look], llm_name: m}
workflow: {_type: reasoning_agent, llm_name: m, augmented_fn: plan}
""")
    assert list(found["nodes"]) == ["plan", "work"]
    assert found["agents"]["plan"]["nodes"]["calls"]["map"]["over"] == "steps"
    assert found["agents"]["keep"]["nodes"]["keep"] == {"memory": {"store": "notes"}, "in": "request"}


def test_activations_of_promptflow() -> None:
    found = imported("""
inputs: {q: {type: string}}
outputs: {a: {reference: '${b.output}'}}
nodes:
- {name: a, type: python, source: {path: a.py}, inputs: {q: '${inputs.q}'}}
- {name: b, type: llm, source: {path: b.jinja2}, inputs: {model: gpt-4o, x: '${a.output}'}, activate: {when: '${a.output.kind}', is: yes}}
""")
    cases = found["nodes"]["b_if_route"]["branch"]["cases"]
    assert list(cases) == ["yes", "*"] and "b" in cases["yes"]["nodes"]
    assert found["outputs"] == {"a": "b_if_route"}


STDIO = {
    "nat": """
llms: {m: {_type: nim, model_name: meta/llama-3.1-8b-instruct}}
function_groups:
  files: {_type: mcp_client, server: {transport: stdio, command: npx, args: [-y, desk], env: {DESK_KEY: s3cret}}}
workflow: {_type: react_agent, llm_name: m, tool_names: [files]}
""",
    "adk": """
name: a
model: gemini-2.5-flash
instruction: Go
tools:
- name: MCPToolset
  args: {stdio_connection_params: {server_params: {command: npx, args: [-y, desk], env: {DESK_KEY: s3cret}}}}
""",
    "docker-agent": """
agents:
  root:
    model: openai/gpt-4.1
    instruction: Go
    toolsets: [{type: mcp, command: npx, args: [-y, desk], env: {DESK_KEY: s3cret}, tools: [book]}]
""",
    "agentspec": """
component_type: Agent
id: a
name: a
agentspec_version: 25.4.1
system_prompt: Go
llm_config: {component_type: OllamaConfig, id: m, name: m, url: x, model_id: llama3.1}
tools:
- component_type: MCPTool
  id: t
  name: book
  client_transport:
    {component_type: StdioTransport, id: s, name: s, command: npx, args: [-y, desk], env: {DESK_KEY: s3cret}}
""",
}


@pytest.mark.parametrize("format", STDIO)
def test_the_command_of_a_server_is_taken_over_but_not_its_secrets(format: str) -> None:
    made = imported(STDIO[format])
    (tool,) = made["tools"].values()
    assert tool["command"] == ["npx", "-y", "desk"] and tool["env"] == ["DESK_KEY"]
    assert "s3cret" not in str(made)
    filled = STDIO[format].replace("[-y, desk]", "[-y, '${WHICH}']")
    (tool,) = imported(filled)["tools"].values()
    assert "command" not in tool


PROMPTFLOW = """
inputs: {question: {type: string}, unread: {type: string}}
outputs: {answer: {reference: "${answer.output}"}}
nodes:
- name: answer
  type: llm
  source: {type: code, path: PATH}
  inputs: {deployment_name: llama-3.1-8b, topic: cats, question: "${inputs.question}", unread: "${inputs.unread}"}
"""


def test_prompts_in_files_of_promptflow(tmp_path: Path) -> None:
    (tmp_path / "flow").mkdir()
    (tmp_path / "outside.jinja2").write_text("secret")
    (tmp_path / "flow" / "a.jinja2").write_text("# system:\nBe brief of {{topic}}.\n\nuser:\nNow: {{ question }} {x}\n")
    path = tmp_path / "flow" / "flow.dag.yaml"

    def read(place: str) -> tuple[dict[str, Any], list[str]]:
        path.write_text(PROMPTFLOW.replace("PATH", place))
        found = importers.read(load_yaml(path), "promptflow")
        return found.definition["nodes"]["answer"], [w.slug for w in found.warnings]

    node, told = read("a.jinja2")
    assert node["system"] == "Be brief of cats." and node["prompt"] == "Now: {question} {{x}" and told == []
    assert node["in"] == {"question": "question"}
    for place in ("../outside.jinja2", str(tmp_path / "outside.jinja2"), "nowhere.jinja2"):
        node, told = read(place)
        assert "prompt" not in node and told == ["import-unread"]


def test_agents_of_adk_that_stand_in_others() -> None:
    made = imported(
        "name: two\nagent_class: SequentialAgent\nsub_agents:\n"
        "- {name: one, model: m, instruction: Go}\n- {name: other, instruction: Stop, model: m}\n"
    )
    assert list(made["agents"]) == ["one", "other"] and made["nodes"]["other"] == {
        "agent": "other",
        "in": {"request": "one"},
    }
