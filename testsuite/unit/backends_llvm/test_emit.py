"""Files of the LLVM backend: there, deterministic, loadable, and of the right machine."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from agentc.backends import llvm
from agentc.frontends.kernels import builtin
from agentc.pipelines.kernels import lower_kernel
from agentc.plan.kernels import KernelAbi
from agentc.runtime.native import best_target, load
from agentc.support.diagnostics import Refused

MACHINES = {"x86-64": 62, "x86-64-v3": 62, "x86-64-v4": 62, "aarch64": 183}
"""e_machine of the ELF header."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("llvm")
    kernels = {n: lower_kernel(builtin(n)) for n in ("cosine_scores", "gelu")}
    before = str(kernels["gelu"])
    rows = llvm.emit(kernels, out, targets=tuple(MACHINES))
    assert str(kernels["gelu"]) == before
    listed = {row.path for row in rows}
    assert listed == {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    return out


def test_objects_are_of_their_machine(built: Path) -> None:
    for target, machine in MACHINES.items():
        data = (built / target / "gelu.o").read_bytes()
        assert data[:4] == b"\x7fELF"
        assert int.from_bytes(data[18:20], "little") == machine


def test_the_same_again_is_the_same_bytes(built: Path, tmp_path: Path) -> None:
    llvm.emit({"gelu": lower_kernel(builtin("gelu"))}, tmp_path, targets=tuple(MACHINES))
    for path in (p for p in tmp_path.rglob("*") if p.is_file()):
        assert path.read_bytes() == (built / path.relative_to(tmp_path)).read_bytes(), path.name


@pytest.mark.parametrize("suffix", ["o", "ll"])
def test_what_was_written_runs(built: Path, suffix: str) -> None:
    target = best_target(list(MACHINES))
    assert target is not None
    kernel = load(built / target / f"cosine_scores.{suffix}")
    docs = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)
    found = kernel(docs[3], docs)
    assert int(np.argmax(found)) == 3
    assert abs(found[3] - 1) < 1e-6


def test_the_abi_survives_json(built: Path) -> None:
    text = (built / "cosine_scores.abi.json").read_text()
    assert KernelAbi.from_json(text).to_json() == text
    with pytest.raises(ValueError, match="schema 1"):
        KernelAbi.from_json(text.replace('"schema": 2', '"schema": 1'))


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc to compile the C header's caller")
def test_c_calls_the_kernel(built: Path, tmp_path: Path) -> None:
    target = best_target(list(MACHINES))
    caller = tmp_path / "caller.c"
    caller.write_text(
        '#include "cosine_scores.h"\n'
        "void run(const float *q, const float *x, float *y) { agentc_cosine_scores(q, x, y, 4, 2); }\n"
    )
    library = tmp_path / "caller.so"
    objects = [str(built / str(target) / "cosine_scores.o")]
    command = ["gcc", "-shared", "-fPIC", "-I", str(built), str(caller), *objects, "-lm", "-o", str(library)]
    subprocess.run(command, check=True)
    query, docs = np.array([1, 0, 0, 0], np.float32), np.array([[2, 0, 0, 0], [1, 1, 0, 0]], np.float32)
    out = np.empty(2, np.float32)
    ctypes.CDLL(str(library)).run(*(ctypes.c_void_p(a.ctypes.data) for a in (query, docs, out)))
    np.testing.assert_allclose(out, [1, 0.5**0.5], rtol=1e-6)


def test_an_unknown_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        llvm.emit({}, tmp_path, targets=["x86-64-v5"])
    assert refused.value.diagnostics[0].slug == "kernel-target"
