"""Generated text names the lines that it comes from, relative and the same on every run."""

from pathlib import Path

import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from agentc.analyses.kernel_sources import inherit, lines, sources
from agentc.backends.cuda.source import source
from agentc.backends.llvm import emit
from agentc.backends.llvm.gpu import emit_gpu
from agentc.backends.onnx.kernels import kernel_model
from agentc.frontends.kernels import BUILTINS, builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import lower_kernel

TEXT = """
import numpy as np


def scaled(v):
    return v / np.sqrt(np.sum(v * v))


def k(x: f32["n", "d"], w: f32["d"]):
    unit = scaled(w)
    found = x @ unit
    again = x @ unit
    order = np.sort(found)
    return order, np.concatenate([found * 2.0, again])
"""


@pytest.fixture(scope="module")
def kernel() -> ModuleOp:
    return compile_source(parse(TEXT, "ranking.py"), "k")


def test_tensor_ops_stand_where_they_were_written(kernel: ModuleOp) -> None:
    found = {place for op in kernel.walk() for place in sources(op)}
    assert {"ranking.py:6:24", "ranking.py:11:13", "ranking.py:12:13", "ranking.py:13:13"} <= found
    assert all(place.startswith("ranking.py:") for place in found)


@pytest.mark.parametrize("device", ["cpu", "gpu", "cuda"])
def test_every_phase_knows_its_lines(kernel: ModuleOp, device: str) -> None:
    lowered = lower_kernel(kernel, device)  # pyright: ignore[reportArgumentType]
    told = [lines(function) for function in lowered.ops if "function_type" in function.properties]  # pyright: ignore
    assert told[0] == "ranking.py:9" and all(told)
    assert any("11, 12" in place for place in told), "twins stand on both lines"
    assert any("13" in place for place in told) and any("6" in place for place in told)


def test_headers_and_ir_name_them(kernel: ModuleOp, tmp_path: Path) -> None:
    emit({"k": lower_kernel(kernel)}, tmp_path, targets=["x86-64-v3"])
    assert "//   from ranking.py:9\n" in (tmp_path / "k.h").read_text()
    text = (tmp_path / "x86-64-v3/k.ll").read_text()
    assert "; agentc_k: from ranking.py:9\n; agentc_k_p0: from ranking.py:6" in text
    emit_gpu({"k": lower_kernel(kernel, "gpu")}, tmp_path, targets=["gfx942", "sm_80"])
    assert "; agentc_k_p0: from ranking.py:6" in (tmp_path / "gfx942/k.ll").read_text()
    assert (tmp_path / "sm_80/k.ptx").read_text().startswith("// agentc_k: from ranking.py:9\n// agentc_k_p0: from")


def test_cuda_text_names_them(kernel: ModuleOp) -> None:
    text = source(lower_kernel(kernel, "cuda"))
    assert "//   from ranking.py:9\n" in text and "// agentc_k_p0: from ranking.py:6" in text
    assert text == source(lower_kernel(kernel, "cuda"))


def test_onnx_nodes_name_them(kernel: ModuleOp) -> None:
    graph = kernel_model(kernel).graph
    assert graph.doc_string == "ranking.py:9"
    assert "ranking.py:13:13" in {node.doc_string for node in graph.node}


def test_places_are_in_the_order_of_the_text(kernel: ModuleOp) -> None:
    op = next(iter(kernel.ops)).clone()
    op.attributes.pop("agent.source")
    for place in ("b.py:2:1", "a.py:10:1", "a.py:9:3", "a.py:9:1", "b.py:2:1"):
        inherit(op, [place])
    assert sources(op) == ["a.py:9:1", "a.py:9:3", "a.py:10:1", "b.py:2:1"]
    assert lines(op) == "a.py:9, 10; b.py:2"  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("device", ["cpu", "gpu", "cuda"])
@pytest.mark.parametrize("name", sorted(BUILTINS))
def test_no_phase_of_the_library_is_of_unknown_origin(name: str, device: str) -> None:
    lowered = lower_kernel(builtin(name), device)  # pyright: ignore[reportArgumentType]
    file = f"{BUILTINS[name]}.py:"
    assert all(lines(function).startswith(file) for function in lowered.ops if isinstance(function, FuncOp))
