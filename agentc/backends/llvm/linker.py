"""Links objects to shared libraries with what is here: lld for every processor and GPU, else this machine's ``cc``."""

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from agentc.support.record import record

MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
"""What Python calls a machine -> the first part of LLVM's triple."""
NEEDED = ("-lc", "-lm")


@record(slots=True)
class Linked:
    """A library, or why there is none."""

    library: bytes
    problem: str = ""


@cache
def lld() -> tuple[str, ...]:
    """The command of an ``ld.lld``, of the system or of the ``ziglang`` package; empty without one."""
    for name in ("ld.lld", *(f"ld.lld-{version}" for version in range(22, 14, -1))):
        if found := shutil.which(name):
            return (found,)
    return (sys.executable, "-m", "ziglang", "ld.lld") if find_spec("ziglang") is not None else ()


def link_shared(code: bytes, triple: str) -> Linked:
    """``code``, one object file for ``triple``, as a shared library. Functions of the C library stay undefined with
    lld, as every process that loads the library has them.
    """
    machine = triple.split("-")[0]
    if command := lld():
        return _run([*command, "-shared", "--build-id=none", "--hash-style=gnu"], code)
    compiler = shutil.which("cc")
    if machine == MACHINES.get(platform.machine().lower()) and sys.platform == "linux" and compiler:
        return _run([compiler, "-shared", "-Wl,--build-id=none"], code, NEEDED)
    return Linked(b"", f"no linker for {machine} is here: install lld, or the Python package `ziglang`")


def link_gpu(code: bytes) -> Linked:
    """``code``, an object file of an AMD GPU, as the code object that a driver loads (HSACO); it needs lld."""
    if command := lld():
        return _run([*command, "-shared", "--build-id=none"], code)
    return Linked(b"", "no ld.lld is here: install lld, or the Python package `ziglang`")


def _run(command: Sequence[str], code: bytes, libraries: Sequence[str] = ()) -> Linked:
    with tempfile.TemporaryDirectory(prefix="agentc-link-") as folder:
        # Relative names and one fixed folder entry: no path of this machine gets into the library.
        (Path(folder) / "kernel.o").write_bytes(code)
        done = subprocess.run(
            [*command, "kernel.o", *libraries, "-o", "kernel.so"], cwd=folder, capture_output=True, text=True
        )
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            return Linked(b"", f"{Path(command[0]).name}: {lines[0] if lines else f'exit {done.returncode}'}")
        return Linked((Path(folder) / "kernel.so").read_bytes())
