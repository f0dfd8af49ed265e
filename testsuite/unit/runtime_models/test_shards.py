"""Shards answer as the whole model does: in threads for many kinds of models, in processes for a few."""

import os
import signal
import threading
from dataclasses import replace
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentc.backends.onnx import emit_model, emit_shards
from agentc.plan.models import ModelShape
from agentc.runtime.models.llm import Decoder
from agentc.runtime.models.part import Part
from agentc.runtime.models.shard_worker import Setup, Shard, Step, shared_bytes
from agentc.runtime.models.shards import ShardedDecoder
from agentc.support.diagnostics import Refused

LLAMA = ModelShape("llama", "decoder", 32, 4096, 32, 8, 128, 14336, 32000, max_tokens=256)
MIXTURE = replace(LLAMA, experts=8, experts_per_token=2, expert_intermediate=14336, shared_experts=1)
SHAPES = {
    "grouped": LLAMA,
    "one-kv-head": replace(LLAMA, kv_heads=1, heads=8),
    "window": replace(LLAMA, sliding_window=8, full_attention_every=2),
    "mixture": MIXTURE,
    "tied": replace(LLAMA, tied_embeddings=True),
}
TOKENS = [256, 3, 14, 15, 9, 26, 5, 35, 8, 97]


def _step(
    base: int, length: int, tokens: list[int], keep: tuple[int, ...], key: int, gone: tuple[int, ...] = ()
) -> Step:
    return Step(base, length, Part(np.array([tokens]), keep, (0,)), key, gone)


def _steps(folder: Path, ranks: int, steps: list[Step], tokens: int = 512) -> list[Any]:
    """All ranks in threads; the first one's answers. The shared block is for so many tokens."""
    import json

    facts = json.loads((folder / "shards.json").read_text())
    size = shared_bytes(ranks, facts["hidden"], facts["vocab"], tokens)
    memory = SharedMemory(create=True, size=size)
    barrier = threading.Barrier(ranks, timeout=20)
    answers: dict[int, list[Any]] = {}

    def one(rank: int) -> None:
        setup = Setup(folder / f"rank{rank}", rank, ranks, facts["layers"], facts["vocab"], memory.name, 1)
        shard = Shard(setup, barrier)
        answers[rank] = [shard.step(step) for step in steps]
        shard.close()

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(ranks)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        memory.close()
        memory.unlink()
    assert all(answer is None for rank in range(1, ranks) for answer in answers[rank])
    return answers[0]


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("kind", SHAPES)
def test_shards_give_the_logits_of_the_whole(kind: str, ranks: int, tmp_path: Path) -> None:
    emit_model(SHAPES[kind], tmp_path / "whole", role="decoder", weights=None, seed=3)
    emit_shards(SHAPES[kind], tmp_path / "parts", ranks=ranks, weights=None, seed=3)
    whole = Decoder(tmp_path / "whole", 1)
    steps = [
        _step(0, 0, TOKENS[:6], (5,), 1),
        _step(1, 6, TOKENS[6:7], (0,), 2),
        _step(1, 4, TOKENS[4:], (5,), 3, (2,)),
    ]
    prompts = [TOKENS[:6], TOKENS[:7], TOKENS]
    for answer, prompt in zip(_steps(tmp_path / "parts", ranks, steps), prompts, strict=True):
        np.testing.assert_allclose(answer[0, 0], whole.prefill(prompt).logits, atol=2e-5)


LATENT = {
    "vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 4, "max_position_embeddings": 128, "kv_lora_rank": 16, "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 8, "v_head_dim": 6, "n_routed_experts": 8, "n_group": 4, "topk_group": 2,
    "num_experts_per_tok": 2, "first_k_dense_replace": 1, "moe_intermediate_size": 24, "bos_token_id": 1,
    "eos_token_id": 2,
}  # fmt: skip


@pytest.mark.parametrize("rank_of_queries", [12, None])
def test_latent_attention_in_shards(rank_of_queries: int | None, tmp_path: Path) -> None:
    """A checkpoint as DeepSeek-V3's: heads apart, the compressed cache on every shard."""
    torch, transformers = (pytest.importorskip(name) for name in ("torch", "transformers"))
    from tokenizers import Tokenizer, models

    torch.manual_seed(7)
    config = transformers.DeepseekV3Config(**LATENT, q_lora_rank=rank_of_queries)
    transformers.DeepseekV3ForCausalLM(config).save_pretrained(tmp_path / "in")
    Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(tmp_path / "in" / "tokenizer.json"))
    shape = ModelShape("deepseek", "decoder")
    emit_model(shape, tmp_path / "whole", role="decoder", weights=tmp_path / "in")
    emit_shards(shape, tmp_path / "parts", ranks=2, weights=tmp_path / "in")
    steps = [
        _step(0, 0, TOKENS[:6], (5,), 1),
        _step(1, 6, TOKENS[6:7], (0,), 2),
        _step(1, 4, TOKENS[4:], (5,), 3, (2,)),
    ]
    whole = Decoder(tmp_path / "whole", 1)
    prompts = [TOKENS[:6], TOKENS[:7], TOKENS]
    for answer, prompt in zip(_steps(tmp_path / "parts", 2, steps), prompts, strict=True):
        np.testing.assert_allclose(answer[0, 0], whole.prefill(prompt).logits, atol=2e-5)
        assert np.std(answer[0, 0]) > 0.01


