"""From a source to a build: the one road that the command line, tests and notebooks take.

``compile`` makes a build, ``check`` only says what is wrong; the rest is what the commands show.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from agentc.pipelines.importing import import_ as import_
from agentc.pipelines.importing import import_formats as import_formats
from agentc.pipelines.importing import import_mcp as import_mcp
from agentc.pipelines.importing import learn_profile as learn_profile
from agentc.pipelines.loading import Side, check_definition, load_definition, refuse_profile
from agentc.support.diagnostics import Diagnostic, Refused, Span, did_you_mean
from agentc.support.record import record

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from agentc.analyses.study.answer import Question
    from agentc.catalog.devices import Entry
    from agentc.cost.accuracy.evaluation import Evaluation
    from agentc.cost.phases import Draft, PhaseWork
    from agentc.dialects.agent import GraphOp
    from agentc.pipelines.runner import Compilation
    from agentc.plan.fleet import Device
    from agentc.plan.models import ModelShape
    from agentc.plan.placement import PlanSummary
    from agentc.report.facts import Facts

T = TypeVar("T")

DEFAULT_FLEET = "mixed-2026"
"""The shipped fleet that is taken where none is named."""


@record
class Build:
    """What a compilation made."""

    module: "ModuleOp"
    """The IR as it is after the last phase that ran."""
    phase: str
    """That phase."""
    texts: Mapping[str, str]
    """Phase -> IR as text, of the phases that were kept."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Warnings."""
    path: Path | None = None
    """The build directory, if one was written."""
    solve_seconds: float | None = None

    @property
    def text(self) -> str:
        """The IR of the last phase."""
        return self.texts[self.phase] if self.phase in self.texts else list(self.texts.values())[-1]

    @property
    def summary(self) -> "PlanSummary | None":
        """The plan, from phase `placed` on."""
        from agentc.dialects.place import PlanOp

        return next((op.summary.data for op in self.module.ops if isinstance(op, PlanOp)), None)

    def facts(self) -> "Facts":
        """What the report says. Raises ValueError before phase `placed`."""
        from agentc.report.facts import facts

        return facts(self.module, solve_seconds=self.solve_seconds)

    @property
    def headline(self) -> str:
        """A few lines for the terminal: where the build is, what the plan costs, and on what it runs."""
        import textwrap

        from agentc.support.units import format_usd

        plan, where = self.summary, f"{self.path}: " if self.path is not None else ""
        if plan is None:
            return f"{where}{self.phase}"
        proof = "optimal" if plan.status == "optimal" else f"within {plan.gap:.1%} of optimal"
        held: dict[str, int] = {}
        for pool in plan.pools:
            held[pool.device] = held.get(pool.device, 0) + pool.devices
        cost = f"{format_usd(plan.usd_per_hour)}/h, {format_usd(plan.usd_per_request)} a request ({proof})"
        # Lines break between devices only.
        fleet = ", ".join(f"{count}\u00a0x\u00a0{device}" for device, count in held.items())
        lines = textwrap.wrap(fleet, 80, initial_indent="  on ", subsequent_indent="     ")
        return "\n".join([f"{where}{cost}", *(line.replace("\u00a0", " ") for line in lines)])


