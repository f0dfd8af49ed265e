"""Every mistake has its diagnostic, at its place; all mistakes of a file come in one run."""

import time
from pathlib import Path

import pytest

from agentc import frontends
from agentc.frontends import yaml
from agentc.support import manual
from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.yaml_source import parse_yaml

HEAD = """agentc: v1
name: helper
models: {mind: llama-3.1-8b, enc: all-minilm-l6-v2}
tools: {search: {http: "http://localhost", returns: documents, parameters: {query: text}}}
memories: {facts: {kind: vector, embed: enc}, notes: keyvalue, log: log}
agents: {helper2: {inputs: {x: {type: text}}, nodes: {n: {llm: mind, in: x}}, outputs: {a: n, b: n}}}
inputs: {q: {type: text}, sound: {type: audio}}
"""


def problems(text: str, directory: Path = Path(".")) -> tuple[Diagnostic, ...]:
    """What is refused or warned of, warnings of unused inputs aside."""
    try:
        found = yaml.define(parse_yaml(text, "agent.yaml"), directory).warnings
    except Refused as refused:
        found = refused.diagnostics
    return tuple(d for d in found if d.slug != "unused-input")


def nodes(*lines: str) -> str:
    return HEAD + "nodes:\n" + "".join(f"  {line}\n" for line in lines)


FLAG = HEAD.replace("inputs: {", "inputs: {f: {type: bool}, ")
CHOOSE = "k: {llm: mind, in: q, fields: {k: [x, y]}}"

