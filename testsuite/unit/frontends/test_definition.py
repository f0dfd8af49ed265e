"""Each construct of a definition, and the IR that it becomes."""

import re
from pathlib import Path

import pytest
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation

from agentc import frontends
from agentc.dialects.agent import BranchOp, GraphOp, LoopOp, MapOp
from agentc.dialects.agent_values import PlacementRuleAttr, quantities
from agentc.frontends import yaml
from agentc.plan.graph import Limit, Load, PlacementRule
from agentc.plan.quantity import Quantity
from agentc.support.diagnostics import Diagnostics
from agentc.support.yaml_source import parse_yaml

HEAD = """
agentc: v1
name: helper
models: {mind: llama-3.1-8b, ears: whisper-tiny, voice: orpheus-3b, enc: all-minilm-l6-v2,
  judge: ms-marco-minilm-l6-v2, painter: dit-xl-2, eyes: clip-vit-l-14}
tools: {search: {http: "http://localhost/search", returns: documents}}
memories: {facts: {kind: vector, embed: enc}, notes: keyvalue, log: log}
inputs: {question: {type: text, tokens: 20}, speech: {type: audio, seconds: 6}, picture: {type: image}}
"""


def module(nodes: str, head: str = HEAD, directory: Path = Path(".")) -> ModuleOp:
    definition = yaml.define(parse_yaml(head + nodes, "agent.yaml"), directory)
    made = yaml.lower(definition)
    made.verify()
    return made


def ops(made: ModuleOp, name: str) -> list[Operation]:
    return [op for op in made.walk() if op.name == name]


def only(made: ModuleOp, name: str) -> Operation:
    [op] = ops(made, name)
    return op


def shape(op: Operation) -> dict[str, Quantity]:
    return quantities(op.properties["shape"])  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("node", "op", "result"),
    [
        ("{llm: mind, in: question}", "llm.call", "!agent.text"),
        ("{llm: mind, in: question, fields: {a: bool}}", "llm.call", "!agent.record"),
        ("{stt: ears, in: speech}", "model.transcribe", "!agent.text"),
        ("{tts: voice, in: question}", "model.synthesize", "!agent.audio"),
        ("{embed: enc, in: question}", "model.embed", "!agent.embedding"),
        ("{diffusion: painter, in: question}", "model.diffuse", "!agent.image"),
        ("{vision: eyes, in: picture}", "model.describe", "!agent.text"),
        ("{tool: search, in: question}", "tool.invoke", "!agent.documents"),
        ("{tool: search, in: question, returns: text}", "tool.invoke", "!agent.text"),
        ("{memory: {lookup: facts}, in: question}", "memory.lookup", "!agent.documents"),
        ("{memory: {load: notes}, in: question}", "memory.load", "!agent.text"),
        ("{compute: {builtin: upper}, in: question}", "compute.builtin", "!agent.text"),
        ("{compute: {builtin: length}, in: question}", "compute.builtin", "f64"),
    ],
)
def test_node(node: str, op: str, result: str) -> None:
    made = module(f"nodes: {{x: {node}}}\noutputs: {{y: x}}")
    found = only(made, op)
    assert str(found.results[0].type) == result
    assert str(found.attributes["agent.node"]) == '"x"'
    assert str(found.attributes["agent.source"]) == '"agent.yaml:9:9"'


def test_one_value_read_twice_is_two_inputs() -> None:
    made = module("nodes: {x: {compute: {builtin: concat}, in: [question, question]}}\noutputs: {y: x}")
    assert len(only(made, "compute.builtin").operands) == 2


def test_store_and_observe_give_nothing() -> None:
    made = module(
        "nodes:\n  a: {memory: {store: notes}, in: question}\n  b: {observe: log, in: question, async: true}\n"
    )
    assert not only(made, "memory.store").results
    assert "agent.async" in only(made, "memory.observe").attributes
    assert "agent.async" not in only(made, "memory.store").attributes


