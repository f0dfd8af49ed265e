"""Families of models by the ``model_type`` of their ``config.json``, and what it leaves unsaid."""

from collections.abc import Mapping

PLAIN = frozenset(
    """aya baichuan chatglm cohere cohere2 dbrx deepseek deepseek_v2 deepseek_v3 deepseek_v32 dots1 ernie4_5
    ernie4_5_moe exaone exaone4 gemma gemma2 gemma3 gemma3_text glm glm4 glm4_moe glm4_moe_lite glm_moe_dsa gpt_oss
    granite granitemoe granitemoeshared helium hunyuan_v1_dense hunyuan_v1_moe internlm internlm2 internlm3 jais2
    kimi_k2 kimi_k25 kimi_linear llama llama4 llama4_text mimo mimo_v2_flash minicpm minicpm3 minimax minimax_m1
    minimax_m2 minimax_text_01 ministral ministral3 mistral mistral3 mixtral olmo olmo2 olmo3 olmoe phi3 phi4mm phimoe
    qwen2 qwen2_moe qwen2_vl qwen2_5_vl qwen3 qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen3_moe qwen3_next
    qwen3_vl qwen3_vl_moe seed_oss smollm3 solar stablelm step3_text vaultgemma yi""".split()
)
"""Decoders with a gated feed-forward block."""

UNGATED = frozenset(
    """apertus arcee biogpt bloom codegen falcon gpt2 gpt_bigcode gpt_neo gpt_neox gptj mpt nemotron opt persimmon phi
    starcoder2 xglm""".split()
)
"""Decoders whose feed-forward block has no gate."""

TIED = frozenset(
    "bloom cohere cohere2 falcon gemma gemma2 gemma3 gemma3_text gpt2 gpt_bigcode gpt_neo mpt opt starcoder2".split()
)
"""Families that share the embedding table with the head where the file does not say."""

ENCODERS = frozenset("bert camembert deberta-v2 distilbert electra mpnet nomic_bert roberta xlm-roberta".split())
"""Encoders of text. None has a gate."""

VISION = frozenset("clip clip_vision_model dinov2 siglip siglip2 siglip_vision_model siglip2_vision_model vit".split())
"""Encoders of images."""

EXPERTS_ONLY = frozenset("deepseek_v3 deepseek_v32 glm_moe_dsa gpt_oss kimi_k2 kimi_k25".split())
"""Families whose published 4-bit checkpoints (MXFP4, NVFP4) quantize the routed experts only."""

ONE_SHARED = frozenset("hunyuan_v1_moe llama4 llama4_text".split())
"""Families with a shared expert that the file does not state."""

ALTERNATING = {"gemma2": 2, "gemma3_text": 6, "gemma3": 6, "cohere2": 4, "gpt_oss": 2}
"""Every n-th layer sees the whole context, where the file does not say."""

ALL_WINDOWED = frozenset("ministral mistral mixtral phi3 phi4mm phimoe starcoder2".split())
"""Families whose ``sliding_window`` holds for all layers. Others use one only if they say on which layers."""

DEFAULTS: Mapping[str, Mapping[str, int]] = {
    "gemma3_text": {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "vocab_size": 262_208},
}
"""What published files leave to the family."""

OTHERWISE: Mapping[str, str] = {
    **dict.fromkeys(
        """bamba falcon_h1 falcon_mamba granitemoehybrid jamba lfm2 lfm2_moe mamba mamba2 nemotron_h plamo2
        recurrent_gemma rwkv xlstm zamba zamba2""".split(),
        "has layers with a state that no work formula counts",
    ),
    **dict.fromkeys(
        "bart blenderbot m2m_100 marian mbart mt5 pegasus t5 umt5".split(), "is an encoder-decoder of text"
    ),
    **dict.fromkeys("deepseek_v4 longcat_flash".split(), "compresses or skips layers, which no work formula counts"),
    **dict.fromkeys(
        "gemma3n gemma3n_text gemma4 gemma4_text".split(), "has embeddings and sharing that differ by layer"
    ),
}
"""Families that would be misread, and why."""

FULL = frozenset(("attention", "full_attention", "global", "global_attention", "indexed_attention"))
LOCAL = frozenset(("chunked_attention", "local", "local_attention", "sliding_attention"))
LINEAR = frozenset(("linear_attention",))
"""Names in ``layer_types``."""

KNOWN = PLAIN | UNGATED | ENCODERS | VISION | {"whisper"}
