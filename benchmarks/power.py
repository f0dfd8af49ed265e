"""What devices draw while they serve, as shares of thermal design power: the measured rows of `power.yaml`.

    python benchmarks/power.py FOLDER

FOLDER holds `argonne_power.csv` (average power of one device during a benchmark of 1,024 + 1,024 tokens: decode is
nearly all of the time), `splitwise_perf_model.csv` (peak power, which prefill sets) and `mlperf_power.csv` (a whole
host at the wall). A share is the median of its rows; their 10th and 90th percentiles stand beside it. NVML's milliwatts
are told from watts by their size.
"""

import csv
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path

WATTS = {"Nvidia A100 GPU": 400.0, "Nvidia H100 GPU": 700.0, "Nvidia GH200 GPU": 700.0, "NVIDIA B200-SXM-180GB": 1000.0}
"""Thermal design power; of GH200 that of its H100 die, which is what NVML reads."""

FAMILIES = {"Nvidia A100 GPU": "ampere", "Nvidia H100 GPU": "hopper", "Nvidia GH200 GPU": "hopper"}

PROMPT_TOKENS = 2048
"""Tokens in a batch from which prefill is bound by compute."""


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of a table of measurements."""
    with (folder / name).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def line(family: str, what: str, shares: Iterable[float]) -> str:
    """One share with its spread."""
    values = sorted(shares)
    low, *_, high = statistics.quantiles(values, n=10)
    middle = statistics.median(values)
    return f"{family:<10} {what:<8} {middle:.2f}  (p10 {low:.2f}, p90 {high:.2f}, {len(values)} rows)"


def decoding(folder: Path) -> dict[str, list[float]]:
    """Family -> average power over thermal design power, each measurement once."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for row in rows(folder, "argonne_power.csv"):
        watts = float(row["value"])
        watts = watts / 1000 if watts > 10_000 else watts
        key = tuple(row[column] for column in ("device", "model", "engine", "batch_or_concurrency"))
        found.setdefault(FAMILIES[row["device"]], {})[key] = watts / WATTS[row["device"]]
    return {family: list(shares.values()) for family, shares in found.items()}


def prefilling(folder: Path) -> list[float]:
    """Peak power of A100 over thermal design power for large prompts; zeros stand for what was not measured."""
    return [
        float(row["value"])
        for row in rows(folder, "splitwise_perf_model.csv")
        if row["metric"] == "peak_power" and row["device"] == "a100-80gb" and float(row["value"]) > 0
        if int(row["isl"]) * int(row["batch_or_concurrency"]) >= PROMPT_TOKENS
    ]


def hosts(folder: Path) -> list[float]:
    """What B200 hosts draw at the wall beyond their devices' thermal design power, for each device, over it."""
    return [
        float(row["value"]) / int(row["num_devices"]) / WATTS[row["device"]] - 1
        for row in rows(folder, "mlperf_power.csv")
        if row["device"] in WATTS and "llama2-70b" in row["model"]
    ]


def main(folder: Path) -> None:
    """Print the measured shares."""
    for family, shares in decoding(folder).items():
        print(line(family, "memory", shares))
    print(line("ampere", "compute", prefilling(folder)))
    print(line("blackwell", "host", hosts(folder)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
