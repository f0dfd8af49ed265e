"""Work of a decoder-only language model: prefill and decode, whole or in the parts of a mixture of experts.

Counted per step for the whole batch; a multiply-accumulate is 2 FLOP. Derivations follow Kaplan et al. 2020
(arXiv 2001.08361, section 2.1: 2 FLOP per parameter and token, attention apart) and Pope et al. 2022
(arXiv 2211.05102, section 3: what a step reads from memory). Norms, rotary embedding and softmax are left out of
FLOP (below 1 %) but their memory traffic is counted with the activations.
"""

from dataclasses import replace

from agentc.plan.demand.algebra import add
from agentc.plan.demand.precision import activation_precision, width
from agentc.plan.demand.shape import (
    LayerParameters,
    dense_precision,
    full_layers,
    kv_bytes,
    kv_bytes_per_token,
    layer_parameters,
    local_layers,
    moe_layers,
    parameters,
    shared_width,
    state_bytes,
    value_dim,
)
from agentc.plan.formula import ONE, ZERO, Formula, constant, maximum, minimum, symbol
from agentc.plan.models import ModelShape
from agentc.plan.work import Work

BATCH = symbol("batch")
INPUT = symbol("input_tokens")
CACHED = symbol("cached_tokens")
CONTEXT = symbol("context_tokens")
OUTPUT = symbol("output_tokens")

CHUNK_TOKENS = 8192
"""Tokens whose activations an engine holds at once (vLLM's ``max_num_batched_tokens`` for throughput)."""

LINEAR_CHUNK = 64
"""Tokens that a prefill of linear attention takes at once (the reference kernels of arXiv 2412.06464)."""


def new_tokens() -> Formula:
    """Prompt tokens of one request that prefill computes: those not cached, and at least the last one."""
    return maximum(INPUT - CACHED, 1)


def prefill(shape: ModelShape, precision: str, kv_precision: str | None = None) -> Work:
    """One pass over the new tokens of ``batch`` prompts, up to the first output token's logits.

    Let n = new tokens, c = the cached ones, B = ``batch``. Linear layers: 2 x parameters x n x B. Attention: the
    j-th token sees c + j tokens, n c + n (n + 1) / 2 pairs in all (a sliding window cuts each to the window), 2 FLOP
    per pair and element for the scores and again for the values. The head runs on the last token only.
    Memory: weights once (of the experts, those touched), the cached prefix, the new KV entries, activations.
    Latent attention is not absorbed here: the cached prefix is expanded to keys and values once more.
    ``network_bytes`` is the KV cache that a decode elsewhere needs.
    """
    return add(prefill_parts(shape, precision, kv_precision).values())


def decode(shape: ModelShape, precision: str, kv_precision: str | None = None) -> Work:
    """One token for each of ``batch`` requests whose context is ``context_tokens``; repeats per output token.

    Linear layers and head: 2 x parameters x B. Attention: B x context pairs. Memory: every weight once (of the
    experts, those touched) and the KV cache of the whole batch, which bounds the step.
    Latent attention runs absorbed (arXiv 2405.04434, section 2.1.3): scores and values against the compressed entry.
    """
    return add(decode_parts(shape, precision, kv_precision).values())


def prefill_parts(shape: ModelShape, precision: str, kv_precision: str | None = None) -> dict[str, Work]:
    """``prefill`` as ``trunk`` (attention, norms, router, shared experts, embeddings), ``experts`` and ``merge``.

    Their sum is the whole. A dense model has a trunk only.
    """
    n, kv_format = new_tokens(), kv_precision or activation_precision(precision)
    trunk = _trunk(shape, dense_precision(shape, precision), n * BATCH)
    cache, prefix = BATCH * kv_bytes(shape, kv_format, INPUT), BATCH * kv_bytes(shape, kv_format, INPUT - n)
    pairs = BATCH * (_prefill_attention(shape, n) + n * _linear_attention(shape, LINEAR_CHUNK))
    attention = Work(
        flops={activation_precision(precision): pairs},
        attention_flops=pairs,
        bytes_read=prefix,
        kv_traffic=prefix,
        bytes_written=BATCH * n * kv_bytes_per_token(shape, kv_format) + BATCH * state_bytes(shape),
        kv_bytes=cache,
        network_bytes=cache,
        activation_bytes=_transient(shape, precision, n * BATCH),
    )
    works = (trunk, _head(shape, precision, BATCH), attention)
    if shape.kv_lora_rank:
        expansion = BATCH * (INPUT - n) * _expansion(shape)
        works = (*works, Work(flops={dense_precision(shape, precision): expansion}))
    parts = {"trunk": add(works)}
    return parts | _expert_parts(shape, precision, n * BATCH, ONE)


