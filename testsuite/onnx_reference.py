"""The models of `backends/onnx` in plain NumPy and double precision, one sequence at a time, from the papers."""

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agentc.backends.onnx.config import DecoderConfig, EncoderConfig

Array = npt.NDArray[Any]
Weights = Mapping[str, Array]

TINY_DECODER: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
"""A configuration of transformers: what decoders of every family share in tests."""


def decoder_logits(config: DecoderConfig, weights: Weights, tokens: list[int]) -> Array:
    """Logits of every position, [tokens, vocab]."""
    w = {name: weights[name].astype(np.float64) for name in weights}
    x = w["model.embed_tokens.weight"][tokens]
    for layer in range(config.layers):
        name = f"model.layers.{layer}"
        y = _rms(x, w[f"{name}.input_layernorm.weight"], config.epsilon)
        x = x + _attention(config, w, y, layer)
        y = _rms(x, w[f"{name}.post_attention_layernorm.weight"], config.epsilon)
        x = x + (_mlp(config, w, y, f"{name}.mlp") if config.dense[layer] else _mixture(config, w, y, name))
    x = _rms(x, w["model.norm.weight"], config.epsilon)
    return x @ w["model.embed_tokens.weight" if config.tied else "lm_head.weight"].T


def _rms(x: Array, scale: Array, epsilon: float) -> Array:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * scale


def _linear(w: Weights, x: Array, name: str) -> Array:
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)


def _rope(x: Array, config: DecoderConfig) -> Array:
    """Rotate the pairs (i, i + half) of one head's [tokens, head_dim]."""
    angles = np.outer(np.arange(len(x)), config.rope.frequencies)
    half = config.head_dim // 2
    a, b = x[:, :half], x[:, half:]
    return np.concatenate([a * np.cos(angles) - b * np.sin(angles), a * np.sin(angles) + b * np.cos(angles)], -1)


def _attention(config: DecoderConfig, w: Weights, x: Array, layer: int) -> Array:
    name, size = f"model.layers.{layer}.self_attn", config.head_dim
    q, k, v = (_linear(w, x, f"{name}.{part}_proj") for part in "qkv")
    place = np.arange(len(x))
    seen = place[None, :] <= place[:, None]
    if window := config.windows[layer]:
        seen &= place[:, None] - place[None, :] < window
    answers = []
    for head in range(config.heads):
        shared = head * config.kv_heads // config.heads
        one, other = q[:, head * size : (head + 1) * size], k[:, shared * size : (shared + 1) * size]
        if f"{name}.q_norm.weight" in w:
            one = _rms(one, w[f"{name}.q_norm.weight"], config.epsilon)
            other = _rms(other, w[f"{name}.k_norm.weight"], config.epsilon)
        scores = _rope(one, config) @ _rope(other, config).T / math.sqrt(size)
        answers.append(_softmax(np.where(seen, scores, -np.inf)) @ v[:, shared * size : (shared + 1) * size])
    return _linear(w, np.concatenate(answers, -1), f"{name}.o_proj")


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _act(kind: str, x: Array) -> Array:
    if kind == "silu":
        return x / (1 + np.exp(-x))
    assert kind == "gelu"
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def _mlp(config: DecoderConfig, w: Weights, x: Array, name: str, parts: tuple[str, str, str] | None = None) -> Array:
    gate, up, down = parts or ("gate_proj", "up_proj", "down_proj")
    if not config.gated:
        return _linear(w, _act(config.activation, _linear(w, x, f"{name}.{up}")), f"{name}.{down}")
    inner = _act(config.activation, _linear(w, x, f"{name}.{gate}")) * _linear(w, x, f"{name}.{up}")
    return _linear(w, inner, f"{name}.{down}")


def _mixture(config: DecoderConfig, w: Weights, x: Array, layer: str) -> Array:
    mixtral = f"{layer}.block_sparse_moe.gate.weight" in w
    name = f"{layer}.block_sparse_moe" if mixtral else f"{layer}.mlp"
    chances = _softmax(_linear(w, x, f"{name}.gate"))
    result = np.zeros_like(x)
    for place, row in enumerate(chances):
        chosen = np.argsort(-row, kind="stable")[: config.experts_per_token]
        total = row[chosen].sum() if config.normalize_experts else 1.0
        for expert in chosen:
            leaf = ("w1", "w3", "w2") if mixtral else None
            answer = _mlp(config, w, x[place : place + 1], f"{name}.experts.{expert}", leaf)
            result[place] += answer[0] * row[expert] / total
    if config.shared_intermediate:
        shared = _mlp(config, w, x, f"{name}.shared_expert")
        if f"{name}.shared_expert_gate.weight" in w:
            shared = shared / (1 + np.exp(-_linear(w, x, f"{name}.shared_expert_gate")))
        result += shared
    return result


def encoder_states(config: EncoderConfig, weights: Weights, tokens: list[int], types: list[int]) -> Array:
    """BERT's last hidden states, [tokens, hidden]."""
    w = {name.removeprefix("bert."): weights[name].astype(np.float64) for name in weights if "position_ids" not in name}
    x = w["embeddings.word_embeddings.weight"][tokens] + w["embeddings.token_type_embeddings.weight"][types]
    x = _layer_norm(config, w, x + w["embeddings.position_embeddings.weight"][: len(tokens)], "embeddings.LayerNorm")
    size = config.hidden // config.heads
    for layer in range(config.layers):
        name = f"encoder.layer.{layer}"
        q, k, v = (_linear(w, x, f"{name}.attention.self.{part}") for part in ("query", "key", "value"))
        heads = [slice(h * size, (h + 1) * size) for h in range(config.heads)]
        seen = [_softmax(q[:, h] @ k[:, h].T / math.sqrt(size)) @ v[:, h] for h in heads]
        y = _linear(w, np.concatenate(seen, -1), f"{name}.attention.output.dense")
        x = _layer_norm(config, w, x + y, f"{name}.attention.output.LayerNorm")
        y = _act("gelu", _linear(w, x, f"{name}.intermediate.dense"))
        x = _layer_norm(config, w, x + _linear(w, y, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    return x


def _layer_norm(config: EncoderConfig, w: Weights, x: Array, name: str) -> Array:
    away = x - x.mean(-1, keepdims=True)
    return (
        away / np.sqrt((away * away).mean(-1, keepdims=True) + config.epsilon) * w[f"{name}.weight"] + w[f"{name}.bias"]
    )


def embedding(config: EncoderConfig, weights: Weights, tokens: list[int]) -> Array:
    """The pooled sentence vector of length one."""
    states = encoder_states(config, weights, tokens, [0] * len(tokens))
    pooled = states[0] if config.pooling == "cls" else states.mean(0)
    return pooled / np.linalg.norm(pooled)


def pair_score(config: EncoderConfig, weights: Weights, tokens: list[int], types: list[int]) -> float:
    """A cross-encoder's logit."""
    w = {name.removeprefix("bert."): weights[name].astype(np.float64) for name in weights}
    first = encoder_states(config, weights, tokens, types)[:1]
    return float(_linear(w, np.tanh(_linear(w, first, "pooler.dense")), "classifier")[0, 0])


def write_safetensors(path: Path, tensors: Weights) -> None:
    """A safetensors file; float32, int64 or (for uint16 arrays) BF16."""
    names = {np.dtype("f4"): "F32", np.dtype("i8"): "I64", np.dtype("u2"): "BF16", np.dtype("f2"): "F16"}
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, array in tensors.items():
        header[name] = {
            "dtype": names[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array).tobytes())
