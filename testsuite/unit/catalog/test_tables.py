"""Every row of the catalog's own tables keeps its schema: strict, since what reads them trusts them."""

from importlib import resources
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import Field

from agentc.catalog.data_files import table
from agentc.catalog.device_file import Precision, Row
from agentc.catalog.models import model
from agentc.plan.models import ModelShape

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


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


def whole(name: str) -> dict[str, Any]:
    """A table, read at once by PyYAML."""
    text = resources.files("agentc.catalog").joinpath("data", f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


@pytest.mark.parametrize("name", whole("models"))
def test_a_model_is_what_its_row_says(name: str) -> None:
    row = ModelRow.model_validate(whole("models")[name])
    fields = row.model_dump(exclude={"billions", "aliases", "estimated"})
    expected = ModelShape(name=name, parameters=row.billions * 1e9, **fields)
    assert repr(model(name)) == repr(expected)


@pytest.mark.parametrize("name", whole("paper"))
def test_rows_of_the_paper_profile(name: str) -> None:
    PaperRow.model_validate(whole("paper")[name] or {})


@pytest.mark.parametrize("name", ["models", "devices", "paper", "power", "sources"])
def test_a_table_read_by_rows_is_the_table(name: str) -> None:
    assert dict(table(name)) == whole(name)