def decode_parts(
    shape: ModelShape, precision: str, kv_precision: str | None = None, positions: int = 1
) -> dict[str, Work]:
    """``decode`` in the parts of ``prefill_parts``; each repeats once per output token.

    With ``positions`` a step takes as many tokens of each request at once, each seeing those before it: the cache is
    read once for them all. That is how a draft is verified.
    """
    kv_format, tokens = kv_precision or activation_precision(precision), BATCH * positions
    cache = BATCH * kv_bytes(shape, kv_format, CONTEXT)
    pairs = tokens * (_decode_attention(shape, (positions - 1) / 2) + _linear_attention(shape))
    attention = Work(
        flops={activation_precision(precision): pairs},
        attention_flops=pairs,
        bytes_read=cache,
        kv_traffic=cache,
        bytes_written=tokens * kv_bytes_per_token(shape, kv_format) + BATCH * state_bytes(shape),
        kv_bytes=cache,
        activation_bytes=_transient(shape, precision, tokens),
    )
    trunk = add((_trunk(shape, dense_precision(shape, precision), tokens), _head(shape, precision, tokens), attention))
    parts = {"trunk": _repeated(trunk, OUTPUT)}
    return parts | _expert_parts(shape, precision, tokens, OUTPUT)


ROUTING_EVENNESS = 0.5
"""Shape of the gamma distribution of how popular experts are: 1 / its squared spread. Infinity is uniform routing.
From time per token of 16 measured groups of models with experts, which it suits from 0.45 to 0.6 whichever fifth of the
groups is left out (docs/accuracy.md)."""


def touched_experts(shape: ModelShape, tokens: Formula) -> Formula:
    """Experts of a layer that at least one of ``tokens`` routes to.

    One token meets k of E. Some experts are more popular than others: with popularity of a gamma distribution of shape
    a, the next m tokens miss an expert with probability (1 + m k / (E a))^-a, which for large a is e^(-m k / E).
    """
    share, a = shape.experts_per_token / shape.experts, ROUTING_EVENNESS
    others = maximum(tokens - 1, 0)
    return shape.experts * (1 - (1 - share * minimum(tokens, 1)) * (1 + others * (share / a)) ** constant(-a))


def kv_cache_bytes(shape: ModelShape, precision: str) -> Formula:
    """The KV cache of one request after its prefill: what an edge from prefill to decode carries."""
    return kv_bytes(shape, precision, INPUT)


def _trunk(shape: ModelShape, precision: str, tokens: Formula) -> Work:
    """Linear layers that every token passes: 2 FLOP per parameter; two all-reduces a dense layer, one a routed one."""
    parts = layer_parameters(shape)
    dense, routed = shape.layers - moe_layers(shape), moe_layers(shape)
    element, reductions = width(activation_precision(precision)), 2 * dense + routed
    weights = constant((parts.trunk + parts.norms) * width(precision))
    moved = tokens * (_elements_per_token(shape) * element)
    return Work(
        flops={precision: tokens * (2 * parts.trunk)},
        bytes_read=weights + moved * 0.5,
        bytes_written=moved * 0.5,
        weights_traffic=weights,
        weights_bytes=constant(_resident_trunk(shape, parts) * width(precision)),
        collective_bytes=tokens * (reductions * shape.hidden * element),
        collectives=constant(reductions),
    )


def _resident_trunk(shape: ModelShape, parts: LayerParameters) -> float:
    """Parameters kept beside the routed experts, so that trunk and experts make up the stated total."""
    return max(parameters(shape) - parts.experts, parts.trunk + parts.norms + parts.head)


def _head(shape: ModelShape, precision: str, rows: Formula) -> Work:
    """Logits of ``rows`` tokens: 2 h V FLOP each; engines keep the head in 16 bit under FP8 and FP4."""
    head, native = layer_parameters(shape).head, activation_precision(precision)
    logits = rows * (shape.vocab * 4.0)
    weights = constant(head * width(native))
    return Work(flops={native: rows * (2 * head)}, bytes_read=weights, bytes_written=logits, weights_traffic=weights)


def _expert_parts(shape: ModelShape, precision: str, tokens: Formula, repeats: Formula) -> dict[str, Work]:
    """Routed experts and the merge of their outputs, over all routed layers; nothing for a dense model."""
    layers = moe_layers(shape)
    if not layers:
        return {}
    total, element = layer_parameters(shape).experts, width(activation_precision(precision))
    touched = touched_experts(shape, tokens) / shape.experts
    routed = tokens * (layers * shape.experts_per_token)
    flops = tokens * (2 * total * shape.experts_per_token / shape.experts)
    weights = touched * (total * width(precision))
    experts = Work(
        flops={precision: flops},
        expert_flops=flops,
        weights_traffic=weights,
        expert_traffic=weights,
        bytes_read=weights + routed * ((shape.hidden + _inner(shape)) * element),
        bytes_written=routed * ((shape.hidden + _inner(shape)) * element),
        weights_bytes=constant(total * width(precision)),
    )
    return {"experts": _repeated(experts, repeats), "merge": _repeated(_merge(shape, element, tokens), repeats)}


