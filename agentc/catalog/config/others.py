"""Shapes of encoders of text, images and speech, and of diffusion models, from their ``config.json``."""

from dataclasses import replace
from typing import Literal

from agentc.catalog.config.decoder import HEADS, HIDDEN, INNER, LAYERS
from agentc.catalog.config.fields import TALLEST, Fields, head_width
from agentc.plan.demand.unet import unet_parameters
from agentc.plan.models import ModelShape

MEGAPIXEL_SIDE = 1024
AUTOENCODER = 8
"""Pixels of a side per position of a latent's side, in all families that are read."""
CROSS_BLOCKS = ("CrossAttnDownBlock2D", "DownBlock2D")
"""Blocks of a UNet: with transformers, and without."""


def encoder_shape(fields: Fields, name: str, family: str) -> ModelShape:
    """BERT and its kin. A head for one label per pair of texts makes a cross-encoder."""
    architectures = " ".join(map(str, fields.listed("architectures")))
    hidden, heads = fields.count(*HIDDEN), fields.count(*HEADS)
    rerank = "SequenceClassification" in architectures
    return ModelShape(
        name=name,
        kind="rerank" if rerank else "embedding",
        layers=fields.count(*LAYERS, most=TALLEST),
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=head_width(fields, fields.stated(*HIDDEN) or HIDDEN[0], hidden, heads),
        intermediate=fields.count("hidden_dim", *INNER, default=4 * hidden) or 4 * hidden,
        vocab=fields.count("vocab_size"),
        gated_mlp=False,
        max_tokens=fields.count("max_position_embeddings", default=0),
        embedding_dim=hidden,
        source=f"{fields.config.file} ({family})",
    )


def vision_shape(fields: Fields, name: str, family: str) -> ModelShape:
    """A vision transformer: as many positions as patches, at 1024 x 1024 pixels."""
    fields = fields.part("vision_config") if fields.stated("vision_config") else fields
    hidden, heads = fields.count("hidden_size"), fields.count("num_attention_heads")
    patch, side = fields.count("patch_size"), fields.count("image_size", default=224)
    if patch > side:
        fields.config.fail("patch_size", f"is {patch}, more than the image of {side} pixels")
    return ModelShape(
        name=name,
        kind="vision",
        layers=fields.count("num_hidden_layers", most=TALLEST),
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=head_width(fields, "hidden_size", hidden, heads),
        intermediate=fields.count("intermediate_size", default=4 * hidden),
        gated_mlp=False,
        embedding_dim=fields.count("projection_dim", default=hidden),
        latent_tokens=round((MEGAPIXEL_SIDE / patch) ** 2),
        source=f"{fields.config.file} ({family})",
    )


def whisper_shape(fields: Fields, name: str) -> ModelShape:
    """Whisper: encoder and decoder have one width."""
    hidden, heads = fields.count("d_model"), fields.count("decoder_attention_heads")
    inner = fields.count("decoder_ffn_dim")
    return ModelShape(
        name=name,
        kind="stt",
        layers=fields.count("decoder_layers", most=TALLEST),
        encoder_layers=fields.count("encoder_layers", most=TALLEST),
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=head_width(fields, "d_model", hidden, heads),
        intermediate=inner,
        vocab=fields.count("vocab_size"),
        gated_mlp=False,
        tied_embeddings=True,
        mel_bands=fields.count("num_mel_bins", default=80),
        frames_per_second=fields.count("max_source_positions", default=1500) / 30,
        max_tokens=fields.count("max_target_positions", default=448),
        source=f"{fields.config.file} (whisper)",
    )


def transformer_shape(fields: Fields, name: str, kind: str) -> ModelShape:
    """A diffusion transformer of diffusers: DiT, PixArt, Stable Diffusion 3, Flux.

    Of a Flux, double and single blocks are layers alike: a token passes 12 h^2 parameters in either. Second attention
    of Stable Diffusion 3.5 medium is not counted.
    """
    heads, head_dim = fields.count("num_attention_heads"), fields.count("attention_head_dim")
    hidden = heads * head_dim
    layers = fields.count("num_layers", most=TALLEST) + fields.count("num_single_layers", default=0, most=TALLEST)
    patch = 2 if kind == "FluxTransformer2DModel" else fields.count("patch_size")
    reads = _conditioning(fields, kind)
    blocks = {"joint": _joint_blocks(fields, layers), "cross": 16.0 * layers, "class": 18.0 * layers}[reads]
    return ModelShape(
        name=name,
        kind="diffusion",
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=head_dim,
        intermediate=4 * hidden,
        gated_mlp=False,
        latent_tokens=(MEGAPIXEL_SIDE // AUTOENCODER // patch) ** 2 if patch <= MEGAPIXEL_SIDE // AUTOENCODER else 1,
        conditioning=reads,
        parameters=float(hidden * hidden) * blocks,
        source=f"{fields.config.file} ({kind}; embeddings and final layer are not in its parameters)",
    )


def _conditioning(fields: Fields, kind: str) -> Literal["joint", "cross", "class"]:
    """How the text is read. A DiT knows classes only; the first PixArts are saved as ``Transformer2DModel``."""
    if kind in ("FluxTransformer2DModel", "SD3Transformer2DModel"):
        return "joint"
    cross = kind == "PixArtTransformer2DModel" or fields.stated("cross_attention_dim") is not None
    return "class" if kind == "DiTTransformer2DModel" or not cross else "cross"


def _joint_blocks(fields: Fields, layers: int) -> float:
    """Parameters over h^2: a double block has weights and modulation (6 h^2) for text and image apart, a single one
    (of Flux) 12 h^2 and a modulation of 3 h^2."""
    single = fields.count("num_single_layers", default=0, most=TALLEST)
    return 36.0 * (layers - single) + 15.0 * single


def unet_shape(fields: Fields, name: str) -> ModelShape:
    """``UNet2DConditionModel`` of diffusers.

    Raises:
        ConfigError: A field is missing or wrong, or a block is of a kind that no work formula counts.
    """
    channels = tuple(fields.checked("block_out_channels", c, 1, 10**6) for c in fields.listed("block_out_channels"))
    if not channels:
        fields.lacking(("block_out_channels",))
    blocks = fields.listed("down_block_types") or (CROSS_BLOCKS[0],) * (len(channels) - 1) + (CROSS_BLOCKS[1],)
    if len(blocks) != len(channels):
        rest = f"has {len(blocks)} entries for the {len(channels)} levels of `block_out_channels`"
        fields.config.fail("down_block_types", rest)
    for block in blocks:
        if block not in CROSS_BLOCKS:
            fields.config.fail("down_block_types", f"has `{block}`, which no work formula counts")
    depth = (1,) * len(channels)
    if fields.stated("transformer_layers_per_block"):
        depth = fields.counts("transformer_layers_per_block", len(channels), TALLEST)
    resnets = fields.count("layers_per_block", default=2, most=TALLEST)
    shape = ModelShape(
        name=name,
        kind="diffusion",
        layers=len(channels),
        hidden=channels[0],
        unet_channels=channels,
        unet_depths=tuple(d if block == CROSS_BLOCKS[0] else 0 for d, block in zip(depth, blocks, strict=True)),
        unet_resnets=resnets or 1,
        unet_middle=depth[-1],
        cross_dim=fields.count("cross_attention_dim", default=1280),
        conditioning="cross",
        source=f"{fields.config.file} (UNet2DConditionModel)",
    )
    return replace(shape, parameters=unet_parameters(shape))
