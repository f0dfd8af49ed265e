"""The last phase: a placed module becomes a build directory, whole or not at all."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from agentc.backends import BACKENDS, manifest
from agentc.backends.request import Request
from agentc.pipelines.build_cache import emitted
from agentc.pipelines.runner import Compilation, text
from agentc.plan.artifacts import LOG, REFUSAL, Artifact
from agentc.report.facts import facts
from agentc.support.diagnostics import Diagnostic, Refused, Severity, did_you_mean
from agentc.support.files import whole_directory

ALWAYS = frozenset({"sources"})
"""Backends that every build needs, whatever targets are asked for."""

PHASES = ("agent", "task", "placed")
"""Phases whose IR a build holds."""


def chosen(targets: Sequence[str] | None) -> list[str]:
    """The backends to run, in the order of the table.

    Raises:
        Refused: ``unknown-name`` for a target that is none of them.
    """
    wanted = set(BACKENDS) if targets is None else set(targets)
    unknown = sorted(wanted - set(BACKENDS))
    if unknown:
        raise Refused(
            *(
                Diagnostic("unknown-name", f"there is no target `{name}`", help=did_you_mean(name, BACKENDS))
                for name in unknown
            )
        )
    return [name for name in BACKENDS if name in wanted | ALWAYS]


def write_build(compilation: Compilation, home: Path, out: Path, targets: Sequence[str] | None) -> Path:
    """Write the build directory ``out``: the IR of each phase, the report, what the backends emit, and the manifest.
    Kernels that a compiler or ONNX refused are among ``compilation.warnings`` then.

    ``home`` is the definition's folder.

    Raises:
        Refused: a backend refuses; the directory cannot be written. What was there before is still there.
    """
    backends = chosen(targets)
    with whole_directory(out) as fresh:
        artifacts = [*_ir(compilation, fresh), *_report(compilation, fresh)]
        request = Request(
            compilation.module, fresh, home, compilation.kernels, compilation.gpu_kernels, compilation.cuda_kernels
        )
        placed = compilation.texts.get("placed") or text(compilation.module)
        for name in backends:
            artifacts += emitted(name, request, placed)
        compilation.warnings += _without_code(artifacts)
        manifest.write(compilation.module, fresh, artifacts)
        _readable(fresh)
    return out


def _without_code(artifacts: Iterable[Artifact]) -> Iterator[Diagnostic]:
    """Warnings of kernels that lack code which nobody could know of before: a compiler, or ONNX, refused them."""
    for artifact in artifacts:
        if artifact.kind == LOG:
            message = f"kernel `{artifact.of}` has no code for `{artifact.target}`: {artifact.note}"
            help = "the processor's code runs; the plan's figures of its steps are those of the GPU"
            yield Diagnostic("kernel-on-host", message, severity=Severity.WARNING, help=help)
        elif artifact.kind == REFUSAL:
            message = f"kernel `{artifact.of}` has no ONNX graph: {artifact.note}"
            help = "machine code runs; `agentc run --target onnx` cannot run it"
            yield Diagnostic("kernel-without-graph", message, severity=Severity.WARNING, help=help)


def _ir(compilation: Compilation, fresh: Path) -> list[Artifact]:
    return [
        _text(fresh, f"{phase}.mlir", compilation.texts[phase], "ir", phase)
        for phase in PHASES
        if phase in compilation.texts
    ]


def _report(compilation: Compilation, fresh: Path) -> list[Artifact]:
    """The facts as JSON and as a page. Without the solver's time: equal inputs give equal bytes."""
    from agentc.report import html, json_

    told = facts(compilation.module)
    return [
        _text(fresh, "report.json", json_.render(told), "report", "placed"),
        _text(fresh, "report.html", html.render(told), "report", "placed"),
    ]


def _text(fresh: Path, name: str, content: str, kind: str, of: str) -> Artifact:
    (fresh / name).write_text(content, encoding="utf-8", newline="\n")
    return Artifact(name, kind, "agentc", of)


def _readable(fresh: Path) -> None:
    """One mode for all files, whatever the backends and the umask made of them."""
    for path in sorted(fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    fresh.chmod(0o755)
