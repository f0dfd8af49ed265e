"""Curves that a fleet file names: read beside it, kept in the IR, used for its plans."""

import json
from pathlib import Path

import pytest

from agentc import api, cost
from agentc.analyses.fleet import fleet as fleet_of
from agentc.analyses.task_graph import task_graph
from agentc.catalog import load_fleet
from agentc.cost.curves import shipped, using
from agentc.support.diagnostics import Refused

AGENT = """\
agentc: v1
name: helper
models: {mind: {catalog: llama-3.1-8b, precision: fp8}}
inputs: {question: {type: text, tokens: 512}}
nodes: {answer: {llm: mind, in: question, tokens: {input: 512, output: 128}}}
outputs: {answer: answer}
"""
FLEET = "agentc: v1\nname: ours\ncalibration: ours.yaml\ndevices: {h100-sxm: 8}\n"


def folder(path: Path, curves: object) -> Path:
    """An agent, a fleet and its curves: JSON is YAML too."""
    (path / "agent.yaml").write_text(AGENT)
    (path / "fleet.yaml").write_text(FLEET)
    (path / "ours.yaml").write_text(json.dumps(curves))
    return path


def slow(times: float = 10.0) -> dict[str, object]:
    """The package's curves with steps that take ``times`` as long."""
    base = {name: {"base": value} for name, value in shipped().base.items()}
    return {"quantities": base | {"step_factor": {"base": times}}}


def seconds(build: api.Build) -> float | None:
    assert build.summary is not None
    return build.summary.end_to_end_seconds


def test_a_fleets_plans_rest_on_its_curves(tmp_path: Path):
    own = folder(tmp_path, slow())
    assert (seconds(api.compile(own / "agent.yaml", fleet=own / "fleet.yaml")) or 0) > 3 * (
        seconds(api.compile(own / "agent.yaml", fleet=plain(own))) or 0
    )


def plain(own: Path) -> Path:
    """The fleet without curves of its own."""
    file = own / "plain.yaml"
    file.write_text(FLEET.replace("calibration: ours.yaml\n", ""))
    return file


def test_what_the_command_line_names_goes_before(tmp_path: Path):
    own = folder(tmp_path, slow())
    (own / "other.yaml").write_text(json.dumps(slow(1.0)))
    one = api.compile(own / "agent.yaml", fleet=own / "fleet.yaml", calibration=own / "other.yaml")
    other = api.compile(own / "agent.yaml", fleet=plain(own), calibration=own / "other.yaml")
    assert seconds(one) == seconds(other)


def test_the_ir_carries_them(tmp_path: Path):
    own = folder(tmp_path, slow())
    build = api.compile(own / "agent.yaml", fleet=own / "fleet.yaml")
    (own / "ours.yaml").unlink()
    kept, read = fleet_of(build.module), build.texts["placed"]
    assert kept is not None and kept.calibration is not None and kept.calibration.file == "ours.yaml"
    assert str(own) not in read
    again = cost.options(task_graph(build.module), kept).options["answer.decode"]
    with using(shipped()):
        quick = cost.options(task_graph(build.module), kept).options["answer.decode"]
    assert min(o.seconds for o in again) > 3 * min(o.seconds for o in quick)


def test_curves_that_are_not_there_have_the_fleets_line(tmp_path: Path):
    own = folder(tmp_path, slow())
    (own / "ours.yaml").unlink()
    with pytest.raises(Refused) as refused:
        load_fleet(own / "fleet.yaml")
    (found,) = refused.value.diagnostics
    assert (found.slug, found.span.line if found.span else 0) == ("bad-calibration", 3)


@pytest.mark.parametrize(
    "curves", [{"quantities": {"speed": {"base": 1.0}}}, {"quantities": {"step_factor": {"base": -1.0}}}, [1, 2]]
)
def test_what_is_no_curves_is_refused(curves: object, tmp_path: Path):
    own = folder(tmp_path, curves)
    with pytest.raises(Refused) as refused:
        api.compile(own / "agent.yaml", fleet=own / "fleet.yaml")
    assert [each.slug for each in refused.value.diagnostics] == ["bad-calibration"]
    assert "ours.yaml" in refused.value.diagnostics[0].message
