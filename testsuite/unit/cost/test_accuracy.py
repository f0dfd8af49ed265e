"""Reading measurements, the rules that leave some out, predictions, fits and errors."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agentc import api
from agentc.cost.accuracy import crossval, errors, evaluation, store
from agentc.cost.accuracy.columns import engine_of, meaning_of, untangled
from agentc.cost.accuracy.measurement import FOLDS, Measurement, Pool
from agentc.cost.accuracy.reader import era, read
from agentc.cost.accuracy.rows import cache_precision, release
from agentc.cost.accuracy.rules import believed
from agentc.cost.curves import Target, shipped, using
from agentc.support import yaml_text
from agentc.support.diagnostics import Refused

WIDE = (
    "device,num_devices,tp,pp,model,precision,engine,isl,osl,batch_or_concurrency,mode,ep,attention_dp,ttft_ms,tpot_ms"
)
LONG = "device,num_devices,tp,pp,model,precision,engine,isl,osl,batch_or_concurrency,metric,value,unit"
ROW = "h100_sxm,2,2,1,meta-llama/Llama-3.1-70B,fp8,vllm 0.18,1024,1024,{clients},agg,1,1,{ttft},{tpot}"
ONE = Measurement(
    "t", 2, "h100-sxm", 2, 2, 1, 1, 1, "llama-2-70b", "fp8", "vllm", "0.18", 1024, 1024, 8, "closed", "tpot", 0.018
)


def row(clients: float = 8, ttft: str = "150", tpot: str = "18.2") -> str:
    return ROW.format(clients=clients, ttft=ttft, tpot=tpot)


def test_a_wide_row_is_two_measurements_in_seconds():
    found = read([WIDE, row()], "t").measurements
    assert [(m.metric, m.value) for m in found] == [("ttft", 0.15), ("tpot", pytest.approx(0.0182))]
    assert (found[0].device, found[0].tp, found[0].engine, found[0].row) == ("h100-sxm", 2, "vllm", 2)


def test_throughput_of_one_device_and_of_input_too_is_made_output_of_all():
    rows = [
        "h100,4,4,1,llama-3.1-8b,fp8,vllm,128,384,16,output_throughput_per_gpu,100,tok/s/GPU",
        "h100,4,4,1,llama-3.1-8b,fp8,vllm,128,384,16,total_throughput(in+out),400,tok/s",
    ]
    per_device, with_input = read([LONG, *rows], "t").measurements
    assert per_device.value == 400 and per_device.mode == "offline"
    assert with_input.value == 300 and with_input.mode == "static"


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        (("h100x", "llama-3.1-8b", "fp8", "8", "tpot", "7", "ms"), "device"),
        (("h100", "lama-9", "fp8", "8", "tpot", "7", "ms"), "model"),
        (("h100", "llama-3.1-8b", "fp9", "8", "tpot", "7", "ms"), "precision"),
        (("h100", "llama-3.1-8b", "fp8", "many", "tpot", "7", "ms"), "batch_or_concurrency"),
        (("h100", "llama-3.1-8b", "fp8", "8", "tpot", "-7", "ms"), "value"),
        (("h100", "llama-3.1-8b", "fp8", "8", "tpot", "nan", "ms"), "value"),
        (("h100", "llama-3.1-8b", "fp8", "8", "tpot", "7", "minutes"), "unit"),
        (("h100", "llama-3.1-8b", "fp8", "8", "tpot", "7", "tok/s"), "unit"),
    ],
)
def test_a_bad_cell_is_told_with_file_row_and_column(cells: tuple[str, ...], column: str):
    device, model, precision, clients, metric, value, unit = cells
    line = f"{device},1,1,1,{model},{precision},vllm,1024,1024,{clients},{metric},{value},{unit}"
    found = read([LONG, line], "ours.csv")
    (problem,) = found.problems
    assert not found.measurements
    assert f"row 2, `{column}`" in problem.message
    assert problem.span is not None and (problem.span.file, problem.span.line) == ("ours.csv", 2)


def test_a_table_without_columns_is_told():
    (problem,) = read(["device,model", "h100,llama"], "t").problems
    assert "precision" in problem.message


def test_no_row_at_all_is_refused(tmp_path: Path):
    path = tmp_path / "empty.csv"
    path.write_text(LONG + "\n")
    with pytest.raises(Refused, match="no row"):
        api.accuracy([path])
    with pytest.raises(Refused, match="cannot read"):
        api.accuracy([tmp_path / "missing.csv"])


def test_labels_that_multiply_a_way_by_itself_are_untangled():
    assert untangled(64, 64, 8, 1) == (8, 8, 8, 1)
    assert untangled(64, 1, 8, 64) == (8, 1, 8, 8)
    assert untangled(16, 4, 16, 4) == (4, 4, 4, 1)
    assert untangled(8, 8, 1, 1) == (8, 8, 1, 1)
    assert untangled(4, 1, 1, 4) == (4, 1, 1, 4)


def test_engines_have_the_year_of_their_software():
    assert era(*engine_of("vLLM 0.2-era"), "2024-04") == "vllm-2023"
    assert era(*engine_of("TensorRT-LLM 0.12.0"), "v0.12.0 (2024-08)") == "trtllm-2024"
    assert era(*engine_of("sglang 0.5.9"), "2026-02-01") == "sglang"
    assert meaning_of("average_power") is None


def test_release_candidates_have_a_front_end_of_their_own():
    small = replace(ONE, model="llama-3-8b", precision="bf16", engine="trtllm", metric="ttft", concurrency=1.0)
    candidate, later = replace(small, version="1.0.0rc3"), replace(small, version="1.2.0rc6")
    assert release(candidate) == "trtllm-1.0.0rc" and release(later) == ""
    assert shipped().value("first_seconds", Target("hopper", "NVIDIA", "trtllm", release(candidate))) > 0.03
    first, second = crossval.predictions([candidate, later], shipped())
    assert first != pytest.approx(second)


def test_rules_leave_out_what_cannot_be_and_say_so():
    slow = replace(ONE, row=3, version="0.19", value=0.030)
    speculative = [replace(ONE, row=9 + i, concurrency=4.0 * 2**i, version="mtp", value=0.016) for i in range(3)]
    plain = [replace(m, row=m.row + 9, version="0.19", value=0.030) for m in speculative]
    kept, out = believed([ONE, ONE])
    assert kept == [ONE] and out["twice"] == 1
    kept, out = believed([*speculative, *plain])
    assert kept == plain and out["speculative"] == 3
    kept, out = believed([replace(ONE, value=0.001), slow])
    assert kept == [slow] and out["faster than peak"] == 1
    falling = [replace(ONE, row=i, concurrency=2.0**i, value=0.02) for i in (2, 3, 5)]
    kept, out = believed([*falling, replace(ONE, row=9, concurrency=16.0, value=0.06)])
    assert [m.row for m in kept] == [2, 3] and out["falls with load"] == 2, "two that contradict each other only"
    falling += [replace(ONE, row=9, concurrency=64.0, value=0.022), replace(ONE, row=8, concurrency=16.0, value=0.06)]
    kept, out = believed(falling)
    assert [m.row for m in kept] == [2, 3, 5, 9] and out["falls with load"] == 1


def test_a_first_token_that_comes_sooner_under_load_had_the_start_of_the_servers_in_it():
    pools = {"prefill": Pool(1, 4, 1, 1), "decode": Pool(2, 8, 1, 1)}
    apart = replace(ONE, mode="disaggregated", metric="ttft", **pools)
    starts = replace(apart, row=3, concurrency=4.0, value=24.0)
    loads = [replace(apart, row=i, concurrency=2.0**i, value=i / 10) for i in (4, 5, 6)]
    kept, out = believed([starts, *loads])
    assert kept == loads and out["falls with load"] == 1


def test_the_slower_pool_sets_the_pace():
    """With one prefill worker and ever more clients: a first token waits for it, time per token does not grow."""
    apart = replace(ONE, mode="disaggregated", isl=8192, osl=128, prefill=Pool(1, 2, 1, 1), decode=Pool(4, 2, 1, 1))
    many = [replace(apart, concurrency=c, metric=metric) for c in (400.0, 800.0) for metric in ("ttft", "tpot")]
    first, token, later, slower = crossval.predictions(many, shipped())
    assert later > 1.8 * first, "the wait doubles with the clients"
    assert slower < 1.3 * token
    ample = replace(apart, prefill=Pool(64, 2, 1, 1), concurrency=400.0, metric="ttft")
    assert crossval.predictions([ample], shipped())[0] < first / 5


def test_the_cache_is_narrow_where_engines_keep_it_so():
    windowed = replace(ONE, model="llama-4-scout", precision="fp8")
    formats = {engine: cache_precision(replace(windowed, engine=engine)) for engine in ("vllm", "trtllm")}
    assert formats == {"vllm": "bf16", "trtllm": "fp8"}
    assert cache_precision(ONE) == "fp8" and cache_precision(replace(ONE, precision="bf16")) == "bf16"


def test_time_grows_with_the_load_and_falls_with_the_devices():
    clients = [replace(ONE, concurrency=2.0**i) for i in range(9)]
    tokens = crossval.predictions(clients, shipped())
    firsts = crossval.predictions([replace(m, metric="ttft") for m in clients], shipped())
    assert (np.diff(tokens) > 0).all() and (np.diff(firsts) > 0).all()
    ways = [replace(ONE, devices=t, tp=t) for t in (2, 4, 8)]
    assert (np.diff(crossval.predictions(ways, shipped())) < 0).all()


def test_clients_beyond_the_memory_wait_whole_lives():
    long = replace(ONE, device="h200", devices=1, tp=1, isl=8192, metric="ttft")
    fits, over = crossval.predictions([replace(long, concurrency=c) for c in (16.0, 128.0)], shipped())
    assert fits < 5 and over > 30, "measured: 2.2 and 128 seconds"


def test_a_fit_moves_predictions_to_its_rows_and_keeps_its_start():
    rows = [replace(ONE, row=i, concurrency=2.0**i, value=2 * v) for i, v in enumerate(_predicted())]
    curves = crossval.fitted(rows, shipped())
    after = crossval.predictions(rows, curves)
    before = crossval.predictions(rows, shipped())
    target = np.array([m.value for m in rows])
    assert np.abs(np.log(after / target)).mean() < 0.5 * np.abs(np.log(before / target)).mean()
    again = crossval.fitted(rows, shipped())
    assert store.curves_text(curves) == store.curves_text(again), "the same rows give the same curves"


def _predicted() -> list[float]:
    rows = [replace(ONE, concurrency=2.0**i) for i in range(6)]
    return [float(value) for value in crossval.predictions(rows, shipped())]


def test_curves_survive_their_file(tmp_path: Path):
    path = tmp_path / "curves.yaml"
    path.write_text(store.curves_text(shipped()))
    read_back = store.read_curves(path)
    assert crossval.predictions([ONE], read_back) == pytest.approx(crossval.predictions([ONE], shipped()))
    path.write_text("quantities: [1]")
    with pytest.raises(Refused, match="cannot take curves"):
        store.read_curves(path)


def test_measurements_survive_packing():
    pooled = replace(ONE, prefill=Pool(1, 1, 4, 4), decode=Pool(2, 8, 1, 8), mode="disaggregated")
    lines = gzip.decompress(store.packed([ONE, pooled])).decode().splitlines()
    assert list(store.unpacked(lines)) == [ONE, pooled]


def test_groups_are_held_out_whole():
    found = evaluation.shipped()
    folds = {row.measurement.group: row.measurement.fold for row in found.scored}
    assert set(folds.values()) == set(range(FOLDS))
    assert len(store.folds()) == FOLDS


def test_errors_of_groups_that_no_fit_saw_stay_within_reach():
    """The figures of docs/accuracy.md, with a margin."""
    every = errors.tables(evaluation.shipped().scored)["all"]
    token, out, first = (every[metric]["all"] for metric in ("tpot", "throughput", "ttft"))
    assert token.mean < 0.13 and token.median < 0.10 and token.p90 < 0.30
    assert out.mean < 0.15 and out.median < 0.10 and out.p90 < 0.32
    assert first.mean < 0.30 and first.median < 0.20
    assert 0.7 < token.inside < 0.9, "intervals hold eight of ten"


def test_a_users_rows_of_a_known_group_are_predicted_without_it(tmp_path: Path):
    path = tmp_path / "ours.csv"
    path.write_text("\n".join([WIDE, row(8), row(16, "250", "19.7")]) + "\n")
    found = api.accuracy([path])
    assert found.seen == {"h100-sxm llama-2-70b fp8"}
    text, before, after = api.calibrate([path])
    assert "calibrated to 4 rows of ours.csv" in text
    with using(store.curves_of(yaml_text.load(text))):
        assert errors.summarized(after.scored).mean <= errors.summarized(before.scored).mean
