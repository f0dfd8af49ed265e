"""Machine code is made without LLVM's loop strength reduction, and other users of LLVM in the process keep it."""

import pytest
from llvmlite import binding

from agentc.backends.llvm import optimized_ir, phases_code, targets
from agentc.backends.llvm.targets import find, object_code
from agentc.frontends.kernels import builtin
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
