"""Checkpoints of every family against transformers: tiny random models, saved as it saves them, answered by both."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx_reference import TINY_DECODER as BASE
from onnx_reference import write_safetensors

from agentc.backends.onnx import emit_model
from agentc.backends.onnx.safetensors import SafeTensors
from agentc.plan.models import ModelShape
from agentc.runtime.models.llm import Decoder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

EXPERTS = {"num_experts_per_tok": 2}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 1e4}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
    "rope_theta": 500.0,
}
LONG = {
    "rope_type": "longrope",
    "short_factor": [1.0, 1.1, 1.2, 1.4],
    "long_factor": [1.5, 2.5, 3.5, 5.0],
    "original_max_position_embeddings": 14,
    "rope_theta": 1e4,
}
DEEPSEEK = {
    **EXPERTS,
    "n_routed_experts": 8,
    "n_group": 4,
    "topk_group": 2,
    "first_k_dense_replace": 1,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 8,
    "v_head_dim": 6,
    "moe_intermediate_size": 24,
    "num_key_value_heads": 4,
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "llama-biases-tied": ("Llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    "llama-linear": ("Llama", {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}}),
    "llama-dynamic": (
        "Llama",
        {
            "max_position_embeddings": 14,
            "rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4},
        },
    ),
    "llama-llama3": ("Llama", {"rope_parameters": LLAMA3}),
    "llama-yarn": ("Llama", {"rope_parameters": YARN}),
    "llama-yarn-mscale": ("Llama", {"rope_parameters": {**YARN, "mscale": 1.0, "mscale_all_dim": 0.7}}),
    "mistral": ("Mistral", {"sliding_window": 6}),
    "mistral-wide-heads": ("Mistral", {"sliding_window": None, "head_dim": 16}),
    "mixtral": ("Mixtral", {**EXPERTS, "num_local_experts": 4}),
    "qwen2": ("Qwen2", {"use_sliding_window": True, "max_window_layers": 1, "sliding_window": 5}),
    "qwen2-moe": (
        "Qwen2Moe",
        {**EXPERTS, "num_experts": 4, "moe_intermediate_size": 24, "shared_expert_intermediate_size": 16},
    ),
    "qwen3": ("Qwen3", {"head_dim": 16}),
    "qwen3-moe": (
        "Qwen3Moe",
        {**EXPERTS, "num_experts": 4, "moe_intermediate_size": 24, "head_dim": 16, "norm_topk_prob": True},
    ),
    "qwen3-moe-window": (
        "Qwen3Moe",
        {
            **EXPERTS,
            "num_experts": 4,
            "moe_intermediate_size": 24,
            "head_dim": 16,
            "use_sliding_window": True,
            "sliding_window": 5,
            "max_window_layers": 1,
        },
    ),
    "gemma": ("Gemma", {"head_dim": 16}),
    "gemma2": (
        "Gemma2",
        {"head_dim": 16, "sliding_window": 5, "query_pre_attn_scalar": 24, "attn_logit_softcapping": 3.0},
    ),
    "gemma3": (
        "Gemma3",
        {
            "head_dim": 16,
            "sliding_window": 5,
            "num_hidden_layers": 3,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            "query_pre_attn_scalar": 24,
            "attn_logit_softcapping": 3.0,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
            },
        },
    ),
    "phi3": ("Phi3", {"sliding_window": 7}),
    "phi3-partial-longrope": (
        "Phi3",
        {
            "hidden_size": 64,
            "original_max_position_embeddings": 14,
            "rope_parameters": {**LONG, "partial_rotary_factor": 0.5},
        },
    ),
    "gpt-oss": (
        "GptOss",
        {
            **EXPERTS,
            "num_local_experts": 4,
            "head_dim": 16,
            "sliding_window": 5,
            "rope_parameters": {**YARN, "truncate": False},
        },
    ),
    "deepseek": ("DeepseekV3", {**DEEPSEEK, "q_lora_rank": 12}),
    "deepseek-plain-queries-yarn": (
        "DeepseekV3",
        {**DEEPSEEK, "q_lora_rank": None, "rope_parameters": {**YARN, "mscale": 1.0, "mscale_all_dim": 0.5}},
    ),
}
PROMPT, STEPS = 11, 8


def _model(family: str, change: Mapping[str, Any]) -> Any:
    """A model whose every trait shows: nothing is near zero, and no norm is one."""
    stem = f"{family}Text" if family == "Gemma3" else family
    config = getattr(transformers, f"{stem}Config")(**{**BASE, **change})
    config._attn_implementation = "eager"
    torch.manual_seed(7)
    model = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    for parameter in model.parameters():
        spread = 0.3 if parameter.dim() == 1 else 0.8 * parameter.shape[-1] ** -0.5
        parameter.data = (parameter.data if parameter.dim() == 1 else 0) + torch.randn_like(parameter) * spread
    for name, buffer in model.named_buffers():
        if name.endswith("e_score_correction_bias"):
            buffer += torch.randn_like(buffer) * 0.3
    model.tie_weights()
    return model


def _tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models

    Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))


class Graphs:
    """Both phases of a folder."""

    def __init__(self, folder: Path) -> None:
        self.sessions = [
            ort.InferenceSession(str(folder / f"{phase}.onnx"), providers=["CPUExecutionProvider"])
            for phase in ("prefill", "decode")
        ]

    def answer(self, tokens: list[int]) -> np.ndarray:
        """Logits of every position; the last ``STEPS`` one by one."""
        prefill, decode = self.sessions
        empty = {
            i.name: np.zeros([d if isinstance(d, int) else int(d == "batch") for d in i.shape], np.float32)
            for i in prefill.get_inputs()
            if i.name.startswith("past.")
        }
        prompt = tokens[:-STEPS]
        feed = {"input_ids": np.array([prompt]), "keep": np.arange(len(prompt)), **empty}
        logits, *past = prefill.run(None, feed)
        rows = [np.asarray(logits)[0]]
        for token in tokens[-STEPS:]:
            feed = {"input_ids": np.array([[token]]), **dict(zip(empty, past, strict=True))}
            logits, *past = decode.run(None, feed)
            rows.append(np.asarray(logits)[0])
        return np.concatenate(rows)


def _in_place(folder: Path, tokens: list[int]) -> np.ndarray:
    """The same steps over one buffer, which has to grow on the way."""
    decoder = Decoder(folder, 1)
    cache = decoder.prefill(tokens[:-STEPS])
    untouched = [value.numpy().copy() for value in cache.tensors]
    stepper = decoder.stepper(cache)
    assert stepper is not None
    rows = [stepper.step(token).copy() for token in tokens[-STEPS:]]
    after = cache
    for token in tokens[-STEPS:]:
        after = decoder.step(after, token)
    turned = decoder.bundle.turns_at > 0  # then a step computes all keys anew, which a stepper leaves to its caller
    for mine, theirs in zip(stepper.tensors(), after.tensors, strict=True) if not turned else ():
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), atol=1e-5)
    for before, value in zip(untouched, cache.tensors, strict=True):
        np.testing.assert_array_equal(before, value.numpy())
    return np.stack(rows)


@pytest.fixture(autouse=True)
def _small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentc.runtime.models.stepping._ROOM", 3)


def _expected(model: Any, tokens: list[int]) -> np.ndarray:
    """As transformers answers: the prompt at once, then token by token over its cache."""
    with torch.no_grad():
        first = model(torch.tensor([tokens[:-STEPS]]), use_cache=True)
        rows, cache = [first.logits[0]], first.past_key_values
        for token in tokens[-STEPS:]:
            step = model(torch.tensor([[token]]), past_key_values=cache, use_cache=True)
            rows.append(step.logits[0])
    return torch.cat(rows).float().numpy()


@pytest.mark.parametrize("case", CASES)
def test_a_checkpoint_answers_as_transformers_does(case: str, tmp_path: Path) -> None:
    family, change = CASES[case]
    model = _model(family, change)
    model.save_pretrained(tmp_path / "in")
    _tokenizer(tmp_path / "in")
    emit_model(ModelShape(case, "decoder"), tmp_path / "out", role="decoder", weights=tmp_path / "in")
    tokens = np.random.default_rng(3).integers(3, BASE["vocab_size"], PROMPT + STEPS).tolist()
    expected = _expected(model, tokens)
    np.testing.assert_allclose(Graphs(tmp_path / "out").answer(tokens), expected, atol=2e-5, rtol=2e-5)
    np.testing.assert_allclose(_in_place(tmp_path / "out", tokens), expected[-STEPS:], atol=2e-5, rtol=2e-5)
    assert expected.std() > 0.3


def test_the_language_part_of_a_model_that_sees(tmp_path: Path) -> None:
    """Gemma 3 keeps it under `text_config` and behind a prefix."""
    family, change = CASES["gemma3"]
    model = _model(family, change)
    model.save_pretrained(tmp_path / "in")
    _tokenizer(tmp_path / "in")
    emit_model(ModelShape("m", "decoder"), tmp_path / "plain", role="decoder", weights=tmp_path / "in")
    config = json.loads((tmp_path / "in" / "config.json").read_text())
    (tmp_path / "in" / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": config}))
    file = tmp_path / "in" / "model.safetensors"
    write_safetensors(file, {f"language_model.{name}": np.array(array) for name, array in SafeTensors(file).items()})
    emit_model(ModelShape("m", "decoder"), tmp_path / "nested", role="decoder", weights=tmp_path / "in")
    for name in ("weights.bin", "prefill.onnx", "decode.onnx"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "nested" / name).read_bytes()


def test_the_head_of_a_model_that_sees(tmp_path: Path) -> None:
    """Whether it is the table of embeddings is said outside of its language part."""
    vision = {"model_type": "pixtral", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    vision |= {"num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    config = transformers.Mistral3Config(
        text_config={"model_type": "mistral", **BASE}, vision_config=vision, tie_word_embeddings=True
    )
    model = transformers.Mistral3ForConditionalGeneration(config).eval()
    model.save_pretrained(tmp_path / "in")
    _tokenizer(tmp_path / "in")
    emit_model(ModelShape("m", "decoder"), tmp_path / "out", role="decoder", weights=tmp_path / "in")
    tokens = list(range(3, 23))
    with torch.no_grad():
        expected = model(torch.tensor([tokens])).logits[0].numpy()
    np.testing.assert_allclose(Graphs(tmp_path / "out").answer(tokens), expected, atol=2e-5)


NARROW = {"bf16": ("bfloat16", 0.06), "f16": ("float16", 0.008)}
"""Type -> its name in torch, and how far transformers, which rounds each step to it, may be from float32."""


@pytest.mark.parametrize("half", NARROW)
@pytest.mark.parametrize("case", ["llama-biases-tied", "qwen3-moe", "deepseek", "gemma2"])
def test_sixteen_bits_stay_sixteen_bits(case: str, half: str, tmp_path: Path) -> None:
    """A checkpoint in 16 bits is kept so, and answers as the same values in float32 do, bit by bit."""
    family, change = CASES[case]
    model = _model(family, change)
    dtype = getattr(torch, NARROW[half][0])
    shape = ModelShape(case, "decoder")
    model.to(dtype).save_pretrained(tmp_path / "narrow-in")
    model.to(torch.float32).save_pretrained(tmp_path / "wide-in")
    for width in ("narrow", "wide"):
        _tokenizer(tmp_path / f"{width}-in")
        emit_model(shape, tmp_path / width, role="decoder", weights=tmp_path / f"{width}-in")
    tokens = np.random.default_rng(3).integers(3, BASE["vocab_size"], PROMPT + STEPS).tolist()
    found = Graphs(tmp_path / "narrow").answer(tokens)
    np.testing.assert_array_equal(found, Graphs(tmp_path / "wide").answer(tokens))
    np.testing.assert_array_equal(_in_place(tmp_path / "narrow", tokens), _in_place(tmp_path / "wide", tokens))
    sizes = [(tmp_path / width / "weights.bin").stat().st_size for width in ("narrow", "wide")]
    assert sizes[0] < 0.75 * sizes[1]  # norms from zero stay wide, and small tensors are padded
    rounded = _expected(model.to(dtype), tokens)
    # Nine of ten: rounding may choose another expert where two are nearly as good.
    assert np.quantile(np.abs(found - rounded), 0.9) < NARROW[half][1] * np.abs(found).max()
