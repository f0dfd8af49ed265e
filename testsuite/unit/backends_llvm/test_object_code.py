"""Machine code: what LLVM is told, and that other users of LLVM in the process are not."""

import re

import pytest
from llvmlite import binding

from agentc.backends.llvm import optimized_ir, optimized_module, phases_code, targets
from agentc.backends.llvm.targets import WIDE, find, object_code
from agentc.frontends.kernels import builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import lower_kernel

TARGET = "x86-64-v3"


def plainly(text: str) -> bytes:
    """As anybody has it who knows nothing of us."""
    return targets.machine(find(TARGET)).emit_object(binding.parse_assembly(text))


def test_the_option_is_ours_alone() -> None:
    text = optimized_ir(lower_kernel(builtin("layer_norm")), TARGET)
    before = plainly(text)
    ours = object_code(text, find(TARGET))
    assert ours != before  # or LLVM does not know the option any more
    assert plainly(text) == before


def test_code_does_not_depend_on_what_was_compiled_before() -> None:
    softmax, scores = lower_kernel(builtin("softmax")), lower_kernel(builtin("dot_scores"))
    first = phases_code(softmax, TARGET)
    assert phases_code(softmax, "x86-64-v4") != first
    phases_code(scores, TARGET)
    assert phases_code(softmax, TARGET) == first


def test_an_engine_may_keep_its_machine() -> None:
    text, target = "define i32 @seven() {\n  ret i32 7\n}\n", find("host")
    first = targets.object_of(targets.optimized(text, target), target)
    engine = binding.create_mcjit_compiler(binding.parse_assembly(text), targets.machine(target))
    engine.close()
    assert targets.object_of(targets.optimized(text, target), target) == first


def test_a_runtime_gets_the_phases_alone() -> None:
    lowered = lower_kernel(builtin("softmax_rows"))
    whole, phases = object_code(optimized_ir(lowered, TARGET), find(TARGET)), phases_code(lowered, TARGET)
    assert b"agentc_softmax_rows\0" in whole and b"agentc_softmax_rows_p0\0" in whole
    assert b"agentc_softmax_rows\0" not in phases and b"agentc_softmax_rows_p0\0" in phases
    assert len(phases) < len(whole)


def test_the_options_are_off_after_a_failure() -> None:
    text = optimized_ir(lower_kernel(builtin("layer_norm")), TARGET)
    before = plainly(text)
    try:
        with targets._lean(find(TARGET)):  # pyright: ignore[reportPrivateUsage]
            raise RuntimeError
    except RuntimeError:
        pass
    assert plainly(text) == before
    assert object_code(text, find(TARGET)) != before


def test_every_option_counts_where_it_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    text, znver3 = optimized_ir(lower_kernel(builtin("softmax_rows")), "znver3"), find("znver3")
    assert set(targets.LEAN) == {targets.X86, targets.ARM}
    codes = {object_code(text, znver3)}
    for option in targets.LEAN[targets.X86]:
        monkeypatch.setitem(targets.LEAN, targets.X86, (option,))
        codes.add(object_code(text, znver3))
    assert len(codes) == 3


def test_halves_are_rounded_after_each_operation_where_processors_have_them_too() -> None:
    text = "import numpy as np\nfrom agentc import f16\ndef k(x: f16['n']) -> f16['n']:\n    return x * x + x\n"
    lowered = lower_kernel(compile_source(parse(text, "k.py"), "k"))
    generator = targets.machine(find("sapphirerapids"))
    assembly = generator.emit_assembly(optimized_module(lowered, "sapphirerapids"))
    assert "vmulph" in assembly and "vaddph" in assembly and not re.search(r"vfmadd\w+[ps]h", assembly)


def test_this_machine_gets_whole_vectors() -> None:
    wide = bool(binding.get_host_cpu_features().get("avx512f"))
    assert (WIDE in find("host").features.split(",")) == wide
    assert find("host").traits.scales == wide
