"""Work of one denoising pass of a diffusion model: a transformer, or a UNet.

Symbols: ``pixels`` of one image, ``input_tokens`` of the text, ``steps`` of the diffusion.
"""

from agentc.plan.demand.algebra import add, repeated
from agentc.plan.demand.decoder import BATCH, INPUT
from agentc.plan.demand.encoders import MEGAPIXEL, PIXELS, stack, stack_parameters
from agentc.plan.demand.precision import activation_precision, width
from agentc.plan.demand.shape import parameters, weights_bytes
from agentc.plan.demand.unet import unet_pass
from agentc.plan.formula import Formula, constant, symbol
from agentc.plan.models import ModelShape
from agentc.plan.work import Work

STEPS = symbol("steps")


def diffuse(shape: ModelShape, precision: str) -> Work:
    """One denoising pass of a diffusion model; repeats ``steps`` times.

    A transformer (DiT, arXiv 2212.09748): image positions as in ``vision``. Their text joins the sequence (MMDiT,
    arXiv 2403.03206), or is read by cross attention (PixArt, arXiv 2310.00426), or is no text (classes).
    A UNet: ``unet_pass``. A step of classifier-free guidance is two passes: state twice the steps for a model that
    needs it. Adaptive norms act per image, not per token; text encoder and image decoder are not counted.
    """
    once = unet_pass(shape, precision) if shape.unet_channels else _transformer_pass(shape, precision)
    image = PIXELS * BATCH * 3.0
    resident = Work(weights_bytes=constant(weights_bytes(shape, precision)), network_bytes=image / STEPS)
    return repeated(add((once, resident)), STEPS)


def _transformer_pass(shape: ModelShape, precision: str) -> Work:
    positions = PIXELS * (shape.latent_tokens / MEGAPIXEL)
    if shape.conditioning == "joint":
        positions = positions + INPUT
    layers = stack(shape, shape.layers, precision, BATCH, positions, positions)
    known = stack_parameters(shape, shape.layers)
    if shape.conditioning == "cross":
        layers, known = add((layers, _cross(shape, precision, positions))), known + _cross_parameters(shape)
    rest = max(parameters(shape) - known, 0.0) * width(precision)
    return add((layers, Work(bytes_read=constant(rest))))


def _cross_parameters(shape: ModelShape) -> float:
    return 4.0 * shape.layers * shape.hidden * shape.hidden


def _cross(shape: ModelShape, precision: str, positions: Formula) -> Work:
    """Cross attention of all layers: queries and output for image positions, keys and values for text tokens."""
    h, native = shape.hidden, activation_precision(precision)
    linear = BATCH * (positions + INPUT) * (4 * shape.layers * h * h)
    pairs = BATCH * positions * INPUT * (4 * shape.layers * h)
    moved = BATCH * (positions * 6 + INPUT * 3) * (shape.layers * h * width(native) / 2)
    return Work(
        flops={precision: linear + pairs} if native == precision else {precision: linear, native: pairs},
        bytes_read=moved + _cross_parameters(shape) * width(precision),
        bytes_written=moved,
    )
