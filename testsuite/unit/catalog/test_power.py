"""Power curves: shares that a device can draw, and watts by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc import catalog
from agentc.catalog.data_files import table
from agentc.catalog.power import BOUND_BY, measured_power, power_curve
from agentc.plan.money import extra_watts

FAMILIES = sorted({device.family for device in catalog.devices().values()})


@pytest.mark.parametrize("family", FAMILIES)
def test_idle_is_less_than_busy_and_prefill_draws_most(family: str):
    curve = power_curve(family)
    assert 0 < curve.idle < curve.other < curve.memory <= curve.compute <= 1.1
    assert 0 <= curve.host < 1
    assert set(curve.estimated) <= {"idle", "memory", "compute", "other", "host"}
    assert curve.source.endswith(")")


def test_a_family_without_a_row_is_all_estimated():
    assert set(power_curve("tpu").estimated) == {"idle", "memory", "compute", "other", "host"}
    assert power_curve("hopper").memory == 0.64 and "memory" not in power_curve("hopper").estimated


@pytest.mark.parametrize("family", table("power"))
def test_a_median_lies_in_its_spread(family: str):
    row = table("power")[family]
    for name, (low, high) in row.get("spread", {}).items():
        assert low <= row[name] <= high
        assert name not in row["estimated"]


def test_a_b200_by_hand():
    """1,000 W x PUE 1.2: 0.15 idle and 0.30 for the host; 0.70 decoding; 0.95 prefilling."""
    drawn = measured_power(catalog.device("b200"), pue=1.2, usd_per_kwh=0.1, kg_co2_per_kwh=0.4)
    assert drawn.idle_watts == pytest.approx(540)
    assert extra_watts(drawn, "memory") == pytest.approx(660)
    assert extra_watts(drawn, "compute") == pytest.approx(960)
    assert extra_watts(drawn, "network") == extra_watts(drawn, "other") == pytest.approx(360)


@given(st.sampled_from(sorted(catalog.devices())), st.floats(1, 3), st.floats(0, 1))
def test_a_worse_pue_never_draws_less(name: str, pue: float, more: float):
    device = catalog.device(name)
    one, two = (measured_power(device, pue=p, usd_per_kwh=0, kg_co2_per_kwh=0) for p in (pue, pue + more))
    assert one.idle_watts <= two.idle_watts
    assert all(one.busy_watts[kind] <= two.busy_watts[kind] for kind in BOUND_BY)
