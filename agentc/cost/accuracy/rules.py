"""Which measurements are not believed, by rules that are stated and counted.

twice                 the same figures under the same label
faster than peak      less time, or more tokens, than peak rates and bandwidth allow; of a closed run: than reading
                          the weights and the KV cache of all clients, so that it ran fewer at a time than it states
speculative           a series that is a fifth faster than another of the same label in a third of its cells: it ran
                      speculative decoding (multi-token prediction), which the label does not say
contradicts           a cell that is a fifth faster than another of the same label
falls with load       time per token that falls by a quarter and more as the concurrency grows; of disaggregated runs
                          time to first token, with the same prefill workers: it has the start of the servers in it
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from agentc.cost.accuracy.measurement import Measurement
from agentc.cost.accuracy.rows import Rows, positions, rows_of

FASTER = 0.8
CLEARLY = 0.9
"""Part of the least time of all clients below which a row is not believed: routing may be less even than assumed."""
FALLS = 1.3
ROUNDING = 0.98
_Key = tuple[object, ...]


def believed(measurements: Sequence[Measurement]) -> tuple[list[Measurement], Counter[str]]:
    """The measurements that no rule leaves out, and how many each left out."""
    once = list({_label(m) + (m.value,): m for m in reversed(measurements)}.values())[::-1]
    out = Counter({"twice": len(measurements) - len(once)})
    fast, series, cells = _too_fast(once), _speculative(once), _contradicting(once)
    rest: list[Measurement] = []
    for m in once:
        place = (m.source, m.row)
        if place in fast:
            out["faster than peak"] += 1
        elif m.mode == "closed" and _series(m) in series:
            out["speculative"] += 1
        elif place in cells:
            out["contradicts"] += 1
        else:
            rest.append(m)
    falling = _falling(rest)
    kept = [m for m in rest if (m.source, m.row, m.metric) not in falling]
    out["falls with load"] = len(rest) - len(kept)
    return kept, +out


def _label(m: Measurement) -> _Key:
    how = (m.devices, m.tp, m.pp, m.ep, m.dp, m.prefill, m.decode)
    return (m.device, m.model, m.precision, m.engine, m.isl, m.osl, m.concurrency, m.mode, m.metric, *how)


def _series(m: Measurement) -> _Key:
    return (m.device, m.model, m.precision, m.engine, m.version, m.tp, m.ep, m.dp)


def _too_fast(measurements: Sequence[Measurement]) -> set[tuple[str, int]]:
    """Rows below the time of reading the dense weights once, or of the FLOP of all tokens, at peak rates."""
    if not measurements:
        return set()
    rows, found = rows_of(measurements), set[tuple[str, int]]()
    devices = rows.devices
    reading = rows.dense_bytes / devices / rows.bandwidth
    flops = (rows.dense + rows.expert) / devices / rows.expert_rate
    all_clients = CLEARLY * _reading_all(rows)
    for i, m in enumerate(measurements):
        batch = max(m.concurrency, 1.0) if m.mode == "static" else 1.0
        if m.mode == "closed" and m.metric == "tpot" and m.value < float(all_clients[i]):
            found.add((m.source, m.row))
        prefill = float(flops[i]) * float(rows.inputs[i]) * batch
        least = {"ttft": prefill, "tpot": float(reading[i]), "latency": float(reading[i]) * m.osl}.get(m.metric)
        if m.metric == "throughput":
            token = float(flops[i]) * (1 + m.isl / m.osl)
            least, spent = token, 1 / m.value
            if m.mode == "static":
                least = max(token, float(reading[i]) / batch)
            if spent < ROUNDING * least:
                found.add((m.source, m.row))
        elif least is not None and m.value < ROUNDING * least:
            found.add((m.source, m.row))
    return found


def _reading_all(rows: Rows) -> Any:
    """Seconds to read the weights that all clients meet, and their KV cache or all the memory, at full bandwidth."""
    import numpy as np

    clients = np.maximum(rows.concurrency, 1.0)
    met = 1 - (1 - rows.chosen / rows.experts) ** clients
    cache = clients * (rows.entry * positions(rows, rows.inputs + rows.outputs / 2) + rows.state)
    bytes_ = rows.dense_bytes * rows.dp + rows.expert_bytes * met + cache
    return np.minimum(bytes_, rows.memory * rows.devices) / (rows.bandwidth * rows.devices)


def _cells(measurements: Sequence[Measurement]) -> dict[_Key, list[Measurement]]:
    """Times per token of closed runs by label, whatever the software's version and the experts' split."""
    cells: dict[_Key, list[Measurement]] = defaultdict(list)
    for m in measurements:
        if m.metric == "tpot" and m.mode == "closed":
            cells[m.device, m.model, m.precision, m.engine, m.tp, m.dp, m.isl, m.osl, m.concurrency].append(m)
    return cells


def _speculative(measurements: Sequence[Measurement]) -> set[_Key]:
    ratios: dict[_Key, list[float]] = defaultdict(list)
    for cell in _cells(measurements).values():
        slowest = max(m.value for m in cell)
        for m in cell:
            ratios[_series(m)].append(m.value / slowest)
    return {
        series
        for series, found in ratios.items()
        if (fast := sum(ratio < FASTER for ratio in found)) and fast >= 0.34 * len(found)
    }


def _contradicting(measurements: Sequence[Measurement]) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for cell in _cells(measurements).values():
        slowest = max(m.value for m in cell)
        found |= {(m.source, m.row) for m in cell if m.value < FASTER * slowest}
    return found


def _falling(measurements: Sequence[Measurement]) -> set[tuple[str, int, str]]:
    """Of cells that contradict each other those that contradict the most; both where two contradict only each other."""
    series: dict[_Key, list[Measurement]] = defaultdict(list)
    for m in measurements:
        label = (m.device, m.model, m.precision, m.engine, m.metric, m.isl, m.osl)
        if m.metric == "tpot" and m.mode == "closed":
            series[*label, m.tp, m.ep, m.dp].append(m)
        elif m.metric == "ttft" and m.mode == "disaggregated":
            series[*label, m.version, m.prefill].append(m)
    found: set[tuple[str, int, str]] = set()
    for row in series.values():
        odd = {id(m): _conflicts(m, row) for m in row}
        for m in row:
            rivals = [other for other in row if _conflict(m, other)]
            if rivals and odd[id(m)] >= max(odd[id(other)] for other in rivals):
                found.add((m.source, m.row, m.metric))
    return found


def _conflicts(m: Measurement, row: Sequence[Measurement]) -> int:
    return sum(_conflict(m, other) for other in row)


def _conflict(a: Measurement, b: Measurement) -> bool:
    low, high = (a, b) if a.concurrency < b.concurrency else (b, a)
    return low.concurrency < high.concurrency and low.value > FALLS * high.value
