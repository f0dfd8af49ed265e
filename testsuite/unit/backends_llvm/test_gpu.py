"""Kernels for GPUs by LLVM: code objects with their symbols, PTX that NVIDIA's assembler takes, and right answers when the
same IR runs on this machine, each lane a fiber.
"""

import ctypes
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kernel_sample import parsed
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp

from agentc.backends.llvm import gpu
from agentc.backends.llvm.gpu_phases import form_of, launches, translate_gpu
from agentc.backends.llvm.linker import lld
from agentc.frontends.kernels import builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import lower_kernel
from agentc.runtime.native import load_ir
from agentc.support.diagnostics import Refused

EM_AMDGPU = 224
SHIM = r"""
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>
typedef void (*phase)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);
enum { LANES = 32, STACK = 1 << 16 };
static ucontext_t scheduler, lane[LANES];
static char stacks[LANES][STACK];
static int current, done[LANES], parity[LANES], group, groups, warp, group_size;
static uint32_t slots[2][LANES];
static phase entry;
static int64_t given[10];
int32_t shim_tid(void) { return warp * LANES + current; }
int32_t shim_ctaid(void) { return group; }
int32_t shim_ntid(void) { return group_size; }
int32_t shim_nctaid(void) { return groups; }
int32_t shim_shfl(int32_t mask, int32_t value, int32_t distance, int32_t clamp) {
  int me = current, turn = parity[me];
  if (mask != -1 || clamp != 31) abort();
  parity[me] ^= 1;
  slots[turn][me] = (uint32_t)value;
  swapcontext(&lane[me], &scheduler);
  return (int32_t)slots[turn][me ^ distance];
}
static void start(void) {
  entry(given[0], given[1], given[2], given[3], given[4], given[5], given[6], given[7], given[8], given[9]);
  done[current] = 1;
}
/* 0, or 1 where lanes of one warp exchanged a different number of times. */
int launch(phase function, const int64_t *arguments, int count, int size) {
  entry = function, groups = count, group_size = size;
  for (int i = 0; i < 10; ++i) given[i] = arguments[i];
  for (group = 0; group < groups; ++group)
    for (warp = 0; warp < size / LANES; ++warp) {
      int left = LANES;
      for (int i = 0; i < LANES; ++i) {
        getcontext(&lane[i]);
        lane[i].uc_stack.ss_sp = stacks[i], lane[i].uc_stack.ss_size = STACK, lane[i].uc_link = &scheduler;
        makecontext(&lane[i], start, 0);
        done[i] = parity[i] = 0;
      }
      while (left) {
        int finished = 0;
        for (current = 0; current < LANES; ++current) {
          swapcontext(&scheduler, &lane[current]);
          finished += done[current];
        }
        if (finished && finished != LANES) return 1;
        left -= finished;
      }
    }
  return 0;
}
"""
REGISTERS = {
    "llvm.nvvm.read.ptx.sreg.tid.x": "shim_tid",
    "llvm.nvvm.read.ptx.sreg.ctaid.x": "shim_ctaid",
    "llvm.nvvm.read.ptx.sreg.ntid.x": "shim_ntid",
    "llvm.nvvm.read.ptx.sreg.nctaid.x": "shim_nctaid",
    "llvm.nvvm.shfl.sync.bfly.i32": "shim_shfl",
    "ptx_kernel ": "",
}


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "shim.c", "-o", "shim.so"], cwd=folder, check=True)
    from llvmlite import binding

    binding.load_library_permanently(str(folder / "shim.so"))
    return ctypes.CDLL(str(folder / "shim.so"))


