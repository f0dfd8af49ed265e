"""Drafts that cannot be."""

from pathlib import Path

import pytest

from agentc import api
from agentc.support.diagnostics import Refused

AGENT = """\
agentc: v1
name: helper
models:
  small: {catalog: llama-3.2-1b}
  ears: {catalog: whisper-large-v3}
  other: {catalog: qwen3-0.6b}
  pair: {catalog: llama-3.2-3b, draft: {model: small, acceptance: 0.7}}
  mind: {catalog: llama-3.1-70b, DRAFT}
inputs: {question: {type: text, tokens: 512}}
nodes: {answer: {llm: mind, in: question, tokens: {input: 512, output: 128}}}
outputs: {answer: answer}
"""


@pytest.mark.parametrize(
    ("draft", "slug", "said"),
    [
        ("draft: {model: smal, acceptance: 0.7}", "unknown-model", "there is no model `smal`"),
        ("draft: {model: ears, acceptance: 0.7}", "wrong-model-kind", "`ears` is a model of kind `stt`"),
        ("draft: {model: mind, acceptance: 0.7}", "wrong-model-kind", "needs to be another model"),
        ("draft: {model: pair, acceptance: 0.7}", "wrong-model-kind", "without a `draft` of its own"),
        ("draft: {model: other, acceptance: 0.7}", "wrong-model-kind", "a draft shares the vocabulary"),
        ("draft: {model: small}", "missing-field", "acceptance"),
        ("draft: {model: small, acceptance: 1.2}", "wrong-value", "1.2"),
        ("draft: {model: small, acceptance: 0.7, tokens: 0}", "wrong-value", "0"),
        ("draft: {model: small, acceptance: 0.7, tokens: 2.5}", "wrong-type", "2.5"),
        ("draft: {model: small, acceptance: 0.7, token: 3}", "unknown-field", "token"),
    ],
)
def test_what_is_no_draft_is_told_with_its_line(draft: str, slug: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(AGENT.replace("DRAFT", draft))
    with pytest.raises(Refused) as refused:
        api.compile(file, stop_after="agent")
    (found,) = refused.value.diagnostics
    assert (found.slug, found.span.line if found.span else 0) == (slug, 8)
    assert said in found.message


def test_a_draft_for_other_models_than_decoders(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(
        AGENT.replace("large-v3}", "large-v3, draft: {model: small, acceptance: 1}}").replace(", DRAFT", "")
    )
    with pytest.raises(Refused) as refused:
        api.compile(file, stop_after="agent")
    (found,) = refused.value.diagnostics
    assert "only decoders draft, and only for decoders" in found.message