CASES = [
    # What stands in the file, the diagnostic, and what its text or help must hold.
    (nodes("a: {llm: mnd, in: q}"), "unknown-model", "`mind`"),
    (nodes("a: {tool: serch, in: q}"), "unknown-tool", "`search`"),
    (nodes("a: {memory: {lookup: fact}, in: q}"), "unknown-memory", "`facts`"),
    (nodes("a: {agent: helper3, in: q}"), "unknown-agent", "`helper2`"),
    (nodes("a: {compute: {builtin: uper}, in: q}"), "unknown-builtin", "`upper`"),
    (nodes("a: {compute: {kernel: softmx}, in: q}"), "kernel-not-found", "`softmax`"),
    (nodes("a: {llm: mind, in: q, placement: {pin: h1000}}"), "unknown-device", "h1000"),
    (nodes("a: {llm: mind, in: q, placement: {allow: [h200], forbid: [h200]}}"), "bad-placement", "nowhere"),
    (nodes("a: {llm: mind, in: qq}"), "unknown-reference", "`q`"),
    (nodes("a: {llm: mind, in: q, fields: {x: text}}", "b: {llm: mind, in: a.y}"), "unknown-reference", "`x`"),
    (nodes("a: {llm: mind, in: q}", "b: {llm: mind, in: a.y}"), "unknown-reference", "text without a field"),
    (nodes("a: {agent: helper2, in: q}", "b: {llm: mind, in: a}"), "unknown-reference", "which output"),
    (nodes("a: {llm: mind, in: b}", "b: {llm: mind, in: a}"), "unbounded-cycle", "`a` -> `b` -> `a`"),
    (nodes("a: {llm: mind, in: a}"), "unbounded-cycle", "`a` -> `a`"),
    (nodes("a: {llm: enc, in: q}"), "wrong-model-kind", "embedding"),
    (nodes("a: {embed: enc, in: sound}"), "wrong-input-type", "audio"),
    (nodes("a: {llm: mind, in: sound}"), "wrong-input-type", "audio"),
    (nodes("a: {memory: {lookup: notes}, in: q}"), "wrong-memory-kind", "keyvalue"),
    (nodes("a: {observe: facts, in: q}"), "wrong-memory-kind", "vector"),
    (nodes("a: {observe: log, in: q}", "b: {llm: mind, in: a}"), "no-value", "`a`"),
    (nodes("a: {tool: search, in: {query: q, x: q}}"), "wrong-inputs", "parameter `x`"),
    (nodes("a: {tool: search, in: [q, q]}"), "wrong-inputs", "takes 1 input (`query`), found 2"),
    (nodes("a: {llm: mind, in: q, when: q}"), "not-a-flag", "`q` is a text"),
    (nodes('a: {llm: mind, in: q, prompt: "{p}"}'), "bad-template", "`{p}`"),
    (nodes('a: {llm: mind, in: q, prompt: "{0} {q}"}'), "bad-template", "`{0}`"),
    (nodes("a: {llm: mind, in: q, prmpt: hi}"), "unknown-field", "`prompt`"),
    (nodes("a: {lm: mind, in: q}"), "unknown-node-type", "`llm`"),
    (nodes("a: {llm: mind, tool: search, in: q}"), "unknown-node-type", "`llm` and `tool`"),
    (nodes("a: 3"), "wrong-type", "mapping"),
    (nodes("a: {llm: mind, in: q, tokens: {input: -3}}"), "wrong-value", "-3"),
    (nodes("a: {llm: mind, in: q, tokens: {input: many}}"), "wrong-type", "many"),
    (nodes("a: {llm: mind, in: q, tokens: {input: {p50: 9, p95: 3}}}"), "bad-quantity", "above"),
    (nodes("a: {llm: mind, in: q, tokens: {input: {mean: 9, p95: 3}}}"), "suspicious-quantity", "mean is 9"),
    (nodes("a: {memory: {lookup: facts, load: notes}, in: q}"), "one-of", "`lookup` and `load`"),
    (nodes("a: {compute: {python: nowhere.py:f}, in: q}"), "unknown-function", "nowhere.py"),
    (nodes("a: {map: {over: q, nodes: {b: {llm: mind, in: q}}}}"), "wrong-input-type", "map runs over"),
    (FLAG + "nodes: {a: {loop: {max: 3, until: f, nodes: {}}}}\n", "empty-nodes", "`a`"),
    (
        nodes("a: {loop: {expected: 9, max: 3, until: b.x, nodes: {b: {llm: mind, in: q, fields: {x: bool}}}}}"),
        "bad-loop",
        "9 trips",
    ),
    (nodes("a: {loop: {until: b.x, nodes: {b: {llm: mind, in: q, fields: {x: bool}}}}}"), "missing-field", "`max`"),
    (
        nodes(CHOOSE, "a: {branch: {on: k.k, cases: {x: {probability: 1, output: q}}}}"),
        "missing-case",
        "`y`",
    ),
    (
        nodes(
            CHOOSE,
            "a: {branch: {on: k.k, cases: {x: {probability: 0.8, output: q}, z: {probability: 0.2, output: q}, '*':"
            " {probability: 0, output: q}}}}",
        ),
        "unknown-case",
        "never `z`",
    ),
    (
        nodes("a: {branch: {on: q, cases: {x: {probability: 0.5, output: q}, '*': {probability: 0.4, output: q}}}}"),
        "bad-probabilities",
        "sum to 0.9",
    ),
    (HEAD.replace("llama-3.1-8b", "llama-3.1-8bb") + "nodes: {}\n", "unknown-model", "llama-3.1-8b`"),
    (HEAD.replace("v1", "v2") + "nodes: {a: {llm: mind, in: q}}\n", "unknown-choice", "v1"),
    (HEAD + "nodes: {}\n", "empty-nodes", "`helper`"),
    (HEAD + "nodes: {a: {agent: helper2, in: q}}\nsla: {ttft_ms: {p95: 0}}\n", "wrong-value", "0"),
    (HEAD + "nodes: {a: {agent: helper2, in: q}}\nload: {}\n", "one-of", "`concurrency`"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "slug", "holds"), CASES)
