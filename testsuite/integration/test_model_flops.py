"""Work formulas against the FLOP that torch counts in real implementations of tiny models, and against their size."""

import logging
from typing import Any

import pytest

from agentc import catalog
from agentc.catalog.config import model_from_config
from agentc.plan import demand
from agentc.plan.demand.unet import unet_parameters, unet_pass
from agentc.plan.models import ModelShape
from agentc.plan.work import Work

DENSE: dict[str, Any] = {
    "vocab_size": 320,
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 352,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
}
ROUTED: dict[str, Any] = DENSE | {
    "num_experts": 6,
    "num_local_experts": 6,
    "n_routed_experts": 6,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 48,
}
FEW: dict[str, Any] = DENSE | {"num_local_experts": 6, "num_experts_per_tok": 2, "intermediate_size": 48}
"""Experts of families whose ``intermediate_size`` is theirs."""
LATENT: dict[str, Any] = ROUTED | {
    "num_key_value_heads": 4,
    "qk_nope_head_dim": 32,
    "qk_rope_head_dim": 16,
    "v_head_dim": 48,
    "kv_lora_rank": 40,
    "q_lora_rank": 24,
    "n_shared_experts": 1,
    "n_group": 2,
    "topk_group": 1,
    "first_k_dense_replace": 1,
}
HYBRID: dict[str, Any] = ROUTED | {
    "head_dim": 64,
    "shared_expert_intermediate_size": 48,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 32,
    "linear_value_head_dim": 32,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", DENSE),
    "gemma-3": ("Gemma3", DENSE | {"head_dim": 32, "sliding_window": 64, "num_hidden_layers": 6}),
    "phi-3": ("Phi3", DENSE),
    "gpt-neox": ("GPTNeoX", DENSE | {"num_key_value_heads": 4}),
    "mixtral": ("Mixtral", FEW),
    "gpt-oss": ("GptOss", FEW | {"head_dim": 64, "sliding_window": 128}),
    "qwen-3-moe": ("Qwen3Moe", ROUTED | {"head_dim": 64, "mlp_only_layers": [1]}),
    "qwen-2-moe": ("Qwen2Moe", ROUTED | {"shared_expert_intermediate_size": 200, "decoder_sparse_step": 2}),
    "glm-4.5": ("Glm4Moe", ROUTED | {"n_shared_experts": 1, "first_k_dense_replace": 1, "head_dim": 32}),
    "deepseek-v3": ("DeepseekV3", LATENT),
}
SIZED: dict[str, tuple[str, dict[str, Any]]] = FAMILIES | {
    "mistral": ("Mistral", DENSE),
    "qwen-3": ("Qwen3", DENSE | {"head_dim": 64}),
    "qwen-3-next": ("Qwen3Next", HYBRID),
    "qwen-3.5": ("Qwen3_5Moe", HYBRID),
    "minimax-01": ("MiniMax", FEW),
    "minimax-m2": ("MiniMaxM2", FEW | {"head_dim": 32}),
    "deepseek-v2": ("DeepseekV2", LATENT | {"v_head_dim": 32}),
    "llama-4": ("Llama4", FEW | {"head_dim": 32, "interleave_moe_layer_step": 2, "intermediate_size_mlp": 300}),
    "gemma-2": ("Gemma2", DENSE | {"head_dim": 32}),
    "phi": ("Phi", DENSE),
    "starcoder2": ("Starcoder2", DENSE),
    "olmo-3": ("Olmo3", DENSE),
    "cohere-2": ("Cohere2", DENSE),
    "falcon": (
        "Falcon",
        {k: DENSE[k] for k in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")},
    ),
    "bloom": ("Bloom", {"vocab_size": 320, "hidden_size": 128, "n_layer": 4, "n_head": 4}),
    "ernie-4.5": ("Ernie4_5_Moe", DENSE | {"moe_num_experts": 6, "moe_k": 2, "moe_intermediate_size": 48}),
}
CACHED, NEW = 9, 16


def _torch() -> tuple[Any, Any]:
    logging.getLogger("transformers").setLevel(logging.ERROR)
    return pytest.importorskip("torch"), pytest.importorskip("transformers")


def _config(transformers: Any, family: str, options: dict[str, Any]) -> Any:
    known = getattr(transformers, f"{family}TextConfig", None) or getattr(transformers, f"{family}Config")
    return known(**options)


def _model(family: str, options: dict[str, Any], device: str = "cpu") -> tuple[Any, Any, ModelShape]:
    """torch, a model with random weights, and the shape that its own ``config.json`` gives."""
    torch, transformers = _torch()
    config = _config(transformers, family, options)
    config._attn_implementation = "eager"
    config._experts_implementation = "eager"
    torch.manual_seed(0)
    with torch.device(device):
        model = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    return torch, model, model_from_config(config.to_dict())


def _counted(torch: Any, step: Any) -> tuple[float, Any]:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        result = step()
    return float(counter.get_total_flops()), result


def _at(work: Work, **env: float) -> tuple[float, float]:
    """FLOP of ``work``, and those that are attention."""
    env = {"batch": 1.0, "cached_tokens": 0.0, "output_tokens": 1.0} | env
    return sum(f.evaluate(env) for f in work.flops.values()), work.attention_flops.evaluate(env)


def _products(parts: dict[str, Work]) -> Work:
    """The matrix products of a model: torch does not count the weighted sum of its experts' outputs."""
    return demand.add(part for name, part in parts.items() if name != "merge")


@pytest.mark.parametrize("family", SIZED)
def test_a_config_gives_the_size_of_its_model(family: str) -> None:
    _, model, shape = _model(*SIZED[family], device="meta")
    size = sum(parameter.numel() for parameter in model.parameters())
    assert demand.derived_parameters(shape) == pytest.approx(size, rel=0.015)


@pytest.mark.parametrize("family", FAMILIES)
def test_prefill_and_decode(family: str) -> None:
    """Eager attention takes all pairs of new and seen tokens, where the formula has those that are not masked."""
    torch, model, shape = _model(*FAMILIES[family])
    tokens = torch.randint(1, 300, (2, CACHED + NEW + 1))
    before = model(tokens[:, :CACHED], use_cache=True).past_key_values
    counted, after = _counted(
        torch,
        lambda: model(tokens[:, CACHED:-1], past_key_values=before, use_cache=True, logits_to_keep=1),
    )
    whole, attention = _at(
        _products(demand.prefill_parts(shape, "fp32")),
        batch=2.0,
        input_tokens=float(CACHED + NEW),
        cached_tokens=float(CACHED),
    )
    masked = (NEW * CACHED + NEW * (NEW + 1) / 2) / (NEW * (CACHED + NEW))
    assert counted == pytest.approx(whole - attention + attention / masked, rel=0.005)

    counted, _ = _counted(torch, lambda: model(tokens[:, -1:], past_key_values=after.past_key_values))
    context = float(CACHED + NEW + 1)
    whole, attention = _at(_products(demand.decode_parts(shape, "fp32")), batch=2.0, context_tokens=context)
    if shape.kv_lora_rank:  # transformers expands the cache in decodes, too; engines absorb the projections instead
        expanded = {"batch": 2.0, "input_tokens": context, "cached_tokens": context - 1}
        whole = _at(_products(demand.prefill_parts(shape, "fp32")), **expanded)[0]
    assert counted == pytest.approx(whole, rel=0.005)


def test_latent_attention_absorbed() -> None:
    """A step of an engine: queries meet the compressed entries, which all heads share."""
    torch, _ = _torch()
    shape = ModelShape(
        "latent", "decoder", layers=1, hidden=64, heads=4, kv_heads=4, head_dim=16, intermediate=8, vocab=2,
        kv_lora_rank=24, q_lora_rank=12, qk_rope_head_dim=8, value_head_dim=20,
    )  # fmt: skip
    context, empty = 33, torch.zeros

    def step() -> None:
        x, cache = empty(1, 64), empty(context, 24 + 8)
        query = (x @ empty(64, 12) @ empty(12, 4 * (16 + 8))).view(4, 1, 24)
        _ = x @ empty(64, 24 + 8)
        absorbed = torch.cat((query[..., :16] @ empty(4, 16, 24), query[..., 16:]), -1)
        seen = (absorbed @ cache.T) @ cache[:, :24]
        _ = (seen @ empty(4, 24, 20)).view(1, 80) @ empty(80, 64)
        _ = (x @ empty(64, 8), x @ empty(64, 8), empty(1, 8) @ empty(8, 64), x @ empty(64, 2))

    counted, _ = _counted(torch, step)
    assert counted == _at(demand.decode(shape, "fp32"), context_tokens=float(context))[0]


def test_linear_attention() -> None:
    """A prefill in chunks of 64, as the reference of the gated delta rule takes it.

    torch counts the short convolutions, which we do not, and no solution of triangular systems, which are two more
    products of a chunk.
    """
    torch, model, shape = _model("Qwen3Next", HYBRID)
    tokens = torch.randint(1, 300, (1, 128))
    counted, _ = _counted(torch, lambda: model(tokens, logits_to_keep=1))
    whole, attention = _at(_products(demand.prefill_parts(shape, "fp32")), input_tokens=128.0)
    keys, values, heads = 2 * 32, 4 * 32, 4
    convolutions = 128 * 2 * 4 * (2 * keys + values)
    solutions = 128 * heads * 2 * 64 * (32 + 32)
    assert shape.linear_layers == 3
    pairs = 4.0 * shape.heads * shape.head_dim
    expected = whole + pairs * (128 * 128 - 128 * 129 / 2) + 3 * (convolutions - solutions)
    assert counted == pytest.approx(expected, rel=0.002)
    assert attention > pairs * 128 * 129 / 2


def test_a_draft_is_verified_in_one_step() -> None:
    torch, model, shape = _model("Llama", DENSE)
    tokens = torch.randint(1, 300, (1, 20 + 5))
    before = model(tokens[:, :20], use_cache=True).past_key_values
    counted, _ = _counted(torch, lambda: model(tokens[:, 20:], past_key_values=before))
    whole, attention = _at(_products(demand.decode_parts(shape, "fp32", None, 5)), context_tokens=21.0)
    assert counted == pytest.approx(whole - attention + attention * (5 * 25) / (5 * (21 + 2)), rel=1e-6)


def test_encoders_of_text() -> None:
    torch, transformers = _torch()
    sizes = {"vocab_size": 90, "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
    for family in ("Bert", "XLMRoberta"):
        config = getattr(transformers, f"{family}Config")(**sizes, intermediate_size=200)
        config._attn_implementation = "eager"
        model = getattr(transformers, f"{family}Model")(config, add_pooling_layer=False).eval()
        shape = model_from_config(config.to_dict())
        counted, _ = _counted(torch, lambda model=model: model(torch.randint(1, 80, (6, 21))))
        work = (
            demand.embed(shape, "fp32").flops["fp32"].evaluate({"batch": 2.0, "documents": 3.0, "input_tokens": 21.0})
        )
        assert counted == pytest.approx(work, rel=1e-9)


def test_encoder_of_images() -> None:
    """Beside the layers, the patches are projected, and one more position stands for the whole image."""
    torch, transformers = _torch()
    sizes = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 200}
    config = transformers.CLIPVisionConfig(**sizes, image_size=256, patch_size=8)
    config._attn_implementation = "eager"
    model = transformers.CLIPVisionModel(config).eval()
    counted, _ = _counted(torch, lambda: model(torch.zeros(1, 3, 256, 256)))
    shape = model_from_config(config.to_dict())
    work = demand.vision(shape, "fp32").flops["fp32"].evaluate({"batch": 1.0, "pixels": 256.0**2})
    projected = 32 * 32 * 2.0 * 3 * 8 * 8 * 64
    assert work + projected == pytest.approx(counted, rel=0.003)


def test_recognizer_of_speech() -> None:
    torch, transformers = _torch()
    sizes = {"d_model": 64, "encoder_layers": 3, "decoder_layers": 2, "encoder_ffn_dim": 160, "decoder_ffn_dim": 160}
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}
    rest = {"vocab_size": 100, "num_mel_bins": 40, "max_source_positions": 150, "pad_token_id": 0}
    config = transformers.WhisperConfig(**sizes, **heads, **rest, decoder_start_token_id=1)
    config._attn_implementation = "eager"
    model, steps = transformers.WhisperForConditionalGeneration(config).eval(), 6

    def speak() -> None:
        heard, past = model.model.encoder(torch.zeros(1, 40, 300)), None
        for _ in range(steps):
            token = torch.ones(1, 1, dtype=torch.long)
            past = model(encoder_outputs=heard, decoder_input_ids=token, past_key_values=past).past_key_values

    counted, _ = _counted(torch, speak)
    shape = model_from_config(config.to_dict())
    env = {"batch": 1.0, "audio_seconds": 12.0, "output_tokens": float(steps)}
    whole = sum(f.evaluate(env) for f in demand.unroll(demand.transcribe(shape, "fp32")).flops.values())
    assert whole == pytest.approx(counted, rel=0.005)