def test_order_follows_references_and_then_the_file() -> None:
    made = module(
        "nodes:\n"
        "  last: {compute: {builtin: concat}, in: [second, first]}\n"
        "  first: {compute: {builtin: upper}, in: question}\n"
        "  second: {compute: {builtin: lower}, in: first}\n"
        "outputs: {y: last}"
    )
    assert [op.attributes["agent.node"].data for op in ops(made, "compute.builtin")] == ["first", "second", "last"]  # pyright: ignore[reportAttributeAccessIssue]


def test_embedding_documents_gives_one_vector_each() -> None:
    made = module(
        "nodes:\n  d: {memory: {lookup: facts}, in: question, k: 7}\n  v: {embed: enc, in: d}\noutputs: {y: v}"
    )
    found = only(made, "model.embed")
    assert str(found.results[0].type) == "!agent.list<!agent.embedding>"
    assert shape(found)["documents"] == Quantity(7.0)


def test_rerank_reads_query_and_documents() -> None:
    made = module(
        "nodes:\n  d: {memory: {lookup: facts}, in: question, k: 7}\n"
        "  r: {rerank: judge, in: [question, d]}\noutputs: {y: r}"
    )
    assert shape(only(made, "model.rerank"))["documents"] == Quantity(7.0)


def test_templates_become_positional() -> None:
    made = module(
        "nodes:\n  a: {llm: mind, in: question, fields: {why: text}}\n"
        '  b: {llm: mind, in: [question, a.why], prompt: "{why} {{x}} {\\"j\\": 1} {question}"}\n'
        "outputs: {y: b}"
    )
    assert ops(made, "llm.call")[1].properties["prompt"] == StringAttr('{1} {x} {"j": 1} {0}')


def test_a_system_text_that_reads_inputs_leads_the_prompt() -> None:
    made = module(
        'nodes: {a: {llm: mind, in: question, system: "You know {question}.", prompt: "Go."}}\noutputs: {y: a}'
    )
    call = only(made, "llm.call")
    assert "system" not in call.properties
    assert call.properties["prompt"] == StringAttr("You know {0}.\n\nGo.")


def test_what_is_not_stated_is_assumed() -> None:
    call = only(module("nodes: {a: {llm: mind, in: question}}\noutputs: {y: a}"), "llm.call")
    assert shape(call)["input_tokens"].assumed and shape(call)["input_tokens"].mean == 20
    assert shape(call)["output_tokens"].assumed
    stated = only(
        module("nodes: {a: {llm: mind, in: question, tokens: {input: 9, output: 8}}}\noutputs: {y: a}"), "llm.call"
    )
    assert shape(stated) == {"input_tokens": Quantity(9.0), "output_tokens": Quantity(8.0)}


def test_sizes_flow_with_the_data() -> None:
    made = module("nodes:\n  h: {stt: ears, in: speech}\n  v: {tts: voice, in: h}\noutputs: {y: v}")
    assert shape(only(made, "model.transcribe"))["audio_seconds"] == Quantity(6.0)
    spoken = shape(only(made, "model.synthesize"))["audio_seconds"]
    assert spoken.assumed and spoken.mean == pytest.approx(6.0, rel=1e-3)


def test_mean_follows_from_percentiles() -> None:
    head = HEAD.replace("returns: documents", "latency_ms: {p50: 180, p95: 600}, returns: documents")
    spec = only(module("nodes: {a: {tool: search, in: question}}\noutputs: {y: a}", head), "tool.spec")
    latency: Quantity = spec.properties["latency_seconds"].data  # pyright: ignore[reportAttributeAccessIssue]
    assert latency.p50 == 0.18 and latency.p95 == 0.6 and not latency.assumed
    # Log-normal: exp(mu + s^2 / 2), mu = ln 180, s = ln(600 / 180) / 1.6449.
    assert latency.mean == pytest.approx(0.2353, rel=1e-3)


LOOP = """
nodes:
  think:
    loop:
      expected: 1.5
      max: 4
      while: ask.more
      nodes:
        ask: {llm: mind, in: [question, find], fields: {more: bool, query: text, answer: text}}
        find: {tool: search, in: ask.query, when: ask.more}
outputs: {y: think.ask.answer}
"""