def test_mistake(text: str, slug: str, holds: str) -> None:
    found = problems(text)
    assert slug in {d.slug for d in found}
    assert {d.slug for d in found} <= {slug, "wrong-inputs"}, "a mistake is told once"
    told = next(d for d in found if d.slug == slug)
    assert any(holds in f"{d.message} {d.help} {d.span}" for d in found if d.slug == slug)
    assert told.span is not None and told.span.file == "agent.yaml" and told.span.line > 1 or slug == "unknown-choice"


def test_all_mistakes_in_one_run() -> None:
    text = nodes(
        "a: {llm: mnd, in: nothing}",
        "b: {lm: mind, in: q}",
        "c: {llm: mind, in: [b, q], tokns: {input: 3}}",
        "d: {loop: {max: 2, until: e.done, nodes: {e: {llm: mind, in: [q, b], fields: {done: maybe}}}}}",
        "f: {branch: {on: q, cases: {'*': {probability: 0.4, nodes: {g: {tool: sarch, in: q}}}}}}",
        "h: {llm: mind, in: [i, d.e]}",
        "i: {llm: mind, in: h}",
    )
    assert [(d.slug, d.span.line if d.span else 0) for d in problems(text)] == [
        ("unknown-model", 9),
        ("unknown-reference", 9),
        ("unknown-node-type", 10),
        ("unknown-field", 11),
        ("unknown-choice", 12),
        ("bad-probabilities", 13),
        ("unknown-tool", 13),
        ("unbounded-cycle", 14),
    ]


def test_a_place_is_the_name_that_is_wrong() -> None:
    [problem] = problems(nodes("a: {llm: mind, in: [q, qq]}"))
    assert str(problem.span) == "agent.yaml:9:26"
    [problem] = problems(nodes("a: {llm: mind, in: q, tokns: 3}"))
    assert str(problem.span) == "agent.yaml:9:25"


def test_help_leads_into_a_loop_and_out_of_a_case() -> None:
    loop = "l: {loop: {max: 2, until: e.x, nodes: {e: {llm: mind, in: q, fields: {x: bool}}}}}"
    [problem] = problems(nodes(loop, "b: {llm: mind, in: e}"))
    assert problem.help == "`l.e` stands within `l`; write `l.e`"
    case = "w: {branch: {on: q, cases: {'*': {probability: 1, nodes: {e: {llm: mind, in: q}}}}}}"
    [problem] = problems(nodes(case, "b: {llm: mind, in: w.*.e}".replace("*", "z")))
    assert problem.slug == "unknown-reference"


def test_unused_input_is_a_warning() -> None:
    definition = yaml.define(parse_yaml(nodes("a: {llm: mind, in: q}"), "agent.yaml"), Path("."))
    assert [(d.slug, d.severity.value) for d in definition.warnings] == [("unused-input", "warning")]


def test_recursion_is_refused(tmp_path: Path) -> None:
    inner = "agents: {a: {inputs: {x: {type: text}}, nodes: {n: {agent: a, in: x}}, outputs: {y: n}}}\n"
    text = HEAD.replace(HEAD.splitlines()[5] + "\n", inner) + "nodes: {n: {agent: a, in: q}}\n"
    assert {d.slug for d in problems(text)} == {"recursive-agent"}
    (tmp_path / "a.yaml").write_text("agentc: v1\nname: a\nagents: {b: {file: a.yaml}}\nnodes: {n: {agent: b}}\n")
    with pytest.raises(Refused) as refused:
        frontends.load(tmp_path / "a.yaml")
    assert "recursive-agent" in {d.slug for d in refused.value.diagnostics}


