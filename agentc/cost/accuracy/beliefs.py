"""What operator times say before any serving row is seen: shares of peak of matrix products."""

import math

from agentc.cost.curves import QUANTITIES, Curves
from agentc.support.yaml_text import table

WEIGHT_ONLY = math.log(0.475 / 0.758)
"""4-bit weights widened in registers, over 16-bit weights: bandwidth at one row, A100 (aic-gemm, TensorRT-LLM)."""


ATTENTION = (("kv_memory", "cache"), ("score_compute", "scores"))
"""Figures that operator times of attention say, and their columns."""


def believed() -> Curves:
    """Priors from ``data/efficiency.yaml``: its measured rows, and the assumed rows of CPUs, which no row corrects."""
    data = table("agentc.cost", "efficiency")
    deviations: dict[str, dict[str, float]] = {name: {} for name in QUANTITIES}
    for row in data["rows"]:
        family, phase, precision = str(row["family"]), str(row["phase"]), str(row["precision"])
        if not (row.get("calibrated", True) and "aic-gemm" in str(row["source"])) and not family.startswith("cpu"):
            continue
        name, figure = ("matrix_compute", row["compute"]) if phase == "prefill" else ("matrix_memory", row["memory"])
        key = f"family/precision={family}/{precision}"
        deviations[name][key] = math.log(float(figure) / QUANTITIES[name].prior)
    for family, row in data["attention"].items():
        for name, word in ATTENTION:
            if word in row:
                deviations[name][f"family={family}"] = math.log(float(row[word]) / QUANTITIES[name].prior)
    for family, row in data["families"].items():
        if "aic-comm" in str(row.get("source", "")):
            share = math.log(float(row["collective"]) / QUANTITIES["link_share"].prior)
            deviations["link_share"][f"family={family}"] = share
    for name in ("matrix_memory", "expert_memory"):
        deviations[name]["precision=int4"] = WEIGHT_ONLY
    launch = float(data["families"]["cpu"]["overhead_us"]) * 2e-6
    deviations["layer_seconds"]["family=cpu"] = math.log(launch / QUANTITIES["layer_seconds"].prior)
    return Curves({name: quantity.prior for name, quantity in QUANTITIES.items()}, deviations)
