"""A model's shape from its Hugging Face ``config.json``."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from agentc.catalog.config import families
from agentc.catalog.config.decoder import decoder_shape
from agentc.catalog.config.fields import Fields
from agentc.catalog.config.file import ConfigError, ConfigFile, language_part, read_config
from agentc.catalog.config.others import encoder_shape, transformer_shape, unet_shape, vision_shape, whisper_shape
from agentc.plan.demand.shape import parameters
from agentc.plan.models import ModelShape

__all__ = ["ConfigError", "model_from_config"]

MOST_PARAMETERS = 1e14
"""A hundred times the largest model that is published."""
DIFFUSERS = frozenset(
    (
        "DiTTransformer2DModel",
        "FluxTransformer2DModel",
        "PixArtTransformer2DModel",
        "SD3Transformer2DModel",
        "Transformer2DModel",
    )
)


def model_from_config(source: str | PathLike[str] | Mapping[str, Any], name: str | None = None) -> ModelShape:
    """The shape that a ``config.json`` states; ``source`` is its path, its directory or its content.

    Knows decoders (``families.PLAIN`` and ``UNGATED``), a multimodal file's ``text_config``, BERT-like encoders,
    vision transformers, Whisper, and diffusion transformers and UNets of diffusers. Another ``model_type`` is read as
    a decoder, if nothing in the file tells of more than attention and feed-forward blocks.

    Raises:
        ConfigError: It is no such file, lacks a field, or contradicts itself; the message names the file, the line, the
            field and the value.
    """
    whole = ConfigFile(dict(source), "config.json") if isinstance(source, Mapping) else read_config(Path(source))
    shape = _shape(whole, name)
    if parameters(shape) > MOST_PARAMETERS:
        whole.refuse(f"implies {parameters(shape):.2g} parameters, more than any model has")
    return shape


def _shape(whole: ConfigFile, name: str | None) -> ModelShape:
    fields = Fields(whole)
    if made := fields.text("_class_name"):
        return _diffusion(fields, made, name or made)
    family = fields.text("model_type")
    if family in families.VISION:
        return vision_shape(fields, name or family, family)
    if family == "whisper":
        return whisper_shape(fields, name or _called(fields, family))
    fields = Fields(language_part(whole))
    family = fields.text("model_type")
    read = encoder_shape if family in families.ENCODERS else decoder_shape
    return read(fields, name or _called(fields, family), family)


def _called(fields: Fields, family: str) -> str:
    return fields.text("_name_or_path") or family or "model"


def _diffusion(fields: Fields, made: str, name: str) -> ModelShape:
    if made == "UNet2DConditionModel":
        return unet_shape(fields, name)
    if made in DIFFUSERS:
        return transformer_shape(fields, name, made)
    known = ", ".join(sorted({*DIFFUSERS, "UNet2DConditionModel"}))
    fields.config.fail("_class_name", f"is `{made}`, which no work formula counts", f"known: {known}")
