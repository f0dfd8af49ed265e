"""A kernel without code for the GPU that it was put on: a warning, and the processor's code, never a failed build."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.tree import ROOT

from agentc import api
from agentc.pipelines import kernels
from agentc.runtime.build import open_build
from agentc.runtime.kernels import Kernels
from agentc.support.diagnostics import Diagnostic, Refused, Severity

AGENT = ROOT / "examples" / "retrieval" / "agent.yaml"
"""Its kernel `cosine_scores` is pinned to an L40S."""
WHY = "a reduction by several ops has no form on a GPU"


def refuse(*args: Any) -> Any:
    raise Refused(Diagnostic("kernel-unsupported", WHY))


def built(out: Path) -> tuple[api.Build, list[dict[str, Any]]]:
    build = api.compile(AGENT, out=out, targets=["llvm", "cuda"])
    return build, yaml.safe_load((out / "manifest.yaml").read_text())["files"]


def check(build: api.Build, rows: list[dict[str, Any]], out: Path) -> None:
    [found] = [told for told in build.diagnostics if told.slug == "kernel-on-host"]
    assert found.severity is Severity.WARNING
    assert "`cosine_scores`" in found.message and "`l40s`" in found.message and WHY in found.message
    assert ("cuda-source", "cosine_scores") not in {(row["kind"], row["of"]) for row in rows}
    result = Kernels(open_build(out)).call("cosine_scores", [[1.0] * 384, [[1.0] * 384] * 6])
    assert result == pytest.approx([1.0] * 6)


def test_where_lowering_for_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lower = kernels.lower_kernel
    monkeypatch.setattr(kernels, "lower_kernel", lambda m, device="cpu": refuse() if device == "cuda" else lower(m))
    build, rows = built(tmp_path / "build")
    check(build, rows, tmp_path / "build")


def test_where_the_backend_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("agentc.backends.cuda.source.source", refuse)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("first", "from-the-cache"):  # the warning is told again
        build, rows = built(tmp_path / name)
        check(build, rows, tmp_path / name)
        [row] = [row for row in rows if row["kind"] == "refusal"]
        assert (row["of"], row["target"]) == ("cosine_scores", "cuda") and WHY in row["note"]
        assert WHY in (tmp_path / name / row["path"]).read_text()


def test_with_code_there_is_no_warning(tmp_path: Path) -> None:
    build, rows = built(tmp_path / "build")
    assert not [told for told in build.diagnostics if told.slug == "kernel-on-host"]
    assert ("cuda-source", "cosine_scores") in {(row["kind"], row["of"]) for row in rows}


def test_without_an_onnx_graph_machine_code_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("agentc.backends.onnx.build.emit_kernels", refuse)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    build = api.compile(AGENT, out=tmp_path / "build", targets=["llvm", "onnx"])
    told = [found.message for found in build.diagnostics if found.slug == "kernel-on-host"]
    assert len(told) == 2 and all("`onnx`" in message and WHY in message for message in told)
    result = Kernels(open_build(tmp_path / "build")).call("cosine_scores", [[1.0] * 384, [[1.0] * 384] * 6])
    assert result == pytest.approx([1.0] * 6)
