"""Fits the shipped curves: ``python benchmarks/calibrate.py [DIRECTORY]`` with the CSV files of published measurements.

With DIRECTORY it writes ``agentc/cost/data/{curves,folds}.json`` and ``measurements.csv.gz``: the same files for the
same rows. Without, it fits the shipped measurements once more. Both print the errors of groups that a fit did not see.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentc.cost.accuracy import beliefs, crossval, errors, store
from agentc.cost.accuracy.measurement import Measurement
from agentc.cost.accuracy.reader import Reading, read
from agentc.cost.accuracy.rules import believed
from agentc.cost.curves import Curves

FILES = (
    "inferencex_silicon_agg",
    "inferencex_silicon_disagg",
    "trtllm_perf_overview",
    "argonne_llm_inference_bench",
    "argonne_ttft",
    "rocm_vllm_mi300x",
    "gaudi_intel_published",
    "splitwise_perf_model",
)
"""Serving results. Left out: Gaudi CI baselines (regression references, not tuned), power, operator times (priors)."""
DATA = Path(__file__).parent.parent / "agentc" / "cost" / "data"
ORIGIN = (
    "InferenceX rows shipped with ai-dynamo/aiconfigurator@095f58a (Apache-2.0); TensorRT-LLM performance overviews "
    "(Apache-2.0); Argonne LLM-Inference-Bench@4211f5d (BSD-3); ROCm vLLM README (Apache-2.0); Intel Gaudi model "
    "performance, SynapseAI 1.18; Splitwise perf_model (MIT); priors from operator times of aiconfigurator"
)
ABOUT = "written by benchmarks/calibrate.py; do not edit; deviations are logarithms of factors"


def main(arguments: list[str]) -> None:
    """Fit, cross-validate, write."""
    rows = measurements(Path(arguments[0])) if arguments else list(store.shipped_measurements())
    found = crossval.validated(rows, beliefs.believed(), ORIGIN)
    scored = scores(rows, found.folds)
    if arguments:
        write(rows, found, errors.bands(scored))
    for metric, table in errors.tables(scored)["vendor"].items():
        for name, one in table.items():
            figures = f"mean {one.mean:6.1%} median {one.median:6.1%} p90 {one.p90:6.1%}"
            print(f"{metric:11} {name:13} rows {one.rows:5} {figures}")


def write(rows: list[Measurement], found: crossval.Validated, bands: dict[str, tuple[float, float]]) -> None:
    """The three files of the package."""
    curves = replace(found.curves, bands=bands)
    _write("curves", store.curves_data(curves))
    folds = [store.curves_data(fold) for fold in found.folds]
    for fold in folds:
        for quantity in fold["quantities"].values():
            del quantity["meaning"]
    _write("folds", {"folds": folds})
    (DATA / "measurements.csv.gz").write_bytes(store.packed(rows))


def _write(name: str, data: dict[str, Any]) -> None:
    (DATA / f"{name}.json").write_text(json.dumps({"about": ABOUT, **data}, indent=1) + "\n", encoding="utf-8")


def measurements(directory: Path) -> list[Measurement]:
    """The rows that the rules believe."""
    reading = Reading()
    for name in FILES:
        with (directory / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
            reading.merge(read(lines, name))
    kept, left_out = believed(reading.measurements)
    print(f"{len(kept)} measurements; left out: {dict(left_out)}, {dict(reading.left_out)}")
    return kept


def scores(rows: list[Measurement], folds: tuple[Curves, ...]) -> list[errors.Scored]:
    """Each row as the fit predicts it that did not see its group."""
    found = crossval.held_out(rows, folds)
    return [errors.Scored(m, float(value)) for m, value in zip(rows, found, strict=True)]


if __name__ == "__main__":
    main(sys.argv[1:])
