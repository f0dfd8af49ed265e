"""The schema of the catalog's own tables: strict, so that a wrong row fails when it is first read."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Precision = Literal["fp32", "tf32", "bf16", "fp16", "fp8", "int8", "fp4"]


class Row(BaseModel):
    """A row of a table: no unknown fields, no coercion of text to numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class PaperRow(Row):
    """What ``paper.yaml`` puts in place of a device's figures; an empty row keeps them."""

    price_usd: Positive | None = None
    memory_gb: Positive | None = None
    bandwidth_gbs: Positive | None = None
    tflops: dict[Precision, Positive] | None = None
    scale_up_size: Annotated[int, Field(ge=1)] | None = None
    operating_usd_per_hour: Positive | None = None


class ModelRow(Row):
    """One model of ``models.yaml``: fields as in ``agentc.plan.models.ModelShape``."""

    aliases: list[str] = []
    estimated: bool = False
    """Whether some of it is inferred: the source says what."""
    kind: Literal["decoder", "stt", "tts", "embedding", "rerank", "diffusion", "vision"] = "decoder"
    layers: Annotated[int, Field(ge=1)]
    encoder_layers: Count = 0
    hidden: Annotated[int, Field(ge=1)]
    heads: Annotated[int, Field(ge=1)]
    kv_heads: Annotated[int, Field(ge=1)]
    head_dim: Annotated[int, Field(ge=1)]
    intermediate: Annotated[int, Field(ge=1)]
    vocab: Count = 0
    gated_mlp: bool = True
    tied_embeddings: bool = False
    experts: Count = 0
    experts_per_token: Count = 0
    expert_intermediate: Count = 0
    shared_experts: Count = 0
    shared_intermediate: Count = 0
    dense_layers: Count = 0
    sliding_window: Count = 0
    full_attention_every: Count = 1
    full_attention_layers: Count = 0
    value_head_dim: Count = 0
    attention_gate: bool = False
    linear_layers: Count = 0
    linear_key_heads: Count = 0
    linear_value_heads: Count = 0
    linear_key_dim: Count = 0
    linear_value_dim: Count = 0
    kv_lora_rank: Count = 0
    q_lora_rank: Count = 0
    qk_rope_head_dim: Count = 0
    index_heads: Count = 0
    four_bit: Literal["all", "experts"] = "all"
    frames_per_second: Annotated[float, Field(ge=0, strict=False)] = 0.0
    max_tokens: Count = 0
    embedding_dim: Count = 0
    mel_bands: Count = 0
    latent_tokens: Count = 0
    conditioning: Literal["joint", "cross", "class"] = "joint"
    unet_channels: Annotated[tuple[int, ...], Field(strict=False)] = ()
    unet_depths: Annotated[tuple[int, ...], Field(strict=False)] = ()
    unet_resnets: Count = 0
    unet_middle: Count = 0
    cross_dim: Count = 0
    billions: Positive
    source: str
