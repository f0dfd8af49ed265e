"""A module ready to run, and what a run gives."""

import asyncio
import hashlib
import os
import threading
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation

from agentc.dialects.agent import GraphOp
from agentc.dialects.memory import SpecOp as MemorySpec
from agentc.dialects.model import SpecOp as ModelSpec
from agentc.dialects.tool import SpecOp as ToolSpec
from agentc.plan.layout import TOOLS
from agentc.runtime.bindings import bindings
from agentc.runtime.boundary import present, receive
from agentc.runtime.build import Build
from agentc.runtime.effects import Touches
from agentc.runtime.engines import BuildEngines
from agentc.runtime.engines.base import Engines
from agentc.runtime.events import Listener
from agentc.runtime.executor import Run
from agentc.runtime.handlers import handlers
from agentc.runtime.kernels import Kernels
from agentc.runtime.memory.stores import Stores
from agentc.runtime.opaque import opaque_steps, refuse_opaque
from agentc.runtime.resources import KeptCaches, Resources
from agentc.runtime.tools.toolbox import Toolbox
from agentc.runtime.trace import Trace
from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record

T = TypeVar("T")


@record(slots=True)
class Result:
    """What a run gave."""

    outputs: dict[str, Any]
    """Name -> value (see ``runtime.values``)."""
    trace: Trace
    warnings: tuple[Diagnostic, ...] = ()
    """Asynchronous steps that failed, or were not over in time."""

    def as_json(self, folder: Path | None = None) -> dict[str, Any]:
        """The outputs for JSON; sound and pictures go to files in ``folder``, if given."""
        return present(self.outputs, folder)


class Program:
    """An agent's IR of any phase from `agent` to `placed`, with what its steps need. Runs may overlap."""

    def __init__(
        self,
        module: ModuleOp,
        build: Build | None = None,
        *,
        state: Path | None = None,
        engines: Engines | None = None,
        target: str | None = None,
    ) -> None:
        """``engines`` take the place of the build's own models and of bound endpoints. ``target``: what kernels run as,
        ``llvm`` or ``onnx``.
        """
        self._target = target
        self.module = module
        self.build = build
        self.graph = _entry(module)
        self.state = state if state is not None else default_state(self.graph.sym_name.data, build)
        self._engines = engines
        self._symbols = {name: op for op in module.ops if (name := _symbol(op)) is not None}
        self._touches = Touches(self._symbols)
        self._caches = KeptCaches()
        self._bound: dict[tuple[tuple[str, str], ...], Resources] = {}
        self._lock = threading.Lock()

    def run(
        self,
        inputs: Mapping[str, object],
        *,
        bind: Mapping[str, str] = {},
        on_event: Listener | None = None,
        seed: int = 0,
        timeout: float | None = None,
        session: str = "",
    ) -> Result:
        """Answer one request; blocks until asynchronous steps are over too.

        ``bind``: model -> URL of an OpenAI-compatible endpoint (``URL#name`` for one of its models); tool -> URL,
        ``URL#tool`` of a server that speaks MCP, or ``file.py:function``; node of unknown content -> the latter.
        ``on_event`` hears steps and words as they come, from any thread, one at a time. ``timeout``: seconds for all.
        ``session`` names the conversation whose memories are meant.

        Raises:
            Refused: the inputs are not what the agent takes, or a step failed; the diagnostics say which and why.
        """
        return _waited(self.answer(inputs, bind=bind, on_event=on_event, seed=seed, timeout=timeout, session=session))

    async def answer(
        self,
        inputs: Mapping[str, object],
        *,
        bind: Mapping[str, str] = {},
        on_event: Listener | None = None,
        seed: int = 0,
        timeout: float | None = None,
        session: str = "",
    ) -> Result:
        """``run`` for those who have an event loop.

        Raises:
            Refused: as ``run``.
        """
        resources = replace(self._resources(bind), session=session)
        refuse_opaque(self.module, resources.steps)
        values = receive(self.graph, inputs)
        run = Run(resources, self._touches, self._handlers, listener=on_event, seed=seed)
        run.trace.agent = self.graph.sym_name.data
        outputs = await run.request(self.graph, values, timeout)
        return Result(outputs, run.trace, tuple(run.warnings))

    def close(self) -> None:
        """Let models and memories go."""
        with self._lock:
            for resources in self._bound.values():
                resources.memories.close()
                resources.tools.close()
            self._bound.clear()

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def _handlers(self) -> Any:
        return handlers()

    def _resources(self, bind: Mapping[str, str]) -> Resources:
        """Models stay open between runs that bind the same."""
        key = tuple(sorted(bind.items()))
        with self._lock:
            if key not in self._bound:
                self._bound[key] = self._opened(bind)
            return self._bound[key]

    def _opened(self, bind: Mapping[str, str]) -> Resources:
        specs = {name: op.shape.data for name, op in self._symbols.items() if isinstance(op, ModelSpec)}
        bound = bindings(bind, self._symbols, opaque_steps(self.module))
        engines = self._engines or BuildEngines(specs, self.build, bound.models)
        memories = {name: op for name, op in self._symbols.items() if isinstance(op, MemorySpec)}
        tools = {name: op for name, op in self._symbols.items() if isinstance(op, ToolSpec)}
        return Resources(
            symbols=self._symbols,
            engines=engines,
            tools=Toolbox(tools, self.build.folder / TOOLS if self.build is not None else None, bound.tools),
            memories=Stores(memories, self.build, self.state, lambda name: lambda t: engines.embedding(name).embed(t)),
            kernels=Kernels(self.build, self._target),
            caches=self._caches,
            build=self.build,
            steps=bound.steps,
        )


def default_state(agent: str, build: Build | None) -> Path:
    """Where memories live: outside of the build, which running does not change; one folder a place of a build."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    place = str(build.folder.resolve()) if build is not None else ""
    return Path(home) / "agentc" / f"{agent}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def _entry(module: ModuleOp) -> GraphOp:
    graphs = [op for op in module.ops if isinstance(op, GraphOp)]
    marked = [op for op in graphs if op.entry is not None] or (graphs if len(graphs) == 1 else [])
    if len(marked) != 1:
        message = f"{len(marked)} agents are marked as the entry, not one"
        raise Refused(Diagnostic("unreadable-ir", message, help="mark it: `agent.graph entry @name`"))
    return marked[0]


def _symbol(op: Operation) -> str | None:
    name = op.properties.get("sym_name")
    return name.data if isinstance(name, StringAttr) else None


def _waited(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; beside a loop that runs in this thread, on a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    answers: list[T] = []
    errors: list[BaseException] = []

    def alone() -> None:
        try:
            answers.append(asyncio.run(work))
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=alone, name="agentc-run")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return answers[0]
