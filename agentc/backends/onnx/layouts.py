"""One naming for all checkpoints: Llama's for what Llama has, Qwen's for experts.

Families fuse projections, interleave gates, store norms from zero, or name the same thing otherwise. Here each
becomes a view of the tensor that the graphs ask for; nothing is read, and nothing is copied but norms and MXFP4.

    model.layers.L.input_layernorm, .self_attn.{q,k,v,o}_proj, .self_attn.{q,k}_norm, .self_attn.sinks,
    .self_attn.output_norm, .post_attention_layernorm, .mlp.{gate,up,down}_proj, .mlp.gate (the router),
    .mlp.experts.E.{gate,up,down}_proj, .mlp.shared_expert, .mlp.output_norm
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.mxfp4 import unpacked
from agentc.backends.onnx.views import Lazy, View, Weights, lazy_of

Entries: TypeAlias = Iterator[tuple[str, Lazy]]

_PREFIXES: Final = (("model.language_model.", "model."), ("language_model.model.", "model."), ("language_model.", ""))
_MIXTRAL: Final = {"w1": "gate_proj", "w3": "up_proj", "w2": "down_proj"}
_GEMMA_NORMS: Final = {
    "post_attention_layernorm": "self_attn.output_norm",
    "pre_feedforward_layernorm": "post_attention_layernorm",
    "post_feedforward_layernorm": "mlp.output_norm",
}


def canonical(config: DecoderConfig, family: str, source: Weights) -> View:
    """The tensors of a checkpoint of ``family`` (its ``model_type``) by the names above.

    Raises:
        ValueError: a fused tensor has not the shape that its parts add up to.
    """
    rule = _RULES.get(family, _plain)
    entries: dict[str, Lazy] = {}
    for name in source:
        lazy = lazy_of(source, name)
        entries.update(rule(config, _stripped(name), lazy))
    return View(entries)


def _stripped(name: str) -> str:
    """Without the prefix under which models that also see keep their language model."""
    return next((new + name.removeprefix(old) for old, new in _PREFIXES if name.startswith(old)), name)


def _plain(config: DecoderConfig, name: str, lazy: Lazy) -> Entries:
    yield name, lazy


def _mixtral(config: DecoderConfig, name: str, lazy: Lazy) -> Entries:
    name = name.replace(".block_sparse_moe.", ".mlp.")
    yield re.sub(r"\.(w[123])\.weight$", lambda m: f".{_MIXTRAL[m[1]]}.weight", name), lazy


def _gemma(config: DecoderConfig, name: str, lazy: Lazy) -> Entries:
    """Norms are stored from zero. Since Gemma 2 there is one before and one after each half of a layer."""
    yield name, lazy.plus_one() if name.endswith("norm.weight") else lazy


def _gemma2(config: DecoderConfig, name: str, lazy: Lazy) -> Entries:
    head, _, leaf = name.removesuffix(".weight").rpartition(".")
    if leaf in _GEMMA_NORMS:
        name = f"{head}.{_GEMMA_NORMS[leaf]}.weight"
    yield from _gemma(config, name, lazy)


def _phi3(config: DecoderConfig, name: str, lazy: Lazy) -> Entries:
    """Queries, keys and values are one matrix, and so are the two halves of the gate."""
    q, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
    if ".qkv_proj." in name:
        yield from _parts(name, "qkv_proj", lazy, {"q_proj": q, "k_proj": kv, "v_proj": kv})
    elif ".gate_up_proj." in name:
        width = config.intermediate
        yield from _parts(name, "gate_up_proj", lazy, {"gate_proj": width, "up_proj": width})
    else:
        yield name, lazy


def _parts(name: str, fused: str, lazy: Lazy, rows: dict[str, int]) -> Entries:
    if lazy.shape[:1] != (sum(rows.values()),):
        raise ValueError(f"weight `{name}` has shape {list(lazy.shape)}, not {sum(rows.values())} rows")
    start = 0
    for part, count in rows.items():
        yield name.replace(fused, part), lazy.rows(start, start + count)
        start += count


def _deepseek(config: DecoderConfig, name: str, lazy: Lazy) -> Entries:
    yield name.replace(".mlp.shared_experts.", ".mlp.shared_expert."), lazy


def _gpt_oss(config: DecoderConfig, name: str, lazy: Lazy) -> Entries:
    """All experts are one tensor, whose gate takes every other column; MXFP4 blocks wait for their scales."""
    head, found, leaf = name.partition(".mlp.experts.")
    if not found:
        yield name.replace(".mlp.router.", ".mlp.gate."), lazy
        return
    if lazy.shape[:1] != (config.experts,):
        raise ValueError(f"weight `{name}` has shape {list(lazy.shape)}, not {config.experts} experts")
    if leaf.endswith(("_blocks", "_scales")):
        yield name, lazy
        return
    stem, kind = (leaf.removesuffix("_bias"), "bias") if leaf.endswith("_bias") else (leaf, "weight")
    for expert in range(config.experts):
        one = lazy.at(expert)
        one = one.transposed() if kind == "weight" else one
        yield from _expert(f"{head}.mlp.experts.{expert}", stem, kind, one)


def _expert(name: str, stem: str, kind: str, one: Lazy) -> Entries:
    if stem == "gate_up_proj":
        yield f"{name}.gate_proj.{kind}", one.every_other(0)
        yield f"{name}.up_proj.{kind}", one.every_other(1)
    else:
        yield f"{name}.{stem}.{kind}", one


def with_mxfp4(config: DecoderConfig, view: View) -> View:
    """The same with the experts that gpt-oss ships in MXFP4 unpacked, one at a time when they are asked for.

    Raises:
        ValueError: blocks without scales, or of shapes that do not go together.
    """
    entries = {name: lazy_of(view, name) for name in view}
    for name in [name for name in entries if name.endswith("_blocks")]:
        stem = name.removesuffix("_blocks")
        if f"{stem}_scales" not in entries:
            raise ValueError(f"weight `{stem}_scales` is missing")
        blocks, scales = entries.pop(name), entries.pop(f"{stem}_scales")
        head, _, leaf = stem.rpartition(".")
        for expert in range(config.experts):
            one = unpacked(name, blocks.at(expert), scales.at(expert))
            entries.update(_expert(f"{head}.{expert}", leaf, "weight", one))
    return View(entries)


_RULES: Final[dict[str, Callable[[DecoderConfig, str, Lazy], Entries]]] = {
    "mixtral": _mixtral,
    "gemma": _gemma,
    "gemma2": _gemma2,
    "gemma3_text": _gemma2,
    "phi3": _phi3,
    "gpt_oss": _gpt_oss,
    "deepseek_v3": _deepseek,
}