def compile(
    source: "str | Path | ModuleOp",
    *,
    fleet: str | Path | None = None,
    sla: Sequence[str] | Mapping[str, float] = (),
    load: float | None = None,
    objective: str = "cost",
    targets: Sequence[str] | None = None,
    stop_after: str | None = None,
    out: str | Path | None = None,
    dump_phases: str | Path | None = None,
    calibration: str | Path | None = None,
    model_map: Side = None,
    assume: bool = False,
    profile: Side = None,
) -> Build:
    """Compile ``source`` (a YAML definition, ``file.py:name``, ``.mlir``, or a module in phase `agent`).

    ``fleet``: a fleet file or a shipped fleet's name. ``sla``: ``("ttft_ms=250", "tbt_ms.p95=20")`` or a mapping; it
    takes the place of the definition's limits. ``load``: requests per second. ``objective``: `cost`, `latency`,
    `energy` or `carbon`, or several, one after the other: `cost,latency`. ``targets``: backends (default: all).
    ``stop_after``: the last phase (default: `artifacts` where ``out`` is given, else `placed`). ``out``: the build
    directory, written whole or not at all. ``dump_phases``: a directory for the IR of each phase that was reached,
    also of those before a failure. ``calibration``: curves of ``calibrate`` to estimate with. For other tools' files:
    ``model_map``, a file or mapping of their models to ours; ``assume``, tell nothing of what they never state.
    ``profile``: a file or mapping of figures by node, which fill the definition's and replace them.

    Raises:
        Refused: the definition, the fleet, the limits or the placement is refused; nothing was written.
    """
    from agentc.pipelines.overrides import objectives, override
    from agentc.pipelines.runner import NAMES, Compilation
    from agentc.pipelines.sources import shown_from
    from agentc.pipelines.standard import Settings

    last = stop_after or ("artifacts" if out is not None else "placed")
    if last not in NAMES:
        raise Refused(Diagnostic("unknown-name", f"there is no phase `{last}`", help=did_you_mean(last, NAMES)))
    loaded = load_definition(source, model_map, assume, profile)
    if last == NAMES[0]:
        return Build(loaded.module, last, {last: loaded.text}, loaded.warnings)
    first, *then = objectives(objective)
    settings = Settings(str(DEFAULT_FLEET if fleet is None else fleet), first, then=tuple(then), choose=True)
    compilation, path = Compilation(loaded.module, settings), None
    with shown_from(loaded.home), _estimating_with(calibration):
        override(_entry(loaded.module), sla, load)
        _run(compilation, last, dump_phases, every=out is not None)
        if out is not None and last == "artifacts":
            from agentc.pipelines.artifacts import write_build

            path = write_build(compilation, loaded.home, Path(out), targets)
    warnings = (*loaded.warnings, *compilation.warnings)
    return Build(compilation.module, last, compilation.texts, warnings, path, compilation.solve_seconds)


@contextmanager
def _estimating_with(calibration: str | Path | None) -> Generator[None]:
    """Within the block, estimates take the curves of a file of ``calibrate``; None: those of the package."""
    if calibration is None:
        yield
        return
    from agentc.cost.accuracy.store import read_curves
    from agentc.cost.curves import using

    with using(read_curves(calibration)):
        yield


def accuracy(data: "Sequence[str | Path]" = (), calibration: str | Path | None = None) -> "Evaluation":
    """Predictions beside measurements: the package's, or the user's tables ``data``.

    Raises:
        Refused: A file cannot be read, or no row of it can be used.
    """
    from agentc.cost.accuracy import evaluation

    with _estimating_with(calibration):
        return evaluation.of_tables([_table(path) for path in data]) if data else evaluation.shipped()


def calibrate(data: "Sequence[str | Path]") -> "tuple[str, Evaluation, Evaluation]":
    """Curves fitted to the user's tables, as text; and the errors before and after.

    Raises:
        Refused: A file cannot be read, or no row of it can be used.
    """
    from agentc.cost.accuracy import crossval, evaluation, store
    from agentc.cost.curves import active, using

    tables = [_table(path) for path in data]
    before = evaluation.of_tables(tables)
    rows = [row.measurement for row in before.scored]
    named = ", ".join(name for name, _ in tables)
    curves = crossval.fitted(rows, active(), f"calibrated to {len(rows)} rows of {named}")
    with using(curves):
        return store.curves_text(curves), before, evaluation.of_tables(tables)


def _table(path: str | Path) -> tuple[str, list[str]]:
    """A file's name and lines. Raises Refused where it cannot be read."""
    try:
        return Path(path).name, Path(path).read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is no UTF-8 text"
        raise Refused(Diagnostic("bad-measurement", f"cannot read `{path}`: {why}", Span(str(path)))) from problem


def check(
    source: "str | Path | ModuleOp",
    *,
    fleet: str | Path | None = None,
    model_map: Side = None,
    assume: bool = False,
    profile: Side = None,
) -> list[Diagnostic]:
    """What is wrong with ``source``, warnings too, with ``profile`` and with ``fleet``'s file; nothing is placed or
    written."""
    found: list[Diagnostic] = []
    try:
        sure = check_definition(source, model_map, assume, profile)
        found += sure if sure is not None else _checked_ir(source, model_map, assume, profile)
    except Refused as refused:
        found += refused.diagnostics
    if fleet is not None:
        from agentc.catalog import load_fleet

        try:
            load_fleet(fleet)
        except Refused as refused:
            found += refused.diagnostics
    return list(dict.fromkeys(found))


def name_of(source: str | Path) -> str:
    """What a build of ``source`` is called where nobody names it."""
    from agentc.pipelines.sources import build_name

    return build_name(source)