def test_loop_carries_what_the_next_trip_and_the_outside_read() -> None:
    made = module(LOOP)
    loop = only(made, "agent.loop")
    assert isinstance(loop, LoopOp)
    assert (loop.expected.value.data, loop.max.value.data) == (1.5, 4)
    assert [str(r.type) for r in loop.results] == ["!agent.record", "!agent.documents"]
    call = only(made, "llm.call")
    assert call.operands[1] is loop.body.block.args[1], "the question of a trip reads what the trip before found"
    assert len(ops(made, "agent.none")) == 3


def test_condition_that_drives_the_loop_has_its_probability() -> None:
    branch = only(module(LOOP), "agent.branch")
    assert isinstance(branch, BranchOp)
    assert branch.probabilities.data[0].value.data == pytest.approx(0.5 / 1.5, rel=1e-5)
    assert "agent.assumed" not in branch.attributes


def test_until_negates() -> None:
    made = module(LOOP.replace("while: ask.more", "until: ask.more"))
    negation = only(made, "compute.builtin")
    assert str(negation.properties["function"]) == '"not"'
    assert only(made, "agent.continue").operands[0] is negation.results[0]
    branch = only(made, "agent.branch")
    assert isinstance(branch, BranchOp)
    assert branch.probabilities.data[0].value.data == pytest.approx(1 - 0.5 / 1.5, rel=1e-5)


def test_expected_trips_are_assumed_where_only_the_bound_is_stated() -> None:
    loop = only(module(LOOP.replace("      expected: 1.5\n", "")), "agent.loop")
    assert isinstance(loop, LoopOp)
    assert loop.assumed is not None and loop.expected.value.data == 2.5


def test_start_gives_the_first_trip_a_value() -> None:
    made = module(
        LOOP.replace("      max: 4\n", "      max: 4\n      start: {find: before}\n").replace(
            "nodes:\n  think:", "nodes:\n  before: {tool: search, in: question}\n  think:"
        )
    )
    loop = only(made, "agent.loop")
    first = loop.operands[1].owner
    assert isinstance(first, Operation) and first.name == "tool.invoke"


def test_loops_within_loops_hand_values_outward() -> None:
    made = module("""
nodes:
  outer:
    loop:
      max: 3
      while: judge.more
      nodes:
        inner:
          loop:
            max: 2
            until: draft.done
            nodes:
              draft: {llm: mind, in: [question, draft.text], fields: {done: bool, text: text}}
        judge: {llm: mind, in: inner.draft.text, fields: {more: bool}}
outputs: {y: outer.inner.draft.text}
""")
    outer, inner = (op for op in made.walk() if isinstance(op, LoopOp))
    assert len(outer.results) == 1 and len(inner.results) == 1


def test_loop_as_a_whole_gives_its_output() -> None:
    last = module(LOOP.replace("think.ask.answer", "think"))
    assert str(only(last, "agent.output").operands[0].type) == "!agent.documents"
    stated = module(
        LOOP.replace("      max: 4\n", "      max: 4\n      output: ask.answer\n").replace("think.ask.answer", "think")
    )
    assert str(only(stated, "agent.output").operands[0].type) == "!agent.text"


def test_branch_of_different_kinds_gives_any() -> None:
    made = module("""
nodes:
  sort: {llm: mind, in: question, fields: {kind: [a, b]}}
  go:
    branch:
      on: sort.kind
      cases:
        a: {probability: 0.3, nodes: {x: {llm: mind, in: question}}}
        b: {probability: 0.7, nodes: {x: {tool: search, in: question}}}
outputs: {y: go}
""")
    branch = only(made, "agent.branch")
    assert str(branch.results[0].type) == "!agent.any"
    assert {str(op.properties["function"]) for op in ops(made, "compute.builtin")} == {'"identity"'}
    nodes = {str(op.attributes["agent.node"]) for op in ops(made, "llm.call")}
    assert '"go.a.x"' in nodes


