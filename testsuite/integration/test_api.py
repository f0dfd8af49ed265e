"""From a source to a build and back, as the command line and notebooks do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from agentc import api
from agentc.plan.manifest import Manifest
from agentc.support.diagnostics import Refused
from agentc.support.units import format_usd

ROOT = Path(__file__).parents[2]
VOICE = ROOT / "examples" / "voice-agent" / "agent.yaml"

AGENT = """
agentc: v1
name: small
models:
  mind: {catalog: llama-3.1-8b, precision: fp8}
inputs: {question: {type: text}}
nodes:
  answer: {llm: mind, in: question, tokens: {input: 512, output: 128}}
outputs: {answer: answer}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "agent.yaml"
    path.parent.mkdir()
    path.write_text(AGENT)
    return path


def test_a_placed_agent_says_what_it_costs(small: Path) -> None:
    build = api.compile(small)
    assert build.phase == "placed"
    assert build.summary is not None
    assert build.summary.status == "optimal"
    assert f"{format_usd(build.summary.usd_per_hour)}/h" in build.headline
    assert "place.plan" in build.text
    assert build.facts().task("answer.decode") is not None
    assert api.render(build.facts(), "json").startswith("{")


def test_each_phase_can_be_the_last(small: Path) -> None:
    assert api.compile(small, stop_after="source").text == AGENT
    assert "llm.call" in api.compile(small, stop_after="agent").text
    task = api.compile(small, stop_after="task")
    assert "llm.prefill" in task.text
    assert task.summary is None


def test_phases_are_dumped_up_to_the_failure(small: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        api.compile(small, sla=["ttft_ms=0.001"], dump_phases=tmp_path / "phases")
    assert sorted(path.name for path in (tmp_path / "phases").iterdir()) == ["agent.mlir", "task.mlir"]


def test_a_refused_build_leaves_the_earlier_one(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "build"
    api.compile(small, out=out, targets=["kubernetes"])
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert out / "manifest.yaml" in before
    with pytest.raises(Refused) as caught:
        api.compile(small, out=out, sla={"ttft_ms": 0.001})
    (told,) = caught.value.diagnostics
    assert told.slug == "infeasible-placement"
    assert told.span is not None
    assert told.span.file == str(small)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_build_tells_its_own_facts(small: Path, tmp_path: Path) -> None:
    build = api.compile(small, out=tmp_path / "build", targets=["kubernetes"])
    told = api.facts_of_build(tmp_path / "build")
    assert api.render(told, "text") == api.render(build.facts(), "text")
    for name, options in (("json", {}), ("text", {"task": "answer.decode"}), ("text", {"why_not": "b200"})):
        assert api.render(told, name, **options)
    for options in ({"task": "answer.encode"}, {"why_not": "b201"}):
        with pytest.raises(Refused):
            api.render(told, **options)


@pytest.mark.parametrize("option", [{"stop_after": "baked"}, {"fleet": "nowhere"}, {"targets": ["fpga"]}])
def test_wrong_choices_are_refused(small: Path, tmp_path: Path, option: dict[str, object]) -> None:
    with pytest.raises(Refused):
        api.compile(small, **({"out": tmp_path / "b"} | option))  # pyright: ignore[reportArgumentType]
    assert not (tmp_path / "b").exists()


def test_check_tells_all_and_raises_nothing(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(AGENT.replace("in: question", "in: questoin").replace("catalog: llama-3.1-8b", "catalog: lama"))
    assert {told.slug for told in api.check(path)} >= {"unknown-reference", "unknown-model"}
    path.write_text(AGENT)
    assert api.check(path) == []
    assert [told.slug for told in api.check(path, fleet="nowhere")] == ["unknown-fleet"]


def test_the_catalog_answers() -> None:
    assert api.device("h100").name == "h100-sxm"
    assert {"name", "precision"} & set(api.schema("agent")["properties"])
    assert api.schema("fleet")["properties"]
    assert api.model("llama-3.1-8b").layers == 32
    assert len(api.devices()) > 20
    assert any(model.name == "mixtral-8x7b" for model in api.models())
    for wrong in (lambda: api.device("h1000"), lambda: api.model("lama")):
        with pytest.raises(Refused):
            wrong()


def test_builds_are_the_same_bytes_from_anywhere(tmp_path: Path) -> None:
    """Another hash seed, another working directory, another place of the definition."""
    elsewhere = tmp_path / "moved" / "voice-agent"
    shutil.copytree(VOICE.parent, elsewhere)
    trees: list[dict[str, bytes]] = []
    for seed, home, source in (("1", ROOT, str(VOICE)), ("2", elsewhere, "agent.yaml")):
        out = tmp_path / f"build{seed}"
        code = f"from agentc import api; api.compile({source!r}, out={str(out)!r})"
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", code], check=True, cwd=home, env=env)
        trees.append({str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()})
    assert trees[0].keys() == trees[1].keys()
    assert [name for name in trees[0] if trees[0][name] != trees[1][name]] == []
    assert not any(str(tmp_path).encode() in content for content in trees[1].values())


def test_a_build_of_hosted_models_is_read_again(small: Path, tmp_path: Path) -> None:
    small.write_text(AGENT.replace("{catalog: llama-3.1-8b, precision: fp8}", "{hosted: {}}"))
    api.compile(small, out=tmp_path / "build")
    data = yaml.safe_load((tmp_path / "build" / "manifest.yaml").read_text())
    assert [(row["device"], "pool" in row) for row in Manifest.read(data).placement.values()] == [("hosted", False)]
