"""Kernels in a process whose memory has holes: what they load must lie close together wherever there is room."""

import subprocess
import sys

import pytest

SCRIPT = """
import ctypes
import os

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends.llvm import optimized_ir, phases_code
from agentc.frontends.kernels import builtin
from agentc.pipelines.kernels import lower_in_place
from agentc.runtime.native import load_ir, load_object

PAGE, PRIVATE_UNRESERVED = 4096, 0x4022
module = lower_in_place(builtin("mask_pii"))
abi = kernel_abi(module)
text, code = optimized_ir(module.clone(), "host"), phases_code(module, "host")


def load():
    load_object(code, abi)
    load_ir(text, abi)


load()
libc = ctypes.CDLL(None)
libc.mmap.restype, libc.mmap.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long)
libc.munmap.argtypes = ctypes.c_void_p, ctypes.c_size_t


def reserve(size):
    return libc.mmap(None, size, 0, PRIVATE_UNRESERVED, -1, 0)


for pages in range(2, 24):
    child = os.fork()
    if child == 0:
        holes = [reserve(pages * PAGE) for _ in range(6)]
        wall = reserve(1 << 36)
        for size in (1 << n for n in range(32, 11, -1)):
            while (place := reserve(size)) > wall:
                pass
            libc.munmap(place, size)
        for hole in holes[::2]:
            libc.munmap(hole, pages * PAGE)
        load()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, pages
"""


@pytest.mark.skipif(sys.platform != "linux", reason="fills the address space as Linux hands it out")
def test_code_and_tables_lie_close_together_where_memory_is_scattered():
    """Code fits into a hole above 64 GiB that are taken, its tables only below them."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-800:]
