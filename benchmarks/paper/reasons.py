"""Why a claim comes out as it does: sentences whose every figure is computed."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks.paper.claims import EATEN
from benchmarks.paper.facts import LINK_GBPS, LONGEST_INPUT, MODELS, PRECISIONS, SHAPES
from benchmarks.paper.links import TBT_SECONDS, needed_devices
from benchmarks.paper.phases import NEVER, all_phases
from benchmarks.paper.scaling import sweep, sweeps
from benchmarks.paper.settings import Setting, devices, hours
from benchmarks.paper.tco import CASES, answers, benefits, kv_bytes


def bandwidth_per_dollar(setting: Setting) -> dict[str, float]:
    """TB/s of memory for one dollar an hour, at the peak, most first."""
    rate = hours(setting)
    found = {n: d.bytes_per_second / 1e12 / rate[n] for n, d in devices(setting.figures, setting.curves).items()}
    return dict(sorted(found.items(), key=lambda row: -row[1]))


def flops_per_dollar(setting: Setting, precision: str) -> dict[str, float]:
    """PFLOP/s for one dollar an hour, at the peak, most first; a device without the format runs 16 bit."""
    rate, found = hours(setting), dict[str, float]()
    for name, device in devices(setting.figures, setting.curves).items():
        peak = device.flops_per_second
        found[name] = peak.get(precision, peak["bf16"]) / 1e15 / rate[name]
    return dict(sorted(found.items(), key=lambda row: -row[1]))


def reason_1(setting: Setting) -> str:
    """Bandwidth for a dollar, the decode's part of the cost, and where the SLA costs batch."""
    offline = [case for case in CASES if case.sla.name == "offline" and case.shape == SHAPES[0]]
    rows = [answers(setting, case)["H100", "H100"] for case in offline]
    decode = [1 - row.prefill_share for row in rows if row]
    gains = [benefits(answers(setting, case))["B200::Gaudi3"] or 0.0 for case in offline]
    return (
        f"At long outputs decode is {min(decode):.0%} to {max(decode):.0%} of the baseline's cost, and it is bound by "
        f"memory: $1/h buys {_listed(bandwidth_per_dollar(setting), 'TB/s')} at the peak. With kernels' shares and "
        f"room for batches B200::Gaudi3 gains {min(gains):.2f} to {max(gains):.2f} there offline. {_tight(setting)}"
    )


def _tight(setting: Setting) -> str:
    """What the limit on time between tokens costs, on the larger model."""
    told: list[str] = []
    found = next(p for p in all_phases(setting) if MODELS[p.model] == "70B" and p.precision == "bf16")
    for name in ("Gaudi3", "B200"):
        factor = found.decode_usd_tight[name] / found.decode_usd[name]
        told.append(f"{factor:.1f} on {name}" if factor < NEVER else f"all of it on {name}")
    return f"A limit of {TBT_SECONDS * 1e3:.0f} ms multiplies the cost of a 70B FP16 decode by {' and '.join(told)}."


def reason_2(setting: Setting) -> str:
    """Compute for a dollar on the prefill's side, bandwidth on the decode's."""
    wide, narrow = flops_per_dollar(setting, "bf16"), flops_per_dollar(setting, "fp8")
    memory = bandwidth_per_dollar(setting)
    return (
        f"As a prefill $1/h of H100 buys {wide['H100']:.2f} PFLOP/s at FP16 and {narrow['H100']:.2f} at FP8, of B200 "
        f"{wide['B200']:.2f} and {narrow['B200']:.2f}; as a decode $1/h of Gaudi3 buys {memory['Gaudi3']:.2f} TB/s and "
        f"of B200 {memory['B200']:.2f}, before kernels' shares."
    )


def reason_3(setting: Setting) -> str:
    """Who is cheapest in each phase, in dollars a million tokens of the larger model."""
    told: list[str] = []
    for found in all_phases(setting):
        if MODELS[found.model] == "70B":
            label = PRECISIONS[found.precision]
            told.append(f"{label} prefill {_cheap(found.prefill_usd)}; {label} decode {_cheap(found.decode_usd_slack)}")
    return f"70B, dollars a million tokens: {'; '.join(told)}."


def reason_4(setting: Setting) -> str:
    """What leaves the chassis, and what of a step is communication by then."""
    run = sweep(setting, "H100", "llama-3-70b", "bf16", "prefill")
    last = max(run.seconds)
    return (
        f"H100, 70B FP16, a prompt of 4,096: {run.seconds[2] * 1e3:.0f} ms on 2 devices, least on {run.best} "
        f"({run.seconds[run.best] * 1e3:.0f} ms, {run.network_share[run.best]:.0%} of it all-reduces), "
        f"{run.seconds[last] * 1e3:.0f} ms on {last} ({run.network_share[last]:.0%}): beyond a chassis the all-reduces "
        f"take the network's link. Still gaining at the last doubling: {_gaining(setting)}."
    )


def _gaining(setting: Setting) -> str:
    """The sweeps whose last doubling still cuts latency by ``EATEN`` or more."""
    found: list[str] = []
    for run in sweeps(setting):
        times = [run.seconds[ways] for ways in sorted(run.seconds)]
        if len(times) > 2 and times[-2] >= EATEN * times[-1]:
            found.append(f"{run.device} {MODELS[run.model]} {PRECISIONS[run.precision]} {run.phase}")
    return ", ".join(found) or "none"


def reason_5(setting: Setting) -> str:
    """How many links a cache needs to be in within a token, and how long one link takes."""
    del setting
    most = max(LINK_GBPS)
    told: list[str] = []
    for model, size in MODELS.items():
        for precision, label in PRECISIONS.items():
            cache = kv_bytes(model, precision, LONGEST_INPUT)
            links = needed_devices(cache, TBT_SECONDS, most)
            told.append(f"{size} {label} {cache / 1e9:.1f} GB, {links} links")
    return (
        f"A prefill takes so long that its cache leaves easily. To come in within one token ({TBT_SECONDS * 1e3:.0f} "
        f"ms), a cache of {LONGEST_INPUT // 1024}K tokens needs at {most:g} Gbit/s: {'; '.join(told)}. That asks for "
        "more than serving does: a cache may come in over many tokens of other requests."
    )


REASONS: Mapping[int, Callable[[Setting], str]] = {
    1: reason_1,
    2: reason_2,
    3: reason_3,
    4: reason_4,
    5: reason_5,
}


def _listed(figures: Mapping[str, float], unit: str) -> str:
    """``MI300x 5.47, Gaudi3 4.76, … TB/s``."""
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items()) + f" {unit}"


def _cheap(usd: Mapping[str, float], count: int = 3) -> str:
    order: Sequence[tuple[str, float]] = sorted(usd.items(), key=lambda row: row[1])[:count]
    return ", ".join(f"{name} {value:.3f}" for name, value in order)
