"""The examples mean the same before and after the passes: agent, task and placed IR give equal outputs."""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runtime_sample import FakeEngines, write_build

from agentc.frontends import load as load_source
from agentc.pipelines.runner import Compilation, run, text
from agentc.pipelines.standard import Settings
from agentc.runtime import load
from agentc.runtime.codec import encode
from agentc.runtime.engines.base import Ask
from agentc.runtime.models.audio import Audio
from agentc.runtime.program import Program

EXAMPLES = Path(__file__).parents[2] / "examples"
INPUTS: Mapping[str, Mapping[str, object]] = {
    "voice-agent": {"speech": Audio(np.zeros(800, np.float32), 16000)},
    "figure7": {"user": "ada", "query": "What is seven times six?"},
    "supervisor": {"message": "My lamp does not turn on. Order 1001."},
    "critic-loop": {"brief": "A note on tea."},
}


def answer(prompt: str, ask: Ask) -> Any:
    """Deterministic in the prompt and what is asked, and different for different prompts."""
    code = zlib.crc32(prompt.encode())
    if not ask.fields:
        return f"answer {code % 1000}"
    values: dict[str, Any] = {}
    for place, field in enumerate(ask.fields):
        bit = code >> place
        kinds: dict[str, Any] = {"bool": bool(bit & 1), "number": bit % 10, "text": f"6 * {bit % 100}"}
        values[field.name] = field.choices[bit % len(field.choices)] if field.choices else kinds[field.kind]
    return values


def build(name: str, ir: str, folder: Path) -> Path:
    """A build of an example with its files, as the compiler carries them."""
    sources = [
        path for path in sorted((EXAMPLES / name).rglob("*")) if path.is_file() and "__pycache__" not in path.parts
    ]
    files: dict[str, str | bytes] = {}
    for path in sources:
        relative = path.relative_to(EXAMPLES / name).as_posix()
        files[f"tools/{relative}"] = files[f"data/{relative}"] = path.read_bytes()
    return write_build(folder, ir, files)


def outcome(name: str, ir: str, folder: Path) -> tuple[dict[str, str], list[str]]:
    opened = load(build(name, ir, folder / "build"))
    program = Program(opened.module, opened.build, state=folder / "state", engines=FakeEngines(answer))
    with program:
        results = [program.run(INPUTS[name], seed=1) for _ in range(2)]  # the second meets what the first kept
    assert [result.warnings for result in results] == [(), ()]
    told = {str(n): encode(result.outputs) for n, result in enumerate(results)}
    return told, [step.op for step in results[0].trace.steps]


def phases(name: str, stop_after: str) -> dict[str, str]:
    module = load_source(str(EXAMPLES / name / "agent.yaml"))
    texts = {"agent": text(module)}
    compilation = Compilation(module, Settings())
    for _ in run(compilation, stop_after):
        pass
    return texts | compilation.texts


@pytest.mark.parametrize("name", INPUTS)
def test_agent_and_task_ir_mean_the_same(name: str, tmp_path: Path) -> None:
    texts = phases(name, "task")
    whole, _ = outcome(name, texts["agent"], tmp_path / "agent")
    split, ops = outcome(name, texts["task"], tmp_path / "task")
    assert split == whole
    assert "llm.call" not in ops and ("llm.decode" in ops or "gate.select" in ops)


def test_agent_and_placed_ir_mean_the_same(tmp_path: Path) -> None:
    texts = phases("figure7", "placed")
    whole, _ = outcome("figure7", texts["agent"], tmp_path / "agent")
    placed, ops = outcome("figure7", texts["placed"], tmp_path / "placed")
    assert placed == whole
    assert {"gate.select", "expert.decode", "comm.allreduce", "tool.lookup", "kv.transfer"} <= set(ops)


def test_estimates_stand_beside_measurements(tmp_path: Path) -> None:
    ir = phases("figure7", "placed")["placed"]
    opened = load(build("figure7", ir, tmp_path / "build"))
    trace = (
        Program(opened.module, opened.build, state=tmp_path / "s", engines=FakeEngines(answer))
        .run(INPUTS["figure7"])
        .trace
    )
    placed = [step for step in trace.steps if step.device is not None]
    assert len(placed) >= 8 and all(step.estimated_seconds is not None for step in placed)
    assert all(step.seconds > 0 for step in placed)
    assert max(map(len, trace.table(80).splitlines())) <= 80
