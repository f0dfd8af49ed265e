"""Runs the IR as data flow: an op starts when its operands are there and its effects' turn has come.

One event loop holds the order; what blocks (models, tools, databases) goes to threads. Control flow
(branches, loops, maps, calls) waits without holding a thread, so that nesting cannot run out of them.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from xdsl.dialects.builtin import FloatAttr, StringAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.traits import IsTerminator

from agentc.dialects.agent import CallOp, GraphOp, InputOp, OutputOp, node_name
from agentc.dialects.place import assignment, ways
from agentc.plan.placement import Assignment
from agentc.runtime.effects import Order, Touches
from agentc.runtime.events import Event, EventKind, Listener
from agentc.runtime.trace import Step, Trace
from agentc.runtime.values import Mistyped, convert, size
from agentc.runtime.workers import TooLong, Workers, timed_out
from agentc.support.diagnostics import Diagnostic, Refused, Span

if TYPE_CHECKING:
    from agentc.runtime.resources import Resources

T = TypeVar("T")
Handler: TypeAlias = "Callable[[Call], Coroutine[Any, Any, Sequence[Any]]]"
Handlers: TypeAlias = Mapping[str, Handler]
Future: TypeAlias = "asyncio.Future[Any]"

UNTRACED = frozenset({"agent.get", "agent.none"})
"""Ops that only name a part of a value."""


@dataclass(slots=True)
class Scope:
    """The values of one body, and those of the bodies around it."""

    prefix: str = ""
    """Of node names: the path of the sub-agent's call, with its dot."""
    trip: tuple[int, ...] = ()
    outer: "Scope | None" = None
    values: dict[SSAValue, Future] = field(default_factory=dict[SSAValue, Future])

    def find(self, value: SSAValue) -> Future:
        """What will hold ``value``."""
        scope: Scope | None = self
        while scope is not None:
            if (found := scope.values.get(value)) is not None:
                return found
            scope = scope.outer
        raise AssertionError("a value that no enclosing body defines passed the verifier")


@dataclass(slots=True)
class Call:
    """One execution of one op, as its handler sees it."""

    op: Operation
    args: list[Any]
    run: "Run"
    scope: Scope
    node: str
    step: Step
    """The record in the trace; handlers add tokens and notes."""
    background: list["asyncio.Task[None]"] = field(default_factory=list["asyncio.Task[None]"])
    """Asynchronous steps inside, which nothing waits for but the end of the run."""

    @property
    def resources(self) -> "Resources":
        """Models, tools and memories."""
        return self.run.resources

    async def blocking(self, work: Callable[[], T], seconds: float | None = None) -> T:
        """Run ``work`` on a thread.

        Raises:
            Refused: ``run-timeout``, if it takes longer than ``seconds``.
        """
        try:
            return await self.run.workers.call(work, seconds)
        except TooLong:
            raise timed_out(f"`{self.node}`", seconds or 0.0) from None

    async def body(self, block: Block, args: Sequence[Any], order: Order, trip: int | None = None) -> list[Any]:
        """Run a region's block; gives the operands of its terminator."""
        trips = self.scope.trip if trip is None else (*self.scope.trip, trip)
        scope = Scope(self.scope.prefix, trips, self.scope)
        scope.values.update({arg: done(value) for arg, value in zip(block.args, args, strict=True)})
        return await self.run.block(block, scope, order, self.background)

    async def graph(self, graph: GraphOp, args: Sequence[Any]) -> list[Any]:
        """Run a sub-agent; gives its outputs in order."""
        scope = graph_scope(graph, args, prefix=f"{self.node}.", trip=self.scope.trip)
        return await self.run.block(graph.body.block, scope, Order(), self.background)

    def said(self, text: str) -> None:
        """Pass on words as they come; from any thread."""
        self.run.tell("token", self.node, self.op.name, text)


@dataclass(slots=True)
class _Promise:
    """What a step owes: its results to those who read them, its end to those whose turn comes after it."""

    results: list[Future]
    before: list[Future]
    """Ends of the steps whose effects come first."""
    settled: Future
    background: "list[asyncio.Task[None]]"
    """Where asynchronous steps inside go on when this one is done."""

    def keep(self, values: Sequence[Any], inside: "list[asyncio.Task[None]]") -> None:
        """The results are there; the end is when asynchronous steps inside are over too."""
        for future, value in zip(self.results, values, strict=True):
            future.set_result(value)
        self.background += inside
        if inside:
            asyncio.gather(*inside, return_exceptions=True).add_done_callback(lambda _: self._settle())
        else:
            self._settle()

    def fail(self, refused: Refused | None, inside: "list[asyncio.Task[None]]") -> None:
        """There will be no results; without a reason because the run ends."""
        for task in inside:
            task.cancel()
        for future in self.results:
            if refused is None:
                future.cancel()
            else:
                future.set_exception(refused)
                future.exception()  # marks it as seen: perhaps nobody waits
        self._settle()

    def _settle(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)


