"""Models by architecture: the shape that work formulas and code generation need."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

ModelKind: TypeAlias = Literal["decoder", "stt", "tts", "embedding", "rerank", "diffusion", "vision", "hosted"]


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The architecture of a model. Token-wise fields are zero where a kind has no use for them."""

    name: str
    kind: ModelKind
    layers: int = 0
    hidden: int = 0
    heads: int = 0
    kv_heads: int = 0
    head_dim: int = 0
    intermediate: int = 0
    vocab: int = 0
    gated_mlp: bool = True
    tied_embeddings: bool = False
    experts: int = 0
    """Routed experts per layer; 0 for a dense model."""
    experts_per_token: int = 0
    expert_intermediate: int = 0
    shared_experts: int = 0
    dense_layers: int = 0
    """Leading layers of a mixture-of-experts model that are dense."""
    sliding_window: int = 0
    """Tokens that a local-attention layer sees; 0 where attention is full."""
    full_attention_every: int = 1
    """With a sliding window, every n-th layer sees everything; 1: no layer does."""
    kv_lora_rank: int = 0
    """Width of the compressed KV entry of multi-head latent attention; 0 without it."""
    qk_rope_head_dim: int = 0
    q_lora_rank: int = 0
    """Width of the compressed query of multi-head latent attention; 0 where queries are projected directly."""
    index_heads: int = 0
    """Heads of the index by which sparse attention picks tokens (DeepSeek sparse attention); 0 without it."""
    four_bit: Literal["all", "experts"] = "all"
    """What 4-bit checkpoints quantize: every matrix, or the routed experts only, the rest staying in 16 bit."""
    encoder_layers: int = 0
    """Encoder depth of an encoder-decoder (speech-to-text)."""
    frames_per_second: float = 0.0
    """Encoder positions per second of audio (Whisper: 50), or codec frames per second (text-to-speech)."""
    max_tokens: int = 0
    embedding_dim: int = 0
    latent_tokens: int = 0
    """Sequence length of a diffusion transformer at 1024 x 1024 pixels."""
    parameters: float = 0.0
    """Stated total; 0 to derive it from the shape."""
    source: str = ""
