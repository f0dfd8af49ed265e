"""Checkpoints of every family against transformers: tiny random models, saved as it saves them, answered by both."""

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from decoder_families import CASES, answers, tiny_model, write_tokenizer
from onnx_reference import TINY_DECODER as BASE
from onnx_reference import write_safetensors

from agentc.backends.onnx import emit_model
from agentc.backends.onnx.safetensors import SafeTensors
from agentc.plan.models import ModelShape
from agentc.runtime.models.llm import Decoder

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

PROMPT, STEPS = 11, 8


class Graphs:
    """Both phases of a folder."""

    def __init__(self, folder: Path) -> None:
        self.sessions = [
            ort.InferenceSession(str(folder / f"{phase}.onnx"), providers=["CPUExecutionProvider"])
            for phase in ("prefill", "decode")
        ]

    def answer(self, tokens: list[int]) -> np.ndarray:
        """Logits of every position; the last ``STEPS`` one by one."""
        prefill, decode = self.sessions
        empty = {
            i.name: np.zeros([d if isinstance(d, int) else int(d == "batch") for d in i.shape], np.float32)
            for i in prefill.get_inputs()
            if i.name.startswith("past.")
        }
        prompt = tokens[:-STEPS]
        feed = {"input_ids": np.array([prompt]), "keep": np.arange(len(prompt)), **empty}
        logits, *past = prefill.run(None, feed)
        rows = [np.asarray(logits)[0]]
        for token in tokens[-STEPS:]:
            feed = {"input_ids": np.array([[token]]), **dict(zip(empty, past, strict=True))}
            logits, *past = decode.run(None, feed)
            rows.append(np.asarray(logits)[0])
        return np.concatenate(rows)


def _in_place(folder: Path, tokens: list[int]) -> np.ndarray:
    """The same steps over one buffer, which has to grow on the way."""
    decoder = Decoder(folder, 1)
    cache = decoder.prefill(tokens[:-STEPS])
    untouched = [value.numpy().copy() for value in cache.tensors]
    stepper = decoder.stepper(cache)
    assert stepper is not None
    rows = [stepper.step(token).copy() for token in tokens[-STEPS:]]
    after = cache
    for token in tokens[-STEPS:]:
        after = decoder.step(after, token)
    turned = decoder.bundle.turns_at > 0  # then a step computes all keys anew, which a stepper leaves to its caller
    for mine, theirs in zip(stepper.tensors(), after.tensors, strict=True) if not turned else ():
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), atol=1e-5)
    for before, value in zip(untouched, cache.tensors, strict=True):
        np.testing.assert_array_equal(before, value.numpy())
    return np.stack(rows)


@pytest.fixture(autouse=True)
def _small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentc.runtime.models.stepping._ROOM", 3)


@pytest.mark.parametrize("case", CASES)
def test_a_checkpoint_answers_as_transformers_does(case: str, tmp_path: Path) -> None:
    family, change = CASES[case]
    model = tiny_model(family, change)
    model.save_pretrained(tmp_path / "in")
    write_tokenizer(tmp_path / "in")
    emit_model(ModelShape(case, "decoder"), tmp_path / "out", role="decoder", weights=tmp_path / "in")
    tokens = np.random.default_rng(3).integers(3, BASE["vocab_size"], PROMPT + STEPS).tolist()
    expected = answers(model, tokens, STEPS)
    np.testing.assert_allclose(Graphs(tmp_path / "out").answer(tokens), expected, atol=2e-5, rtol=2e-5)
    np.testing.assert_allclose(_in_place(tmp_path / "out", tokens), expected[-STEPS:], atol=2e-5, rtol=2e-5)
    assert expected.std() > 0.3


def test_heads_that_the_operator_of_steps_does_not_take(tmp_path: Path) -> None:
    model = tiny_model("Llama", {"head_dim": 12})
    model.save_pretrained(tmp_path / "in")
    write_tokenizer(tmp_path / "in")
    emit_model(ModelShape("odd", "decoder"), tmp_path / "out", role="decoder", weights=tmp_path / "in")
    assert {path.name for path in (tmp_path / "out").glob("*.onnx")} == {"prefill.onnx", "decode.onnx"}
    tokens = np.random.default_rng(3).integers(3, BASE["vocab_size"], PROMPT + STEPS).tolist()
    decoder = Decoder(tmp_path / "out", 1)
    cache, found = decoder.prefill(tokens[:-STEPS]), list[np.ndarray]()
    assert decoder.stepper(cache) is None
    for token in tokens[-STEPS:]:
        cache = decoder.step(cache, token)
        found.append(cache.logits)
    np.testing.assert_allclose(np.stack(found), answers(model, tokens, STEPS)[-STEPS:], atol=2e-5, rtol=2e-5)


