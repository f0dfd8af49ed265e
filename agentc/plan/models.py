"""Models by architecture: the shape that work formulas and code generation need."""

from typing import Literal, TypeAlias

from agentc.support.record import record

ModelKind: TypeAlias = Literal["decoder", "stt", "tts", "embedding", "rerank", "diffusion", "vision", "hosted"]


@record(slots=True)
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
    shared_intermediate: int = 0
    """Width of a shared expert; 0: that of a routed one."""
    dense_layers: int = 0
    """Leading layers of a mixture-of-experts model that are dense."""
    sliding_window: int = 0
    """Tokens that a local-attention layer sees; 0 where attention is full."""
    full_attention_every: int = 1
    """With a sliding window, every n-th layer sees everything; 1: no layer does."""
    full_attention_layers: int = 0
    """With a sliding window, how many layers see everything, where no period gives their number; else 0."""
    value_head_dim: int = 0
    """Width of a head of the values; 0: as wide as ``head_dim``, which is that of queries and keys (with latent
    attention, of their part without rotary positions)."""
    attention_gate: bool = False
    """Whether a gate as wide as the queries scales what attention gives (Qwen3-Next)."""
    linear_layers: int = 0
    """Layers of linear attention, whose cache is a state of fixed size (gated delta rule, lightning attention)."""
    linear_key_heads: int = 0
    linear_value_heads: int = 0
    linear_key_dim: int = 0
    linear_value_dim: int = 0
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
    mel_bands: int = 0
    """Bands of the spectrogram that a speech recognizer hears; 0: 128, as in Whisper large-v3."""
    max_tokens: int = 0
    embedding_dim: int = 0
    latent_tokens: int = 0
    """Sequence length of a diffusion transformer or vision encoder at 1024 x 1024 pixels."""
    conditioning: Literal["joint", "cross", "class"] = "joint"
    """How a diffusion transformer reads its text: in one sequence with the image, by cross attention, or not at all."""
    unet_channels: tuple[int, ...] = ()
    """Channels of a UNet's levels, from the full resolution down; empty for a transformer."""
    unet_depths: tuple[int, ...] = ()
    """Transformer blocks after each residual block of a level; 0 where a level has no attention."""
    unet_resnets: int = 0
    """Residual blocks of a level on the way down; on the way up there is one more."""
    unet_middle: int = 0
    """Transformer blocks between the two ways."""
    cross_dim: int = 0
    """Width of the text that a UNet's cross attention reads."""
    parameters: float = 0.0
    """Stated total; 0 to derive it from the shape."""
    source: str = ""


@record(slots=True)
class Draft:
    """Speculative decoding: ``model`` proposes ``tokens``, each accepted with probability ``acceptance``."""

    model: ModelShape
    tokens: int
    acceptance: float
    precision: str = ""
    """Of the draft's weights; empty: as the model that checks."""