class Run:
    """One request on its way through the IR."""

    def __init__(
        self,
        resources: "Resources",
        touches: Touches,
        handlers: Handlers,
        *,
        listener: Listener | None = None,
        seed: int = 0,
    ) -> None:
        self.resources = resources
        self.touches = touches
        self.handlers = handlers
        self.seed = seed
        self.workers = Workers()
        self.trace = Trace()
        self.warnings: list[Diagnostic] = []
        self._listener = listener
        self._began = time.perf_counter()
        self._telling = threading.Lock()
        self._running: dict[int, str] = {}

    async def request(self, graph: GraphOp, inputs: Sequence[Any], timeout: float | None) -> dict[str, Any]:
        """Run the agent and everything asynchronous in it; gives its outputs by name.

        Raises:
            Refused: a step failed, or ``run-timeout``.
        """
        self._began = time.perf_counter()
        background: list[asyncio.Task[None]] = []
        scope = graph_scope(graph, inputs)
        answer = asyncio.create_task(self.block(graph.body.block, scope, Order(), background))
        try:
            if not (await asyncio.wait([answer], timeout=timeout))[0]:
                raise self._too_long(graph, timeout or 0.0)
            values = answer.result()
            self.trace.seconds = self.now()
            outputs = dict(zip(_labels(graph.output()), values, strict=True))
            self.tell("outputs", data=outputs)
            await self._finish(background, timeout)
            return outputs
        finally:
            answer.cancel()
            for task in background:
                task.cancel()
            await asyncio.gather(answer, *background, return_exceptions=True)
            self.workers.close()
            self.trace.settled_seconds = self.now()

    def now(self) -> float:
        """Seconds since the request came."""
        return time.perf_counter() - self._began

    def tell(self, kind: EventKind, node: str = "", op: str = "", data: Any = None) -> None:
        """Tell the listener, if there is one; one thread at a time."""
        if self._listener is not None and op not in UNTRACED:
            with self._telling:
                self._listener(Event(kind, node, op, data))

    async def block(
        self, block: Block, scope: Scope, order: Order, background: "list[asyncio.Task[None]]"
    ) -> list[Any]:
        """Start every op of ``block`` and wait for all but the asynchronous ones; gives the terminator's operands."""
        wanted: list[asyncio.Task[None]] = []
        last = block.last_op
        for op in block.ops:
            if op.has_trait(IsTerminator) or isinstance(op, InputOp):
                continue
            asynchronous = "agent.async" in op.attributes
            task = asyncio.create_task(self._start(op, scope, order, background))
            (background if asynchronous else wanted).append(task)
        await together(wanted)
        return [await asyncio.shield(scope.find(value)) for value in last.operands] if last is not None else []

    def _start(
        self, op: Operation, scope: Scope, order: Order, background: "list[asyncio.Task[None]]"
    ) -> Coroutine[Any, Any, None]:
        """Note down the results and the place in the order now, while ops still come one after the other."""
        loop = asyncio.get_running_loop()
        results: list[Future] = [loop.create_future() for _ in op.results]
        scope.values.update(zip(op.results, results, strict=True))
        settled: Future = loop.create_future()
        before = order.join(self.touches.of(op), settled)
        return self._in_turn(op, scope, _Promise(results, before, settled, background))

    async def _in_turn(self, op: Operation, scope: Scope, promise: "_Promise") -> None:
        """Wait for the op's turn and operands, run it, and hand on what it gives."""
        asynchronous = "agent.async" in op.attributes
        inside: list[asyncio.Task[None]] = []
        try:
            for earlier in promise.before:
                await asyncio.shield(earlier)
            args = [await asyncio.shield(scope.find(value)) for value in op.operands]
            promise.keep(await self._execute(op, scope, args, inside), inside)
        except asyncio.CancelledError:
            promise.fail(None, inside)
            raise
        except Refused as refused:
            promise.fail(refused, inside)
            if not asynchronous:
                raise
            self._warn(op, scope, refused)

    async def _execute(
        self, op: Operation, scope: Scope, args: list[Any], background: "list[asyncio.Task[None]]"
    ) -> Sequence[Any]:
        node = scope.prefix + node_name(op)
        step = self._record(op, node, scope.trip)
        call = Call(op, args, self, scope, node, step, background)
        self._running[id(call)] = node
        self.tell("start", node, op.name)
        try:
            values = await self._handled(call)
        except BaseException:
            step.failed = True
            raise
        finally:
            step.seconds = self.now() - step.start
            del self._running[id(call)]
            self.tell("end", node, op.name)
        step.bytes_ = step.bytes_ or sum(map(size, values))
        return values

    async def _handled(self, call: Call) -> Sequence[Any]:
        """The handler's answer, each value of the type that the IR states; whatever goes wrong is a refusal."""
        handler = self.handlers.get(call.op.name)
        if handler is None:
            raise refusal(call, "op-not-executable", f"nothing here runs `{call.op.name}`")
        try:
            values = await handler(call)
            return [convert(value, result.type) for value, result in zip(values, call.op.results, strict=True)]
        except Refused as refused:
            raise Refused(*(_placed(found, call) for found in refused.diagnostics)) from refused
        except Mistyped as error:
            raise refusal(call, "value-mistyped", str(error)) from error
        except Exception as error:
            raise refusal(call, "step-failed", f"{type(error).__name__}: {error}") from error

    def _record(self, op: Operation, node: str, trip: tuple[int, ...]) -> Step:
        on = assignment(op)
        source = op.attributes.get("agent.source")
        step = Step(node, op.name, trip, source.data if isinstance(source, StringAttr) else "", self.now())
        step.asynchronous = "agent.async" in op.attributes
        if on is not None:
            step.device, step.estimated_seconds = planned_for(ways(op)), on.seconds
        elif isinstance(planned := op.properties.get("seconds"), FloatAttr):
            step.estimated_seconds = cast(FloatAttr[Any], planned).value.data
        if op.name not in UNTRACED:
            self.trace.steps.append(step)
        return step

    def _warn(self, op: Operation, scope: Scope, refused: Refused) -> None:
        self.warnings += [found for found in refused.diagnostics if found not in self.warnings]
        for found in refused.diagnostics:
            self.tell("warning", scope.prefix + node_name(op), op.name, found.message)

    async def _finish(self, background: "list[asyncio.Task[None]]", timeout: float | None) -> None:
        """Wait for what is asynchronous; what is not over in time is reported, not waited for."""
        left = None if timeout is None else max(timeout - self.now(), 0.0)
        if not background:
            return
        _, pending = await asyncio.wait(background, timeout=left)
        if pending:
            names = ", ".join(f"`{name}`" for name in sorted(set(self._running.values()))) or "asynchronous steps"
            self.warnings.append(timed_out(f"asynchronous: {names}", timeout or 0.0).diagnostics[0])

    def _too_long(self, graph: GraphOp, seconds: float) -> Refused:
        found = timed_out(f"agent `{graph.sym_name.data}`", seconds).diagnostics[0]
        running = ", ".join(f"`{node}`" for node in sorted(set(self._running.values())))
        notes = (f"still running: {running}",) if running else ()
        return Refused(Diagnostic(found.slug, found.message, notes=notes, help=found.help))


