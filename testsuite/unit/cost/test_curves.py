"""Curves: whose figure is whose, and files that are none."""

import math

import pytest

from agentc.cost.curves import QUANTITIES, Curves, Target, active, curves_of, shipped, using

BASE = {name: quantity.prior for name, quantity in QUANTITIES.items()}


def test_a_figure_is_its_base_times_its_deviations():
    curves = Curves(BASE, {"layer_seconds": {"engine=vllm": math.log(2), "family=hopper": math.log(3)}})
    target = Target("hopper", "NVIDIA", "vllm")
    assert curves.value("layer_seconds", target) == pytest.approx(6 * BASE["layer_seconds"])
    assert curves.value("layer_seconds", Target("", "", "")) == pytest.approx(BASE["layer_seconds"])


def test_a_family_without_a_deviation_takes_its_parents():
    own = {"hop_seconds": {"family=cdna3": 1.0}}
    assert Curves(BASE, own).value("hop_seconds", Target("cdna4")) == pytest.approx(math.e * BASE["hop_seconds"])
    own["hop_seconds"]["family=cdna4"] = 0.0
    assert Curves(BASE, own).value("hop_seconds", Target("cdna4")) == pytest.approx(BASE["hop_seconds"])


def test_precision_counts_where_a_figure_has_one():
    curves = Curves(BASE, {"matrix_compute": {"family/precision=hopper/fp8": 0.1}})
    fp8, bf16 = (curves.value("matrix_compute", Target("hopper"), p) for p in ("fp8", "bf16"))
    assert fp8 / bf16 == pytest.approx(math.exp(0.1))


def test_bands_take_the_nearest_name_and_hold_the_estimate():
    bands = {"tpot": (0.7, 1.3), "tpot hopper": (0.8, 1.2), "tpot hopper moe": (1.05, 1.5)}
    curves = Curves(BASE, {}, frozenset(("hopper",)), bands)
    assert curves.band("tpot", "hopper", "dense") == (0.8, 1.2)
    assert curves.band("tpot", "hopper", "moe") == (1.0, 1.5), "the estimate lies within"
    low, high = curves.band("tpot", "tpu", "dense")
    assert low < 0.7 and high > 1.3


def test_using_is_undone():
    mine = Curves(BASE, {})
    with using(mine):
        assert active() is mine
        with using(None):
            assert active() is mine
    assert active() is shipped()


def test_shipped_shares_are_shares():
    curves = shipped()
    for name, value in curves.base.items():
        if name.endswith(("_compute", "_memory", "_share")):
            assert 0 < value <= 1.05, name
        assert value > 0, name


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "quantities"),
        ({"quantities": {"speed": {"base": 1.0}}}, "`speed` is no quantity"),
        ({"quantities": {"burst": {"base": -1}}}, "burst.base"),
        ({"quantities": {"burst": {"base": float("nan")}}}, "burst.base"),
        ({"quantities": {"burst": {"base": 1.0, "deviations": {"engine=vllm": "fast"}}}}, "engine=vllm"),
        ({"quantities": {}, "bands": {"tpot": [1.0]}}, "bands.tpot"),
    ],
)
def test_a_file_that_is_no_curves_is_told(data: dict[str, object], said: str):
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        curves_of(data)
