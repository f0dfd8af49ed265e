"""Every built-in kernel, compiled, gives what its own text gives as plain NumPy."""

from typing import Any

import numpy as np
import pytest
from kernel_sample import arguments, assert_close, reference

from agentc.frontends.kernels import BUILTINS, builtin
from agentc.pipelines.kernels import compile_kernel, lower_kernel
from agentc.support.diagnostics import Refused


@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_native_code_matches_numpy(name: str) -> None:
    kernel = compile_kernel(builtin(name))
    values = arguments(kernel.abi)
    found = kernel(*values)
    for result, wanted in zip(found if isinstance(found, tuple) else (found,), reference(name, values), strict=True):
        assert_close(result, wanted)


@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_what_is_compiled_without_a_look_is_valid(name: str) -> None:
    module = builtin(name)
    module.verify()
    lower_kernel(module)  # verifies


def test_a_kernel_that_is_not_kept_is_the_same_code() -> None:
    values = (normal(7, 5), normal(5, seed=1))
    kept, given_away = builtin("rms_norm"), builtin("rms_norm")
    before = str(kept)
    first, second = compile_kernel(kept)(*values), compile_kernel(given_away, keep=False)(*values)
    assert np.array_equal(first, second)
    assert str(kept) == before != str(given_away)


def test_quantization_is_undone_within_half_a_step() -> None:
    rows = np.random.default_rng(1).standard_normal((9, 33)).astype(np.float32)
    codes, scale = compile_kernel(builtin("quantize_int8"))(rows)
    again = compile_kernel(builtin("dequantize_int8"))(codes, scale)
    assert np.all(np.abs(again - rows) <= scale[:, None] * 0.5001)


def test_rows_of_zeros_have_no_direction() -> None:
    zeros = np.zeros((3, 4), np.float32)
    assert np.all(compile_kernel(builtin("l2_normalize"))(zeros) == 0)
    assert np.all(compile_kernel(builtin("cosine_scores"))(np.ones(4, np.float32), zeros) == 0)


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(Refused) as refused:
        builtin("softmx")
    [problem] = refused.value.diagnostics
    assert problem.slug == "kernel-not-found"
    assert problem.help == "did you mean `softmax`?"


def run(name: str, *values: Any) -> list[Any]:
    kernel = compile_kernel(builtin(name))
    found = kernel(*values)
    found = list(found) if isinstance(found, tuple) else [found]
    for result, wanted in zip(found, reference(name, list(values)), strict=True):
        assert_close(result, wanted, 2e-4)
    return found


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, 3, 500])
def test_retrieval_of_few_and_many(count: int) -> None:
    query, docs = normal(16), normal(count, 16, seed=1)
    _, places = run("cosine_top_k", query, docs)
    assert np.sum(places >= 0) == min(count, 10)
    [place, score] = run("similarity_cache", query, docs, np.float32(2.0))
    assert place.tolist() == [-1]
    assert score.shape == (1,)
    if count:
        chosen = run("maximal_marginal_relevance", query, docs, np.float32(0.5))[0]
        kept = [c for c in chosen.tolist() if c >= 0]
        assert len({*kept}) == len(kept) == min(count, 5)


@pytest.mark.parametrize("balance", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("count", [1, 4, 200])
def test_diverse_documents_are_the_ones_of_a_greedy_search(count: int, balance: float) -> None:
    query, docs = normal(24), normal(count, 24, seed=2)
    unit = docs / np.linalg.norm(docs, axis=1, keepdims=True)
    relevance, wanted = unit @ query / np.linalg.norm(query), list[int]()
    for _ in range(min(count, 5)):
        nearest = np.max(unit @ unit[wanted].T, axis=1) if wanted else -np.ones(count)
        scores = balance * relevance - (1 - balance) * nearest
        scores[wanted] = -np.inf
        wanted.append(int(np.argmax(scores)))
    [chosen] = run("maximal_marginal_relevance", query, docs, np.float32(balance))
    assert chosen.tolist() == wanted + [-1] * (5 - len(wanted))


def test_a_query_of_zeros_is_near_nothing() -> None:
    values, places = run("cosine_top_k", np.zeros(4, np.float32), normal(12, 4))
    assert np.all(values == 0)
    assert places.tolist() == list(range(10))


@pytest.mark.parametrize("samples", [161, 400, 5000])
def test_features_of_short_and_longer_audio(samples: int) -> None:
    [found] = run("log_mel_spectrogram", normal(samples) * np.float32(0.1))
    assert found.shape == (80, samples // 160)


def test_features_of_a_tone_stand_in_its_band() -> None:
    tone = np.sin(np.arange(16000) * (2 * np.pi * 1000.0 / 16000)).astype(np.float32)
    found = compile_kernel(builtin("log_mel_spectrogram"))(tone)
    points = np.arange(82) * (45.245640471924965 / 81)
    band = int(np.argmin(np.abs(points[1:-1] - 15.0)))
    assert set(np.argmax(found[:, 5:-5], axis=0).tolist()) <= {band - 1, band, band + 1}


def test_sampling_follows_the_chances() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    rows = np.broadcast_to(logits, (20000, 4)).copy()
    one, seed = np.float32(1.0), np.uint64(3)
    counts = np.bincount(compile_kernel(builtin("sample_softmax"))(rows, one, seed), minlength=4) / 20000
    np.testing.assert_allclose(counts, [0.5, 0.3, 0.15, 0.05], atol=0.02)
    nucleus = compile_kernel(builtin("sample_top_p"))(rows, one, np.float32(0.75), seed)
    assert set(nucleus.tolist()) == {0, 1}
    likely = compile_kernel(builtin("sample_min_p"))(rows, one, np.float32(0.25), seed)
    assert set(likely.tolist()) == {0, 1, 2}
    again = compile_kernel(builtin("sample_softmax"))(rows, one, np.uint64(4))
    assert not np.array_equal(again, compile_kernel(builtin("sample_softmax"))(rows, one, seed))


@pytest.mark.parametrize("groups", [1, 4])
def test_four_bits_are_undone_within_half_a_step(groups: int) -> None:
    x = normal(5, groups, 32)
    codes, scale = run("quantize_int4", x)
    [again] = run("dequantize_int4", codes, scale)
    assert np.all(np.abs(again - x) <= scale[:, :, None] * 0.5001)
    [product] = run("int4_matvec", codes, scale, x[0])
    np.testing.assert_allclose(product, np.sum(again * x[0], axis=(1, 2)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", ""),
        ("order 12345 of 7", "order 12345 of 7"),
        ("123456", "******"),
        ("ring 555 123-4567.", "ring *** ***-****."),
        ("to jo_e@ex-ample.org!", "to *****************!"),
        ("a@b or @b.co or a@.co", "a@b or @b.co or a@.co"),
    ],
)
def test_what_is_personal_is_masked(text: str, wanted: str) -> None:
    if text:
        [found] = run("mask_pii", np.frombuffer(text.encode(), np.uint8).copy())
        assert bytes(found).decode() == wanted


def test_attention_over_what_is_cached_only() -> None:
    query, keys, values = normal(2, 3, 8), normal(9, 2, 8, seed=1), normal(9, 2, 8, seed=2)
    [whole] = run("gqa_decode", query, keys[:4], values[:4], np.int64(4))
    [part] = run("gqa_decode", query, keys, values, np.int64(4))
    np.testing.assert_allclose(whole, part, rtol=1e-5, atol=1e-6)
