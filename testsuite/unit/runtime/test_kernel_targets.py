"""A kernel of a build gives the same ranking as machine code and as an ONNX graph."""

from pathlib import Path

import numpy as np
import pytest

from agentc.backends import llvm
from agentc.backends.llvm.targets import host_target
from agentc.backends.onnx.kernels import emit_kernels
from agentc.frontends.kernels import builtin
from agentc.pipelines.kernels import lower_kernel
from agentc.plan.manifest import ManifestFile
from agentc.runtime.build import Build
from agentc.runtime.kernels import Kernels
from agentc.support.diagnostics import Refused

NAME = "cosine_top_k"


def build(folder: Path, *, native: bool = True, graphs: bool = True) -> Build:
    written = llvm.emit({NAME: lower_kernel(builtin(NAME))}, folder, targets=[host_target()]) if native else []
    written += emit_kernels({NAME: builtin(NAME)}, folder) if graphs else []
    return Build(folder, tuple(ManifestFile(a.path, a.kind, a.target, a.of, "", 0) for a in written))


def call(kernels: Kernels) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    query, docs = random.standard_normal(16), random.standard_normal((40, 16))
    return list(kernels.call(NAME, [query, docs]))


def test_targets_rank_alike(tmp_path: Path) -> None:
    made = build(tmp_path)
    native, graph = (call(Kernels(made, target)) for target in ("llvm", "onnx"))
    np.testing.assert_array_equal(native[1], graph[1])
    np.testing.assert_allclose(native[0], graph[0], rtol=1e-5)
    np.testing.assert_array_equal(call(Kernels(made))[1], graph[1])


def test_numbers_take_the_type_that_is_wanted(tmp_path: Path) -> None:
    name = "similarity_cache"
    written = emit_kernels({name: builtin(name)}, tmp_path)
    made = Build(tmp_path, tuple(ManifestFile(a.path, a.kind, a.target, a.of, "", 0) for a in written))
    place, _ = Kernels(made, "onnx").call(name, [[1.0, 0.0], [[0.0, 1.0], [2.0, 0.1]], 0.5])
    assert place.tolist() == [1]


def test_the_graph_stands_in_for_machine_code(tmp_path: Path) -> None:
    made = build(tmp_path, native=False)
    assert call(Kernels(made))[1].shape == (10,)
    with pytest.raises(Refused, match="kernel-missing"):
        call(Kernels(made, "llvm"))


def test_what_was_not_compiled_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no ONNX graph"):
        call(Kernels(build(tmp_path, graphs=False), "onnx"))
    with pytest.raises(Refused, match="kernel-arguments"):
        Kernels(build(tmp_path), "onnx").call(NAME, [np.zeros(3), np.zeros((2, 4))])