SMALL = {
    "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
FAMILIES: dict[str, dict[str, Any]] = {
    "Qwen2": {"tie_word_embeddings": True},
    "Qwen3": {"head_dim": 16, "attention_bias": True},
    "Gemma3": {"head_dim": 16, "sliding_window": 4},
    "GptOss": {"head_dim": 16, "sliding_window": 4, "num_local_experts": 4, "num_experts_per_tok": 2},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_families_in_more_shards_than_key_heads(family: str, tmp_path: Path) -> None:
    """Biases, norms of heads, sinks, tied tables and a vocabulary that four do not divide, against transformers."""
    torch, transformers = (pytest.importorskip(name) for name in ("torch", "transformers"))
    from tokenizers import Tokenizer, models

    stem = "Gemma3Text" if family == "Gemma3" else family
    config = getattr(transformers, f"{stem}Config")(**{**SMALL, **FAMILIES[family]})
    config._attn_implementation = "eager"
    torch.manual_seed(7)
    model = getattr(transformers, f"{family}ForCausalLM")(config).eval()
    for parameter in model.parameters():
        parameter.data = parameter.data + torch.randn_like(parameter) * 0.3
    model.tie_weights()
    model.save_pretrained(tmp_path / "in")
    Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(tmp_path / "in" / "tokenizer.json"))
    emit_shards(ModelShape("m", "decoder"), tmp_path / "parts", ranks=4, weights=tmp_path / "in")
    tokens = np.random.default_rng(0).integers(3, 97, 12).tolist()
    steps = [_step(0, 0, tokens[:9], tuple(range(9)), 1), _step(1, 9, tokens[9:], (0, 1, 2), 2)]
    with torch.no_grad():
        expected = model(torch.tensor([tokens])).logits[0].numpy()
    found = np.concatenate(_steps(tmp_path / "parts", 4, steps), 1)[0]
    np.testing.assert_allclose(found, expected, atol=2e-5 * float(np.abs(expected).max()))


@pytest.mark.parametrize("room", [10, 4])
def test_sums_and_logits_go_in_pieces(room: int, tmp_path: Path) -> None:
    """A vocabulary that ranks do not divide, and more tokens than the shared block takes at once."""
    shape = replace(LLAMA, vocab=1001)
    emit_model(shape, tmp_path / "whole", role="decoder", weights=None, seed=3)
    emit_shards(shape, tmp_path / "parts", ranks=4, weights=None, seed=3)
    step = _step(0, 0, TOKENS, tuple(range(10)), 1)
    [answer] = _steps(tmp_path / "parts", 4, [step], tokens=room)
    whole = Decoder(tmp_path / "whole", 1)
    assert answer.shape[:2] == (1, 10)
    for place in range(10):
        wanted = whole.prefill(TOKENS[: place + 1]).logits
        np.testing.assert_allclose(answer[0, place], wanted, atol=2e-5)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    emit_model(LLAMA, folder, role="decoder", weights=None, seed=3)
    for ranks in (2, 4):
        emit_shards(LLAMA, folder / f"tp{ranks}", ranks=ranks, weights=None, seed=3)
    return folder


@pytest.mark.parametrize("ranks", [2, 4])
def test_processes_say_what_the_whole_model_says(ranks: int, parts: Path) -> None:
    whole, sharded = Decoder(parts, 1), ShardedDecoder(parts, parts / f"tp{ranks}", 1)
    try:
        first = sharded.generate("The capital of", 12)
        assert first == whole.generate("The capital of", 12)
        cache = sharded.prefill("The capital of France")
        again = sharded.prefill("The capital of Spain", cache)
        assert again.reused == len("The capital of ") + 1
        np.testing.assert_allclose(again.logits, whole.prefill("The capital of Spain").logits, atol=2e-5)
        assert sharded.score(cache, [5, 7]) == pytest.approx(
            whole.score(whole.prefill("The capital of France"), [5, 7]), abs=1e-4
        )
        assert sharded.nbytes(cache) == 0
    finally:
        sharded.close()


def test_a_process_that_ends_is_told(parts: Path) -> None:
    sharded = ShardedDecoder(parts, parts / "tp2", 1)
    (victim,) = [process for process in sharded.processes if process.name.endswith("1")]
    os.kill(victim.pid or 0, signal.SIGKILL)
    with pytest.raises(Refused, match="the model in `tp2` cannot be opened: .*ended"):
        sharded.prefill("Hello")
    assert not any(process.is_alive() for process in sharded.processes)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_stands_still_is_ended(
    rank: int, parts: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It hears no signal but one. Who asks again is told again, and no process leaves a trace."""
    sharded = ShardedDecoder(parts, parts / "tp2", 1)
    cache = sharded.prefill("Hello")
    monkeypatch.setattr("agentc.runtime.models.shards.START_SECONDS", 0.5)
    monkeypatch.setattr("agentc.runtime.models.shards._END_SECONDS", 0.2)
    os.kill(sharded.processes[rank].pid or 0, signal.SIGSTOP)
    with pytest.raises(Refused, match="`tp2` cannot be opened: no answer within 0.5 s"):
        sharded.prefill("Hello again", cache)
    assert not any(process.is_alive() for process in sharded.processes)
    with pytest.raises(Refused, match="`tp2` cannot be opened: its processes have ended"):
        sharded.prefill("Hello")
    assert capfd.readouterr().err == ""


def test_a_shard_that_does_not_load_is_told(parts: Path, tmp_path: Path) -> None:
    emit_shards(LLAMA, tmp_path / "tp2", ranks=2, weights=None)
    (tmp_path / "tp2" / "rank1" / "003.onnx").write_bytes(b"no graph")
    with pytest.raises(Refused, match="shard 1: .*003.onnx"):
        ShardedDecoder(parts, tmp_path / "tp2", 1)


def test_what_does_not_divide_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="heads = 8 is not divisible among 3 shards"):
        emit_shards(LLAMA, tmp_path, ranks=3, weights=None)
