"""What a graph is built from: the architecture in full, from a checkpoint's ``config.json`` or from a bare shape."""

from collections.abc import Mapping

from agentc.backends.onnx.fields import Json, whole
from agentc.backends.onnx.rope import Rope, plain_rope
from agentc.plan.models import ModelShape
from agentc.support.record import record


@record(slots=True)
class DecoderConfig:
    """A decoder-only language model with rotary positions and RMS norms."""

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    rope: Rope
    windows: tuple[int, ...]
    """Per layer: how many tokens it sees, itself included; 0 for all."""
    dense: tuple[bool, ...]
    """Per layer: whether its feed-forward part is dense rather than experts."""
    epsilon: float = 1e-5
    gated: bool = True
    activation: str = "silu"
    tied: bool = False
    experts: int = 0
    experts_per_token: int = 0
    expert_intermediate: int = 0
    normalize_experts: bool = True
    """Whether the weights of the chosen experts sum to one."""
    shared_intermediate: int = 0
    """Width of the expert that every token visits; 0 without one."""
    max_tokens: int = 4096
    local_rope: Rope | None = None
    """Of layers with a window; without it, as in the others (Gemma 3 has both)."""
    scale: float = 0.0
    """What scores are multiplied by before the softmax; 0: ``head_dim ** -0.5``."""
    embed_scale: float = 1.0
    """What embeddings are multiplied by (Gemma: the root of the width)."""
    attention_cap: float = 0.0
    """Scores become ``cap tanh(score / cap)`` (Gemma 2); 0: they stay."""
    logit_cap: float = 0.0
    """The same for the logits."""
    swiglu_limit: float = 0.0
    """Experts clamp the two halves of their gate to this and add one to the linear half (gpt-oss); 0: they do not."""
    swiglu_alpha: float = 1.702
    """What such a gate's sigmoid multiplies by."""

    extras: tuple[str, ...] = ()
    """Tensors of a layer beside Llama's, by their names within a layer (``*``: every expert)."""
    latent: int = 0
    """Width of the compressed entry of latent attention (DeepSeek); 0 without it. ``head_dim`` is then that of the
    part of queries and keys that has no position."""
    query_latent: int = 0
    """Width that queries are compressed to; 0: they are not."""
    rope_dim: int = 0
    """Of latent attention: width of the key with a position, which heads share."""
    value_dim: int = 0
    interleaved: bool = False
    """Whether rotary pairs lie side by side rather than half a head apart."""
    sigmoid_router: bool = False
    """Whether experts are scored each for itself, with a correction for the choice alone (DeepSeek-V3)."""
    expert_groups: int = 0
    """Groups of experts, of which the best ``groups_per_token`` take part; 0: all do."""
    groups_per_token: int = 0
    routed_scale: float = 1.0
    """What the answer of the routed experts is multiplied by."""

    @property
    def cache(self) -> Mapping[str, tuple[int, int]]:
        """The parts of a layer's cache: heads and width of each."""
        if self.latent:
            return {"latent": (1, self.latent + self.rope_dim)}
        return {"key": (self.kv_heads, self.head_dim), "value": (self.kv_heads, self.head_dim)}

    @property
    def score_scale(self) -> float:
        """``scale``, or its usual value."""
        return self.scale or (self.head_dim + self.rope_dim) ** -0.5

    def rope_of(self, layer: int) -> Rope:
        """The rotary positions of a layer."""
        return self.local_rope if self.local_rope is not None and self.windows[layer] else self.rope


@record(slots=True)
class EncoderConfig:
    """An encoder of BERT's kind."""

    name: str
    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocab: int
    positions: int = 512
    types: int = 2
    """Kinds of segments; 0: they are not told apart."""
    epsilon: float = 1e-12
    activation: str = "gelu"
    pooling: str = "mean"
    """``mean`` over the tokens, or ``cls``: the first."""
    max_tokens: int = 512
    first: int = 0
    """The place of a text's first token in the table of positions (RoBERTa: after that of padding)."""
    embedding: int = 0
    """Width of the embeddings where it is not that of the layers (ELECTRA); 0: it is."""
    buckets: int = 0
    """Distances that have a bias of their own, which all layers share (MPNet); 0: none has."""
    head: tuple[str, str, str] = ("pooler.dense", "classifier", "tanh")
    """Of a classifier: its two layers, and the activation between them."""


@record(slots=True)
class SpeechConfig:
    """Whisper."""

    name: str
    hidden: int
    bands: int
    """Of the spectrogram."""
    positions: int
    """Of the encoder: half the frames of a window."""
    encoder_layers: int
    encoder_heads: int
    encoder_intermediate: int
    layers: int
    heads: int
    intermediate: int
    vocab: int
    max_tokens: int
    activation: str = "gelu"

    @property
    def head_dim(self) -> int:
        """Of the decoder."""
        return self.hidden // self.heads


def decoder_from_shape(shape: ModelShape) -> DecoderConfig:
    """The usual Llama constants around a shape."""
    per_layer = range(shape.layers)
    return DecoderConfig(
        name=shape.name,
        layers=shape.layers,
        hidden=shape.hidden,
        heads=shape.heads,
        kv_heads=shape.kv_heads or shape.heads,
        head_dim=shape.head_dim or shape.hidden // shape.heads,
        intermediate=shape.intermediate,
        vocab=shape.vocab,
        rope=plain_rope(shape.head_dim or shape.hidden // shape.heads),
        windows=tuple(shape.sliding_window if _is_local(shape, layer) else 0 for layer in per_layer),
        dense=tuple(not shape.experts or layer < shape.dense_layers for layer in per_layer),
        gated=shape.gated_mlp,
        activation="silu" if shape.gated_mlp else "gelu",
        tied=shape.tied_embeddings,
        experts=shape.experts,
        experts_per_token=shape.experts_per_token,
        expert_intermediate=shape.expert_intermediate,
        shared_intermediate=shape.shared_experts * shape.expert_intermediate,
        max_tokens=shape.max_tokens or 4096,
    )


def _is_local(shape: ModelShape, layer: int) -> bool:
    every = shape.full_attention_every
    return shape.sliding_window > 0 and (every <= 1 or (layer + 1) % every != 0)


def extents(config: Json) -> tuple[int, int, int]:
    """Layers, hidden width and heads; none is zero, and the layers are no more than any model has."""
    layers, hidden, heads = (whole(config, f) for f in ("num_hidden_layers", "hidden_size", "num_attention_heads"))
    if not (0 < layers <= 10_000 and hidden > 0 and 0 < heads <= hidden):
        raise ValueError(f"config.json: {layers} layers of width {hidden} with {heads} heads are no model")
    return layers, hidden, heads


def check_agrees(shape: ModelShape, config: DecoderConfig | EncoderConfig | SpeechConfig) -> None:
    """Refuse a checkpoint of another model than the one that was planned for. Fields that the shape leaves at 0 agree.

    Raises:
        ValueError: names the first field that differs, with both values.
    """
    for field in ("layers", "hidden", "heads", "kv_heads", "head_dim", "intermediate", "vocab", "experts"):
        stated, found = getattr(shape, field), getattr(config, field, 0)
        if stated and found and stated != found:
            raise ValueError(f"the checkpoint has {field} = {found}, but model `{shape.name}` states {stated}")