def test_the_language_part_of_a_model_that_sees(tmp_path: Path) -> None:
    """Gemma 3 keeps it under `text_config` and behind a prefix."""
    family, change = CASES["gemma3"]
    model = tiny_model(family, change)
    model.save_pretrained(tmp_path / "in")
    write_tokenizer(tmp_path / "in")
    emit_model(ModelShape("m", "decoder"), tmp_path / "plain", role="decoder", weights=tmp_path / "in")
    config = json.loads((tmp_path / "in" / "config.json").read_text())
    (tmp_path / "in" / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": config}))
    file = tmp_path / "in" / "model.safetensors"
    write_safetensors(file, {f"language_model.{name}": np.array(array) for name, array in SafeTensors(file).items()})
    emit_model(ModelShape("m", "decoder"), tmp_path / "nested", role="decoder", weights=tmp_path / "in")
    for name in ("weights.bin", "prefill.onnx", "decode.onnx"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "nested" / name).read_bytes()


def test_the_head_of_a_model_that_sees(tmp_path: Path) -> None:
    """Whether it is the table of embeddings is said outside of its language part."""
    vision = {"model_type": "pixtral", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    vision |= {"num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    config = transformers.Mistral3Config(
        text_config={"model_type": "mistral", **BASE}, vision_config=vision, tie_word_embeddings=True
    )
    model = transformers.Mistral3ForConditionalGeneration(config).eval()
    model.save_pretrained(tmp_path / "in")
    write_tokenizer(tmp_path / "in")
    emit_model(ModelShape("m", "decoder"), tmp_path / "out", role="decoder", weights=tmp_path / "in")
    tokens = list(range(3, 23))
    with torch.no_grad():
        expected = model(torch.tensor([tokens])).logits[0].numpy()
    np.testing.assert_allclose(Graphs(tmp_path / "out").answer(tokens), expected, atol=2e-5)


NARROW = {"bf16": ("bfloat16", 0.06), "f16": ("float16", 0.008)}
"""Type -> its name in torch, and how far transformers, which rounds each step to it, may be from float32."""


@pytest.mark.parametrize("half", NARROW)
@pytest.mark.parametrize("case", ["llama-biases-tied", "qwen3-moe", "deepseek", "gemma2"])
def test_sixteen_bits_stay_sixteen_bits(case: str, half: str, tmp_path: Path) -> None:
    """A checkpoint in 16 bits is kept so, and answers as the same values in float32 do, bit by bit."""
    family, change = CASES[case]
    model = tiny_model(family, change)
    dtype = getattr(torch, NARROW[half][0])
    shape = ModelShape(case, "decoder")
    model.to(dtype).save_pretrained(tmp_path / "narrow-in")
    model.to(torch.float32).save_pretrained(tmp_path / "wide-in")
    for width in ("narrow", "wide"):
        write_tokenizer(tmp_path / f"{width}-in")
        emit_model(shape, tmp_path / width, role="decoder", weights=tmp_path / f"{width}-in")
    tokens = np.random.default_rng(3).integers(3, BASE["vocab_size"], PROMPT + STEPS).tolist()
    found = Graphs(tmp_path / "narrow").answer(tokens)
    np.testing.assert_array_equal(found, Graphs(tmp_path / "wide").answer(tokens))
    np.testing.assert_array_equal(_in_place(tmp_path / "narrow", tokens), _in_place(tmp_path / "wide", tokens))
    sizes = [(tmp_path / width / "weights.bin").stat().st_size for width in ("narrow", "wide")]
    assert sizes[0] < 0.75 * sizes[1]  # norms from zero stay wide, and small tensors are padded
    rounded = answers(model.to(dtype), tokens, STEPS)
    # Nine of ten: rounding may choose another expert where two are nearly as good.
    assert np.quantile(np.abs(found - rounded), 0.9) < NARROW[half][1] * np.abs(found).max()