def test_map_over_documents() -> None:
    made = module("""
nodes:
  found: {memory: {lookup: facts}, in: question, k: 6}
  notes:
    map:
      over: found
      as: page
      concurrency: 3
      nodes: {note: {llm: mind, in: [question, page.text]}}
outputs: {y: notes}
""")
    op = only(made, "agent.map")
    assert isinstance(op, MapOp)
    assert op.width.data == Quantity(6.0) and op.concurrency.value.data == 3
    assert str(op.result.type) == "!agent.list<!agent.text>"


def test_sub_agents_inline() -> None:
    made = module("""
agents:
  worker:
    inputs: {task: {type: text}, extra: {type: text}}
    nodes: {do: {llm: mind, in: [task, extra]}}
    outputs: {done: do, echo: task}
nodes:
  w: {agent: worker, in: {extra: question, task: c}}
  c: {compute: {builtin: upper}, in: question}
outputs: {a: w.done, b: w.echo}
""")
    call = only(made, "agent.call")
    assert len(call.results) == 2
    first = call.operands[0].owner
    assert isinstance(first, Operation) and first.name == "compute.builtin", "arguments go by name"
    assert [op.sym_name.data for op in made.ops if isinstance(op, GraphOp)] == ["worker", "helper"]


def test_sub_agents_of_files_bring_their_own_names(tmp_path: Path) -> None:
    inner = tmp_path / "workers"
    inner.mkdir()
    (inner / "tools.py").write_text("def look(q: str) -> str:\n    return q\n")
    (inner / "w.yaml").write_text(
        "agentc: v1\nname: w\nmodels: {mind: llama-3.1-70b, enc: all-minilm-l6-v2}\n"
        "tools: {search: {python: tools.py:look, returns: text}}\ninputs: {t: {type: text}}\n"
        "nodes:\n  a: {llm: mind, in: t}\n  b: {tool: search, in: a}\noutputs: {y: b}\n"
    )
    made = module(
        "agents: {worker: {file: workers/w.yaml}}\nnodes: {x: {agent: worker, in: question}}\noutputs: {y: x}",
        directory=tmp_path,
    )
    names = [op.properties["sym_name"].data for op in made.ops]  # pyright: ignore[reportAttributeAccessIssue]
    assert {"mind", "worker.mind", "enc", "search", "worker.search", "worker", "helper"} <= set(names)
    assert "worker.enc" not in names, "equal models are one"
    look = next(op for op in ops(made, "tool.spec") if "python" in op.properties)
    assert str(look.properties["python"]) == '"workers/tools.py:look"'
    assert str(only(made, "llm.call").attributes["agent.source"]) == '"workers/w.yaml:7:3"'


def test_placement_is_inherited_and_canonical() -> None:
    made = module(LOOP.replace("  think:\n", "  think:\n    placement: {allow: [h100]}\n"))
    rule = only(made, "llm.call").attributes["agent.placement"]
    assert rule == PlacementRuleAttr(PlacementRule(allow=("h100-sxm",)))


def test_a_tool_and_a_model_may_share_a_name() -> None:
    head = HEAD.replace("tools: {search:", "tools: {mind:")
    made = module("nodes:\n  a: {llm: mind, in: question}\n  b: {tool: mind, in: a}\noutputs: {y: b}", head)
    assert str(only(made, "tool.invoke").properties["tool"]) == "@tools.mind"


def test_kernels_are_copied_once_with_work_and_sizes() -> None:
    made = module("""
nodes:
  q: {embed: enc, in: question}
  d: {memory: {lookup: facts}, in: q, k: 6}
  v: {embed: enc, in: d}
  s: {compute: {kernel: cosine_scores}, in: [q, v]}
  t: {compute: {kernel: softmax}, in: s}
  u: {compute: {kernel: softmax}, in: t, shape: {n: 9}}
outputs: {y: u}
""")
    assert len(ops(made, "func.func")) == 2
    scores, _, last = ops(made, "compute.kernel")
    assert shape(scores) == {"d": Quantity(384.0), "n": Quantity(6.0)}
    assert shape(last) == {"n": Quantity(9.0)}
    assert "work" in scores.properties