def _attend(torch: Any, nn: Any, x: Any, seen: Any, width: int) -> Any:
    """Attention in plain torch, one head: its width does not change what is counted."""
    inner, outer = x.shape[-1], seen.shape[-1]
    query, keys = nn.Linear(inner, width)(x), nn.Linear(outer, width)(seen)
    return nn.Linear(width, inner)(torch.softmax(query @ keys.mT, -1) @ nn.Linear(outer, width)(seen))


@pytest.mark.parametrize("reads", ["joint", "cross", "class"])
def test_diffusion_transformers(reads: Any) -> None:
    torch, _ = _torch()
    nn, h, text = torch.nn, 48, 5
    shape = ModelShape(
        "dit", "diffusion", layers=3, hidden=h, heads=4, kv_heads=4, head_dim=12, intermediate=4 * h,
        gated_mlp=False, latent_tokens=4096, conditioning=reads,
    )  # fmt: skip

    def denoise() -> None:
        x, words = torch.zeros(2, 16, h), torch.zeros(2, text, h)
        x = torch.cat((x, words), 1) if reads == "joint" else x
        for _ in range(3):
            x = x + _attend(torch, nn, x, x, h)
            x = x + _attend(torch, nn, x, words, h) if reads == "cross" else x
            x = x + nn.Linear(4 * h, h)(nn.Linear(h, 4 * h)(x))

    counted, _ = _counted(torch, denoise)
    env = {"batch": 2.0, "pixels": 16 * 256.0, "input_tokens": float(text), "steps": 7.0}
    work = demand.diffuse(shape, "fp32")
    assert work.flops["fp32"].evaluate(env) == counted
    assert work.repeats.evaluate(env) == 7


