"""A kernel is placed only where there is code for it, and what there is no code for is known with its reason."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.ir import parse
from harness.tree import ROOT

from agentc import api, catalog
from agentc.analyses.kernels import kernel_functions
from agentc.backends.cuda.compiler import Compiled
from agentc.dialects.provenance import span
from agentc.frontends.kernels import builtin
from agentc.pipelines import kernels
from agentc.pipelines.kernel_code import KernelCode
from agentc.plan.fleet import Device
from agentc.plan.graph import NoCode
from agentc.runtime.build import open_build
from agentc.runtime.kernels import Kernels
from agentc.support.diagnostics import Diagnostic, Refused, Severity, Span

RETRIEVAL = ROOT / "examples" / "retrieval" / "agent.yaml"
"""Its kernel `cosine_scores` is pinned to an L40S."""

AGENT = """
agentc: v1
name: weigh
load: {requests_per_second: 50}
models: {encoder: {catalog: all-minilm-l6-v2, precision: fp32}}
inputs: {question: {type: text, tokens: {mean: 20}}}
nodes:
  query: {embed: encoder, in: question}
  close:
    compute: {kernel: l2_normalize}
    in: query
    shape: {n: 400000, d: 384}PLACEMENT
outputs: {answer: close}
"""
"""A kernel that a GPU does in a fifth of the time."""

WRAP = """
  func.func @wrap(%x: tensor<?xf32>) -> tensor<?xf32> attributes {agentc.dims = [["n"], ["n"]], agent.source = "wrap.py:3:1"} {
    %c0 = arith.constant 0 : index
    %n = tensor.dim %x, %c0 : tensor<?xf32>
    %e = tensor.empty(%n) : tensor<?xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) attrs = {agent.source = "wrap.py:5:12"} {
    ^bb0(%a: f32, %b: f32):
      BODY
      linalg.yield %s : f32
    } -> tensor<?xf32>
    func.return %r : tensor<?xf32>
  }
  agent.graph entry @a {
    %x = agent.input "x" : tensor<?xf32>
    %y = compute.kernel @wrap(%x) {work = #agent.work<{flops = {fp32 = "100 * n"}, bytes_read = "8 * n"}>, shape = {n = #agent.quantity<1.0e9>}, agent.node = "wrapped", agent.source = "agent.yaml:7:3"} : (tensor<?xf32>) -> tensor<?xf32>
    agent.output ["y"](%y) : tensor<?xf32>
  } {load = #agent.load<{requests_per_second = 20.0 : f64}>}"""
"""CUDA has no integers of 24 bits; LLVM has."""
NARROW = WRAP.replace("BODY", "%i = arith.fptosi %a : f32 to i24\n      %s = arith.sitofp %i : i24 to f32")
ERF = WRAP.replace("BODY", "%s = math.erf %a : f32")


[LIBRARY] = kernel_functions(builtin("l2_normalize")).values()
LINE = span(LIBRARY)


def fleet(folder: Path, *devices: str) -> Path:
    file = folder / "fleet.yaml"
    rows = ", ".join(f"{name}: {{count: 64, acquire: rent}}" for name in devices)
    file.write_text(f"agentc: v1\nname: few\ndevices: {{{rows}}}\n")
    return file


def agent(folder: Path, placement: str = "") -> Path:
    file = folder / "agent.yaml"
    file.write_text(AGENT.replace("PLACEMENT", placement))
    return file


def told(facts: Any, task: str) -> tuple[str, dict[str, str]]:
    """Where a task is, and device -> why it is not there."""
    [found] = [each for each in facts.tasks if each.name == task]
    return found.on.device, {each.device: each.why for each in found.alternatives}


def verdict(function: Any, *names: str) -> dict[str, NoCode]:
    return {each.device: each for each in KernelCode().lacking(function, [catalog.device(name) for name in names])}


def test_what_there_is_code_for() -> None:
    [function] = kernel_functions(builtin("softmax")).values()
    found = verdict(function, "h100-sxm", "t4", "mi300x", "cpu-epyc-9655", "v100", "gaudi3")
    assert list(found) == ["v100", "gaudi3"]
    assert found["v100"].backend == "CUDA" and "no longer compiles for sm_70" in found["v100"].why
    assert found["gaudi3"] == NoCode("gaudi3", "its target is `gaudi3`")


def test_a_backend_that_refuses_says_at_which_line() -> None:
    [function] = kernel_functions(parse(NARROW)).values()
    found = verdict(function, "h100-sxm", "mi300x", "cpu-epyc-9655")
    assert found == {
        "h100-sxm": NoCode("h100-sxm", "kernel `wrap`: `i24` has no CUDA form in a kernel", "CUDA", "wrap.py:5:12")
    }
    assert found["h100-sxm"].sentence.endswith("`i24` has no CUDA form in a kernel (wrap.py:5:12)")


def test_a_kernel_that_processors_refuse_is_refused_before_placement() -> None:
    with pytest.raises(Refused) as refused:
        api.compile(parse(ERF), stop_after="placed")
    [found] = refused.value.diagnostics
    assert (found.slug, found.span) == ("kernel-unsupported", Span("wrap.py", 5, 12))
    assert found.message == "kernel `wrap`: `math.erf` has no LLVM form in a kernel"


def test_it_goes_where_there_is_code_at_the_cost_of_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    definition, few = agent(tmp_path), fleet(tmp_path, "v100", "cpu-epyc-9655")
    build = api.compile(definition, fleet=few, out=tmp_path / "build", targets=["llvm", "cuda"])
    device, whys = told(build.facts(), "close")
    assert device == "cpu-epyc-9655" and not build.diagnostics
    assert whys["v100"].startswith("the CUDA backend has no code for it: CUDA 13 no longer compiles for sm_70")
    shown = api.render(build.facts(), why_not="v100")
    assert "CUDA backend has no code for it" in " ".join(shown.split())
    rows = yaml.safe_load((tmp_path / "build" / "manifest.yaml").read_text())["files"]
    assert "cuda" not in {row["target"] for row in rows if row["of"] == "l2_normalize"}
    plan = build.summary
    monkeypatch.setattr(KernelCode, "lacking", lambda *_: ())
    blind = api.compile(definition, fleet=few)
    assert told(blind.facts(), "close")[0] == "v100"
    assert plan is not None and blind.summary is not None
    assert plan.usd_per_hour > blind.summary.usd_per_hour + 1


def test_a_refused_kernel_runs_where_it_was_put(tmp_path: Path) -> None:
    few = fleet(tmp_path, "h100-sxm", "cpu-epyc-9655")
    build = api.compile(parse(NARROW), fleet=few, out=tmp_path / "build", targets=["llvm", "cuda"])
    device, whys = told(build.facts(), "wrapped")
    assert (device, "(wrap.py:5:12)" in whys["h100-sxm"]) == ("cpu-epyc-9655", True)
    assert Kernels(open_build(tmp_path / "build")).call("wrap", [[1.5, -2.5]]).tolist() == [1.0, -2.0]


@pytest.mark.parametrize("where", ["gaudi3", "v100"])
def test_a_pin_where_there_is_no_code_is_refused_with_both_lines(tmp_path: Path, where: str) -> None:
    definition = agent(tmp_path, f"\n    placement:\n      pin: {where}")
    with pytest.raises(Refused) as refused:
        api.compile(definition, fleet=fleet(tmp_path, where, "cpu-epyc-9655"))
    [found] = refused.value.diagnostics
    assert found.slug == "kernel-without-code" and f"pinned to `{where}`" in found.message
    assert found.span is not None and found.span.line == 1 + AGENT.split("PLACEMENT")[0].count("\n") + 2
    assert [str(label.span) for label in found.labels] == [str(LINE)]
    assert found.help == "let the node run on `cpu-epyc-9655`, for which there is code"


def test_a_fleet_without_code_for_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        api.compile(agent(tmp_path), fleet=fleet(tmp_path, "gaudi3", "v100"))
    [found] = refused.value.diagnostics
    assert found.slug == "kernel-without-code" and "may run only on `gaudi3`, `v100`" in found.message
    assert len(found.notes) == 2 and (found.help or "").startswith("add a CPU class")


def test_a_question_about_a_device_without_code_gets_its_reason() -> None:
    from agentc.analyses.study.difference import what_if

    answer = api.ask(RETRIEVAL, lambda each: what_if(each, ["scores.pin=gaudi3"]))
    assert any("gaudi3: no backend emits kernels for it" in line for line in answer.found.after.summary.conflict)


def test_verdicts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [function] = kernel_functions(parse(NARROW)).values()
    monkeypatch.setenv("AGENTC_CACHE", str(tmp_path))
    first = verdict(function, "h100-sxm", "mi300x")
    monkeypatch.setattr(kernels, "lower_kernel", lambda *_: pytest.fail("lowered again"))
    assert verdict(function, "h100-sxm", "mi300x") == first != {}


def test_each_kernel_is_lowered_once_for_each_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, str]] = []
    lower = kernels.lower_kernel

    def counted(module: Any, form: str = "cpu") -> Any:
        made.append((next(iter(kernel_functions(module))), form))
        return lower(module, form)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(kernels, "lower_kernel", counted)
    api.compile(RETRIEVAL, out=tmp_path / "build", targets=["llvm", "cuda"])
    assert sorted(made) == [(name, form) for name in ("cosine_scores", "sharpen") for form in ("cpu", "cuda", "gpu")]


