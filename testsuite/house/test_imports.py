"""Who may import what, and what is not imported before it is needed."""

import subprocess
import sys

import pytest
from harness.tree import ROOT, imports, modules, name_of

HEAVY = ("xdsl", "onnx", "onnxruntime", "llvmlite", "highspy", "numpy", "pydantic", "tokenizers", "rich", "yaml")

ONLY_IN = {
    "click": ("agentc.cli",),
    "llvmlite": ("agentc.backends.llvm", "agentc.runtime"),
    "onnx": ("agentc.backends.onnx",),
    "onnxruntime": ("agentc.runtime", "agentc.backends.onnx"),
    "highspy": ("agentc.solve",),
    "sqlite_vec": ("agentc.runtime",),
    "ray": ("agentc.runtime.ray",),
    "torch": (),
    "transformers": (),
    "scipy": (),
}
"""Library -> the parts of agentc that may import it."""


@pytest.mark.parametrize("library", ONLY_IN)
def test_library_stays_where_it_belongs(library: str) -> None:
    allowed = ONLY_IN[library]
    strays = [
        name_of(path)
        for path in modules()
        if any(found.split(".")[0] == library for found in imports(path))
        and not any(f"{name_of(path)}.".startswith(f"{part}.") for part in allowed)
    ]
    assert strays == []


@pytest.mark.parametrize("code", ["import agentc", "import agentc.cli; agentc.cli.main(['--help'])"])
def test_start_loads_nothing_heavy(code: str) -> None:
    program = f"{code}\nimport sys; print('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert loaded & set(HEAVY) == set()


def test_import_contracts_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """import-linter's contracts of pyproject.toml: floors and forbidden imports."""
    lint = pytest.importorskip("importlinter.cli", reason="needs the extra `lint`")
    monkeypatch.chdir(ROOT)
    assert lint.lint_imports(no_cache=True, verbose=False) == 0
