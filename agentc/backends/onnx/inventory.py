"""What a decoder's checkpoint must hold, tensor by tensor, and what it must not.

A tensor that the graphs do not read is arithmetic that they do not do: an adapter, a norm, the scales of a
quantization, a layer that the configuration does not count. One that is missing would leave such a part out. Both
are told before anything is written. Parts that are no language (towers of images, draft heads) may be there.
"""

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.fields import Json
from agentc.backends.onnx.views import Lazy, View, Weights, lazy_of

EMBEDDINGS: Final = "model.embed_tokens.weight"
HEAD: Final = "lm_head.weight"

_OURS: Final = re.compile(r"(model\.(layers|norm|embed_tokens)|lm_head)\.")
_LAYER: Final = re.compile(r"model\.layers\.(\d{1,9})\.")
_UNREAD: Final = re.compile(r"\.(rotary_emb\.inv_freq|masked_bias|attn\.bias)$")
"""Tables that older versions of transformers saved, and newer ones compute."""
_COMPARED_ROWS: Final = 4096

_QKV: Final = tuple(f"self_attn.{part}_proj.bias" for part in "qkv")
_QKVO: Final = (*_QKV, "self_attn.o_proj.bias")
_MLP: Final = tuple(f"mlp.{part}_proj.bias" for part in ("gate", "up", "down"))
_HEAD_NORMS: Final = ("self_attn.q_norm.weight", "self_attn.k_norm.weight")
_OUTPUT_NORMS: Final = ("self_attn.output_norm.weight", "mlp.output_norm.weight")
_LATENT: Final = ("self_attn.kv_a_proj_with_mqa.bias", "self_attn.o_proj.bias")

_ALWAYS: Final[dict[str, tuple[str, ...]]] = {
    "qwen2": _QKV,
    "qwen2_moe": ("mlp.shared_expert_gate.weight",),
    "qwen3": _HEAD_NORMS,
    "qwen3_moe": _HEAD_NORMS,
    "gemma2": _OUTPUT_NORMS,
    "gemma3_text": (*_HEAD_NORMS, *_OUTPUT_NORMS),
    "gpt_oss": ("self_attn.sinks", "mlp.gate.bias", *(bias.replace("mlp.", "mlp.experts.*.") for bias in _MLP)),
    "deepseek_v3": ("mlp.gate.e_score_correction_bias",),
}
"""Tensors of a layer that a family has beside Llama's, by their names within a layer."""

_IF: Final[dict[str, tuple[tuple[str, bool, tuple[str, ...]], ...]]] = {
    "llama": (("attention_bias", False, _QKVO), ("mlp_bias", False, _MLP)),
    "qwen2_moe": (("qkv_bias", True, _QKV),),
    "qwen3": (("attention_bias", False, _QKVO),),
    "qwen3_moe": (("attention_bias", False, _QKVO),),
    "gemma": (("attention_bias", False, _QKVO),),
    "gemma2": (("attention_bias", False, _QKVO),),
    "gemma3_text": (("attention_bias", False, _QKVO),),
    "gpt_oss": (("attention_bias", True, _QKVO),),
    "deepseek_v3": (("attention_bias", False, _LATENT),),
}
"""The same where a field says so: field, what it is where it is not stated, tensors."""


def extras(config: Json, kind: str, *, compressed: bool) -> tuple[str, ...]:
    """The tensors that a layer of family ``kind`` has beside Llama's; ``compressed``: its queries are."""
    stated = (names for field, default, names in _IF.get(kind, ()) if bool(config.get(field, default)))
    found = [*_ALWAYS.get(kind, ()), *(name for names in stated for name in names)]
    if compressed and _LATENT[0] in found:
        found.append("self_attn.q_a_proj.bias")
    return tuple(found)


def wanted(config: DecoderConfig) -> Iterator[str]:
    """Every tensor that the graphs of a checkpoint read, by the names of ``layouts``."""
    yield EMBEDDINGS
    for layer, dense in enumerate(config.dense):
        name = f"model.layers.{layer}"
        leaves = ["input_layernorm.weight", "post_attention_layernorm.weight", *_attention(config)]
        leaves += _products("mlp") if dense else _mixture(config)
        leaves += [leaf for extra in config.extras if _takes_part(extra, dense) for leaf in _each(config, extra)]
        yield from (f"{name}.{leaf}" for leaf in leaves)
    yield "model.norm.weight"
    if not config.tied:
        yield HEAD


def _attention(config: DecoderConfig) -> list[str]:
    if not config.latent:
        return [f"self_attn.{part}_proj.weight" for part in "qkvo"]
    queries = ("q_a_proj", "q_a_layernorm", "q_b_proj") if config.query_latent else ("q_proj",)
    parts = (*queries, "kv_a_proj_with_mqa", "kv_a_layernorm", "kv_b_proj", "o_proj")
    return [f"self_attn.{part}.weight" for part in parts]


def _products(name: str) -> list[str]:
    return [f"{name}.{part}_proj.weight" for part in ("gate", "up", "down")]


def _mixture(config: DecoderConfig) -> list[str]:
    experts = [leaf for expert in range(config.experts) for leaf in _products(f"mlp.experts.{expert}")]
    shared = _products("mlp.shared_expert") if config.shared_intermediate else []
    return ["mlp.gate.weight", *experts, *shared]


def _takes_part(extra: str, dense: bool) -> bool:
    if not extra.startswith("mlp.") or extra.startswith("mlp.output_norm"):
        return True
    return dense == (extra in _MLP)


def _each(config: DecoderConfig, extra: str) -> list[str]:
    if extra.startswith("mlp.shared_expert") and not config.shared_intermediate:
        return []
    return [extra.replace("*", f"{e}") for e in range(config.experts)] if "*" in extra else [extra]


def check_inventory(config: DecoderConfig, family: str, weights: View, drafts: int) -> None:
    """Refuse a checkpoint that lacks a tensor, or has one that the graphs would not read. The last ``drafts`` layers
    are no part of the model: they guess further tokens (DeepSeek-V3, section 2.2).

    Raises:
        ValueError: names the first such tensor.
    """
    read = dict.fromkeys(wanted(config))
    if missing := next((name for name in read if name not in weights), None):
        raise ValueError(f"weight `{missing}` is missing")
    for name in weights:
        if name not in read and _OURS.match(name) and not _UNREAD.search(name) and name != HEAD:
            layer = _LAYER.match(name)
            if layer is None or not config.layers <= int(layer[1]) < config.layers + drafts:
                raise ValueError(
                    f"weight `{name}` has no place in a model of type `{family}` with {config.layers} layers"
                )
    if config.tied and HEAD in weights:
        _check_tied(weights)


def _check_tied(weights: Weights) -> None:
    """A head of its own beside ``tie_word_embeddings`` is one that some versions of transformers use."""
    if not same(weights, EMBEDDINGS, HEAD):
        raise ValueError(
            f"config.json: `tie_word_embeddings` is true, but `{HEAD}` is not `{EMBEDDINGS}`; state false if the"
            " head is one of its own"
        )


def same(weights: Weights, one: str, other: str) -> bool:
    """Whether two tensors have the same values; read in pieces."""
    left, right = lazy_of(weights, one), lazy_of(weights, other)
    return left.shape == right.shape and _equal(left, right)


def _equal(left: Lazy, right: Lazy) -> bool:
    a, b = left.read(), right.read()
    starts = range(0, left.shape[0] if left.shape else 0, _COMPARED_ROWS)
    return all(np.array_equal(a[s : s + _COMPARED_ROWS], b[s : s + _COMPARED_ROWS]) for s in starts)
