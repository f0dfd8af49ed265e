"""The part of the GPU benchmark that needs no GPU."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from agentc.backends.cuda.host import host_compiler
from benchmarks import cuda_kernels


def test_options() -> None:
    options = cuda_kernels.parsed(["folder", "--rows", "512", "--arch", "sm_90a"])
    assert (options.folder, options.rows, options.arch, options.check) == (Path("folder"), 512, "sm_90a", False)
    assert cuda_kernels.parsed([]).side == 8192


@pytest.mark.skipif(host_compiler() is None, reason="needs g++ or clang++ to run CUDA text on the CPU")
def test_check_runs_on_the_cpu(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cuda_kernels, "NAMES", ("rms_norm", "product_bf16"))
    assert cuda_kernels.check({"n": 9, "d": 20, "s": 24}) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["rms_norm", "product_bf16"]
    monkeypatch.setitem(cuda_kernels.REFERENCES, "rms_norm", lambda x, w: x)
    assert cuda_kernels.check({"n": 9, "d": 20, "s": 24}) == 1


def test_what_it_emits_is_complete(tmp_path: Path) -> None:
    assert cuda_kernels.main(["--emit", str(tmp_path)]) == 0
    names = {p.name for p in tmp_path.iterdir()}
    assert {f"{n}{end}" for n in cuda_kernels.NAMES for end in (".cu", ".abi.json")} <= names
    assert {"agentc_cuda.cuh", "agentc_matrix.cuh"} <= names


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert cuda_kernels.main([]) == 0
    assert capsys.readouterr().out == "skipped: this needs nvcc and a GPU\n"


def test_bfloat16_is_rounded_to_even() -> None:
    values = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, -3.0], np.float32)
    assert cuda_kernels.widened(cuda_kernels.rounded(values)).tolist() == [1.0, 1.0, 1 + 2**-6, -3.0]