def refuse(*args: Any) -> Any:
    raise Refused(Diagnostic("kernel-unsupported", "no such thing"))


def test_a_compiler_that_refuses_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentc.backends.cuda.compiler.compiler", lambda: "nvcc")
    monkeypatch.setattr("agentc.backends.cuda.compiler.compile_source", lambda *_: Compiled(problem="nvcc: no\nmore"))
    build = api.compile(RETRIEVAL, out=tmp_path / "build", targets=["llvm", "cuda"])
    [found] = [each for each in build.diagnostics if each.slug == "kernel-on-host"]
    assert found.severity is Severity.WARNING
    assert found.message == "kernel `cosine_scores` has no code for `sm_89`: not compiled: nvcc: no"


def test_without_an_onnx_graph_machine_code_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("agentc.backends.onnx.build.emit_kernels", refuse)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("first", "from-the-cache"):  # the warning is told again
        build = api.compile(RETRIEVAL, out=tmp_path / name, targets=["llvm", "onnx"])
        found = [each.message for each in build.diagnostics if each.slug == "kernel-without-graph"]
        assert len(found) == 2 and all("no such thing" in message for message in found)
    result = Kernels(open_build(tmp_path / "first")).call("cosine_scores", [[1.0] * 384, [[1.0] * 384] * 6])
    assert result == pytest.approx([1.0] * 6)


def test_nobody_is_asked_of_agents_without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(self: KernelCode, function: Any, devices: Iterable[Device]) -> Any:
        pytest.fail("asked")

    monkeypatch.setattr(KernelCode, "lacking", asked)
    assert api.compile(ROOT / "examples" / "voice-agent" / "agent.yaml").summary is not None