async def together(tasks: "Sequence[asyncio.Task[Any]]") -> None:
    """Wait for all; if one fails, end the others and raise the failure of the first in order."""
    try:
        if tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error
    finally:
        unfinished = [task for task in tasks if not task.done()]
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.gather(*unfinished, return_exceptions=True)


def planned_for(placed: tuple[Assignment, ...]) -> str:
    """Where a step was planned: its device class, or those that share its requests, with their shares."""
    shares: dict[str, float] = {}
    for on in placed:
        shares[on.device] = shares.get(on.device, 0.0) + on.share
    return (
        ", ".join(f"{device} {share:.0%}" for device, share in shares.items())
        if len(shares) > 1
        else next(iter(shares))
    )


def done(value: Any) -> Future:
    """A value that is there already."""
    future: Future = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


def graph_scope(graph: GraphOp, args: Sequence[Any], *, prefix: str = "", trip: tuple[int, ...] = ()) -> Scope:
    """The scope of a graph's body, with its inputs in it."""
    pairs = zip(graph.inputs(), args, strict=True)
    return Scope(prefix, trip, values={op.result: done(convert(value, op.result.type)) for op, value in pairs})


def refusal(call: Call, slug: str, message: str, help: str | None = None) -> Refused:
    """A problem of a step, at its place in the definition."""
    return Refused(_placed(Diagnostic(slug, message, help=help), call))


def _placed(found: Diagnostic, call: Call) -> Diagnostic:
    """``found`` with the step's name and place, unless an inner step has put its own there."""
    if any(note.startswith("in `") for note in found.notes):
        return found
    source: Attribute | None = call.op.attributes.get("agent.source")
    span = found.span or (Span.parse(source.data) if isinstance(source, StringAttr) else None)
    notes = (f"in `{call.node}` ({call.op.name})", *found.notes)
    return Diagnostic(found.slug, found.message, span, found.severity, found.labels, notes, found.help)


def _labels(op: OutputOp) -> list[str]:
    return [label.data for label in op.labels]


def callee(call: Call, symbols: Mapping[str, Operation]) -> GraphOp:
    """The graph that an `agent.call` names; the verifier has seen that it is there."""
    return cast(GraphOp, symbols[cast(CallOp, call.op).callee.string_value()])
