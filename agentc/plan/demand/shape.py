"""What a model's shape fixes before any request: parameters, weights, KV cache entries.

Symbols: h hidden, q query heads x head size, kv KV heads x head size, i intermediate, V vocabulary,
E experts, k experts per token.
"""

from agentc.plan.demand.precision import activation_precision, width
from agentc.plan.formula import Formula, minimum
from agentc.plan.models import ModelShape
from agentc.support.record import record


def value_dim(shape: ModelShape) -> int:
    """Width of a head of the values."""
    return shape.value_head_dim or shape.head_dim


def attention_parameters(shape: ModelShape) -> float:
    """Projections of one layer whose tokens attend to each other.

    Grouped-query attention (arXiv 2305.13245): Wq and Wo are h x q each, Wk and Wv h x kv each; an output gate is
    one more h x q. Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1): the query through rank
    r_q, keys and values through the shared rank r_kv plus the rotary part.
    """
    h, q, v = shape.hidden, shape.heads * shape.head_dim, shape.heads * value_dim(shape)
    if not shape.kv_lora_rank:
        gate = h * q if shape.attention_gate else 0
        return h * q + h * v + h * shape.kv_heads * (shape.head_dim + value_dim(shape)) + gate
    query = shape.heads * (shape.head_dim + shape.qk_rope_head_dim)
    down_up = shape.q_lora_rank * (h + query) if shape.q_lora_rank else h * query
    latent = h * (shape.kv_lora_rank + shape.qk_rope_head_dim)
    return down_up + latent + shape.kv_lora_rank * (q + v) + v * h


def linear_parameters(shape: ModelShape) -> float:
    """Projections of one layer of linear attention: queries, keys, values, output gate and output, and the decay and
    step of each head (gated delta rule, arXiv 2412.06464, section 3; lightning attention, arXiv 2501.08313, section
    2.2, has no step). The short convolutions before it are below 0.1 %.
    """
    keys, values = shape.linear_key_heads * shape.linear_key_dim, shape.linear_value_heads * shape.linear_value_dim
    return shape.hidden * (2 * keys + 3 * values + 2 * shape.linear_value_heads)


def mlp_parameters(shape: ModelShape, intermediate: int) -> float:
    """A feed-forward block: up and down, and a gate where the model is gated (SwiGLU, arXiv 2002.05202)."""
    return (3 if shape.gated_mlp else 2) * shape.hidden * intermediate


def shared_width(shape: ModelShape) -> int:
    """Width of all shared experts of a layer together."""
    return shape.shared_experts * (shape.shared_intermediate or shape.expert_intermediate)


def moe_layers(shape: ModelShape) -> int:
    """Layers whose feed-forward block is routed experts."""
    return shape.layers - shape.dense_layers if shape.experts else 0


@record(slots=True)
class LayerParameters:
    """Parameters that a decoder's token passes, without the embedding table. Sums over all layers."""

    attention: float
    dense_mlp: float
    router: float
    shared: float
    """Shared experts: every token passes them."""
    experts: float
    """All routed experts."""
    norms: float
    head: float
    """Output projection onto the vocabulary, tied or not."""

    @property
    def trunk(self) -> float:
        """What every token of a step passes, without the head."""
        return self.attention + self.dense_mlp + self.router + self.shared


def layer_parameters(shape: ModelShape) -> LayerParameters:
    """The parts of a decoder, derived from its shape."""
    routed = moe_layers(shape)
    expert = mlp_parameters(shape, shape.expert_intermediate)
    attending, linear = shape.layers - shape.linear_layers, shape.linear_layers
    return LayerParameters(
        attention=attending * attention_parameters(shape) + linear * linear_parameters(shape),
        dense_mlp=(shape.layers - routed) * mlp_parameters(shape, shape.intermediate),
        router=routed * shape.hidden * shape.experts,
        shared=routed * mlp_parameters(shape, shared_width(shape)),
        experts=routed * shape.experts * expert,
        norms=(2 * shape.layers + 1) * shape.hidden,
        head=shape.vocab * shape.hidden,
    )


