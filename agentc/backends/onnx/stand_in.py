"""Small models of the same architecture, for where the real weights are not at hand.

A stand-in exercises the whole road (graphs, cache, streaming) on any machine. Its words mean nothing.
"""

from dataclasses import replace
from typing import Final, TypeAlias

from agentc.backends.onnx.config import DecoderConfig, EncoderConfig
from agentc.plan.models import ModelShape

BYTE_VOCAB: Final = 259
"""256 bytes, then begin (256), end (257) and padding (258): the runtime's byte-level tokenizer."""

_HEAD_DIM: Final = 16
_MAX_LAYERS: Final = 4
_MAX_GROUP: Final = 8
_MAX_EXPERTS: Final = 16
_MAX_WINDOW: Final = 64

Shapes: TypeAlias = dict[str, tuple[int, ...]]


def stand_in(shape: ModelShape) -> ModelShape:
    """``shape`` scaled down to under a million parameters or so: the same kind, query groups, gating, tying,
    window pattern and mixture of experts, over the byte-level vocabulary.

    Latent and linear attention become grouped-query attention; every other trait stays.
    """
    group = min(max(shape.heads // max(shape.kv_heads, 1), 1), _MAX_GROUP) if shape.kv_heads else 1
    kv_heads = max(1, min(shape.kv_heads or 4, 8 // group))
    chosen = min(shape.experts_per_token, _MAX_EXPERTS)
    every = shape.full_attention_every if shape.sliding_window else 1
    layers = min(shape.layers or shape.encoder_layers or 2, max(_MAX_LAYERS, min(every, 8)))
    return replace(
        shape,
        layers=layers,
        hidden=64,
        heads=group * kv_heads,
        kv_heads=kv_heads,
        head_dim=_HEAD_DIM if shape.kind == "decoder" else 64 // (group * kv_heads),
        intermediate=192,
        vocab=BYTE_VOCAB,
        experts=min(shape.experts, _MAX_EXPERTS),
        experts_per_token=chosen,
        expert_intermediate=64 if shape.experts else 0,
        shared_experts=min(shape.shared_experts, 1),
        shared_intermediate=0,
        dense_layers=min(shape.dense_layers, 1, layers - 1),
        sliding_window=min(shape.sliding_window, _MAX_WINDOW),
        full_attention_layers=0,
        value_head_dim=0,
        attention_gate=False,
        linear_layers=0,
        kv_lora_rank=0,
        qk_rope_head_dim=0,
        encoder_layers=0,
        max_tokens=_context(shape),
        embedding_dim=64 if shape.kind == "embedding" else 0,
        parameters=0.0,
    )


def _context(shape: ModelShape) -> int:
    """A byte is about a quarter of a token, so the same text needs a longer context. Encoders cut theirs."""
    return 4 * (shape.max_tokens or 4096) if shape.kind == "decoder" else min(shape.max_tokens or 512, 512)


def decoder_shapes(config: DecoderConfig) -> Shapes:
    """Name and shape of every weight of a decoder, by Qwen's names for experts and Llama's for the rest."""
    hidden, q, kv = config.hidden, config.heads * config.head_dim, config.kv_heads * config.head_dim
    shapes: Shapes = {"model.embed_tokens.weight": (config.vocab, hidden), "model.norm.weight": (hidden,)}
    if not config.tied:
        shapes["lm_head.weight"] = (config.vocab, hidden)
    for layer, dense in enumerate(config.dense):
        name = f"model.layers.{layer}"
        shapes |= {f"{name}.{norm}_layernorm.weight": (hidden,) for norm in ("input", "post_attention")}
        for part, rows in (("q", q), ("k", kv), ("v", kv)):
            shapes[f"{name}.self_attn.{part}_proj.weight"] = (rows, hidden)
        shapes[f"{name}.self_attn.o_proj.weight"] = (hidden, q)
        shapes |= _mlp(config, f"{name}.mlp", config.intermediate) if dense else _experts(config, f"{name}.mlp")
    return shapes


def _mlp(config: DecoderConfig, name: str, width: int) -> Shapes:
    into = ("up_proj", "gate_proj") if config.gated else ("up_proj",)
    shapes: Shapes = {f"{name}.{p}.weight": (width, config.hidden) for p in into}
    return {**shapes, f"{name}.down_proj.weight": (config.hidden, width)}


def _experts(config: DecoderConfig, name: str) -> Shapes:
    shapes: Shapes = {f"{name}.gate.weight": (config.experts, config.hidden)}
    for expert in range(config.experts):
        shapes |= _mlp(config, f"{name}.experts.{expert}", config.expert_intermediate)
    if config.shared_intermediate:
        shapes |= _mlp(config, f"{name}.shared_expert", config.shared_intermediate)
    return shapes


def encoder_shapes(config: EncoderConfig, *, classifier: bool) -> Shapes:
    """Name and shape of every weight of a BERT encoder, with a cross-encoder's head if asked for."""
    hidden, wide = config.hidden, config.intermediate
    rows = {"word": config.vocab, "position": config.positions, "token_type": config.types}
    shapes: Shapes = {f"embeddings.{kind}_embeddings.weight": (count, hidden) for kind, count in rows.items()}
    shapes |= _norm("embeddings.LayerNorm", hidden)
    for layer in range(config.layers):
        name = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _linear(f"{name}.attention.{part}", hidden, hidden)
        shapes |= _norm(f"{name}.attention.output.LayerNorm", hidden)
        shapes |= _linear(f"{name}.intermediate.dense", wide, hidden) | _linear(f"{name}.output.dense", hidden, wide)
        shapes |= _norm(f"{name}.output.LayerNorm", hidden)
    if classifier:
        shapes |= _linear("pooler.dense", hidden, hidden) | _linear("classifier", 1, hidden)
    return shapes


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _linear(name: str, rows: int, columns: int) -> Shapes:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}
