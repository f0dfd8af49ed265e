"""Error tables for people."""

from dataclasses import replace

from agentc.cost.accuracy.errors import Scored
from agentc.cost.accuracy.evaluation import Evaluation
from agentc.cost.accuracy.measurement import Measurement
from agentc.report import accuracy

ONE = Measurement(
    "t", 2, "h100-sxm", 2, 2, 1, 1, 1, "llama-2-70b", "fp8", "vllm", "0.18", 1024, 1024, 8, "closed", "tpot", 0.018
)
ROWS = tuple(
    Scored(replace(ONE, device=device, model=model, metric=metric), 0.02)
    for device, model in (("h100-sxm", "llama-2-70b"), ("b200", "qwen3-235b-a22b"), ("gaudi3", "llama-3.1-8b"))
    for metric in ("tpot", "ttft")
)
VIEWS = ("all", "vendor", "device", "model", "precision", "mode", "engine", "source")


def test_tables_fit_80_columns() -> None:
    shown = accuracy.text(Evaluation(ROWS, ROWS), VIEWS).splitlines()
    assert max(map(len, shown)) <= 80
    assert not any(line != line.rstrip() for line in shown)


def test_a_block_a_metric_and_its_columns_below_each_other() -> None:
    shown = accuracy.text(Evaluation(ROWS), ("all", "vendor")).splitlines()
    overall = shown[shown.index("all rows") + 1 :]
    assert overall[0].split() == ["metric", "rows", "groups", "median", "mean", "p90", "bias", "inside"]
    assert overall[1].split()[:5] == ["TTFT", "3", "3", "11.1%", "11.1%"]
    heads = [line for line in shown if line.endswith("inside")]
    assert [line.split()[0] for line in heads] == ["metric", "TTFT", "TBT"]
    assert len({line.index(" rows") for line in heads[1:]}) == 1