def _merge(shape: ModelShape, element: float, tokens: Formula) -> Work:
    """The weighted sum of k expert outputs per token, then one all-reduce a routed layer."""
    layers, vector = moe_layers(shape), shape.hidden * element
    inputs = tokens * (layers * shape.experts_per_token)
    return Work(
        flops={"fp32": inputs * (2 * shape.hidden)},
        bytes_read=inputs * vector,
        bytes_written=tokens * (layers * vector),
        collective_bytes=tokens * (layers * vector),
        collectives=constant(layers),
    )


def _inner(shape: ModelShape) -> float:
    """Elements between an expert's matrix products: gate and up written, their product read."""
    return shape.expert_intermediate * (3 if shape.gated_mlp else 2) / 2


def _elements_per_token(shape: ModelShape) -> float:
    """Activation elements that a token moves through memory in all layers, read and written, under usual fusion.

    Per layer: two norms with residual (6 h), projections in and out (2 h + 2 (q + k + v) + 2 x values of all heads),
    the dense feed-forward block (2 h + 2 x width x i: gate and up written, read, their product written and read).
    """
    head, value = shape.head_dim, value_dim(shape)
    mixed = 2 * (shape.heads + shape.kv_heads) * (head + value)
    keys, values = shape.linear_key_heads * shape.linear_key_dim, shape.linear_value_heads * shape.linear_value_dim
    attention = (shape.layers - shape.linear_layers) * mixed + shape.linear_layers * 4 * (keys + values)
    inner = 6 if shape.gated_mlp else 4
    routed = moe_layers(shape)
    blocks = (shape.layers - routed) * shape.intermediate + routed * shared_width(shape)
    return shape.layers * 10 * shape.hidden + attention + inner * blocks


def _transient(shape: ModelShape, precision: str, tokens: Formula) -> Formula:
    """Bytes that one layer holds while it runs, for a chunk of tokens: residual, norm, widest pair of tensors."""
    inner = max(shape.intermediate, shape.expert_intermediate * max(shape.experts_per_token, 1))
    widest = max(2 * inner if shape.gated_mlp else inner, 3 * shape.heads * shape.head_dim)
    return minimum(tokens, CHUNK_TOKENS) * ((2 * shape.hidden + widest) * width(activation_precision(precision)))


def _head_elements(shape: ModelShape, absorbed: bool) -> float:
    """Multiply-accumulates per pair of tokens in one layer, scores and values together."""
    if shape.kv_lora_rank and absorbed:
        return shape.heads * (2 * shape.kv_lora_rank + shape.qk_rope_head_dim)
    return shape.heads * (shape.head_dim + shape.qk_rope_head_dim + value_dim(shape))


def _expansion(shape: ModelShape) -> float:
    """FLOP that make keys and values of one compressed entry, all layers."""
    layers, heads = shape.layers - shape.linear_layers, shape.heads * (shape.head_dim + value_dim(shape))
    return 2.0 * layers * shape.kv_lora_rank * heads


def _linear_attention(shape: ModelShape, chunk: int = 0) -> float:
    """FLOP of one token in all layers of linear attention, its projections apart.

    Against the state S of a head, d_k x d_v: what S holds of the key, the update, what the query reads: 6 d_k d_v. A
    prefill takes ``chunk`` tokens C at once, which adds their products with each other, C (6 d_k + 4 d_v)
    (arXiv 2412.06464, section 3.3). Lightning attention asks for 4 d_k d_v, so its 1 % of the whole is over-counted.
    """
    key, value = shape.linear_key_dim, shape.linear_value_dim
    head = 6 * key * value + chunk * (6 * key + 4 * value)
    return float(shape.linear_layers * shape.linear_value_heads * head)


def _prefill_attention(shape: ModelShape, n: Formula) -> Formula:
    """FLOP of attention over the new tokens of one prompt, all layers."""
    full, per_pair = full_layers(shape), 2 * _head_elements(shape, absorbed=False)
    cached = INPUT - n
    causal = n * cached + n * (n + 1) / 2
    result = causal * (full * per_pair)
    if local := local_layers(shape):
        window = _windowed(INPUT, shape.sliding_window) - _windowed(cached, shape.sliding_window)
        result = result + window * (local * per_pair)
    return result


def _windowed(x: Formula, window: int) -> Formula:
    """Pairs that the first ``x`` tokens see through a window: sum over j <= x of min(j, window)."""
    inside = minimum(x, window)
    return inside * (inside + 1) / 2 + (x - inside) * window


def _decode_attention(shape: ModelShape, ahead: float) -> Formula:
    """FLOP of attention of one new token over its context, all layers; ``ahead`` tokens of the step are before it."""
    full, per_pair = full_layers(shape), 2 * _head_elements(shape, absorbed=True)
    seen = CONTEXT + ahead
    layers = local_layers(shape)
    local = minimum(seen, shape.sliding_window) * layers if layers else ZERO
    return (seen * full + local) * per_pair


def _repeated(work: Work, repeats: Formula) -> Work:
    return replace(work, repeats=repeats)
