"""Kernels through IREE, for devices that have no backend here: the same answers on the CPU, SPIR-V for Vulkan."""

from typing import Any

import numpy as np
import pytest

from agentc.frontends.kernels import builtin
from agentc.pipelines.kernels import compile_kernel, upstream_text
from agentc.support.diagnostics import Refused

NAMES = ("cosine_softmax", "layer_norm", "reciprocal_rank_fusion", "matmul")


@pytest.mark.parametrize("target", ["llvm-cpu", "vmvx"])
@pytest.mark.parametrize("name", NAMES)
def test_the_same_answer(name: str, target: str) -> None:
    compiler: Any = pytest.importorskip("iree.compiler")
    runtime: Any = pytest.importorskip("iree.runtime")
    kernel = compile_kernel(builtin(name), threads=1)
    random, sizes = np.random.default_rng(0), {"n": 13, "d": 20, "k": 7, "m": 9, "lists": 3}
    arguments: list[Any] = [
        0.5 if p.dims is None else random.standard_normal([sizes[str(d)] for d in p.dims]).astype(np.float32)
        for p in kernel.abi.arguments
    ]
    options = ["--iree-llvmcpu-target-cpu=generic"] if target == "llvm-cpu" else []
    code = compiler.compile_str(upstream_text(builtin(name)), target_backends=[target], extra_args=options)
    context = runtime.SystemContext(config=runtime.Config("local-sync"))
    context.add_vm_module(runtime.VmModule.copy_buffer(context.instance, code))
    found = getattr(context.modules.module, name)(*arguments).to_host()
    np.testing.assert_allclose(found, kernel(*arguments), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["cosine_softmax", "matmul"])
def test_vulkan_takes_it(name: str) -> None:
    compiler: Any = pytest.importorskip("iree.compiler")
    code = compiler.compile_str(upstream_text(builtin(name)), target_backends=["vulkan-spirv"])
    assert len(code) > 1000


def test_what_upstream_lacks_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        upstream_text(builtin("cosine_top_k"))
    assert refused.value.diagnostics[0].slug == "kernel-unsupported"


def test_no_attribute_of_ours_is_left() -> None:
    module = builtin("cosine_softmax")
    assert "agentc" not in upstream_text(module)
    assert "agentc.dims" in str(module)
