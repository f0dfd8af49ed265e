"""The precision of the KV cache: from the definition into work, hand-over and deployment."""

from pathlib import Path

import pytest

from agentc import api
from agentc.dialects.interfaces import HasWork
from agentc.dialects.model import SpecOp
from agentc.support.diagnostics import Refused

AGENT = """\
agentc: v1
name: helper
models: {{mind: {{catalog: {model}, precision: fp8{kv}}}}}
inputs: {{question: {{type: text, tokens: 512}}}}
nodes: {{answer: {{llm: mind, in: question, tokens: {{input: 512, output: 128}}}}}}
outputs: {{answer: answer}}
"""


def task(folder: Path, kv: str) -> tuple[SpecOp, dict[str, float]]:
    """The spec of the model, and the bytes of cache that prefill, hand-over and decode count."""
    file = folder / "agent.yaml"
    file.write_text(AGENT.format(model="llama-3.1-8b", kv=kv))
    module = api.compile(file, stop_after="task").module
    env = {"batch": 1.0, "input_tokens": 512.0, "context_tokens": 512.0, "cached_tokens": 0.0, "output_tokens": 1.0}
    found: dict[str, float] = {}
    for op in module.walk():
        if op.name in ("llm.prefill", "kv.transfer", "llm.decode"):
            trait = op.get_trait(HasWork)
            assert trait is not None
            work = trait.work(op)
            found[op.name] = (work.network_bytes if op.name == "kv.transfer" else work.kv_bytes).evaluate(env)
    return next(op for op in module.ops if isinstance(op, SpecOp)), found


@pytest.mark.parametrize(("kv", "width"), [("", 2), (", kv_precision: fp8", 1), (", kv_precision: bf16", 2)])
def test_all_who_handle_the_cache_count_it_alike(kv: str, width: int, tmp_path: Path) -> None:
    spec, bytes_ = task(tmp_path, kv)
    assert spec.cache_precision == ("fp8" if width == 1 else "bf16")
    assert bytes_ == dict.fromkeys(("llm.prefill", "kv.transfer", "llm.decode"), 512 * 32 * 2 * 8 * 128 * width)


def test_only_a_language_model_keeps_one(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(AGENT.format(model="all-minilm-l6-v2", kv=", kv_precision: fp8"))
    with pytest.raises(Refused) as refused:
        api.compile(file, stop_after="agent")
    slugs = [(each.slug, each.span.line if each.span else 0) for each in refused.value.diagnostics]
    assert ("wrong-model-kind", 3) in slugs
