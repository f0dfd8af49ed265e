"""Compilers of CUDA C++: ``nvcc``, or NVRTC as a Python wheel carries it; neither needs a GPU."""

import ctypes
import importlib.util
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from agentc.support.record import record

INCLUDE = Path(__file__).parent / "include"
DEVICE_HEADERS = ("agentc_cuda.cuh", "agentc_matrix.cuh", "agentc_ordered.cuh")
HEADERS = (*DEVICE_HEADERS, "agentc_host.h", "agentc_check.h", "agentc_hooks.h")


@record
class Compiled:
    """What a compiler gave for one architecture; ``problem`` says why where it gave nothing."""

    ptx: bytes = b""
    cubin: bytes = b""
    problem: str = ""


def compiler() -> str | None:
    """``nvcc`` or ``nvrtc``, the one that is here, or ``None``. ``nvcc`` also needs ``ptxas`` and a C++ compiler."""
    if shutil.which("nvcc") and (shutil.which("g++") or shutil.which("clang++")):
        return "nvcc"
    return "nvrtc" if nvrtc_library() else None


def compile_source(text: str, architecture: str) -> Compiled:
    """``text`` for ``architecture`` (``sm_80``, ``sm_90a``, …)."""
    match compiler():
        case "nvcc":
            return _nvcc(text, architecture)
        case "nvrtc":
            return _nvrtc(text, architecture)
        case _:
            return Compiled(problem="neither nvcc nor NVRTC is here")


def _nvcc(text: str, architecture: str) -> Compiled:
    virtual = architecture.replace("sm_", "compute_")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kernel.cu").write_text(text, encoding="utf-8")
        common = ["nvcc", "-std=c++17", "-O3", "-I", str(INCLUDE)]
        made = _run([*common, "-ptx", f"-arch={virtual}", "kernel.cu", "-o", "kernel.ptx"], folder)
        if not made:
            made = _run(["nvcc", "-cubin", f"-arch={architecture}", "kernel.ptx", "-o", "kernel.cubin"], folder)
        if made:
            return Compiled(problem=made)
        return Compiled(Path(folder, "kernel.ptx").read_bytes(), Path(folder, "kernel.cubin").read_bytes())


def _run(command: list[str], folder: str) -> str:
    """Run ``command`` in ``folder``; what it complains of if it fails."""
    environment = {**os.environ, "TMPDIR": folder}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}"
    return "" if done.returncode == 0 else f"{command[0]}: {(done.stderr or done.stdout).strip()}"


@cache
def nvrtc_library() -> str | None:
    """The NVRTC library of the wheel ``nvidia-cuda-nvrtc``, or ``None``."""
    for package in ("nvidia.cuda_nvrtc", "nvidia.cu13", "nvidia"):
        try:
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):
            continue
        for place in (spec.submodule_search_locations or ()) if spec else ():
            if found := sorted(Path(place).glob("**/libnvrtc.so.*")):
                return str(found[-1])
    return None


def _nvrtc(text: str, architecture: str) -> Compiled:
    library = nvrtc_library()
    assert library is not None
    api = ctypes.CDLL(library)
    program = ctypes.c_void_p()
    count = len(DEVICE_HEADERS)
    sources = (ctypes.c_char_p * count)(*((INCLUDE / name).read_bytes() for name in DEVICE_HEADERS))
    names = (ctypes.c_char_p * count)(*(name.encode() for name in DEVICE_HEADERS))
    api.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", count, sources, names)
    options = [b"--std=c++17", f"--gpu-architecture={architecture}".encode()]
    status = api.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    if status:
        return Compiled(problem=f"NVRTC: {_fetch(api, program, 'ProgramLog').decode(errors='replace').strip()}")
    result = Compiled(_fetch(api, program, "PTX"), _fetch(api, program, "CUBIN"))
    api.nvrtcDestroyProgram(ctypes.byref(program))
    return result


def _fetch(api: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(api, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(api, f"nvrtcGet{what}")(program, buffer)
    return buffer.raw.rstrip(b"\0") if what != "CUBIN" else buffer.raw
