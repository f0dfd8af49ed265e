"""The whole road by the command line: compile, explain, run; equal bytes; nothing half-written."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from harness.tree import ROOT

EXAMPLES = ROOT / "examples"
FLEET = EXAMPLES / "fleets" / "mixed-2026.yaml"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/agent.yaml"))
INPUTS = {
    "figure7": {"user": "ada", "query": "What is 6 times 7?"},
    "retrieval": {"question": "How many days of leave do I have?"},
    "supervisor": {"message": "My lamp does not turn on."},
    "critic-loop": {"brief": "Why there are two tides a day."},
}


def agentc(*args: str, cwd: Path = ROOT, seed: str = "0") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONHASHSEED": seed, "NO_COLOR": "1", "XDG_CACHE_HOME": str(cwd / ".cache")}
    command = [sys.executable, "-c", "import sys; from agentc.cli import main; sys.exit(main(sys.argv[1:]))", *args]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a build of each example."""
    folder = tmp_path_factory.mktemp("builds")
    for name in NAMES:
        done = agentc("compile", str(EXAMPLES / name / "agent.yaml"), "--fleet", str(FLEET), "-o", str(folder / name))
        assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_example_is_placed_and_explained(name: str, builds: Path) -> None:
    told = agentc("explain-placement", str(builds / name))
    assert told.returncode == 0 and told.stderr == ""
    assert max(map(len, told.stdout.splitlines())) <= 80
    facts = json.loads(agentc("explain-placement", str(builds / name), "--format", "json").stdout)
    assert facts["status"] == "optimal" and facts["gap"] <= 1e-6 and facts["sla"]["met"]
    manifest = yaml.safe_load((builds / name / "manifest.yaml").read_text())
    assert {task["name"]: task["device"] for task in facts["tasks"]} == {
        task: row["device"] for task, row in manifest["placement"].items()
    }


@pytest.mark.parametrize("format_", ["text", "json", "html", "svg", "mermaid"])
def test_build_and_source_are_explained_alike(format_: str, builds: Path) -> None:
    source = str(EXAMPLES / "voice-agent" / "agent.yaml")
    from_build = agentc("explain-placement", str(builds / "voice-agent"), "--format", format_)
    from_source = agentc("explain-placement", source, "--fleet", str(FLEET), "--format", format_)
    assert from_build.returncode == from_source.returncode == 0
    if format_ == "json":
        built, compiled = json.loads(from_build.stdout), json.loads(from_source.stdout)
        assert compiled.pop("solve_seconds") > 0 and built.pop("solve_seconds") is None
        assert built == compiled
    else:
        assert from_build.stdout == from_source.stdout


def test_builds_are_byte_identical(builds: Path, tmp_path: Path) -> None:
    for name in ("voice-agent", "retrieval"):
        there = tmp_path / "else where"
        there.mkdir(exist_ok=True)
        source = os.path.relpath(EXAMPLES / name / "agent.yaml", there)
        done = agentc("compile", source, "--fleet", str(FLEET), "-o", name, cwd=there, seed="4242")
        assert done.returncode == 0, done.stderr
        assert tree(there / name) == tree(builds / name)


def test_a_build_holds_no_path_of_this_machine(builds: Path) -> None:
    for name, content in tree(builds).items():
        assert str(ROOT).encode() not in content and str(builds).encode() not in content, name


@pytest.mark.parametrize("phase", ["agent", "task", "placed"])
def test_ir_of_a_build_round_trips(phase: str, builds: Path) -> None:
    path = builds / "voice-agent" / f"{phase}.mlir"
    code = "import sys; from agentc.cli.opt import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == path.read_text()


@pytest.mark.parametrize("name", [name for name in NAMES if name in INPUTS])
def test_example_runs(name: str, builds: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    request = json.dumps(INPUTS[name])
    done = agentc(
        "run", str(builds / name), "--input", request, "--format", "json", "--trace", str(trace), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["outputs"]
    steps = [json.loads(line) for line in trace.read_text().splitlines()]
    assert len(steps) > 1


def test_voice_agent_hears_and_speaks(builds: Path, tmp_path: Path) -> None:
    for engine in ("pocketsphinx", "espeakng_loader"):
        pytest.importorskip(engine, reason="the extra `speech` is not installed")
    request = EXAMPLES / "voice-agent" / "input.json"
    done = agentc("run", str(builds / "voice-agent"), "--input", f"@{request}", "--out", "sound", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "transcript: how long is the longest bridge" in done.stdout
    assert (tmp_path / "sound" / "answer.wav").stat().st_size > 10_000


def test_killed_compile_leaves_the_old_build(builds: Path, tmp_path: Path) -> None:
    old = tmp_path / "build"
    source = str(EXAMPLES / "retrieval" / "agent.yaml")
    assert agentc("compile", source, "--fleet", str(FLEET), "-o", str(old)).returncode == 0
    code = "import sys; from agentc.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "compile", source, "--load", "1", "-o", str(old)]
    for _ in range(4):
        before = set(tmp_path.iterdir())
        running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while running.poll() is None and set(tmp_path.iterdir()) <= before:
            time.sleep(0.002)  # until it writes beside the old build
        running.send_signal(signal.SIGKILL)
        running.wait()
        listed = {row["path"] for row in yaml.safe_load((old / "manifest.yaml").read_text())["files"]}
        assert listed | {"manifest.yaml"} == set(tree(old))


def test_refused_compile_writes_nothing(builds: Path, tmp_path: Path) -> None:
    source, out = str(EXAMPLES / "voice-agent" / "agent.yaml"), tmp_path / "build"
    done = agentc("compile", source, "--sla", "tbt_ms=0.001", "-o", str(out))
    assert done.returncode == 1 and "infeasible-placement" in done.stderr and not out.exists()
    assert "Traceback" not in done.stderr


def test_retrieval_becomes_native_code_onnx_and_cuda(builds: Path) -> None:
    rows = yaml.safe_load((builds / "retrieval" / "manifest.yaml").read_text())["files"]
    kinds = {(row["kind"], row["of"]) for row in rows}
    assert {("object", "cosine_scores"), ("llvm-ir", "sharpen"), ("cuda-source", "cosine_scores")} <= kinds
    assert ("cuda-source", "sharpen") not in kinds  # it runs on a CPU
    assert {row["path"] for row in rows} >= {"artifacts/onnx/encoder/embed.onnx", "artifacts/onnx/mind/prefill.onnx"}