UNET = ModelShape(
    "unet", "diffusion", layers=3, hidden=8, unet_channels=(8, 16, 24), unet_depths=(0, 1, 2), unet_resnets=2,
    unet_middle=2, cross_dim=20, conditioning="cross",
)  # fmt: skip


def _unet(torch: Any, side: int, words: Any) -> float:
    """A pass of ``UNET`` in plain torch, built up as in diffusers; returns the parameters that it used."""
    nn, used = torch.nn, [0]

    def keep(module: Any) -> Any:
        used[0] += sum(p.numel() for name, p in module.named_parameters() if "bias" not in name)
        return module

    def resnet(x: Any, channels: int) -> Any:
        inner = keep(nn.Conv2d(x.shape[1], channels, 3, padding=1))(x)
        inner = keep(nn.Conv2d(channels, channels, 3, padding=1))(inner)
        return inner + (x if x.shape[1] == channels else keep(nn.Conv2d(x.shape[1], channels, 1))(x))

    def attend(x: Any, seen: Any) -> Any:
        c = x.shape[-1]
        query, keys, values = (
            keep(nn.Linear(c, c)),
            keep(nn.Linear(seen.shape[-1], c)),
            keep(nn.Linear(seen.shape[-1], c)),
        )
        return keep(nn.Linear(c, c))(torch.softmax(query(x) @ keys(seen).mT, -1) @ values(seen))

    def transformer(x: Any, depth: int) -> Any:
        if not depth:
            return x
        c, shape = x.shape[1], x.shape
        y = keep(nn.Linear(c, c))(x.flatten(2).mT)
        for _ in range(depth):
            y = y + attend(y, y)
            y = y + attend(y, words)
            gate, up = keep(nn.Linear(c, 8 * c))(y).chunk(2, -1)
            y = y + keep(nn.Linear(4 * c, c))(gate * up)
        return x + keep(nn.Linear(c, c))(y).mT.reshape(shape)

    def conv(x: Any, channels: int, stride: int = 1) -> Any:
        return keep(nn.Conv2d(x.shape[1], channels, 3, stride, 1))(x)

    channels, depths = UNET.unet_channels, UNET.unet_depths
    x = conv(torch.zeros(len(words), 4, side, side), channels[0])
    skips = [x]
    for level, (width, depth) in enumerate(zip(channels, depths, strict=True)):
        for _ in range(UNET.unet_resnets):
            x = transformer(resnet(x, width), depth)
            skips.append(x)
        if level < len(channels) - 1:
            x = conv(x, width, 2)
            skips.append(x)
    x = resnet(transformer(resnet(x, channels[-1]), UNET.unet_middle), channels[-1])
    for level in reversed(range(len(channels))):
        for _ in range(UNET.unet_resnets + 1):
            x = transformer(resnet(torch.cat((x, skips.pop()), 1), channels[level]), depths[level])
        if level:
            x = conv(nn.functional.interpolate(x, scale_factor=2), x.shape[1])
    conv(x, 4)
    return float(used[0])


def test_unet() -> None:
    torch, _ = _torch()
    counted, used = _counted(torch, lambda: _unet(torch, 16, torch.zeros(2, 7, 20)))
    env = {"batch": 2.0, "pixels": 64.0 * 16 * 16, "input_tokens": 7.0}
    assert unet_pass(UNET, "fp32").flops["fp32"].evaluate(env) == counted
    time = 8 * 32 + 32 * 32 + 32 * (5 * (8 + 16 + 24) + 2 * 24)
    assert unet_parameters(UNET) == used + time


@pytest.mark.parametrize(("name", "billions"), [("sdxl", 2.567), ("stable-diffusion-1.5", 0.8595)])
def test_published_unets(name: str, billions: float) -> None:
    assert unet_parameters(catalog.model(name)) == pytest.approx(billions * 1e9, rel=0.005)
