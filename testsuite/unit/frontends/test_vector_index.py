"""The index of a vector memory: from the definition into the store and the work of a search."""

from pathlib import Path

import pytest

from agentc import api
from agentc.dialects.interfaces import HasWork
from agentc.plan import demand
from agentc.support.diagnostics import Refused

AGENT = """\
agentc: v1
name: finder
memories: {{facts: {{kind: {kind}, dimension: 64, documents: 10000{index}}}}}
inputs: {{question: {{type: text, tokens: 12}}}}
nodes: {{found: {{memory: {{{verb}: facts}}, in: question}}}}
outputs: {{found: found}}
"""
ENV = {"batch": 3.0, "documents": 10000.0, "dimension": 64.0}


def flops(folder: Path, index: str, kind: str = "vector", verb: str = "lookup") -> float:
    file = folder / "agent.yaml"
    file.write_text(AGENT.format(index=f", index: {index}" if index else "", kind=kind, verb=verb))
    module = api.compile(file, stop_after="agent").module
    [op] = [op for op in module.walk() if op.name == "memory.lookup"]
    trait = op.get_trait(HasWork)
    assert trait is not None
    return trait.work(op).flops["fp32"].evaluate(ENV)


def test_the_index_sets_the_work(tmp_path: Path) -> None:
    assert flops(tmp_path, "") == demand.vector_lookup().flops["fp32"].evaluate(ENV)
    lists = demand.list_lookup(100, 5).flops["fp32"].evaluate(ENV)
    assert flops(tmp_path, "{ivf: {nlist: 100, nprobe: 5}}") == lists == 3 * 2 * 64 * (100 + 500)
    assert flops(tmp_path, "{hnsw: {}}") == demand.graph_lookup(16, 64, 1e4).flops["fp32"].evaluate(ENV)


@pytest.mark.parametrize(
    ("index", "kind", "verb", "message"),
    [
        ("{ivf: {nlist: 4, nprobe: 5}}", "vector", "lookup", "a query cannot read 5 of 4 lists"),
        ("{hnsw: {}}", "keyvalue", "load", "a memory of kind `keyvalue` has no `index`"),
        ("{hnsw: {m: 1}}", "vector", "lookup", "m"),
        ("{}", "vector", "lookup", "index"),
        ("{hnsw: {}, ivf: {nlist: 3}}", "vector", "lookup", "index"),
    ],
)
def test_refusals(index: str, kind: str, verb: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        flops(tmp_path, index, kind, verb)
    [told] = refused.value.diagnostics
    assert message in told.message
    assert told.span is not None and told.span.line == 3