def facts_of_build(folder: str | Path) -> "Facts":
    """What the report says of a build directory, read from its placed IR alone.

    Raises:
        Refused: ``not-a-build``, ``artifact-corrupt``, ``unreadable-ir``.
    """
    from agentc.report.facts import facts
    from agentc.runtime.build import open_build

    return facts(open_build(Path(folder)).module())


def render(facts: "Facts", format: str = "text", *, task: str | None = None, why_not: str | None = None) -> str:
    """The facts as `text`, `json`, `mermaid`, `svg` or `html`; ``task`` and ``why_not`` narrow the text.

    Raises:
        Refused: ``unknown-name`` for another format, or a task or device that the facts do not hold.
    """
    from agentc.report import RENDERINGS
    from agentc.support.registry import load

    for what, name, where, known in (
        ("format", format, "", list(RENDERINGS)),
        ("task", task, "", [fact.name for fact in facts.tasks]),
        ("device class", why_not and facts.device(why_not), " in the fleet", list(facts.devices)),
    ):
        if name is not None and name not in known:
            message = f"there is no {what} `{name}`{where}"
            raise Refused(Diagnostic("unknown-name", message, help=did_you_mean(name, known)))
    if format == "text":
        from agentc.report.text import render as text

        return text(facts, task=task, why_not=why_not)
    return load(RENDERINGS[format])(facts)


def ask(
    source: "str | Path | ModuleOp",
    about: "Callable[[Question], T]",
    *,
    fleet: str | Path | None = None,
    sla: Sequence[str] | Mapping[str, float] = (),
    load: float | None = None,
    objective: str = "cost",
    calibration: str | Path | None = None,
    **reading: Any,
) -> T:
    """What ``about`` (of ``agentc.analyses.study``) answers for ``source``: a definition, or a build directory, which
    is asked about on its own fleet unless another is named, under its own objective. ``reading``: what ``compile``
    takes else. Raises Refused as ``compile`` and ``about`` do; a definition that no plan can keep is no refusal."""
    from agentc.analyses.fleet import fleet as fleet_of
    from agentc.analyses.study.answer import Question
    from agentc.analyses.task_graph import task_graph
    from agentc.catalog import load_fleet
    from agentc.passes.check_kernel_code import tell as tell_code
    from agentc.pipelines.kernel_code import KernelCode
    from agentc.pipelines.overrides import objectives, override

    if isinstance(source, str | Path) and Path(source).is_dir():
        from agentc.runtime.build import open_build

        refuse_profile("a build", reading.get("profile"))
        build = Build(open_build(Path(source)).module(), "placed", {})
        override(_entry(build.module), sla, load)
    else:
        build = compile(source, fleet=fleet, sla=sla, load=load, objective=objective, stop_after="task", **reading)
    plan = build.summary
    first, *then = (plan.objective, *plan.then) if plan else objectives(objective)
    own = fleet_of(build.module) if plan and fleet is None else load_fleet(DEFAULT_FLEET if fleet is None else fleet)
    own = own or load_fleet(DEFAULT_FLEET)
    tell_code(build.module, own, KernelCode().lacking)
    with _estimating_with(calibration):
        return about(Question(task_graph(build.module), own, first, tuple(then)))


def devices(profile: str = "datasheet") -> "list[Device]":
    """The catalog's devices."""
    from agentc import catalog

    return [catalog.device(name, profile) for name in catalog.devices(profile)]


def device(name: str, profile: str = "datasheet") -> "Device":
    """One device of the catalog, by name or alias.

    Raises:
        Refused: ``unknown-device``.
    """
    from agentc import catalog

    return _known(lambda: catalog.device(name, profile), "unknown-device")


def device_entries(profile: str = "datasheet", file: str | Path | None = None) -> "list[Entry]":
    """The catalog's devices, or those of the user's table ``file``, with prices and the source of every figure.

    Raises:
        Refused: the table is wrong; every problem with its row and field.
    """
    from agentc import catalog

    if file is not None:
        from agentc.catalog.device_file import read_devices

        return list(read_devices(file).values())
    return [catalog.device_entry(name, profile) for name in catalog.device_names(profile)]


def device_entry(name: str, profile: str = "datasheet", file: str | Path | None = None) -> "Entry":
    """One device of the catalog, or of the user's table ``file``, likewise; by name or alias.

    Raises:
        Refused: ``unknown-device``, or the table is wrong.
    """
    from agentc import catalog

    if file is None:
        return _known(lambda: catalog.device_entry(name, profile), "unknown-device")
    own = {entry.device.name: entry for entry in device_entries(profile, file)}

    def found() -> "Entry":
        if name not in own:
            raise catalog.UnknownName(name, "device", own)
        return own[name]

    return _known(found, "unknown-device")


