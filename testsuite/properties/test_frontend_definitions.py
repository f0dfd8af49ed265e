"""Random definitions: what is accepted lowers to IR that verifies, prints and parses; what is refused says where."""

from io import StringIO
from pathlib import Path
from typing import Any

import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.parser import Parser
from xdsl.printer import Printer

from agentc.frontends import ir, yaml
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import parse_yaml

REFS = [*["question"] * 6, "audio", "n0", "n1", "n2", "n3", "n0.a", "n1.b", "n2.inner", "item", "nothing"]
ref = st.sampled_from(REFS)
figure = st.one_of(st.integers(-1, 50), st.fixed_dictionaries({"p50": st.integers(0, 9), "p95": st.integers(0, 9)}))


def leaf() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.fixed_dictionaries(
            {"llm": st.just("mind"), "in": ref}, optional={"tokens": st.fixed_dictionaries({"input": figure})}
        ),
        st.fixed_dictionaries({"llm": st.just("mind"), "in": ref, "fields": st.just({"a": "bool", "b": ["x", "y"]})}),
        st.fixed_dictionaries(
            {"tool": st.sampled_from(["search", "search", "search", "serch"]), "in": ref}, optional={"when": ref}
        ),
        st.fixed_dictionaries({"compute": st.just({"builtin": "concat"}), "in": st.lists(ref, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"observe": st.just("log"), "in": ref, "async": st.booleans()}),
    )


def node() -> st.SearchStrategy[dict[str, Any]]:
    inner = st.dictionaries(st.sampled_from(["inner", "n1", "deep"]), leaf(), min_size=1, max_size=2)
    loop = st.fixed_dictionaries(
        {"max": st.integers(1, 3), "until": st.sampled_from(["inner.a", "deep.a"]), "nodes": inner}
    )
    each = st.fixed_dictionaries({"over": ref, "nodes": inner})
    case = st.fixed_dictionaries({"probability": st.sampled_from([0.5, 1.0]), "nodes": inner})
    branch = st.fixed_dictionaries(
        {"on": ref, "cases": st.dictionaries(st.sampled_from(["x", "y", "*"]), case, min_size=1)}
    )
    return st.one_of(
        leaf(),
        st.fixed_dictionaries({"loop": loop}),
        st.fixed_dictionaries({"map": each}),
        st.fixed_dictionaries({"branch": branch}),
    )


DEFINITIONS = st.fixed_dictionaries(
    {
        "agentc": st.just("v1"),
        "name": st.just("random"),
        "models": st.just({"mind": "llama-3.1-8b"}),
        "tools": st.just({"search": {"http": "http://localhost", "returns": "documents"}}),
        "memories": st.just({"log": "log"}),
        "inputs": st.just({"question": {"type": "text"}, "audio": {"type": "audio"}}),
        "nodes": st.dictionaries(st.sampled_from(["n0", "n1", "n2", "n3"]), node(), min_size=1, max_size=4),
        "outputs": st.dictionaries(st.just("y"), ref, max_size=1),
    }
)


@settings(max_examples=150)
@given(DEFINITIONS)
def test_definitions(data: dict[str, Any]) -> None:
    document = parse_yaml(pyyaml.safe_dump(data, sort_keys=False), "agent.yaml")
    try:
        definition = yaml.define(document, Path("."))
    except Refused as refused:
        assert all(d.span is not None and d.span.file == "agent.yaml" for d in refused.diagnostics)
        return
    module = yaml.lower(definition)
    module.verify()
    out = StringIO()
    Printer(out).print_op(module)
    again = Parser(ir.context(), out.getvalue()).parse_module()
    assert str(again) == str(module)
