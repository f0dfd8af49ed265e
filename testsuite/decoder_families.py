"""Tiny random decoders of every family, made by transformers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from onnx_reference import TINY_DECODER as BASE

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
    "llama": ("Llama", {"head_dim": 16}),
    "llama-narrow-heads": ("Llama", {}),
    "llama-biases-tied": (
        "Llama",
        {"head_dim": 16, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True},
    ),
    "llama-linear": (
        "Llama",
        {"head_dim": 16, "rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}},
    ),
    "llama-dynamic": (
        "Llama",
        {
            "head_dim": 16,
            "max_position_embeddings": 14,
            "rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4},
        },
    ),
    "llama-llama3": ("Llama", {"head_dim": 16, "rope_parameters": LLAMA3}),
    "llama-yarn": ("Llama", {"rope_parameters": YARN}),
    "llama-yarn-mscale": ("Llama", {"head_dim": 16, "rope_parameters": {**YARN, "mscale": 1.0, "mscale_all_dim": 0.7}}),
    "mistral": ("Mistral", {"sliding_window": 6}),
    "mistral-wide-heads": ("Mistral", {"sliding_window": None, "head_dim": 16}),
    "mixtral": ("Mixtral", {**EXPERTS, "num_local_experts": 4}),
    "qwen2": ("Qwen2", {"head_dim": 16, "use_sliding_window": True, "max_window_layers": 1, "sliding_window": 5}),
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
    "phi3-partial": (
        "Phi3",
        {
            "hidden_size": 128,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5},
        },
    ),
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
"""Name -> the class of transformers, and what its configuration has beside the shared fields."""


def tiny_model(family: str, change: Mapping[str, Any]) -> Any:
    """A model whose every trait shows: nothing is near zero, and no norm is one."""
    import torch
    import transformers

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


def write_tokenizer(folder: Path) -> None:
    """One that a checkpoint needs, which nobody asks."""
    from tokenizers import Tokenizer, models

    Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))


def answers(model: Any, tokens: list[int], steps: int) -> np.ndarray:
    """Logits of every position as transformers answers: the prompt at once, then the last ``steps`` tokens one by one
    over its cache."""
    import torch

    with torch.no_grad():
        first = model(torch.tensor([tokens[:-steps]]), use_cache=True)
        rows, cache = [first.logits[0]], first.past_key_values
        for token in tokens[-steps:]:
            step = model(torch.tensor([[token]]), past_key_values=cache, use_cache=True)
            rows.append(step.logits[0])
    return torch.cat(rows).float().numpy()
