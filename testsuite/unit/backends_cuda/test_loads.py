"""Loads of emitted CUDA: several of a thread under way, loops that are shorter than a group, divisions by one number."""

import re
from pathlib import Path

import numpy as np
import pytest
from kernel_sample import arguments, assert_close, reference

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.cuda.host import HostKernel, host_compiler
from agentc.backends.cuda.source import source
from agentc.frontends.kernels import builtin
from agentc.pipelines.kernels import lower_kernel
from agentc.plan.sizes import Sizes

needs_compiler = pytest.mark.skipif(host_compiler() is None, reason="needs g++ or clang++ to run CUDA text on the CPU")


def text_of(name: str) -> str:
    return source(lower_kernel(builtin(name), "cuda"))


def test_loads_come_before_their_uses() -> None:
    """What is loaded fills an array in a loop of its own, so that no use waits in between."""
    text = text_of("dot_scores")
    loop = text[text.index("agentc::Pack<float, 4> docs4[4];") :]
    assert loop.index("docs4[p] = agentc::load_pack<4>(docs + i * d + j_1);") < loop.index("docs4[p_2].at[u]")
    assert "j += 16 * group.size" in text
    assert "query4[4]" not in text and "const auto query4 = agentc::load_pack<4>(query + j_3);" in text  # all rows' own
    held = text_of("softmax_rows")
    held = held[held.index("agentc::Pack<float, 4> x_row[kPacks];") :]
    assert re.match(r".*\n *#pragma unroll\n.*\n.*\n.*\n *x_row\[p\] = .*\n *}\n *}\n *#pragma unroll\n", held)


@pytest.mark.parametrize(("name", "count"), [("softmax_rows", 2), ("rms_norm", 2), ("quantize_int8", 0)])
def test_rows_divide_once(name: str, count: int) -> None:
    """But not where an integer is made of the quotient: there its last bit can decide."""
    text = text_of(name).split("_pieces0(")[0]
    assert len(re.findall(r"const float inverse = 1\.0f / \w+;", text)) == count
    assert len(re.findall(r" \* inverse;", text)) == {"quantize_int8": 0}.get(name, 3)


@needs_compiler
@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize(("name", "sizes"), [("int4_matvec", (5, 3)), ("int4_matvec", (3, 40))])
def test_short_inner_loops_are_one_with_the_outer(
    name: str, sizes: tuple[int, int], shift: int, tmp_path: Path
) -> None:
    """All lanes have work where a group of weights is shorter than a warp; packs also of what stands 16 further."""
    module = lower_kernel(builtin(name), "cuda")
    abi, text = kernel_abi(module), source(module)
    assert "codes4[p] = agentc::load_pack<4>(codes + (i * g + " in text and re.search(r"\+ \(k\w* \+ 16\)\);", text)
    assert "agentc::Pack<int8_t, 4> codes4[8];" in text and "x4[" not in text
    assert text.split("_pieces0(")[0].count("group.reduce") == 1 and "if (g * 16 <= 4096 && m >= 4096) {" in text
    m, g = sizes
    values = arguments(abi, {"m": m, "g": g})
    result = np.full(m, 99, np.float32)
    HostKernel(text, abi, tmp_path, check=True, shift=shift)(values, [result], [{"m": m, "g": g}[s] for s in abi.sizes])
    assert_close(result, reference(name, values)[0])


@needs_compiler
def test_a_reduction_over_a_size_that_follows_from_another_is_cut(tmp_path: Path) -> None:
    """The frames of a spectrogram are the samples over 160: the host knows how many, and cuts their maximum into parts."""
    module = lower_kernel(builtin("log_mel_spectrogram"), "cuda")
    abi, text = kernel_abi(module), source(module)
    short = "if (size_t_over_160 * 80 <= 32768) {"
    assert short in text
    values = arguments(abi, {"t": 10})
    known = Sizes({"t": len(values[0])})
    wanted = reference("log_mel_spectrogram", values)[0]
    result = np.full(wanted.shape, 99, np.float32)
    HostKernel(text.replace(short, "if (false) {"), abi, tmp_path, check=True)(
        values, [result], [known[s] for s in abi.sizes]
    )
    assert_close(result, wanted)