def models() -> "list[ModelShape]":
    """The catalog's models."""
    from agentc import catalog

    return [catalog.model(name) for name in catalog.models()]


def model(name: str) -> "ModelShape":
    """One model: of the catalog by name, or by the path of a ``config.json`` or of its folder.

    Raises:
        Refused: ``unknown-model``, ``bad-model-config``.
    """
    from agentc import catalog

    if name.endswith(".json") or Path(name).is_dir():
        from agentc.catalog.config import ConfigError, model_from_config

        try:
            return model_from_config(name)
        except ConfigError as problem:
            raise Refused(Diagnostic("bad-model-config", str(problem), problem.span, help=problem.help)) from problem
    return _known(lambda: catalog.model(name), "unknown-model")


def work(
    shape: "ModelShape",
    phase: str,
    sizes: Mapping[str, float],
    precision: str,
    kv_precision: str | None = None,
    *,
    chunk_tokens: int = 0,
    draft: "Draft | None" = None,
) -> "PhaseWork":
    """What one step of a ``phase`` of a model asks of a machine.

    A prefill may be in chunks of ``chunk_tokens``; a decode may verify what a smaller model drafts.

    Raises:
        Refused: ``wrong-model-kind``: such a model has no such phase, or drafts nothing.
        ValueError: A precision is unknown.
    """
    from agentc.cost.phases import phase_work, phases

    known = phases(shape)
    if phase not in known:
        listed = " or ".join(f"`{each}`" for each in known) or "none: it is hosted"
        message = f"`{shape.name}` is a model of kind `{shape.kind}` and has no phase `{phase}`"
        raise Refused(Diagnostic("wrong-model-kind", message, help=f"its phases: {listed}"))
    if draft is not None and draft.model.kind != "decoder":
        message = f"`{draft.model.name}` is a model of kind `{draft.model.kind}` and drafts nothing"
        raise Refused(Diagnostic("wrong-model-kind", message))
    return phase_work(shape, phase, sizes, precision, kv_precision, chunk_tokens=chunk_tokens, draft=draft)


SCHEMAS = {
    "agent": "agentc.frontends.yaml:schema",
    "fleet": "agentc.catalog:fleet_schema",
    "profile": "agentc.frontends.profile:schema",
    "manifest": "agentc.plan.manifest:schema",
}
"""File -> what gives its JSON Schema."""


def schema(what: str) -> dict[str, Any]:
    """The JSON Schema of a file of ``SCHEMAS``: `agent`, `fleet`, `profile` or `manifest`."""
    from agentc.support.registry import load

    return load(SCHEMAS[what])()


def _checked_ir(
    source: "str | Path | ModuleOp", model_map: Side, assume: bool, profile: Side
) -> tuple[Diagnostic, ...]:
    """What is worth knowing of ``source``, whose IR is taken to phase `task`. Raises Refused."""
    from agentc.pipelines.runner import Compilation
    from agentc.pipelines.sources import shown_from
    from agentc.pipelines.standard import Settings

    loaded = load_definition(source, model_map, assume, profile)
    with shown_from(loaded.home):
        _run(Compilation(loaded.module, Settings()), "task", None, every=False)
    return loaded.warnings


def _entry(module: "ModuleOp") -> "GraphOp":
    from agentc.analyses.task_graph import entry_graph

    try:
        return entry_graph(module)
    except ValueError as problem:
        raise Refused(Diagnostic("unreadable-ir", str(problem))) from problem


def _run(compilation: "Compilation", last: str, dump: str | Path | None, *, every: bool) -> None:
    """Run the pipeline; with ``dump`` the IR of each phase is written when it is reached."""
    from agentc.pipelines.runner import run
    from agentc.support.files import write_file

    reached = "kernel" if last == "artifacts" else last
    for phase in run(compilation, last, keep=lambda phase: every or dump is not None or phase == reached):
        if dump is not None:
            write_file(Path(dump) / f"{phase}.mlir", compilation.texts[phase])


def _known(find: Callable[[], T], slug: str) -> T:
    from agentc.catalog import UnknownName

    try:
        return find()
    except UnknownName as unknown:
        near = " or ".join(f"`{name}`" for name in unknown.suggestions)
        message = f"the catalog has no {unknown.kind} `{unknown.name}`"
        raise Refused(Diagnostic(slug, message, help=f"did you mean {near}?" if near else None)) from unknown
