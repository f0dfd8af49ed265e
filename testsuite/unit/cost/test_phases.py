"""What a phase of a model asks, against figures by hand."""

import pytest

from agentc import catalog
from agentc.cost.phases import phase_work, phases

LLAMA = catalog.model("llama-3.1-70b")


def test_a_prefill_is_two_flop_a_parameter_and_the_pairs_of_attention() -> None:
    work = phase_work(LLAMA, "prefill", {"input_tokens": 4096}, "bf16")
    per_layer = 8192 * (2 * 8192 + 2 * 1024) + 3 * 8192 * 28672
    pairs = 4096 * 4097 / 2
    expected = 2 * 80 * per_layer * 4096 + 80 * pairs * 4 * 8192 + 2 * 8192 * 128256
    assert float(work.demand.flops["bf16"]) == pytest.approx(expected, rel=1e-9)
    assert float(work.demand.kv) == 4096 * 80 * 2 * 8 * 128 * 2
    assert work.network_bytes == float(work.demand.kv)
    assert work.sizes == {"batch": 1.0, "cached_tokens": 0.0, "input_tokens": 4096.0}


def test_a_cached_prefix_is_not_computed_again() -> None:
    whole = phase_work(LLAMA, "prefill", {"input_tokens": 4096}, "bf16")
    rest = phase_work(LLAMA, "prefill", {"input_tokens": 4096, "cached_tokens": 3072}, "bf16")
    assert float(rest.demand.flops["bf16"]) < 0.3 * float(whole.demand.flops["bf16"])
    assert rest.network_bytes == whole.network_bytes


def test_the_cache_takes_the_precision_that_is_stated() -> None:
    plain = phase_work(LLAMA, "decode", {"batch": 8}, "fp8")
    narrow = phase_work(LLAMA, "decode", {"batch": 8}, "fp8", "fp8")
    assert (plain.kv_precision, narrow.kv_precision) == ("bf16", "fp8")
    assert float(plain.demand.kv) == 2 * float(narrow.demand.kv)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("llama-3.1-8b", ("prefill", "decode")), ("whisper-tiny", ("run",)), ("all-minilm-l6-v2", ("run",))],
)
def test_phases_of_a_kind(name: str, expected: tuple[str, ...]) -> None:
    assert phases(catalog.model(name)) == expected


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown precision"):
        phase_work(LLAMA, "decode", {}, "fp8", "fp3")


@pytest.mark.parametrize("name", list(catalog.models()))
def test_every_model_has_work(name: str) -> None:
    shape = catalog.model(name)
    for phase in phases(shape):
        work = phase_work(shape, phase, {}, "bf16")
        assert work.intensity > 0
        assert float(work.demand.weights) > 0
