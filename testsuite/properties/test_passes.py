"""Passes keep what an agent means: random graphs give the same outputs before and after, by a small evaluator.

Values are nested tuples that spell out how they were made, so that equal outputs mean equal ways. Effects are a log of
calls by the values that they were given, in order.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from harness.ir import parse, run
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Block, Operation, SSAValue

from agentc.analyses.task_graph import entry_graph
from agentc.dialects import agent, compute, tool

HEADER = "tool.spec @pure latency <0.1> cpu <0.1> {pure}\ntool.spec @book latency <0.1> cpu <0.1>\n"


@dataclass
class Evaluator:
    """Runs a graph on symbolic values; conditions and selectors come from a fixed tape."""

    tape: list[bool]
    log: list[Any] = field(default_factory=list[Any])
    at: int = 0

    def outputs(self, module: ModuleOp) -> tuple[Any, list[Any]]:
        """The entry graph's outputs and the log of effects."""
        graph = entry_graph(module)
        return self._graph(graph, [f"input:{op.label.data}" for op in graph.inputs()]), self.log

    def _graph(self, graph: agent.GraphOp, inputs: list[Any]) -> Any:
        env: dict[SSAValue, Any] = {op.result: value for op, value in zip(graph.inputs(), inputs, strict=True)}
        return self._block(graph.body.block, env)

    def _block(self, block: Block, env: dict[SSAValue, Any]) -> Any:
        """Run a block; what its terminator is given."""
        for op in block.ops:
            given = [env[value] for value in op.operands]
            if op is block.last_op:
                return given
            if not isinstance(op, agent.InputOp):
                env |= dict(zip(op.results, self._op(op, given, env), strict=True))
        raise AssertionError("a block ends with a terminator")

    def _op(self, op: Operation, given: list[Any], env: dict[SSAValue, Any]) -> list[Any]:
        match op:
            case compute.BuiltinOp():
                return [(op.function.data, *given)]
            case compute.PythonOp():
                self.log.append((op.function.data, *given))
                return [(op.function.data, *given)]
            case agent.NoneOp():
                return [None]
            case agent.GetOp():
                return [None if given[0] is None else ("get", op.field.data, given[0])]
            case tool.InvokeOp():
                return [self._call(str(op.tool), given)]
            case tool.LookupOp():
                return [("handle", *given)]
            case tool.ComputeOp():
                return [self._call(str(op.tool), list(given[0][1:]))]
            case agent.BranchOp():
                case = sum(map(ord, repr(given[0]))) % len(op.cases)
                return self._block(op.cases[case].block, env)
            case agent.LoopOp():
                return self._loop(op, given, env)
            case compute.FusedOp():
                return self._block(op.body.block, dict(zip(op.body.block.args, given, strict=True)))
            case agent.CallOp():
                callee = next(g for g in _graphs(op) if g.sym_name == StringAttr(op.callee.root_reference.data))
                return self._graph(callee, given)
            case _:
                raise AssertionError(op.name)

    def _call(self, name: str, given: list[Any]) -> Any:
        if name == "@book":
            self.log.append((name, *given))
        return (name, *given)

    def _loop(self, op: agent.LoopOp, carried: list[Any], env: dict[SSAValue, Any]) -> list[Any]:
        for trip in range(op.max.value.data):
            env |= dict(zip(op.body.block.args, carried, strict=True))
            condition, *carried = self._block(op.body.block, env)
            if sum(map(ord, repr(condition))) % 3 == 0 or trip > 3:
                break
        return carried


def _graphs(op: Operation) -> list[agent.GraphOp]:
    root = op
    while (parent := root.parent_op()) is not None:
        root = parent
    return [each for each in root.walk() if isinstance(each, agent.GraphOp)]


TEXT = "!agent.text"


