"""A model's shape from its Hugging Face ``config.json``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, cast

from agentc.plan.models import ModelKind, ModelShape

_ENCODERS = {"bert": False, "roberta": False, "xlm-roberta": False, "mpnet": False, "distilbert": False}
"""Encoder families and whether their feed-forward block is gated."""
_MAX_BYTES = 10_000_000
_EXPERTS_ONLY = frozenset(("gpt_oss", "deepseek_v3", "deepseek_v32", "kimi_k2", "glm_moe_dsa"))
"""Families whose published 4-bit checkpoints (MXFP4, NVFP4) quantize the routed experts only."""


def model_from_config(source: str | PathLike[str] | Mapping[str, Any], name: str | None = None) -> ModelShape:
    """The shape that a ``config.json`` states; ``source`` is its path, its directory or its content.

    Knows the names of Llama, Mistral, Mixtral, Qwen2/3 (MoE), gpt-oss, DeepSeek V2/V3, GLM, Gemma, Phi, Whisper and
    BERT-like encoders. A multimodal file's ``text_config`` is taken.

    Raises:
        ValueError: It is no such file, lacks a field, or contradicts itself; the message names the field and value.
    """
    config, label = (dict(source), "config.json") if isinstance(source, Mapping) else _read(Path(source))
    return _Reader(_text_part(config), label).shape(name)


def _read(path: Path) -> tuple[dict[str, Any], str]:
    path = path / "config.json" if path.is_dir() else path
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"`{path}` is larger than {_MAX_BYTES // 1_000_000} MB")
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ValueError(f"cannot read `{path}`: {problem.strerror}") from problem
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ValueError(f"`{path}` is not JSON: {problem}") from problem
    if not isinstance(data, dict):
        raise ValueError(f"`{path}` should hold an object")
    return cast("dict[str, Any]", data), str(path)


def _text_part(config: dict[str, Any]) -> dict[str, Any]:
    inner = config.get("text_config")
    return {**config, **inner} if isinstance(inner, dict) else config


@dataclass(frozen=True)
class _Reader:
    """Fields under their several names, checked as they are read."""

    config: Mapping[str, Any]
    label: str

    def _count(self, *names: str, default: int | None = None) -> int:
        """The first of ``names`` that is stated, a whole number of at least 0 (at least 1 without a default)."""
        for name in names:
            value = self.config.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < (1 if default is None else 0):
                raise ValueError(f"`{name}` of {self.label} is `{value}`, but should be a positive whole number")
            return value
        if default is None:
            raise ValueError(f"{self.label} lacks `{names[0]}`")
        return default

    def shape(self, name: str | None) -> ModelShape:
        """The whole shape."""
        family = str(self.config.get("model_type", ""))
        called = name or str(self.config.get("_name_or_path") or family or "model")
        if family == "whisper":
            return self._whisper(called)
        hidden, heads = self._count("hidden_size", "d_model", "n_embd"), self._count("num_attention_heads", "n_head")
        kv_heads = self._kv_heads(heads)
        return ModelShape(
            name=called,
            kind=self._kind(family),
            layers=self._count("num_hidden_layers", "num_layers", "n_layer"),
            hidden=hidden,
            heads=heads,
            kv_heads=kv_heads,
            head_dim=self._head_dim(hidden, heads),
            intermediate=self._count("intermediate_size", "ffn_hidden_size", "n_inner", default=4 * hidden),
            vocab=self._count("vocab_size", "padded_vocab_size"),
            gated_mlp=_ENCODERS.get(family, True),
            tied_embeddings=bool(self.config.get("tie_word_embeddings", family.startswith("gemma"))),
            max_tokens=self._count("max_position_embeddings", "seq_length", default=0),
            embedding_dim=hidden if family in _ENCODERS else 0,
            index_heads=self._count("index_n_heads", default=0),
            four_bit="experts" if family in _EXPERTS_ONLY else "all",
            source=f"{self.label} ({family or 'no model_type'})",
            **self._attention(),
            **self._experts(),
        )

    def _kind(self, family: str) -> ModelKind:
        if family not in _ENCODERS:
            return "decoder"
        architectures = " ".join(map(str, self.config.get("architectures") or ()))
        return "rerank" if "SequenceClassification" in architectures else "embedding"

    def _kv_heads(self, heads: int) -> int:
        kv_heads = self._count("num_key_value_heads", "multi_query_group_num", default=heads) or heads
        if heads % kv_heads:
            raise ValueError(
                f"`num_key_value_heads` of {self.label} is {kv_heads}, which does not divide {heads} heads"
            )
        return kv_heads

    def _head_dim(self, hidden: int, heads: int) -> int:
        stated = self._count("head_dim", "qk_nope_head_dim", "kv_channels", default=0)
        if self.config.get("kv_lora_rank"):
            stated = self._count("v_head_dim", "qk_nope_head_dim", default=stated)
        if not stated and hidden % heads:
            raise ValueError(f"`hidden_size` of {self.label} is {hidden}, which {heads} heads do not divide")
        return stated or hidden // heads

    def _attention(self) -> dict[str, int]:
        window = self._count("sliding_window", default=0)
        every = self._count("sliding_window_pattern", default=1)
        kinds: Any = self.config.get("layer_types")
        if isinstance(kinds, list) and kinds:
            listed = cast("list[object]", kinds)
            full = listed.count("full_attention")
            window, every = (0, 1) if full == len(listed) else (window, len(listed) // full if full else 1)
        if self.config.get("use_sliding_window") is False:
            window = 0
        mla = self._count("kv_lora_rank", default=0)
        return {
            "sliding_window": window,
            "full_attention_every": max(every, 1),
            "kv_lora_rank": mla,
            "q_lora_rank": self._count("q_lora_rank", default=0) if mla else 0,
            "qk_rope_head_dim": self._count("qk_rope_head_dim", default=0) if mla else 0,
        }

    def _experts(self) -> dict[str, int]:
        experts = self._count("num_local_experts", "n_routed_experts", "num_experts", default=0)
        if not experts:
            return {}
        chosen = self._count("num_experts_per_tok", "experts_per_token", "moe_topk")
        if chosen > experts:
            raise ValueError(f"`num_experts_per_tok` of {self.label} is {chosen}, more than its {experts} experts")
        return {
            "experts": experts,
            "experts_per_token": chosen,
            "expert_intermediate": self._count("moe_intermediate_size", "intermediate_size"),
            "shared_experts": self._count("n_shared_experts", default=0),
            "dense_layers": self._count("first_k_dense_replace", default=0),
        }

    def _whisper(self, name: str) -> ModelShape:
        hidden, heads = self._count("d_model"), self._count("decoder_attention_heads")
        return ModelShape(
            name=name,
            kind="stt",
            layers=self._count("decoder_layers"),
            encoder_layers=self._count("encoder_layers"),
            hidden=hidden,
            heads=heads,
            kv_heads=heads,
            head_dim=self._head_dim(hidden, heads),
            intermediate=self._count("decoder_ffn_dim"),
            vocab=self._count("vocab_size"),
            gated_mlp=False,
            tied_embeddings=True,
            frames_per_second=self._count("max_source_positions", default=1500) / 30,
            max_tokens=self._count("max_target_positions", default=448),
            source=f"{self.label} (whisper)",
        )