def test_huge_and_hostile_files_are_refused_quickly(tmp_path: Path) -> None:
    start = time.process_time()
    big, bomb, binary = tmp_path / "big.yaml", tmp_path / "bomb.yaml", tmp_path / "binary.yaml"
    with big.open("wb") as stream:
        stream.truncate(100_000_000)
    rows = ["a: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"b{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    bomb.write_text("\n".join(rows))
    binary.write_bytes(bytes(range(256)))
    for path, slug in ((big, "yaml-too-large"), (bomb, "yaml-alias-bomb"), (binary, "yaml-encoding")):
        with pytest.raises(Refused) as refused:
            frontends.load(path)
        assert {d.slug for d in refused.value.diagnostics} == {slug}
    assert time.process_time() - start < 20, "refusal must not take the time that reading would"


@pytest.mark.parametrize("text", ["", "3", "[]", "agentc: v1", "nodes: {}", "a: b", "nodes: [1]", "agents: {a: 3}"])
def test_what_is_no_definition(text: str) -> None:
    assert problems(text)


@pytest.mark.parametrize("source", ["agent.txt", "agent", "nowhere.yaml", "nowhere.mlir", "nowhere.py:agent"])
def test_sources_that_are_none(source: str) -> None:
    with pytest.raises(Refused) as refused:
        frontends.load(source)
    assert {d.slug for d in refused.value.diagnostics} <= {"unknown-source", "unreadable-file"}


@pytest.mark.parametrize("text", ["agent.graph", "builtin.module {", '"test.op"() : () -> ()\n%x', "\xff"])
def test_ir_that_cannot_be_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mlir"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Refused) as refused:
        frontends.load(path)
    assert {d.slug for d in refused.value.diagnostics} == {"unreadable-ir"}


def examples() -> list[manual.Example]:
    """The manual's examples that are agent definitions."""
    found = [example for slug in manual.slugs() for example in manual.examples(slug)]
    return [e for e in found if e.file == "agent.yaml" and "nodes:" in e.text and e.slug != "infeasible-placement"]


@pytest.mark.parametrize("example", examples(), ids=lambda e: e.slug)
def test_the_manual_tells_the_truth(example: manual.Example) -> None:
    try:
        found = yaml.define(parse_yaml(example.text, "agent.yaml"), Path(".")).warnings
    except Refused as refused:
        found = refused.diagnostics
    assert {d.slug for d in found} == {example.slug}


@pytest.mark.parametrize(
    ("old", "new"),
    [("layers = 32 : i64", f"layers = {'9' * 20} : i64"), ("layers = 32", "layers = nan"), ('"decoder"', "3 : i64")],
)
def test_ir_that_nobody_printed(tmp_path: Path, old: str, new: str) -> None:
    text = str(yaml.lower(yaml.define(parse_yaml(nodes("a: {llm: mind, in: q}"), "agent.yaml"), tmp_path)))
    assert old in text
    (tmp_path / "a.mlir").write_text(text.replace(old, new))
    with pytest.raises(Refused) as refused:
        frontends.load(tmp_path / "a.mlir")
    assert [found.slug for found in refused.value.diagnostics] == ["unreadable-ir"]


def test_a_call_of_nobody_is_refused_with_its_place(tmp_path: Path) -> None:
    from agentc import api

    text = str(yaml.lower(yaml.define(parse_yaml(nodes("a: {llm: mind, in: q}"), "agent.yaml"), tmp_path)))
    (tmp_path / "a.mlir").write_text(text.replace("llm.call @mind", "llm.call @nobody"))
    assert [found.slug for found in api.check(tmp_path / "a.mlir")] == ["illegal-op"]


def test_weights_that_are_not_there_are_told_at_the_model(tmp_path: Path) -> None:
    from agentc import api

    text = nodes("a: {llm: mind, in: q}").replace(
        "{mind: llama-3.1-8b,", "{mind: {catalog: llama-3.1-8b, weights: {path: .}},"
    )
    (tmp_path / "agent.yaml").write_text(text)
    with pytest.raises(Refused) as refused:
        api.compile(tmp_path / "agent.yaml", fleet="local-cpu", out=tmp_path / "build")
    [found] = refused.value.diagnostics
    assert found.slug == "weights-not-found" and found.span is not None and found.span.line == 3
    assert not (tmp_path / "build").exists()
