"""The search behind the figures, against the roofline one configuration at a time and against hand arithmetic."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from agentc import catalog
from agentc.cost.environment import environment, resident_environment
from agentc.cost.roofline import estimate
from agentc.plan import demand
from agentc.plan.quantity import Quantity
from benchmarks.paper.facts import SHAPES, SLAS
from benchmarks.paper.links import gbps, need, needed_devices
from benchmarks.paper.phases import LONG_INPUT, phases
from benchmarks.paper.scaling import sweep
from benchmarks.paper.settings import DATASHEET, PAPER, SETTINGS, Setting, devices, hours
from benchmarks.paper.tco import CASES, Case, answer, answers, asked, benefits, grid, kv_bytes

INTERACTIVE, OFFLINE = SLAS


def test_all_cases_are_tried():
    assert len(CASES) == len(set(CASES)) == 16
    assert len(answers(PAPER, CASES[0])) == 36
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


def test_an_offline_answer_is_the_best_configuration():
    """The oracle: every configuration, priced alone, its cost in dollars; the links do not bind on eight devices."""
    case = Case("llama-3-8b", "fp8", (4096, 512), OFFLINE)
    found = answer(PAPER, ("H100", "Gaudi3"), case)
    assert found
    stated = {"input_tokens": Quantity(4096), "output_tokens": Quantity(512)}
    total = 0.0
    for name, phase in (("H100", "prefill"), ("Gaudi3", "decode")):
        tried, best = grid(case.model, phase), float("inf")
        make = demand.prefill if phase == "prefill" else demand.decode
        for tp, pp, batch in zip(tried.tp, tried.pp, tried.batch, strict=True):
            one = estimate(
                make(catalog.model(case.model), "fp8", "fp8"),
                environment(stated),
                devices("paper", "uniform")[name],
                phase=phase,
                precision="fp8",
                tp=int(tp),
                pp=int(pp),
                batch=float(batch),
                kv_shards=8,
                resident_env=resident_environment(stated),
            )
            if one.fits:
                best = min(best, float(one.busy_seconds) / batch * tp * pp * hours(PAPER)[name] / 3600)
        total += best
    assert found.usd_per_request == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("setting", [PAPER, DATASHEET])
def test_limits_are_kept_and_cost(setting: Setting):
    for case in CASES:
        if case.sla == INTERACTIVE:
            free = answers(setting, replace(case, sla=OFFLINE))
            for pair, row in answers(setting, case).items():
                if row:
                    assert row.ttft_seconds <= 0.250 and row.tbt_seconds <= 0.020
                    best = free[pair]
                    assert best and row.usd_per_request >= best.usd_per_request * (1 - 1e-12)


def test_an_offline_pair_is_the_sum_of_its_halves():
    """Without limits the phases do not know of each other: A::B + C::D = A::D + C::B."""
    found = answers(PAPER, Case("llama-3-70b", "bf16", (512, 4096), OFFLINE))
    cost = {pair: row.usd_per_request for pair, row in found.items() if row}
    for a, b in product(("H100", "B200"), ("Gaudi3", "MI300x")):
        assert cost[a, b] + cost["A100", "H100"] == pytest.approx(cost[a, "H100"] + cost["A100", b])


def test_benefits_are_ratios():
    case = Case("llama-3-8b", "bf16", (512, 4096), OFFLINE)
    found = answers(PAPER, case)
    row, base = found["B200", "Gaudi3"], found["H100", "H100"]
    assert row and base
    told = benefits(found)
    assert told["H100::H100"] == 1.0
    assert told["B200::Gaudi3"] == pytest.approx(base.usd_per_request / row.usd_per_request)
    assert set(benefits(dict.fromkeys(found)).values()) == {None}


def test_settings_change_what_they_name():
    assert devices("paper-h100-fp8", "uniform")["H100"].flops_per_second["fp8"] == 1979e12
    assert devices("paper", "uniform")["H100"].flops_per_second["fp8"] == 3958e12
    assert devices("datasheet", "calibrated")["H100"].flops_per_second["bf16"] == 989e12
    assert {d.family for d in devices("paper", "uniform").values()} == {"default"}
    printed = hours(Setting(hourly="operating"))
    assert printed["H100"] - hours(PAPER)["H100"] == pytest.approx(0.60 - 0.28)


def test_the_cache_is_the_papers_formula():
    """2 x 80 layers x 8,192 x (8 / 64) x tokens x 2 bytes."""
    assert kv_bytes("llama-3-70b", "bf16", 1000) == 2 * 80 * 8192 * (8 / 64) * 1000 * 2
    work = asked(PAPER, "llama-3-70b", "fp8", SHAPES[1], "prefill")
    assert np.asarray(work.kv)[0] == kv_bytes("llama-3-70b", "fp8", 4096)


def test_link_formulas_by_hand():
    assert gbps(1e9, 0.020, 4) == pytest.approx(100.0)
    assert needed_devices(10.74e9, 0.020, 400) == 11
    row = need(PAPER, "llama-3-70b", "fp8", 8, 32768)
    assert row.kv_bytes == 2 * 80 * 8 * 128 * 32768
    assert row.ingress_gbps == pytest.approx(row.kv_bytes * 8 / 0.020 / 8 / 1e9)
    assert need(PAPER, "llama-3-70b", "bf16", 1, 32768).egress_gbps.keys() == {"MI300x", "B200"}


def test_a_sweep_stops_at_the_heads_and_starts_where_it_fits():
    small, large = (sweep(PAPER, "H100", model, "bf16", "prefill") for model in ("llama-3-8b", "llama-3-70b"))
    assert list(small.seconds) == [1, 2, 4, 8, 16, 32]
    assert list(large.seconds) == [2, 4, 8, 16, 32, 64]
    assert small.network_share[1] == 0 and small.best == 8


def test_phases_grow_with_tighter_limits():
    found = phases(PAPER, "llama-3-70b", "bf16")
    for name, usd in found.decode_usd.items():
        assert usd <= found.decode_usd_slack[name] <= found.decode_usd_tight[name]
    case = Case("llama-3-70b", "bf16", LONG_INPUT, OFFLINE)
    row = answer(PAPER, ("H100", "H100"), case)
    assert row
    assert row.usd_per_request * row.prefill_share == pytest.approx(found.prefill_usd["H100"] * 4096 / 1e6)
