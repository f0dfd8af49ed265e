"""Haystack's own view of pipelines that it writes and the importer reads, where Haystack is installed."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from agentc.frontends import importers, yaml
from agentc.frontends.importers.frame import clean
from agentc.support.yaml_source import parse_yaml

pytest.importorskip("haystack", reason="Haystack is not installed")


def part(name: str = "") -> Any:
    """A module of Haystack."""
    return import_module(f"haystack.{name}".rstrip("."))


def pipeline() -> Any:
    """Retrieval, a prompt, a model, and a check that sends a bad answer back, made by Haystack."""
    haystack, generators = part(), part("components.generators.chat")
    builders, retrievers = part("components.builders"), part("components.retrievers.in_memory")
    made = haystack.Pipeline(max_runs_per_component=5)
    made.add_component(
        "find", retrievers.InMemoryBM25Retriever(part("document_stores.in_memory").InMemoryDocumentStore(), top_k=3)
    )
    text = "Of {{ documents }} answer {{ question }}"
    message = part("dataclasses").ChatMessage.from_user(text)
    made.add_component("ask", builders.ChatPromptBuilder(template=[message], required_variables="*"))
    key = part("utils").Secret.from_env_var("OPENAI_API_KEY", strict=False)
    made.add_component("answer", generators.OpenAIChatGenerator(api_key=key, model="gpt-4o-mini"))
    made.connect("find.documents", "ask.documents")
    made.connect("ask.prompt", "answer.messages")
    return made


def heads(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(heads, value.values()))
    if isinstance(value, list):
        return set().union(*map(heads, value))
    return set(value.split(".")) if isinstance(value, str) else set()


def test_components_and_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    made = pipeline()
    document = parse_yaml(made.dumps(), "pipeline.yaml")
    found = importers.read(document, str(importers.detect(document)))
    yaml.lower(yaml.define(importers.overlay(document, found), Path("."))).verify()
    nodes: dict[str, Any] = found.definition["nodes"]
    assert set(nodes) == {clean(name) for name in made.graph.nodes}
    for source, target, _ in made.graph.edges:
        assert clean(source) in heads(nodes[clean(target)].get("in", [])), (source, target)
    assert nodes["find"]["k"] == 3
    free = {name for name, taken in made.inputs().items() if taken}
    assert free
