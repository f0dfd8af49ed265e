"""Files of the CUDA backend."""

from pathlib import Path

import pytest

from agentc.backends import cuda
from agentc.backends.cuda import compiler, targets
from agentc.catalog.devices import devices
from agentc.frontends.kernels import builtin
from agentc.pipelines.kernels import lower_kernel
from agentc.support.diagnostics import Refused


@pytest.mark.skipif(compiler.compiler() is None, reason="needs nvcc or NVRTC to compile CUDA")
def test_ptx_and_cubin_for_three_generations(tmp_path: Path) -> None:
    kernels = {"cosine_gate": lower_kernel(builtin("cosine_gate"), "gpu")}
    rows = cuda.emit(kernels, tmp_path, targets=["sm_80", "sm_90a", "sm_100a"])
    assert {r.path for r in rows} == {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert {r.kind for r in rows} == {"cuda-source", "cuda-header", "kernel-abi", "ptx", "cubin"}
    for target in ("sm_80", "sm_90a", "sm_100a"):
        ptx = (tmp_path / target / "cosine_gate.ptx").read_text()
        assert f".target {target}" in ptx
        assert ".entry agentc_cosine_gate_p1_warp(" in ptx
        assert "ld.global" in ptx and ".v4.f32" in ptx
        assert (tmp_path / target / "cosine_gate.cubin").read_bytes()[:4] == b"\x7fELF"
    again = tmp_path / "again"
    cuda.emit(kernels, again, targets=["sm_90a"])
    for name in ("ptx", "cubin"):
        path = f"sm_90a/cosine_gate.{name}"
        assert (again / path).read_bytes() == (tmp_path / path).read_bytes()


def test_without_a_compiler_the_source_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "compiler", lambda: None)
    rows = cuda.emit({"relu": lower_kernel(builtin("relu"), "gpu")}, tmp_path)
    assert {r.kind for r in rows} == {"cuda-source", "cuda-header", "kernel-abi"}
    [source] = [r for r in rows if r.kind == "cuda-source"]
    assert source.note == "source only: neither nvcc nor NVRTC was there when it was emitted"


@pytest.mark.skipif(compiler.compiler() != "nvcc", reason="needs nvcc")
def test_what_the_compiler_refuses_is_kept(tmp_path: Path) -> None:
    rows = cuda.emit({"relu": lower_kernel(builtin("relu"), "gpu")}, tmp_path, targets=["sm_99"])
    [log] = [r for r in rows if r.kind == "compiler-log"]
    assert log.note.startswith("not compiled: nvcc")


@pytest.mark.skipif(compiler.compiler() is None, reason="needs nvcc or NVRTC to compile CUDA")
def test_volta_is_told_to_have_ended(tmp_path: Path) -> None:
    rows = cuda.emit({"relu": lower_kernel(builtin("relu"), "gpu")}, tmp_path, targets=["sm_70"])
    [log] = [r for r in rows if r.kind == "compiler-log"]
    assert log.note == (
        "not compiled: CUDA 13 no longer compiles for sm_70; CUDA 12.9 is the last that compiles this source for it"
    )


@pytest.mark.skipif(compiler.nvrtc_library() is None, reason="needs the wheel nvidia-cuda-nvrtc")
@pytest.mark.parametrize("target", targets.DEFAULT_TARGETS)
def test_nvrtc_alone_compiles(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert compiler.compiler() == "nvrtc"
    cuda.emit({"rms_norm": lower_kernel(builtin("rms_norm"), "gpu")}, tmp_path, targets=[target])
    assert f".target {target}" in (tmp_path / target / "rms_norm.ptx").read_text()
    assert (tmp_path / target / "rms_norm.cubin").read_bytes()[:4] == b"\x7fELF"


def test_every_nvidia_device_of_the_catalog_has_a_known_target() -> None:
    found = {name: d.target for name, d in devices().items() if d.target.startswith("sm_")}
    assert {t for t in found.values() if not targets.retired(t)} <= set(targets.ARCHITECTURES)
    assert {n for n, t in found.items() if targets.retired(t)} == {"v100"}


def test_an_unknown_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        cuda.emit({}, tmp_path, targets=["gfx942"])
    assert refused.value.diagnostics[0].slug == "kernel-target"