def on_lanes(shim: ctypes.CDLL, kernel: ModuleOp, arrays: list[NDArray[Any]], groups: int) -> list[NDArray[Any]]:
    """The results of a kernel, every phase by the GPU's form of it."""
    from agentc.analyses.kernel_abi import kernel_abi
    from agentc.backends.llvm.targets import find, optimize

    module = lower_kernel(kernel, "gpu")
    abi = kernel_abi(module)
    text = translate_gpu(module, gpu.find_gpu("sm_90"))
    for old, new in REGISTERS.items():
        text = text.replace(old, new)
    native = load_ir(optimize(text, find("host")), abi)
    sizes: dict[str, int] = {}
    for parameter, array in zip(abi.arguments, arrays, strict=True):
        sizes.update({d: n for d, n in zip(parameter.dims or (), array.shape, strict=True) if isinstance(d, str)})
    types = {"f32": np.float32, "i8": np.int8, "f64": np.float64}
    shape = [[sizes[d] if isinstance(d, str) else d for d in p.dims or ()] for p in abi.buffers]
    made: list[NDArray[Any]] = [np.zeros(s, types[p.dtype]) for s, p in zip(shape, abi.buffers, strict=True)][
        len(arrays) :
    ]
    buffers = [*arrays, *made]
    for phase, told in zip(abi.phases, launches(module), strict=True):
        rows = [] if phase.rows is None else [0, phase.rows if isinstance(phase.rows, int) else sizes[phase.rows]]
        values = [buffers[i].ctypes.data for i in phase.arguments] + rows + [sizes[s] for s in phase.sizes]
        padded = (ctypes.c_int64 * 10)(*values, *[0] * (10 - len(values)))
        address = native._engine.get_function_address(f"agentc_{phase.symbol}")  # pyright: ignore[reportPrivateUsage]
        size = 32 if told["group"] == "one wave" else int(told["group"])
        assert shim.launch(ctypes.c_void_p(address), padded, groups, size) == 0
    return made[: len(abi.results)]


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("rows, width", [(1, 1), (37, 65), (300, 7)])
@pytest.mark.parametrize("name", ["cosine_scores", "softmax_rows", "layer_norm", "quantize_int8", "min_max_fusion"])
def test_lanes_together_give_what_one_processor_gives(
    shim: ctypes.CDLL, name: str, rows: int, width: int, groups: int
) -> None:
    from agentc.pipelines.kernels import compile_kernel

    random = np.random.default_rng(rows)
    kernel = compile_kernel(builtin(name), threads=1)
    sizes = dict(zip(("n", "d"), (rows, width), strict=True)) | {"lists": 5}
    arrays = [
        random.standard_normal([sizes[str(d)] for d in p.dims or ()]).astype(np.float32) for p in kernel.abi.arguments
    ]
    wanted = kernel(*arrays)
    for found, expected in zip(
        on_lanes(shim, builtin(name), list(arrays), groups),
        wanted if isinstance(wanted, tuple) else (wanted,),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


EXCHANGES = {
    "backward": "np.exp(x)[:, ::-1] * np.sum(np.exp(x), axis=1, keepdims=True)",
    "neighbors": "np.sqrt(np.abs(x))[:, ::-1] + np.sqrt(np.abs(x))",
    "wide": "x.astype(f64) * np.sum(x.astype(f64), axis=1, keepdims=True)",
}
"""What lanes get from each other through memory, or in numbers of 64 bits."""


@pytest.mark.parametrize("body", EXCHANGES)
def test_lanes_exchange_only_what_is_there(shim: ctypes.CDLL, body: str) -> None:
    from agentc.pipelines.kernels import compile_kernel

    text = f'import numpy as np\ndef k(x: f32["n", "d"]):\n    return {EXCHANGES[body]}\n'
    module = compile_source(parse(text, "k.py"), "k")
    x = np.random.default_rng(5).standard_normal((9, 70)).astype(np.float32)
    [found] = on_lanes(shim, module, [x], 2)
    np.testing.assert_allclose(found, compile_kernel(module, threads=1)(x), rtol=2e-5)


STARTED = """
func.func @k(%x: tensor<?xf32>) -> tensor<1xf32> attributes {agentc.dims = [["n"], [1 : i64]], agentc.names = ["x", "out"]} {
  %first = arith.constant 5.0 : f32
  %e = tensor.empty() : tensor<1xf32>
  %z = linalg.fill ins(%first : f32) outs(%e : tensor<1xf32>) -> tensor<1xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<?xf32>) outs(%z : tensor<1xf32>) {
  ^bb0(%v: f32, %acc: f32):
    %m = arith.addf %acc, %v : f32
    linalg.yield %m : f32
  } -> tensor<1xf32>
  func.return %s : tensor<1xf32>
}
"""


def test_the_start_of_a_sum_counts_once(shim: ctypes.CDLL) -> None:
    [found] = on_lanes(shim, parsed(STARTED), [np.ones(100, np.float32)], 1)
    assert found.tolist() == [105.0]


def test_forms() -> None:
    module = lower_kernel(builtin("attention_pool"), "gpu")
    assert [row["form"] for row in launches(module)][:4] == ["one", "wave", "wave", "lane"]
    from xdsl.dialects.func import FuncOp

    first = next(f for f in module.ops if isinstance(f, FuncOp) and f.sym_name.data.endswith("_p1"))
    assert form_of(first) == "wave"


@pytest.mark.skipif(not lld(), reason="needs ld.lld")
@pytest.mark.parametrize("target", ["gfx90a", "gfx942", "gfx950"])
def test_code_objects_of_amd(target: str, tmp_path: Path) -> None:
    rows = gpu.emit_gpu({"cosine_scores": lower_kernel(builtin("cosine_scores"), "gpu")}, tmp_path, targets=[target])
    assert {r.kind for r in rows} == {"gpu-launch", "llvm-ir", "object", "hsaco"}
    data = (tmp_path / target / "cosine_scores.hsaco").read_bytes()
    assert data[:4] == b"\x7fELF" and int.from_bytes(data[16:18], "little") == 3  # a shared object
    assert int.from_bytes(data[18:20], "little") == EM_AMDGPU
    for symbol in (row["symbol"] for row in json.loads((tmp_path / "cosine_scores.gpu.json").read_text())["phases"]):
        assert f"agentc_{symbol}.kd".encode() in data
    assert b"amdhsa.kernels" in data and target.encode() in data
    assert "ds.bpermute" in (tmp_path / target / "cosine_scores.ll").read_text()


def told(data: bytes) -> Any:
    """What the note of an AMD code object says, in MessagePack (LLVM's user guide for AMDGPU, code object V5)."""
    at = data.index(b"AMDGPU\0\0") + 8

    def take(count: int) -> bytes:
        nonlocal at
        at += count
        return data[at - count : at]

    def value() -> Any:
        kind = take(1)[0]
        if kind < 0x80:
            return kind
        if kind < 0x90 or kind in (0xDE, 0xDF):
            count = kind & 15 if kind < 0x90 else int.from_bytes(take(2 if kind == 0xDE else 4))
            return {value(): value() for _ in range(count)}
        if kind < 0xA0 or kind in (0xDC, 0xDD):
            count = kind & 15 if kind < 0xA0 else int.from_bytes(take(2 if kind == 0xDC else 4))
            return [value() for _ in range(count)]
        if kind < 0xC0 or kind in (0xD9, 0xDA):
            return take(kind & 31 if kind < 0xC0 else int.from_bytes(take(1 if kind == 0xD9 else 2))).decode()
        if kind in (0xC2, 0xC3):
            return kind == 0xC3
        return int.from_bytes(take({0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}[kind]))

    return value()


@pytest.mark.skipif(not lld(), reason="needs lld or the package ziglang")
@pytest.mark.parametrize("target", ["gfx90a", "gfx942", "gfx950", "gfx1100"])
def test_code_objects_say_how_they_are_called(target: str, tmp_path: Path) -> None:
    """Arguments as the launch file has them, whole waves, no memory beyond the arrays, no spilled register."""
    lanes = gpu.find_gpu(target).lanes
    gpu.emit_gpu({"layer_norm": lower_kernel(builtin("layer_norm"), "gpu")}, tmp_path, targets=[target])
    phases = json.loads((tmp_path / "layer_norm.gpu.json").read_text())["phases"]
    kernels = told((tmp_path / target / "layer_norm.hsaco").read_bytes())["amdhsa.kernels"]
    assert [k[".name"] for k in kernels] == [f"agentc_{p['symbol']}" for p in phases]
    for kernel, phase in zip(kernels, phases, strict=True):
        assert kernel[".wavefront_size"] == lanes
        assert kernel[".reqd_workgroup_size"] == [phase["group"] if isinstance(phase["group"], int) else lanes, 1, 1]
        kinds = [a[".value_kind"] for a in kernel[".args"] if not a[".value_kind"].startswith("hidden")]
        range_ = 2 if phase["rows"] is not None else 0
        assert kinds == ["global_buffer"] * len(phase["arguments"]) + ["by_value"] * (range_ + len(phase["sizes"]))
        assert [a[".offset"] for a in kernel[".args"][: len(kinds)]] == [8 * place for place in range(len(kinds))]
        spilled = [kernel[f".{kind}"] for kind in ("sgpr_spill_count", "vgpr_spill_count", "group_segment_fixed_size")]
        assert spilled == [0, 0, 0] and not kernel[".uses_dynamic_stack"]


@pytest.mark.parametrize("target", ["gfx942", "gfx1100"])
def test_lanes_of_a_wave_exchange_all_the_way(target: str) -> None:
    """A sum over 64 lanes takes six exchanges, over 32 five; memory is global, not found out at run time."""
    chosen = gpu.find_gpu(target)
    text = gpu.assembly(gpu.gpu_ir(lower_kernel(builtin("rms_norm"), "gpu"), chosen), chosen)
    assert text.count("\tds_bpermute_b32") == chosen.lanes.bit_length() - 1
    assert "\tglobal_load" in text and "\tflat_" not in text


@pytest.mark.parametrize(
    ("body", "form"),
    [
        ("t = np.exp(x)\n    return t / np.sum(t)", "wave"),
        ("t = np.exp(x)\n    return t[1:] - t[:-1] * np.sum(t)", "lane"),  # what a neighbor has stored
    ],
)
def test_lanes_read_only_what_they_stored(body: str, form: str) -> None:
    text = f'from agentc import f32, kernel\nimport numpy as np\n\n@kernel\ndef k(x: f32["n"]):\n    {body}\n'
    module = lower_kernel(compile_source(parse(text, "k.py"), "k"), "gpu")
    functions = [f for f in module.body.block.ops if isinstance(f, func.FuncOp) and "_p" in f.sym_name.data]
    assert form in [form_of(f) for f in functions]


def test_the_same_again_is_the_same_bytes(tmp_path: Path) -> None:
    module = lower_kernel(builtin("softmax_rows"), "gpu")
    before = str(module)
    for folder in ("a", "b"):
        gpu.emit_gpu({"softmax_rows": module}, tmp_path / folder, targets=["gfx942", "sm_90"])
    assert str(module) == before
    for path in (p for p in (tmp_path / "a").rglob("*") if p.is_file()):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


@pytest.mark.skipif(not shutil.which("ptxas"), reason="needs ptxas")
@pytest.mark.parametrize("name", ["cosine_softmax", "gelu", "quantize_int8"])
def test_ptxas_takes_the_ptx(name: str, tmp_path: Path) -> None:
    gpu.emit_gpu({name: lower_kernel(builtin(name), "gpu")}, tmp_path, targets=["sm_80", "sm_90a"])
    for target in ("sm_80", "sm_90a"):
        source = tmp_path / target / f"{name}.ptx"
        assert ".entry agentc_" in source.read_text()
        subprocess.run(["ptxas", f"-arch={target}", "-o", str(tmp_path / "out"), str(source)], check=True)


def test_without_lld_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("agentc.backends.llvm.linker.lld", lambda: ())
    rows = gpu.emit_gpu({"relu": lower_kernel(builtin("relu"), "gpu")}, tmp_path, targets=["gfx942"])
    assert next(r.note for r in rows if r.kind == "object").startswith("no HSACO: no ld.lld is here")
    assert not [r for r in rows if r.kind == "hsaco"]


@pytest.mark.parametrize("name", ["gfx", "sm90", "x86-64-v3"])
def test_an_unknown_gpu_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        gpu.find_gpu(name)
    assert refused.value.diagnostics[0].slug == "kernel-target"