def derived_parameters(shape: ModelShape) -> float:
    """Parameters that the shape implies: layers, embedding table, and the head where it is not tied."""
    parts = layer_parameters(shape)
    tables = parts.head * (1 if shape.tied_embeddings or shape.kind in ("embedding", "rerank") else 2)
    return parts.trunk + parts.experts + parts.norms + tables + encoder_parameters(shape)


def encoder_parameters(shape: ModelShape) -> float:
    """An encoder-decoder's encoder, and the decoder's cross attention (Whisper, arXiv 2212.04356)."""
    if not shape.encoder_layers:
        return 0.0
    layer = attention_parameters(shape) + mlp_parameters(shape, shape.intermediate)
    return shape.encoder_layers * layer + shape.layers * attention_parameters(shape)


def parameters(shape: ModelShape) -> float:
    """All parameters: as stated, else derived from the shape."""
    return shape.parameters or derived_parameters(shape)


def dense_precision(shape: ModelShape, precision: str) -> str:
    """The precision of all weights but the routed experts': 16 bit where 4-bit checkpoints quantize experts only."""
    return activation_precision(precision) if precision == "fp4" and shape.four_bit == "experts" else precision


def weights_bytes(shape: ModelShape, precision: str) -> float:
    """Bytes of all weights at ``precision``."""
    dense = dense_precision(shape, precision)
    if dense == precision:
        return parameters(shape) * width(precision)
    experts = layer_parameters(shape).experts
    return experts * width(precision) + max(parameters(shape) - experts, 0.0) * width(dense)


def kv_layer_bytes(shape: ModelShape, precision: str) -> float:
    """Bytes that one token leaves in the cache of one layer.

    Grouped-query attention: K and V, kv elements each. Latent attention: one compressed entry, r_kv + rotary part.
    """
    if shape.kv_lora_rank:
        return (shape.kv_lora_rank + shape.qk_rope_head_dim) * width(precision)
    return shape.kv_heads * (shape.head_dim + value_dim(shape)) * width(precision)


def kv_bytes_per_token(shape: ModelShape, precision: str) -> float:
    """Bytes that one token leaves in the cache of all layers (paper: 2 x layers x d_model x N_kv / N_heads x width).

    With a sliding window this is the rate before the window is full; ``kv_bytes`` knows the window.
    """
    return (shape.layers - shape.linear_layers) * kv_layer_bytes(shape, precision)


def full_layers(shape: ModelShape) -> int:
    """Layers that see the whole context."""
    attending = shape.layers - shape.linear_layers
    if not shape.sliding_window:
        return attending
    if shape.full_attention_layers:
        return min(shape.full_attention_layers, attending)
    return attending // shape.full_attention_every if shape.full_attention_every > 1 else 0


def local_layers(shape: ModelShape) -> int:
    """Layers that see a window only."""
    return shape.layers - shape.linear_layers - full_layers(shape)


def state_bytes(shape: ModelShape) -> float:
    """Bytes of one sequence's state in all layers of linear attention, in FP32: key width x value width a head."""
    return shape.linear_layers * shape.linear_value_heads * shape.linear_key_dim * shape.linear_value_dim * 4.0


def kv_bytes(shape: ModelShape, precision: str, tokens: Formula) -> Formula:
    """Bytes of one sequence's cache at ``tokens`` tokens.

    A layer with a window keeps no more than the window; one of linear attention keeps its state from the first on.
    """
    layer, full, local = kv_layer_bytes(shape, precision), full_layers(shape), local_layers(shape)
    cache = tokens * (layer * full)
    if local:
        cache = cache + minimum(tokens, shape.sliding_window) * (layer * local)
    return cache + minimum(tokens, 1) * state_bytes(shape) if shape.linear_layers else cache