def test_sla_and_load() -> None:
    head = HEAD + "sla: {ttft_ms: 250, tbt_ms: {p50: 10, p95: 20, usd_per_ms: 0.01}, end_to_end_ms: {p95: 4000}}\n"
    graph = next(
        op
        for op in module("nodes: {a: {llm: mind, in: question}}\noutputs: {y: a}\nload: {concurrency: 40}", head).ops
        if isinstance(op, GraphOp)
    )
    limits = [attr.data for attr in graph.limits or ()]
    assert limits == [
        Limit("ttft", 0.25),
        Limit("tbt", 0.01, "p50", 0.01),
        Limit("tbt", 0.02, "p95", 0.01),
        Limit("end_to_end", 4.0),
    ]
    assert graph.load is not None and graph.load.data == Load(10.0, 40.0, assumed=True)


def test_overrides_of_yaml_and_of_ir(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + "nodes: {a: {llm: mind, in: question}}\noutputs: {y: a}\n")
    first = frontends.load(
        tmp_path / "a.yaml", overrides={"sla.ttft_ms.p95": 300, "models.mind": {"catalog": "qwen3-8b"}}
    )
    assert 'name = "qwen3-8b"' in str(first) and "seconds = 3.000000e-01" in str(first)
    (tmp_path / "a.mlir").write_text(str(first))
    second = frontends.load(tmp_path / "a.mlir", overrides={"sla.tbt_ms": 25, "load.requests_per_second": 7})
    graph = next(op for op in second.ops if isinstance(op, GraphOp))
    assert [attr.data.metric for attr in graph.limits or ()] == ["ttft", "tbt"]
    assert graph.load is not None and graph.load.data.requests_per_second == 7.0
    assert str(frontends.load(tmp_path / "a.mlir")) == str(first)


def test_warnings_reach_the_caller(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + "nodes: {a: {llm: mind, in: question}}\noutputs: {y: a}\n")
    found = Diagnostics()
    frontends.load(tmp_path / "a.yaml", found=found)
    assert [re.findall("`(.*?)`", d.message)[0] for d in found] == ["speech", "picture"]


def test_hosted_stated_and_configured_models(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "vocab_size": 99}'
    )
    made = module(
        """
agentc: v1
name: helper
models:
  far: {hosted: {usd_per_million_input_tokens: 3, ttft_ms: 500}}
  own: {shape: {kind: decoder, layers: 2, hidden: 64, heads: 4, intermediate: 256, vocab: 100}, precision: fp8}
  conf: {config: config.json}
nodes: {a: {llm: far, prompt: hi}, b: {llm: own, in: a}, c: {llm: conf, in: b}}
outputs: {y: c}
""",
        "",
        tmp_path,
    )
    far, own, conf = ops(made, "model.spec")
    assert "usd_per_input_token = 3.000000e-06" in str(far) and "agent.assumed" not in far.attributes
    assert "head_dim = 16" in str(own) and "kv_heads = 4" in str(own)
    assert 'agent.assumed = ["precision"]' in str(conf)


def test_a_tools_time_is_what_the_runtime_reads() -> None:
    from agentc.dialects.tool import SpecOp
    from agentc.runtime.tools.toolbox import TIMEOUT_SECONDS, seconds

    text = """
agentc: v1
name: helper
tools: {quick: {http: "http://localhost", timeout_ms: 250}, usual: {http: "http://localhost"}}
nodes: {a: {tool: quick}, b: {tool: usual, in: a}}
outputs: {y: b}
"""
    specs = [op for op in module(text, "").ops if isinstance(op, SpecOp)]
    assert [seconds(spec) for spec in specs] == [0.25, TIMEOUT_SECONDS]


@pytest.mark.parametrize(("field", "hint"), [("12", "%n12"), ("_7", "%n"), ("1_", "%n1_")])
def test_fields_that_are_numbers(field: str, hint: str) -> None:
    text = f"""
agentc: v1
name: helper
models: {{m: llama-3.1-8b}}
inputs: {{r: {{type: record}}}}
nodes: {{a: {{llm: m, in: r.{field}}}}}
"""
    assert f"{hint} = agent.get %r" in str(module(text, "").clone())