@dataclass
class Writer:
    """Writes random ops over the values that are there."""

    draw: st.DrawFn
    callees: list[str]
    count: int = 0

    def block(self, known: list[str], depth: int, size: int) -> tuple[str, list[str]]:
        """Ops as text, and all values after them."""
        text, values = "", list(known)
        for _ in range(self.draw(st.integers(1, size))):
            made, name = self.op(values, depth)
            text += made
            values.append(name)
        return text, values

    def pick(self, values: list[str]) -> str:
        return self.draw(st.sampled_from(values))

    def op(self, values: list[str], depth: int) -> tuple[str, str]:
        self.count += 1
        name, a, b = f"v{self.count}", self.pick(values), self.pick(values)
        kinds = ["builtin", "builtin", "python", "pure", "book", "get", *(["branch", "loop"] if depth else [])]
        node = f'agent.node = "n{self.count}"'
        match self.draw(st.sampled_from([*kinds, *(["call"] if self.callees else [])])):
            case "builtin":
                return (
                    f'%{name} = compute.builtin "f{self.count}"(%{a}, %{b}) {{{node}}} : ({TEXT}, {TEXT}) -> {TEXT}\n',
                    name,
                )
            case "python":
                return f'%{name} = compute.python "f{self.count}"(%{a}) {{{node}}} : ({TEXT}) -> {TEXT}\n', name
            case "get":
                return f'%{name} = agent.get %{a} "x" : {TEXT} -> {TEXT}\n', name
            case "branch":
                one, two = self.block(values, depth - 1, 3), self.block(values, depth - 1, 3)
                return (
                    f'%{name} = agent.branch %{a} ["a", "*"] probabilities [0.5 : f64, 0.5 : f64] : {TEXT} -> {TEXT} {{\n'
                    f"{one[0]}agent.yield %{one[1][-1]} : {TEXT}\n}} {{\n{two[0]}agent.yield %{self.pick(two[1])} : {TEXT}\n}}\n",
                    name,
                )
            case "loop":
                body, inner = self.block([*values, f"x{self.count}", f"y{self.count}"], depth - 1, 3)
                here = name[1:]
                return (
                    f"%{name}, %w{here} = agent.loop(%{a}, %{b}) expected 1.0 max {self.draw(st.integers(1, 3))} : "
                    f"({TEXT}, {TEXT}) -> ({TEXT}, {TEXT}) {{\n^bb0(%x{here}: {TEXT}, %y{here}: {TEXT}):\n{body}"
                    f'%c{here} = compute.builtin "more"(%{self.pick(inner)}) : ({TEXT}) -> i1\n'
                    f"agent.continue %c{here}(%{inner[-1]}, %{self.pick(inner)}) : {TEXT}, {TEXT}\n}}\n",
                    name,
                )
            case "call":
                callee = self.draw(st.sampled_from(self.callees))
                return f"%{name} = agent.call @{callee}(%{a}) {{{node}}} : ({TEXT}) -> {TEXT}\n", name
            case which:
                return f"%{name} = tool.invoke @{which}(%{a}) {{{node}}} : ({TEXT}) -> {TEXT}\n", name


@st.composite
def agents(draw: st.DrawFn) -> str:
    """A module of an entry and up to two sub-agents, the later calling the earlier."""
    text, names = HEADER, list[str]()
    for name in ("inner", "outer")[: draw(st.integers(0, 2))]:
        body, values = Writer(draw, list(names)).block(["q"], 1, 4)
        text += f'agent.graph @{name} {{\n%q = agent.input "q" : {TEXT}\n{body}'
        text += f'agent.output ["r"](%{values[-1]}) : {TEXT}\n}}\n'
        names.append(name)
    body, values = Writer(draw, names).block(["q", "p"], 2, 8)
    last, other = values[-1], draw(st.sampled_from(values))
    text += f'agent.graph entry @main {{\n%q = agent.input "q" : {TEXT}\n%p = agent.input "p" : {TEXT}\n{body}'
    return text + f'agent.output ["r", "s"](%{last}, %{other}) : {TEXT}, {TEXT}\n}}\n'


def meaning(module: ModuleOp) -> tuple[Any, list[Any]]:
    return Evaluator([]).outputs(module)


ROADS = [
    ("inline-agents",),
    ("split-tools",),
    ("canonicalize",),
    ("remove-dead-nodes",),
    ("fuse-compute",),
    ("inline-agents", "split-tools", "fuse-compute", "unfuse-compute"),
    ("inline-agents", "canonicalize", "remove-dead-nodes", "split-tools", "canonicalize", "cse", "fuse-compute"),
]


@pytest.mark.parametrize("road", ROADS, ids="+".join)
@given(text=agents())
def test_a_pass_keeps_the_meaning(road: tuple[str, ...], text: str) -> None:
    module = parse(text)
    outputs, effects = meaning(module)
    after = meaning(run(module, *road))
    assert after == (outputs, effects)


@st.composite
def straight_lines(draw: st.DrawFn) -> str:
    """Effects only, each on one of the last two values: where order shows."""
    text = HEADER + f'agent.graph entry @main {{\n%v0 = agent.input "q" : {TEXT}\n%v1 = agent.input "p" : {TEXT}\n'
    for i in range(2, draw(st.integers(4, 9))):
        op = draw(st.sampled_from([f'compute.python "f{i}"', "tool.invoke @book", f'compute.builtin "f{i}"']))
        text += f'%v{i} = {op}(%v{i - draw(st.integers(1, 2))}) {{agent.node = "n{i}"}} : ({TEXT}) -> {TEXT}\n'
    return text + f'agent.output ["r"](%v{i}) : {TEXT}\n}}\n'  # pyright: ignore[reportPossiblyUnboundVariable]


@given(text=straight_lines())
def test_fusion_keeps_the_order_of_effects(text: str) -> None:
    module = parse(text)
    before = meaning(module)
    assert meaning(run(module, "split-tools", "fuse-compute")) == before


@given(text=agents())
def test_dead_nodes_are_gone_for_good(text: str) -> None:
    module = run(parse(text), "inline-agents", "remove-dead-nodes")
    assert str(run(module.clone(), "remove-dead-nodes")) == str(module)


@given(text=agents())
def test_unfusing_all_leaves_nothing_fused(text: str) -> None:
    module = run(run(parse(text), "fuse-compute"), "unfuse-compute", all=True)
    assert not any(op.name == "compute.fused" for op in module.walk())
