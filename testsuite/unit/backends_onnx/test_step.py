"""What the graph for ONNX Runtime alone is made of, and what it answers: prompts, and steps far into a context."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from agentc.backends.onnx.config import DecoderConfig
from agentc.backends.onnx.decoder import build
from agentc.backends.onnx.graph import CONTRIB, WeightFile, check
from agentc.backends.onnx.positions import Phase
from agentc.backends.onnx.rope import Rope, plain_rope
from agentc.backends.onnx.stand_in import decoder_shapes
from agentc.backends.onnx.weights import Seeded

PLAIN = DecoderConfig(
    name="tiny",
    layers=2,
    hidden=32,
    heads=4,
    kv_heads=2,
    head_dim=16,
    intermediate=48,
    vocab=61,
    rope=plain_rope(16),
    windows=(0, 0),
    dense=(True, True),
    max_tokens=64,
)
LONG = replace(plain_rope(16), long=plain_rope(16, 5e4).frequencies, trained=14)
LOOKED_UP = {
    "plain": PLAIN,
    "part-of-a-head": replace(PLAIN, head_dim=32),
    "long": replace(PLAIN, max_tokens=131072, head_dim=128, rope=plain_rope(128)),
    "two-ropes": replace(PLAIN, windows=(6, 0), local_rope=plain_rope(16, 5e4)),
}
COMPUTED = {
    "narrow-heads": replace(PLAIN, head_dim=8, rope=plain_rope(8)),
    "few-pairs": replace(PLAIN, rope=plain_rope(8)),
    "dynamic": replace(PLAIN, rope=replace(plain_rope(16), growth=2.0, trained=14)),
    "longrope": replace(PLAIN, rope=LONG),
    "too-long": replace(PLAIN, max_tokens=10**12),
}
NORMS = {f"model.layers.{layer}.self_attn.{part}_norm.weight": (16,) for layer in range(2) for part in "qk"}


def _emitted(config: DecoderConfig, folder: Path, phase: Phase, more: dict[str, tuple[int, ...]] | None = None) -> Path:
    file = WeightFile(f"{phase}.bin")
    graph = build(config, Seeded(decoder_shapes(config) | (more or {}), 3), phase, file)
    graph.write(folder / f"{phase}.onnx")
    with (folder / f"{phase}.bin").open("wb") as data:
        file.write(data)
    check(folder / f"{phase}.onnx")
    return folder / f"{phase}.onnx"


def _kinds(path: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(str(path), load_external_data=False).graph.node)


@pytest.mark.parametrize("case", LOOKED_UP)
def test_attention_turns_queries_and_keys_itself(case: str, tmp_path: Path) -> None:
    config = LOOKED_UP[case]
    path = _emitted(config, tmp_path, "step")
    kinds = _kinds(path)
    assert kinds["GroupQueryAttention"] == 2 and kinds["Split"] == 2  # the halves of a gate
    assert not {"RotaryEmbedding", "Cos", "Sin"} & set(kinds)
    graph = onnx.load(str(path), load_external_data=False).graph
    tables = {one.name: list(one.dims) for one in graph.initializer if one.name.startswith("rope.")}
    ropes = 2 if config.local_rope else 1
    assert list(tables.values()) == [[config.max_tokens + 1, len(config.rope.frequencies)]] * 2 * ropes
    assert len({tuple(node.input[7:9]) for node in graph.node if node.op_type == "GroupQueryAttention"}) == ropes


@pytest.mark.parametrize("case", [*COMPUTED, "normed"])
def test_angles_are_computed_where_attention_cannot_look_them_up(case: str, tmp_path: Path) -> None:
    kinds = _kinds(_emitted(COMPUTED.get(case, PLAIN), tmp_path, "step", NORMS if case == "normed" else None))
    assert (kinds["GroupQueryAttention"], kinds["RotaryEmbedding"], kinds["Split"]) == (2, 4, 4)
    assert kinds["Cos"] == 1


def test_one_rope_of_two_may_be_looked_up(tmp_path: Path) -> None:
    config = replace(PLAIN, windows=(6, 0), local_rope=plain_rope(16, 5e4), rope=LONG)
    kinds = _kinds(_emitted(config, tmp_path, "step"))
    assert (kinds["GroupQueryAttention"], kinds["RotaryEmbedding"], kinds["Cos"]) == (2, 2, 1)


@pytest.mark.parametrize(("hidden", "fused"), [(32, True), (1024, True), (1040, False)])
def test_a_narrow_residual_is_added_and_normed_at_once(hidden: int, fused: bool, tmp_path: Path) -> None:
    kinds = _kinds(_emitted(replace(PLAIN, hidden=hidden), tmp_path, "step"))
    assert kinds["SkipSimplifiedLayerNormalization"] == 4 * fused
    assert kinds["RMSNormalization"] == (1 if fused else 5)


@pytest.mark.parametrize("phase", ["prefill", "decode"])
def test_the_other_phases_are_of_standard_operators(phase: Phase, tmp_path: Path) -> None:
    model = onnx.load(str(_emitted(PLAIN, tmp_path, phase)), load_external_data=False)
    assert {node.domain for node in model.graph.node} == {""} == {entry.domain for entry in model.opset_import}
    assert not any(one.name.startswith("rope.") for one in model.graph.initializer)
    step = onnx.load(str(_emitted(PLAIN, tmp_path, "step")), load_external_data=False)
    assert {node.domain for node in step.graph.node} == {"", CONTRIB}


def _session(path: Path) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _cache(config: DecoderConfig, room: int, lengths: list[int]) -> dict[str, np.ndarray]:
    """Random entries in the last slots that are filled, which is as far as windows reach."""
    random = np.random.default_rng(1)
    past: dict[str, np.ndarray] = {}
    for name in (f"past.{layer}.{part}" for layer in range(config.layers) for part in ("key", "value")):
        past[name] = np.zeros((len(lengths), config.kv_heads, room, config.head_dim), np.float32)
        for row, length in enumerate(lengths):
            near = past[name][row, :, max(length - 9, 0) : length]
            near[:] = random.standard_normal(near.shape)
    return past


KEEP = {"keep": np.array([0])}
STRETCHED = Rope(plain_rope(16, 5e5).frequencies, scale=1.2)


@pytest.mark.parametrize("rope", [plain_rope(16), STRETCHED], ids=["plain", "scaled"])
def test_far_into_a_context_angles_are_those_of_the_other_phases(rope: Rope, tmp_path: Path) -> None:
    """Rows at the first, at a middle and at the last position."""
    last = 131071
    config = replace(PLAIN, windows=(6, 6), max_tokens=last + 1, rope=rope)
    step, decode = (_session(_emitted(config, tmp_path, phase)) for phase in ("step", "decode"))
    lengths, tokens = [0, 70_000, last], np.array([[5], [17], [60]])
    past = _cache(config, last + 1, lengths)
    logits, *present = step.run(None, {"input_ids": tokens, **KEEP, "total": np.array(lengths) + 1, **past})
    for row, length in enumerate(lengths):
        alone = {name: value[row : row + 1, :, :length] for name, value in past.items()}
        expected, *keys = decode.run(None, {"input_ids": tokens[row : row + 1], **alone})
        np.testing.assert_allclose(logits[row], expected[0], atol=2e-5)
        for mine, theirs in zip(present, keys, strict=True):
            np.testing.assert_allclose(mine[row, :, length], theirs[0, :, length], atol=2e-5)


def test_one_length_may_be_that_of_all_rows(tmp_path: Path) -> None:
    session = _session(_emitted(PLAIN, tmp_path, "step"))
    feed = {"input_ids": np.array([[5], [6], [7]]), **KEEP, **_cache(PLAIN, 20, [7, 7, 7])}
    found, expected = (session.run(None, feed | {"total": np.array(lengths)})[0] for lengths in ([8], [8, 8, 8]))
    np.testing.assert_array_equal(found, expected)


def test_a_row_that_is_full_is_computed_and_none_goes_on(tmp_path: Path) -> None:
    """Others of its batch may not be full yet."""
    session = _session(_emitted(PLAIN, tmp_path, "step"))
    lengths = [PLAIN.max_tokens, 3]
    past = _cache(PLAIN, PLAIN.max_tokens + 2, lengths)
    feed = {"input_ids": np.array([[5], [6]]), **KEEP, "total": np.array(lengths) + 1, **past}
    assert np.isfinite(session.run(None, feed)[0]).all()
    with pytest.raises(Exception, match="cos_cache dimension 0"):
        session.run(None, feed | {"total": np.array([PLAIN.max_tokens + 2, 4])})


MIXTURE = replace(PLAIN, dense=(True, False), experts=6, experts_per_token=2, expert_intermediate=24)
PROMPTS = {
    "plain": PLAIN,
    "window": replace(PLAIN, windows=(3, 0)),
    "capped": replace(PLAIN, attention_cap=3.0),
    "narrow-heads": COMPUTED["narrow-heads"],
    "two-ropes": LOOKED_UP["two-ropes"],
    "one-kv-head": replace(PLAIN, kv_heads=1),
    "normed": PLAIN,
    "sinks": PLAIN,
}
MORE = {"normed": NORMS, "sinks": {f"model.layers.{layer}.self_attn.sinks": (4,) for layer in range(2)}}
IDS = np.random.default_rng(5).integers(0, 61, (3, 17))


def _nothing(config: DecoderConfig, rows: int, room: int) -> dict[str, np.ndarray]:
    return {name: np.zeros_like(value) for name, value in _cache(config, room, [0] * rows).items()}


@pytest.mark.parametrize("case", PROMPTS)
def test_a_prompt_in_parts_is_that_of_prefill(case: str, tmp_path: Path) -> None:
    config, more = PROMPTS[case], MORE.get(case)
    step, prefill = (_session(_emitted(config, tmp_path, phase, more)) for phase in ("step", "prefill"))
    ids, every = IDS[:1], np.arange(17)
    expected, *caches = prefill.run(None, {"input_ids": ids, "keep": every, **_nothing(config, 1, 0)})
    past, found = _nothing(config, 1, 20), list[np.ndarray]()
    for start, end in ((0, 9), (9, 10), (10, 17)):
        feed = {"input_ids": ids[:, start:end], "keep": every[: end - start], "total": np.array([end]), **past}
        logits, *present = step.run(None, feed)
        past = dict(zip(past, present, strict=True))
        found.append(logits[0])
    np.testing.assert_allclose(np.concatenate(found), expected[0], atol=2e-5)
    for mine, theirs in zip(past.values(), caches, strict=True):
        np.testing.assert_allclose(mine[:, :, :17], theirs, atol=2e-5)


@pytest.mark.parametrize("case", PROMPTS)
def test_prompts_of_several_rows_are_padded_behind(case: str, tmp_path: Path) -> None:
    config, lengths, every = PROMPTS[case], [17, 4, 11], np.arange(17)
    step = _session(_emitted(config, tmp_path, "step", MORE.get(case)))
    feed = {"input_ids": IDS, "keep": every, "total": np.array(lengths), **_nothing(config, 3, 20)}
    logits, *present = step.run(None, feed)
    for row, length in enumerate(lengths):
        alone = {"input_ids": IDS[row : row + 1, :length], "keep": every[:length], "total": np.array([length])}
        expected, *caches = step.run(None, alone | _nothing(config, 1, 20))
        np.testing.assert_allclose(logits[row, :length], expected[0], atol=2e-5)
        for mine, theirs in zip(present, caches, strict=True):
            np.testing.assert_allclose(mine[row, :, :length], theirs[0, :, :length], atol=2e-5)


@pytest.mark.parametrize(
    "config", [MIXTURE, COMPUTED["dynamic"], COMPUTED["longrope"]], ids=["experts", "grows", "long"]
)
def test_what_goes_another_way_for_one_token_takes_one(config: DecoderConfig, tmp_path: Path) -> None:
    model = onnx.load(str(_emitted(config, tmp_path, "step")), load_external_data=False)
    inputs = {
        one.name: [d.dim_param or d.dim_value for d in one.type.tensor_type.shape.dim] for one in model.graph.input
    }
    assert inputs["input_ids"] == ["batch", 1]
    assert "keep" not in inputs
