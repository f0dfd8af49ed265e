"""Whisper's spectrogram and its greedy answers against transformers, with a tiny random model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agentc.backends.onnx import emit_model
from agentc.plan.models import ModelShape
from agentc.runtime.models.audio import Audio
from agentc.runtime.models.mel import log_mel
from agentc.runtime.models.whisper import Transcriber
from agentc.support.diagnostics import Refused

transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")

CONFIG: dict[str, Any] = {
    "vocab_size": 64,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 40,
    "num_mel_bins": 16,
    "max_source_positions": 50,
    "max_target_positions": 24,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 3,
}
SETTINGS: dict[str, Any] = {
    "decoder_start_token_id": 3,
    "eos_token_id": 2,
    "lang_to_id": {"<|en|>": 5, "<|de|>": 6},
    "task_to_id": {"transcribe": 7},
    "no_timestamps_token_id": 60,
    "suppress_tokens": [10, 11],
    "begin_suppress_tokens": [12, 2],
}


def _sound(seconds: float) -> Audio:
    random = np.random.default_rng(0)
    t = np.arange(int(16000 * seconds)) / 16000
    tone = 0.3 * np.sin(2 * np.pi * (200 + 300 * t) * t)
    return Audio((tone + random.normal(size=t.size) * 0.02).astype(np.float32), 16000)


@pytest.mark.parametrize("bands", [16, 80, 128])
def test_the_spectrogram_is_that_of_transformers(bands: int) -> None:
    extractor = transformers.WhisperFeatureExtractor(feature_size=bands, chunk_length=2)
    samples = _sound(2.0).samples
    expected = extractor(samples, sampling_rate=16000, return_tensors="np").input_features[0]
    np.testing.assert_allclose(log_mel(samples, bands), expected, atol=1e-4)


@pytest.fixture(scope="module")
def ears(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    from tokenizers import Tokenizer, models

    root = tmp_path_factory.mktemp("whisper")
    config = transformers.WhisperConfig(**CONFIG)
    config._attn_implementation = "eager"
    torch.manual_seed(11)
    model = transformers.WhisperForConditionalGeneration(config).eval()
    for parameter in model.parameters():
        spread = 0.3 if parameter.dim() == 1 else 1.2 * parameter.shape[-1] ** -0.5
        parameter.data = (parameter.data if parameter.dim() == 1 else 0) + torch.randn_like(parameter) * spread
    model.tie_weights()
    model.save_pretrained(root / "in")
    words = {f"w{token}": token for token in range(64)}
    Tokenizer(models.WordLevel(words, unk_token="w0")).save(str(root / "in" / "tokenizer.json"))
    (root / "in" / "generation_config.json").write_text(json.dumps(SETTINGS))
    emit_model(ModelShape("ears", "stt"), root / "out", role="stt", weights=root / "in")
    return model, root / "out"


def _greedy(model: Any, mel: np.ndarray) -> list[int]:
    """The same rules, from whole forwards."""
    features = torch.tensor(mel[None])

    def last(tokens: list[int]) -> np.ndarray:
        with torch.no_grad():
            return model(features, decoder_input_ids=torch.tensor([tokens])).logits[0, -1].numpy()

    heard = last([3])
    prompt = [3, 5 if heard[5] >= heard[6] else 6, 7, 60]
    said: list[int] = []
    while len(said) < 12:
        logits = last([*prompt, *said]).copy()
        logits[[10, 11]] = -np.inf
        logits[60:] = -np.inf
        if not said:
            logits[[12, 2]] = -np.inf
        if (token := int(logits.argmax())) == 2:
            break
        said.append(token)
    return said


def test_tokens_are_those_of_transformers(ears: tuple[Any, Path]) -> None:
    model, folder = ears
    mel = log_mel(_sound(1.0).samples, 16)
    said = Transcriber(folder, 1).tokens(mel)
    assert said == _greedy(model, mel) and said


def test_long_sounds_are_heard_window_by_window(ears: tuple[Any, Path]) -> None:
    transcriber = Transcriber(ears[1], 1)
    once, sound = transcriber.transcribe(_sound(1.0)), _sound(1.0).samples
    assert once
    assert transcriber.transcribe(Audio(np.concatenate([sound, sound]), 16000)) == f"{once} {once}"
    assert transcriber.transcribe(Audio(np.zeros(16000, np.float32), 16000)) == ""
    assert transcriber.transcribe(Audio(np.zeros(0, np.float32), 16000)) == ""


def test_a_folder_without_the_prompt_is_refused(ears: tuple[Any, Path], tmp_path: Path) -> None:
    facts = json.loads((ears[1] / "model.json").read_text())
    del facts["speech"]["start"]
    (tmp_path / "model.json").write_text(json.dumps(facts))
    with pytest.raises(Refused, match="how it is prompted: 'start'"):
        Transcriber(tmp_path)
