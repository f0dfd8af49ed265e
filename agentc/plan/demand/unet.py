"""Work of a UNet of latent diffusion (arXiv 2112.10752; SDXL: 2307.01952), read off its levels.

Blocks are those of diffusers' ``UNet2DConditionModel``: a residual block is two 3 x 3 convolutions (and a 1 x 1 one
where the channels change); a transformer block is self attention, cross attention to the text and a GEGLU of width
4 C, between two projections. Biases, norms and the per-image embeddings of time are left out (below 0.5 %).
"""

from collections.abc import Iterator

from agentc.plan.demand.algebra import add
from agentc.plan.demand.decoder import BATCH, INPUT
from agentc.plan.demand.encoders import PIXELS
from agentc.plan.demand.precision import activation_precision, width
from agentc.plan.formula import constant
from agentc.plan.models import ModelShape
from agentc.plan.work import Work
from agentc.support.record import record

LATENT_PIXELS = 64.0
"""Pixels of an image per position of its latent: the autoencoder halves each side three times."""
LATENT_CHANNELS = 4


@record(slots=True)
class Block:
    """One block at ``level``: the picture has ``4 ** level`` fewer positions than the latent."""

    level: int
    weights: float
    """Parameters that act on every position."""
    moved: float
    """Activation elements that a position moves through memory."""
    depth: int = 0
    """Transformer blocks in it."""
    channels: int = 0
    cross: float = 0.0
    """Parameters that act on every token of the text."""


def unet_blocks(shape: ModelShape) -> Iterator[Block]:
    """The blocks of a pass, in its order."""
    channels, depths, last = shape.unet_channels, shape.unet_depths, len(shape.unet_channels) - 1
    yield _convolution(0, LATENT_CHANNELS, channels[0])
    kept, current = [channels[0]], channels[0]
    for level, (width_, depth) in enumerate(zip(channels, depths, strict=True)):
        for _ in range(shape.unet_resnets):
            yield from _resnet(shape, level, current, width_, depth)
            current = width_
            kept.append(current)
        if level < last:
            yield _convolution(level + 1, current, current)
            kept.append(current)
    yield from _resnet(shape, last, current, current, shape.unet_middle)
    yield from _resnet(shape, last, current, current, 0)
    for level in reversed(range(len(channels))):
        for _ in range(shape.unet_resnets + 1):
            yield from _resnet(shape, level, current + kept.pop(), channels[level], depths[level])
            current = channels[level]
        if level:
            yield _convolution(level - 1, current, current)
    yield _convolution(0, current, LATENT_CHANNELS)


def unet_parameters(shape: ModelShape) -> float:
    """Parameters of all blocks and of the projections of the time embedding into each residual block."""
    time = 4 * shape.unet_channels[0]
    return sum(block.weights + block.cross for block in unet_blocks(shape)) + _time_parameters(shape, time)


def unet_pass(shape: ModelShape, precision: str) -> Work:
    """One pass over ``batch`` latents of ``pixels``, with ``input_tokens`` of text each.

    A block at level l acts on N / 4^l positions: 2 x weights FLOP each; a transformer block of C channels adds
    4 C FLOP for each pair of positions and for each pair of position and text token.
    """
    return add((*(_block_work(block, precision) for block in unet_blocks(shape)), _held(shape, precision)))


def _held(shape: ModelShape, precision: str) -> Work:
    """What is in memory at the widest place: all that is kept for the way up, and both sides of a convolution."""
    kept = sum((shape.unet_resnets + 1) * channels / 4**level for level, channels in enumerate(shape.unet_channels))
    elements = kept + 3 * shape.unet_channels[0]
    return Work(activation_bytes=BATCH * PIXELS * (elements / LATENT_PIXELS * width(activation_precision(precision))))


def _block_work(block: Block, precision: str) -> Work:
    native = activation_precision(precision)
    positions = BATCH * PIXELS / (LATENT_PIXELS * 4**block.level)
    linear = positions * (2 * block.weights) + BATCH * INPUT * (2 * block.cross)
    seen = PIXELS / (LATENT_PIXELS * 4**block.level) + INPUT
    pairs = positions * seen * (4 * block.channels * block.depth)
    moved = positions * (block.moved * width(native) / 2)
    return Work(
        flops={precision: linear + pairs} if native == precision else {precision: linear, native: pairs},
        bytes_read=moved + constant((block.weights + block.cross) * width(precision)),
        bytes_written=moved,
    )


def _convolution(level: int, before: int, after: int, size: int = 3) -> Block:
    return Block(level, size * size * before * after, before + after)


def _resnet(shape: ModelShape, level: int, before: int, after: int, depth: int) -> Iterator[Block]:
    """A residual block, and the transformer that follows it on levels that have one."""
    yield _convolution(level, before, after)
    yield _convolution(level, after, after)
    if before != after:
        yield _convolution(level, before, after, size=1)
    if depth:
        yield _transformer(shape, level, after, depth)


def _transformer(shape: ModelShape, level: int, channels: int, depth: int) -> Block:
    """Two projections, and ``depth`` blocks: 4 C^2 self attention, 2 C^2 cross attention, 12 C^2 GEGLU."""
    square = channels * channels
    return Block(
        level,
        weights=2 * square + depth * 18 * square,
        moved=4 * channels + depth * 40 * channels,
        depth=depth,
        channels=channels,
        cross=depth * 2 * channels * shape.cross_dim,
    )


def _time_parameters(shape: ModelShape, time: int) -> float:
    """Of the embedding of time, and its projection into each residual block."""
    first, resnets = shape.unet_channels[0], shape.unet_resnets
    blocks = sum(channels * (2 * resnets + 1) for channels in shape.unet_channels) + 2 * shape.unet_channels[-1]
    return first * time + time * time + time * blocks
