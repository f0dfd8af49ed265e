"""One naming for encoders' checkpoints, BERT's, and what each must hold."""

from collections.abc import Iterator, Mapping
from typing import Final

from agentc.backends.onnx.config import EncoderConfig
from agentc.backends.onnx.views import View, Weights, lazy_of

RELATIVE: Final = "encoder.relative_attention_bias.weight"
PROJECTION: Final = "embeddings_project"

_PREFIXES: Final = ("bert.", "roberta.", "electra.", "distilbert.", "mpnet.")
_DISTILBERT: Final = {
    "transformer.layer.": "encoder.layer.",
    ".attention.q_lin.": ".attention.self.query.",
    ".attention.k_lin.": ".attention.self.key.",
    ".attention.v_lin.": ".attention.self.value.",
    ".attention.out_lin.": ".attention.output.dense.",
    ".sa_layer_norm.": ".attention.output.LayerNorm.",
    ".ffn.lin1.": ".intermediate.dense.",
    ".ffn.lin2.": ".output.dense.",
    ".output_layer_norm.": ".output.LayerNorm.",
}
_MPNET: Final = {
    ".attention.attn.q.": ".attention.self.query.",
    ".attention.attn.k.": ".attention.self.key.",
    ".attention.attn.v.": ".attention.self.value.",
    ".attention.attn.o.": ".attention.output.dense.",
    ".attention.LayerNorm.": ".attention.output.LayerNorm.",
}
_RENAMED: Final[Mapping[str, Mapping[str, str]]] = {"distilbert": _DISTILBERT, "mpnet": _MPNET}

_LINEAR: Final = (
    *(f"attention.self.{part}" for part in ("query", "key", "value")),
    *("attention.output.dense", "attention.output.LayerNorm"),
    *("intermediate.dense", "output.dense", "output.LayerNorm"),
)


def canonical_encoder(family: str, source: Weights) -> View:
    """The tensors of a checkpoint of ``family`` (its ``model_type``) by BERT's names, without a prefix."""
    return View({_named(family, name): lazy_of(source, name) for name in source})


def _named(family: str, name: str) -> str:
    name = next((name.removeprefix(prefix) for prefix in _PREFIXES if name.startswith(prefix)), name)
    for old, new in _RENAMED.get(family, {}).items():
        name = name.replace(old, new)
    return name


def check_encoder(config: EncoderConfig, weights: View, *, classifier: bool) -> None:
    """Refuse a checkpoint that lacks a tensor, or has one in its layers that the graph would not read.

    Raises:
        ValueError: names the first such tensor.
    """
    read = dict.fromkeys(_wanted(config, classifier=classifier))
    if missing := next((name for name in read if name not in weights), None):
        raise ValueError(f"weight `{missing}` is missing")
    if extra := next((name for name in weights if name.startswith("encoder.") and name not in read), None):
        raise ValueError(f"weight `{extra}` has no place in such an encoder of {config.layers} layers")


def _wanted(config: EncoderConfig, *, classifier: bool) -> Iterator[str]:
    kinds = ("word", "position", "token_type") if config.types else ("word", "position")
    yield from (f"embeddings.{kind}_embeddings.weight" for kind in kinds)
    stems = ["embeddings.LayerNorm", *([PROJECTION] if config.embedding else [])]
    stems += [f"encoder.layer.{layer}.{leaf}" for layer in range(config.layers) for leaf in _LINEAR]
    stems += config.head[:2] if classifier else ()
    yield from (f"{stem}.{part}" for stem in stems for part in ("weight", "bias"))
    if config.buckets:
        yield RELATIVE
