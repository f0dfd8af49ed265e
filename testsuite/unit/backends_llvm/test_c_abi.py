"""A C program calls a kernel through its header: right answers, and a refusal for each thing that may be wrong."""

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from agentc.analyses.kernel_abi import kernel_abi
from agentc.backends import llvm
from agentc.backends.llvm.checked import SUPPORT_NAME, checked_entry, support_header
from agentc.backends.llvm.header import C_TYPES, header
from agentc.backends.llvm.linker import link_shared
from agentc.frontends.kernels import BUILTINS, builtin
from agentc.frontends.kernels.python_ast import compile_source
from agentc.frontends.kernels.source import parse
from agentc.pipelines.kernels import lower_kernel
from agentc.plan.kernels import KernelAbi, Parameter
from agentc.runtime.native import best_target

PROGRAM = r"""
#include "cosine_scores.h"
#include <stdio.h>
static float q[5] = {1, 0, 0, 0, 0}, x[8] = {2, 0, 0, 0, 1, 1, 0, 0}, y[3];
static int64_t four[1] = {4}, three[1] = {3}, two[1] = {2}, matrix[2] = {2, 4}, none[2] = {0, 4}, zero[1] = {0};
static int64_t rows[2] = {4, 1}, columns[2] = {1, 2}, negative[2] = {-1, 4};
static int64_t endless[2] = {INT64_MAX, 0}, most[1] = {INT64_MAX};
static int64_t huge[2] = {INT64_C(1) << 40, INT64_C(1) << 40};
static agentc_array array(void *data, int64_t *shape, int rank) {
  return (agentc_array){data, shape, 0, rank, AGENTC_F32};
}
static void show(agentc_array a, agentc_array b, agentc_array c) {
  agentc_result r = agentc_cosine_scores_checked(a, b, c);
  printf("%d:%d\n", (int)r.status, (int)r.array);
}
int main(void) {
  agentc_array a = array(q, four, 1), b = array(x, matrix, 2), c = array(y, two, 1), bad;
  show(a, b, c);
  printf("%.6f %.6f\n", y[0], y[1]);
  bad = b; bad.strides = rows; show(a, bad, c);
  bad = b; bad.strides = columns; show(a, bad, c);
  bad = a; bad.dtype = AGENTC_F64; show(bad, b, c);
  bad = a; bad.rank = 2; bad.shape = matrix; show(bad, b, c);
  bad = a; bad.shape = three; show(bad, b, c);
  bad = b; bad.shape = negative; show(a, bad, c);
  bad = b; bad.shape = huge; show(a, bad, c);
  bad = a; bad.data = (char *)q + 1; show(bad, b, c);
  bad = a; bad.data = 0; show(bad, b, c);
  bad = c; bad.data = x + 4; show(a, b, bad);
  show(a, array(0, none, 2), array(0, zero, 1));
  bad = b; bad.shape = 0; show(a, bad, c);
  bad = b; bad.shape = endless; show(a, bad, array(0, most, 1));
  bad = c; bad.data = (void *)(UINTPTR_MAX - 3); show(a, b, bad);
  return 0;
}
"""
EXPECTED = ["0:-1", "1.000000 0.707107", "0:-1", "5:1", "2:0", "3:0", "4:1", "4:1", "8:1", "6:0", "1:0", "7:2", "0:-1"]
EXPECTED += ["1:1", "8:1", "8:2"]


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_a_c_program_calls_the_library(tmp_path: Path) -> None:
    target = best_target(["x86-64", "aarch64"])
    assert target is not None
    llvm.emit({"cosine_scores": lower_kernel(builtin("cosine_scores"))}, tmp_path, targets=[target])
    library = tmp_path / target / "cosine_scores.so"
    assert library.read_bytes()[:4] == b"\x7fELF"
    (tmp_path / "main.c").write_text(PROGRAM)
    strict = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    command = ["cc", *strict, "main.c", str(library), "-lm", f"-Wl,-rpath,{library.parent}", "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    told = subprocess.run([str(tmp_path / "main")], capture_output=True, text=True, check=True).stdout.split("\n")
    assert told[:-1] == EXPECTED


PARALLEL = r"""
#include "cosine_softmax.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
enum { THREADS = 3, N = 40001, D = 24 };
struct job { agentc_part part; const void *work; int64_t low, high; };
static void *one(void *given) {
  struct job *job = given;
  job->part(job->work, job->low, job->high);
  return 0;
}
static void threads(void *calls, agentc_part part, const void *work, int64_t rows, int64_t bytes) {
  pthread_t made[THREADS];
  struct job jobs[THREADS];
  if (bytes <= 0) exit(2);
  for (int i = 0; i < THREADS; ++i) {
    jobs[i] = (struct job){part, work, rows * i / THREADS, rows * (i + 1) / THREADS};
    pthread_create(&made[i], 0, one, &jobs[i]);
  }
  for (int i = 0; i < THREADS; ++i) pthread_join(made[i], 0);
  ++*(int *)calls;
}
static float q[D], x[N * D], serial[N], parallel[N];
int main(void) {
  int calls = 0;
  for (int i = 0; i < D; ++i) q[i] = (float)(i % 5) - 2;
  for (int i = 0; i < N * D; ++i) x[i] = (float)(i * 37 % 101) - 50;
  agentc_cosine_softmax(q, x, 0.5f, serial, D, N);
  agentc_cosine_softmax_parallel(q, x, 0.5f, parallel, D, N, threads, &calls);
  printf("%d %d", calls > 0, memcmp(serial, parallel, sizeof serial));
#ifdef _OPENMP
  memset(parallel, 0, sizeof parallel);
  agentc_cosine_softmax_parallel(q, x, 0.5f, parallel, D, N, agentc_openmp, 0);
  printf(" %d", memcmp(serial, parallel, sizeof serial));
#endif
  return 0;
}
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
@pytest.mark.parametrize("openmp", [False, True])
def test_a_c_program_runs_rows_on_threads_of_its_own(tmp_path: Path, openmp: bool) -> None:
    target = best_target(["x86-64", "x86-64-v3", "aarch64"])
    assert target is not None
    llvm.emit({"cosine_softmax": lower_kernel(builtin("cosine_softmax"))}, tmp_path, targets=[target])
    (tmp_path / "main.c").write_text(PARALLEL)
    strict = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-pthread", *["-fopenmp"] * openmp]
    command = ["cc", *strict, "main.c", f"{target}/cosine_softmax.o", "-lm", "-o", "main"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if openmp and done.returncode:
        pytest.skip("the C compiler has no OpenMP")
    assert done.returncode == 0, done.stderr
    told = subprocess.run([str(tmp_path / "main")], capture_output=True, text=True, check=True).stdout
    assert told == ("1 0 0" if openmp else "1 0")


def test_sizes_that_follow_are_compared() -> None:
    abi = KernelAbi(
        "k",
        (Parameter("x", "u8", ("n",)), Parameter("s", "f32", None)),
        (Parameter("y", "f32", ("n//2 + 1", 3)),),
        (),
        ("n", "n//2 + 1"),
        (),
    )
    text = checked_entry(abi, C_TYPES)
    assert "const int64_t size_n = x.shape[0];" in text
    assert "y.shape[0] != (agentc_floordiv(size_n, INT64_C(2)) + INT64_C(1))" in text
    assert "y.shape[1] != INT64_C(3)" in text
    assert "agentc_check(&x, AGENTC_U8, 1, 1, &bytes[0])" in text


def test_without_a_linker_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("agentc.backends.llvm.linker.lld", lambda: ())
    told = link_shared(b"", "riscv64-unknown-linux-gnu")
    assert not told.library and told.problem.startswith("no linker for riscv64")
    rows = llvm.emit({"relu": lower_kernel(builtin("relu"))}, tmp_path, targets=["neoverse-n1"])
    assert [r.note for r in rows if r.kind == "object"][0].startswith("no shared library: no linker for aarch64")


def test_linker_errors_are_told() -> None:
    told = link_shared(b"no object", "x86_64-unknown-linux-gnu")
    assert not told.library and told.problem


@pytest.mark.skipif(not shutil.which("c++") or not shutil.which("cc"), reason="needs a C and a C++ compiler")
def test_every_header_is_c_and_cpp_without_a_warning(tmp_path: Path) -> None:
    """Sizes such as ``2*r`` have names in C, too, and C++ has no compound literals."""
    (tmp_path / SUPPORT_NAME).write_text(support_header())
    for name in BUILTINS:
        (tmp_path / f"{name}.h").write_text(header(kernel_abi(lower_kernel(builtin(name)))))
    lines = "".join(f'#include "{name}.h"\n' for name in BUILTINS)
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror", "-fsyntax-only"]
    for compiler, standard, suffix in (("cc", "c99", "c"), ("c++", "c++11", "cpp")):
        (tmp_path / f"all.{suffix}").write_text(f"{lines}int main(void) {{ return 0; }}\n")
        command = [compiler, f"-std={standard}", *strict, f"all.{suffix}"]
        told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr[:2000]


SHORT = r"""
#include "k.h"
#include <stdio.h>
int main(void) {
  float x[8] = {0}, y[8];
  int64_t n = 7, five = 5;
  agentc_array a = {x, &n, 0, 1, AGENTC_F32}, b = {y, &five, 0, 1, AGENTC_F32};
  for (; n >= 3; n -= 2) {
    agentc_result r = agentc_k_checked(a, b);
    printf("%d:%d ", (int)r.status, (int)r.array);
  }
  return 0;
}
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_what_a_kernel_reads_for_certain_has_to_be_there(tmp_path: Path) -> None:
    """From 3 elements the last 5 would begin before the first."""
    target = best_target(["x86-64", "aarch64"])
    assert target is not None
    text = 'import numpy as np\ndef k(x: f32["n"]):\n    return x[x.shape[0] - 5 :] + x[2]\n'
    llvm.emit({"k": lower_kernel(compile_source(parse(text, "k.py"), "k"))}, tmp_path, targets=[target])
    (tmp_path / "main.c").write_text(SHORT)
    subprocess.run(["cc", "main.c", f"{target}/k.o", "-lm", "-o", "main"], cwd=tmp_path, check=True)
    told = subprocess.run([str(tmp_path / "main")], capture_output=True, text=True, check=True).stdout
    assert told == "0:-1 0:-1 4:0 "


SCARCE = r"""
#include "k.h"
#include <sys/resource.h>
static float x[1], y[1];
int main(void) {
  struct rlimit most = {1 << 30, 1 << 30};
  int64_t shape[2] = {INT64_C(1) << 40, 0};
  agentc_array a = {x, shape, 0, 2, AGENTC_F32}, b = {y, shape, 0, 2, AGENTC_F32};
  setrlimit(RLIMIT_AS, &most);
  return (int)agentc_k_checked(a, b).status;
}
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_without_memory_for_itself_a_kernel_stops(tmp_path: Path) -> None:
    """A trap, where it would write behind address 0 otherwise."""
    target = best_target(["x86-64", "aarch64"])
    assert target is not None
    text = 'import numpy as np\ndef k(x: f32["n", "m"]):\n    return x * np.sort(np.sum(x, axis=1))[:, None]\n'
    llvm.emit({"k": lower_kernel(compile_source(parse(text, "k.py"), "k"))}, tmp_path, targets=[target])
    (tmp_path / "main.c").write_text(SCARCE)
    subprocess.run(["cc", "main.c", f"{target}/k.o", "-lm", "-o", "main"], cwd=tmp_path, check=True)
    ended = subprocess.run([str(tmp_path / "main")], check=False).returncode
    assert ended in (-signal.SIGILL, -signal.SIGTRAP)


FOLLOWING = r"""
#include "k.h"
int main(void) {
  int64_t shape[2] = {INT64_MAX, 0}, other[2] = {1, 0};
  agentc_array a = {0, shape, 0, 2, AGENTC_F32}, b = {0, other, 0, 2, AGENTC_F32};
  return (int)agentc_k_checked(a, b, a).status;
}
"""


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler")
def test_sizes_that_follow_do_not_overflow_in_the_check(tmp_path: Path) -> None:
    target = best_target(["x86-64", "aarch64"])
    assert target is not None
    text = 'import numpy as np\ndef k(x: f32["n", "m"], y: f32["2*n + 1", "m"]):\n    return x + y[:1]\n'
    llvm.emit({"k": lower_kernel(compile_source(parse(text, "k.py"), "k"))}, tmp_path, targets=[target])
    (tmp_path / "main.c").write_text(FOLLOWING)
    command = ["cc", "-fsanitize=undefined", "-fno-sanitize-recover", "main.c", f"{target}/k.o", "-lm", "-o", "main"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if "sanitize" in done.stderr or "ubsan" in done.stderr:
        pytest.skip("the C compiler has no sanitizer")
    assert done.returncode == 0, done.stderr
    assert subprocess.run([str(tmp_path / "main")], check=False).returncode == 8
