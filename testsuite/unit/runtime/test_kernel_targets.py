"""A kernel of a build gives the same ranking as machine code and as an ONNX graph."""

from pathlib import Path

import numpy as np
import pytest

from agentc.backends import llvm
from agentc.backends.llvm.targets import host_target
from agentc.backends.onnx.kernels import emit_kernels
from agentc.frontends.kernels import builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
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


def custom(folder: Path, text: str) -> Build:
    """A build of kernel ``k`` of ``text``."""
    head = "import numpy as np\n"
    made = [compile_source(parse(head + text, "k.py"), "k") for _ in range(2)]
    written = llvm.emit({"k": lower_kernel(made[0])}, folder, targets=[host_target()])
    written += emit_kernels({"k": made[1]}, folder)
    return Build(folder, tuple(ManifestFile(a.path, a.kind, a.target, a.of, "", 0) for a in written))


@pytest.mark.parametrize("target", ["llvm", "onnx"])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([1.5, 2.0], "not all of these numbers are int8: [1.5, 2."),
        ([300, 1], "not all of these numbers are int8"),
        ([1, -129], "int8"),
        ([float("nan")], "int8"),
        ([2**70], "a kernel takes numbers"),
        (["a"], "a kernel takes numbers"),
        ([[1], [2, 3]], "a kernel takes numbers"),
        (np.ma.masked_array([1, 2], [False, True]), "masked"),
    ],
)
def test_numbers_are_never_cut_to_what_a_kernel_takes(tmp_path: Path, target: str, value: object, told: str) -> None:
    kernels = Kernels(custom(tmp_path, 'def k(x: i8["n"]):\n    return x + 1\n'), target)
    np.testing.assert_array_equal(kernels.call("k", [[1.0, -128]]), [2, -127])
    with pytest.raises(Refused) as refused:
        kernels.call("k", [value])
    assert told in refused.value.diagnostics[0].message


@pytest.mark.parametrize("target", ["llvm", "onnx"])
def test_sizes_of_one_name_agree_and_what_is_read_is_there(tmp_path: Path, target: str) -> None:
    """ONNX Runtime would repeat an array of one element, and take the nearest where there is none."""
    text = 'def k(x: f32["n"], y: f32["n"], z: f32["2*n + 1"]):\n    return x + y, z[3]\n'
    kernels = Kernels(custom(tmp_path, text), target)
    total, third = kernels.call("k", [[1, 2], [3, 4], range(5)])
    assert total.tolist() == [4, 6] and third == 3
    for shapes, told in (((3, 1, 7), "is not `n` = 3"), ((3, 3, 6), "2*n + 1"), ((1, 1, 3), "at least 1, it is 0")):
        with pytest.raises(Refused) as refused:
            kernels.call("k", [np.ones(n) for n in shapes])
        assert told in refused.value.diagnostics[0].message


@pytest.mark.parametrize("target", ["llvm", "onnx"])
def test_bf16_is_rounded_alike(tmp_path: Path, target: str) -> None:
    dtype = pytest.importorskip("ml_dtypes").bfloat16
    text = 'def k(x: bf16["n", "d"], w: bf16["d"]):\n    return x * w + 1.0, np.exp(x)[::-1], np.sum(x, axis=1)\n'
    kernels = Kernels(custom(tmp_path, text), target)
    x, w = (np.random.default_rng(0).normal(size=s).astype("f4").astype(dtype) for s in ((5, 7), (7,)))
    wide = x.astype("f4")
    product = (wide * w.astype("f4")).astype(dtype)
    wanted = [product.astype("f4") + 1, np.exp(wide)[::-1], wide.sum(axis=1)]
    for found, other in zip(kernels.call("k", [x, w]), wanted, strict=True):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found.astype("f4"), other.astype(dtype).astype("f4"))


@pytest.mark.parametrize("target", ["llvm", "onnx"])
def test_a_file_that_was_cut_is_told(tmp_path: Path, target: str) -> None:
    made = build(tmp_path)
    for row in made.files:
        if row.path.endswith((".o", ".onnx")):
            place = tmp_path / row.path
            place.write_bytes(place.read_bytes()[:100])
    with pytest.raises(Refused, match="cannot be loaded"):
        call(Kernels(made, target))
