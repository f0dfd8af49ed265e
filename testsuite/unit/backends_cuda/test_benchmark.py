"""The part of the GPU benchmark that needs no GPU."""

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agentc.backends.cuda.compiler import INCLUDE
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
    cuda_kernels.emit(tmp_path)
    names = {p.name for p in tmp_path.iterdir()}
    assert {f"{n}{end}" for n in cuda_kernels.NAMES for end in (".cu", ".abi.json")} <= names
    assert {"agentc_cuda.cuh", "agentc_matrix.cuh", "cuda_kernels.py", cuda_kernels.HELPER} <= names


RUNTIME = """
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
using std::size_t;
extern "C" {
int bench_devices() { return 1; }
int bench_describe(char* text, size_t room) { std::snprintf(text, room, "a processor"); return 0; }
void* bench_alloc(size_t n) { return std::aligned_alloc(256, (n + 255) / 256 * 256); }
void bench_free(void* p) { std::free(p); }
int bench_put(void* to, const void* from, size_t n) { std::memcpy(to, from, n); return 0; }
int bench_get(void* to, const void* from, size_t n) { std::memcpy(to, from, n); return 0; }
int bench_copy(void* to, const void* from, size_t n) { std::memcpy(to, from, n); return 0; }
int bench_clear(void* p, size_t n) { std::memset(p, 0xff, n); return 0; }
int bench_wait() { return 0; }
int bench_capture(void*) { return 0; }
int bench_replay(void*) { return 0; }
void* bench_stream() { return nullptr; }
const char* bench_words(int) { return "words"; }
static std::chrono::steady_clock::time_point begin;
void bench_start() { begin = std::chrono::steady_clock::now(); }
float bench_stop() { return std::chrono::duration<float, std::milli>(std::chrono::steady_clock::now() - begin).count(); }
}
"""
"""Stands for ``cuda_helper.cu`` where there is no GPU."""


@pytest.mark.skipif(host_compiler() is None, reason="needs g++ or clang++ to run CUDA text on the CPU")
def test_all_that_it_does_on_a_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With a processor in place of the GPU: what is right, what is wrong, and what cannot start are told apart."""
    monkeypatch.setattr(cuda_kernels, "NAMES", ("rms_norm", "gelu"))
    monkeypatch.setattr(cuda_kernels, "REPEATS", 1)
    monkeypatch.setattr(cuda_kernels, "ROUNDS", 1)
    monkeypatch.setattr(cuda_kernels, "SMALL", {"n": 9, "d": 20, "s": 24})
    monkeypatch.setattr(cuda_kernels, "torch_references", dict)
    cuda_kernels.emit(tmp_path)
    (tmp_path / "runtime.cpp").write_text(RUNTIME)
    texts = ["-x", "c++", *(f"{name}.cu" for name in cuda_kernels.NAMES), "runtime.cpp"]
    flags = ["-std=c++17", "-O1", "-DAGENTC_ON_HOST", "-shared", "-fPIC", "-I", str(INCLUDE)]
    subprocess.run([str(host_compiler()), *flags, *texts, "-o", cuda_kernels.LIBRARY], cwd=tmp_path, check=True)
    options = [str(tmp_path), "--rows=30", "--width=24", "--side=8"]
    assert cuda_kernels.main([*options, "--only=rms_norm"]) == 0
    monkeypatch.setitem(cuda_kernels.REFERENCES, "gelu", lambda x: x)
    assert cuda_kernels.main([*options, "--only=gelu"]) == 1
    shown = capfd.readouterr().out
    assert "rms_norm " in shown and "right: largest error" in shown and "gelu: WRONG (small, late" not in shown
    assert "gelu: WRONG (late)" in shown and "gelu: WRONG (graph)" in shown
    asked: list[list[str]] = []

    def child(command: list[str], check: bool) -> Any:
        asked.append(command[-2:])
        return SimpleNamespace(returncode=int(command[-1] == "gelu"))

    monkeypatch.setattr(subprocess, "run", child)
    assert cuda_kernels.on_gpu(tmp_path, cuda_kernels.parsed(options)) == 1
    assert asked == [["--only", "rms_norm"], ["--only", "gelu"]]
    assert capfd.readouterr().out.endswith("gelu: FAILED\n1 of 2 kernels right\n")


@pytest.mark.skipif(not shutil.which("nvcc"), reason="needs nvcc")
def test_the_library_for_a_gpu_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cuda_kernels, "NAMES", ("rms_norm",))
    assert cuda_kernels.main(["--emit", str(tmp_path)]) == 0
    assert "built for sm_90a" in capsys.readouterr().out
    library = cuda_kernels.load(tmp_path)
    assert library.agentc_launch_rms_norm and library.bench_replay


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert cuda_kernels.main([]) == 0
    assert (
        capsys.readouterr().out
        == "skipped: this needs a GPU, and nvcc or a folder that `--emit` wrote where nvcc was\n"
    )


def test_bfloat16_is_rounded_to_even() -> None:
    values = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, -3.0], np.float32)
    assert cuda_kernels.widened(cuda_kernels.rounded(values)).tolist() == [1.0, 1.0, 1 + 2**-6, -3.0]
