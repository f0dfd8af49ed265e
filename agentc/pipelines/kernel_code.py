"""What kernels become on the devices of a fleet: asked before placement, and lowered once for all who ask."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from agentc.backends.coverage import PROCESSORS, Emitter, emitter
from agentc.plan.fleet import Device
from agentc.plan.graph import NoCode
from agentc.support import cache
from agentc.support.diagnostics import Diagnostic, Refused, Span

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.dialects.func import FuncOp

    from agentc.pipelines.kernels import Device as Form

VERDICT = "verdict.json"


class KernelCode:
    """The kernels of a compilation as backends are given them, and what there is no code for.

    What a backend has code of follows from the kernel's text, so that the cache on disk keeps it: a kernel that stays
    on processors is lowered for a GPU once.
    """

    def __init__(self) -> None:
        self._lowered: dict[tuple[str, str], ModuleOp] = {}
        self._verdicts: dict[tuple[str, Emitter], Diagnostic | None] = {}

    def lowered(self, function: "FuncOp", form: "Form") -> "ModuleOp":
        """The kernel ``function`` lowered for ``form`` (``pipelines.kernels.Device``), which nobody may change.

        Raises:
            Refused: ``kernel-unsupported``, at a place in the kernel.
        """
        return self._lower(function, str(function), form)

    def lacking(self, function: "FuncOp", devices: Iterable[Device]) -> tuple[NoCode, ...]:
        """The ``devices`` that there is no code of the kernel ``function`` for.

        Raises:
            Refused: ``kernel-unsupported``: there is none for processors, which every build runs on.
        """
        text = str(function)
        if (refused := self._verdict(function, text, PROCESSORS)) is not None:
            raise Refused(refused)
        return tuple(self._lacking(function, text, devices))

    def _lacking(self, function: "FuncOp", text: str, devices: Iterable[Device]) -> Iterator[NoCode]:
        for device in devices:
            backend = emitter(device)
            if backend is None:
                target = f"its target is `{device.target}`" if device.target else "it has no `target`"
                yield NoCode(device.name, target)
            elif why := backend.lacks(device.target):
                yield NoCode(device.name, why, backend.backend)
            elif backend is not PROCESSORS and (refused := self._verdict(function, text, backend)) is not None:
                yield NoCode(device.name, refused.message, backend.backend, str(refused.span or ""))

    def _verdict(self, function: "FuncOp", text: str, backend: Emitter) -> Diagnostic | None:
        """Why ``backend`` has no code of the kernel; ``None`` where it has some."""
        if (text, backend) not in self._verdicts:
            name = cache.key("kernel-code", backend.kernel, text)
            if (kept := cache.load(name)) is not None:
                found = _read(kept[VERDICT])
            else:
                found = self._asked(function, text, backend)
                cache.store(name, {VERDICT: _written(found)})
            self._verdicts[text, backend] = found
        return self._verdicts[text, backend]

    def _asked(self, function: "FuncOp", text: str, backend: Emitter) -> Diagnostic | None:
        try:
            backend.check(self._lower(function, text, backend.form))
        except Refused as refused:
            return _placed(refused.diagnostics[0], function)
        return None

    def _lower(self, function: "FuncOp", text: str, form: "Form") -> "ModuleOp":
        from xdsl.dialects.builtin import ModuleOp

        from agentc.pipelines.kernels import lower_kernel

        if (text, form) not in self._lowered:
            try:
                self._lowered[text, form] = lower_kernel(ModuleOp([function.clone()]), form)
            except Refused as refused:
                raise Refused(*(_placed(each, function) for each in refused.diagnostics)) from refused
        return self._lowered[text, form]


def _placed(problem: Diagnostic, function: "FuncOp") -> Diagnostic:
    """``problem`` with the kernel's name, at its own place or at the kernel's first line."""
    from agentc.dialects.provenance import span

    name, known = f"kernel `{function.sym_name.data}`", problem.message
    message = known if known.startswith(name) else f"{name}: {known}"
    return replace(problem, message=message, span=problem.span or span(function))


def _written(problem: Diagnostic | None) -> bytes:
    rows = None if problem is None else [problem.slug, problem.message, str(problem.span or ""), problem.help]
    return json.dumps(rows).encode()


def _read(kept: bytes) -> Diagnostic | None:
    rows = json.loads(kept)
    if rows is None:
        return None
    slug, message, place, help = rows
    return Diagnostic(slug, message, Span.parse(place) if place else None, help=help)
