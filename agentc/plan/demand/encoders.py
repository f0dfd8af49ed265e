"""Work of encoders, whose positions all attend to each other: embedding, rerank, vision.

Symbols: ``documents`` texts per request, ``input_tokens`` of each text, ``pixels`` of one image.
"""

from agentc.plan.demand.algebra import add
from agentc.plan.demand.decoder import BATCH, INPUT
from agentc.plan.demand.precision import activation_precision, width
from agentc.plan.demand.shape import attention_parameters, mlp_parameters, weights_bytes
from agentc.plan.formula import Formula, constant, symbol
from agentc.plan.models import ModelShape
from agentc.plan.work import Work

DOCUMENTS = symbol("documents")
PIXELS = symbol("pixels")
MEGAPIXEL = 1024.0 * 1024.0


def embed(shape: ModelShape, precision: str) -> Work:
    """A bidirectional encoder over ``documents`` texts of ``input_tokens`` for each of ``batch`` requests.

    Linear layers 2 x parameters x tokens; attention 4 h FLOP for each of the n^2 pairs of a text and layer
    (BERT, arXiv 1810.04805; mean pooling and normalization are below 0.1 %).
    """
    texts = BATCH * DOCUMENTS
    layers = stack(shape, shape.layers, precision, texts, INPUT, INPUT)
    vectors = texts * (max(shape.embedding_dim, 1) * 4.0)
    return add((layers, Work(weights_bytes=constant(weights_bytes(shape, precision)), network_bytes=vectors)))


def rerank(shape: ModelShape, precision: str) -> Work:
    """A cross-encoder over ``documents`` pairs of query and document, ``input_tokens`` each: one score a pair."""
    layers = stack(shape, shape.layers, precision, BATCH * DOCUMENTS, INPUT, INPUT)
    scores = BATCH * DOCUMENTS * 4.0
    return add((layers, Work(weights_bytes=constant(weights_bytes(shape, precision)), network_bytes=scores)))


def vision(shape: ModelShape, precision: str) -> Work:
    """A vision transformer over one image of ``pixels`` (ViT, arXiv 2010.11929).

    Positions: ``latent_tokens`` at 1024 x 1024 pixels, in proportion to the pixels.
    """
    positions = PIXELS * (shape.latent_tokens / MEGAPIXEL)
    layers = stack(shape, shape.layers, precision, BATCH, positions, positions)
    element = width(activation_precision(precision))
    out = BATCH * positions * (max(shape.embedding_dim, shape.hidden) * element)
    return add((layers, Work(weights_bytes=constant(weights_bytes(shape, precision)), network_bytes=out)))


def stack_parameters(shape: ModelShape, layers: int) -> float:
    """Parameters of ``layers`` layers of ``shape``, norms apart."""
    return layers * (attention_parameters(shape) + mlp_parameters(shape, shape.intermediate))


def stack(
    shape: ModelShape, layers: int, precision: str, sequences: Formula, positions: Formula, seen: Formula
) -> Work:
    """``layers`` transformer layers over ``sequences`` of ``positions``, each seeing ``seen`` positions."""
    weights, native = stack_parameters(shape, layers), activation_precision(precision)
    tokens, element = sequences * positions, width(native)
    pairs = tokens * seen * (layers * 4 * shape.heads * shape.head_dim)
    linear = tokens * (2 * weights)
    q = shape.heads * shape.head_dim
    moved = tokens * (layers * (10 * shape.hidden + 8 * q + (6 if shape.gated_mlp else 4) * shape.intermediate))
    flops = {precision: linear + pairs} if native == precision else {precision: linear, native: pairs}
    return Work(
        flops=flops,
        bytes_read=moved * (element / 2) + weights * width(precision),
        bytes_written=moved * (element / 2),
        activation_bytes=tokens * ((2 * shape.hidden + max(shape.intermediate, 3 * q)) * element),
        collective_bytes=tokens * (2 * layers * shape.hidden * element),
        collectives=constant(2 * layers),
    )
