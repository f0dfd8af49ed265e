"""How many bytes a step's value has when it travels to the next, as a formula of the step's own figures.

Sizes that nothing states are orders of magnitude; beside audio, pictures and KV caches they never matter.
"""

from collections.abc import Mapping

from xdsl.dialects.builtin import DYNAMIC_INDEX, FixedBitwidthType, TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from agentc.dialects import agent, expert, kv, tool
from agentc.plan import demand
from agentc.plan.formula import ONE, ZERO, Formula, constant, symbol
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work

TEXT_BYTES_PER_TOKEN = 4.0
"""English text: about four characters a token."""
AUDIO_BYTES_PER_SECOND = 32_000.0
"""16 kHz, 16 bit, one channel: what speech models read."""
IMAGE_BYTES_PER_PIXEL = 3.0
"""Red, green and blue, uncompressed."""
TEXT_BYTES = 4096.0
"""A text, record or list of unknown length: a page."""
DOCUMENT_BYTES = 2048.0
"""One passage of a retrieval store."""
DOCUMENTS = 10.0
EMBEDDING_BYTES = 4096.0
"""1,024 elements of 4 bytes."""


def payload(value: SSAValue, work: Work, shape: Mapping[str, Quantity]) -> Formula:
    """Bytes of ``value``, the result of an op of this work and shape, for one request."""
    match value.type:
        case expert.RoutingType() | expert.HiddenType() | tool.HandleType():
            return ZERO
        case kv.CacheType():
            return _cache(value) or _stated(work)
        case agent.TextType() if "output_tokens" in shape:
            return symbol("output_tokens") * TEXT_BYTES_PER_TOKEN
        case agent.AudioType() if "audio_seconds" in shape:
            return symbol("audio_seconds") * AUDIO_BYTES_PER_SECOND
        case agent.ImageType() if "pixels" in shape:
            return symbol("pixels") * IMAGE_BYTES_PER_PIXEL
        case TensorType() as tensor:
            return constant(_tensor_bytes(tensor))  # pyright: ignore[reportUnknownArgumentType]
        case type_:
            return _stated(work) if work.network_bytes != ZERO else constant(_usual(type_))


def _cache(value: SSAValue) -> Formula | None:
    """The cache that a hand-over behind ``value`` carries."""
    from agentc.dialects.model import spec_of

    owner = value.owner
    if isinstance(owner, Operation) and "model" in owner.properties:
        spec = spec_of(owner)
        return demand.kv_cache_bytes(spec.shape.data, spec.cache_precision)
    return None


def _stated(work: Work) -> Formula:
    return work.network_bytes.substitute({"batch": ONE})


def _tensor_bytes(tensor: "TensorType[Attribute]") -> float:
    """Bytes of a tensor; 1,024 stands for an unknown size."""
    element = tensor.element_type
    width = element.bitwidth / 8 if isinstance(element, FixedBitwidthType) else 4.0
    for size in tensor.get_shape():
        width *= 1024.0 if size == DYNAMIC_INDEX else float(size)
    return width


def _usual(type_: Attribute) -> float:
    match type_:
        case agent.EmbeddingType():
            return EMBEDDING_BYTES
        case agent.DocumentsType():
            return DOCUMENT_BYTES * DOCUMENTS
        case agent.AudioType():
            return 10.0 * AUDIO_BYTES_PER_SECOND
        case agent.ImageType():
            return 1024.0 * 1024.0 * IMAGE_BYTES_PER_PIXEL
        case _:
            return TEXT_BYTES
