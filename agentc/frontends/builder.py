"""Agents in Python: ``agentc.Agent`` collects the same definition that a YAML file states.

Nothing is checked or compiled here, and nothing heavy is imported: a definition and the lines it came from are handed
to the compiler, which applies the rules of the YAML form and points at the Python lines.
"""

import json
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

Figure: TypeAlias = float | Mapping[str, float]
"""A number, or percentiles and mean by name."""


class Value:
    """Something that a node can read. An attribute is a field of it: ``plan.query``."""

    def __init__(self, ref: str) -> None:
        self._ref = ref

    def __getattr__(self, name: str) -> "Value":
        if name.startswith("__"):
            raise AttributeError(name)
        return Value(f"{self._ref}.{name}")

    def __getitem__(self, name: str) -> "Value":
        """A field whose name is no Python name, or is one of this class's."""
        return Value(f"{self._ref}.{name}")

    def __str__(self) -> str:
        return self._ref

    def __repr__(self) -> str:
        return f"Value({self._ref!r})"


class Name(str):
    """A model, tool, memory or sub-agent of this definition."""


Ref: TypeAlias = Value | str
Inputs: TypeAlias = Ref | Sequence[Ref] | Mapping[str, Ref]


def _plain(value: Any) -> Any:
    """``value`` as YAML would hold it."""
    if isinstance(value, Value):
        return str(value)
    if isinstance(value, Name):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value


def _stated(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that are stated, under the names that a definition uses."""
    renamed = {"in_": "in", "async_": "async", "if_": "if", "while_": "while", "as_": "as"}
    return {renamed.get(key, key): _plain(value) for key, value in fields.items() if value is not None}


class _Nodes:
    """What a graph and the bodies of loops, maps and cases have in common: nodes."""

    def __init__(self, root: "Agent", nodes: dict[str, Any], path: tuple[str | int, ...]) -> None:
        self._root = root
        self._nodes = nodes
        self._path = path

    def node(self, name: str, /, **fields: Any) -> Value:
        """A node of any type, as in YAML: ``node("hear", stt="ears", in_=speech)``. Names that Python reserves end in
        ``_``. ``when``, ``unless``, ``async_`` and ``placement`` go with every node."""
        return self._add(name, _stated(fields))

    def llm(self, name: str, model: str, in_: Inputs = (), /, **fields: Any) -> Value:
        """One answer of a language model; ``prompt``, ``system``, ``fields``, ``tokens``, … as in YAML."""
        return self._call(name, "llm", model, in_, fields)

    def stt(self, name: str, model: str, in_: Inputs, /, **fields: Any) -> Value:
        """Speech to text."""
        return self._call(name, "stt", model, in_, fields)

    def tts(self, name: str, model: str, in_: Inputs, /, **fields: Any) -> Value:
        """Text to speech."""
        return self._call(name, "tts", model, in_, fields)

    def embed(self, name: str, model: str, in_: Inputs, /, **fields: Any) -> Value:
        """Text to a vector; documents to one each."""
        return self._call(name, "embed", model, in_, fields)

    def rerank(self, name: str, model: str, in_: Inputs, /, **fields: Any) -> Value:
        """Documents by relevance; reads a query and documents."""
        return self._call(name, "rerank", model, in_, fields)

    def diffusion(self, name: str, model: str, in_: Inputs, /, **fields: Any) -> Value:
        """Text to a picture."""
        return self._call(name, "diffusion", model, in_, fields)

    def vision(self, name: str, model: str, in_: Inputs, /, **fields: Any) -> Value:
        """A picture to text."""
        return self._call(name, "vision", model, in_, fields)

    def call_tool(self, name: str, tool: str, in_: Inputs = (), /, **fields: Any) -> Value:
        """One call of a tool; a mapping names its arguments."""
        return self._call(name, "tool", tool, in_, fields)

    def call_agent(self, name: str, agent: str, in_: Inputs = (), /, **fields: Any) -> Value:
        """A sub-agent as one step."""
        return self._call(name, "agent", agent, in_, fields)

    def memory_lookup(self, name: str, memory: str, query: Ref, /, **fields: Any) -> Value:
        """Documents near to a query."""
        return self._call(name, "memory", {"lookup": memory}, query, fields)

    def memory_load(self, name: str, memory: str, key: Inputs = (), /, **fields: Any) -> Value:
        """The value under a key."""
        return self._call(name, "memory", {"load": memory}, key, fields)

    def memory_store(self, name: str, memory: str, in_: Inputs, /, **fields: Any) -> Value:
        """Keeps the last input under the key of those before."""
        return self._call(name, "memory", {"store": memory}, in_, fields)

    def observe(self, name: str, memory: str, in_: Inputs, /, **fields: Any) -> Value:
        """Appends an event to a log."""
        return self._call(name, "observe", memory, in_, fields)

    def builtin(
        self,
        name: str,
        function: str,
        in_: Inputs = (),
        /,
        *,
        options: Mapping[str, str | bool | float] | None = None,
        cpu_ms: Figure | None = None,
        **fields: Any,
    ) -> Value:
        """A function that every runtime has."""
        return self._compute(name, {"builtin": function, "options": options, "cpu_ms": cpu_ms}, in_, fields)

    def python(
        self, name: str, function: str, in_: Inputs = (), /, *, cpu_ms: Figure | None = None, **fields: Any
    ) -> Value:
        """A Python function, ``file.py:name``."""
        return self._compute(name, {"python": function, "cpu_ms": cpu_ms}, in_, fields)

    def kernel(self, name: str, kernel: str, in_: Inputs, /, **fields: Any) -> Value:
        """A tensor kernel: a built-in, or ``file.py:name`` in NumPy style."""
        return self._compute(name, {"kernel": kernel}, in_, fields)

    @contextmanager
    def loop(
        self,
        name: str,
        /,
        *,
        max: int,
        expected: float | None = None,
        while_: Ref | None = None,
        until: Ref | None = None,
        start: Mapping[str, Ref] | None = None,
        output: Ref | None = None,
        **fields: Any,
    ) -> "Generator[Body]":
        """Repeats the nodes of the body: ``with agent.loop("think", max=4, while_="decide.more") as think: …``."""
        stated = _stated(
            {"expected": expected, "max": max, "while": while_, "until": until, "start": start, "output": output}
        )
        yield from self._body(name, "loop", stated, fields)

    @contextmanager
    def map(
        self,
        name: str,
        over: Ref,
        /,
        *,
        as_: str | None = None,
        width: Figure | None = None,
        concurrency: int | None = None,
        output: Ref | None = None,
        **fields: Any,
    ) -> "Generator[Body]":
        """Runs the nodes of the body for each entry; they call it ``item``, or ``as_``."""
        stated = _stated({"over": over, "as": as_, "width": width, "concurrency": concurrency, "output": output})
        yield from self._body(name, "map", stated, fields)

    def branch(self, name: str, on: Ref, /, **fields: Any) -> "Branch":
        """Runs one of several cases: ``route = agent.branch("route", kind)``, then ``with route.case("a", 0.3): …``."""
        cases: dict[str, Any] = {}
        value = self._add(name, {"branch": {"on": str(on), "cases": cases}, **_stated(fields)})
        return Branch(self._root, str(value), cases, (*self._path, name, "branch", "cases"))

    def _body(self, name: str, kind: str, stated: dict[str, Any], fields: dict[str, Any]) -> "Generator[Body]":
        nodes: dict[str, Any] = {}
        self._add(name, {kind: {**stated, "nodes": nodes}, **_stated(fields)})
        yield Body(self._root, name, nodes, (*self._path, name, kind, "nodes"))

    def _compute(self, name: str, compute: Mapping[str, Any], in_: Inputs, fields: dict[str, Any]) -> Value:
        return self._call(name, "compute", _stated(compute), in_, fields)

    def _call(self, name: str, kind: str, what: object, in_: Inputs, fields: dict[str, Any]) -> Value:
        given = _plain(in_)
        return self._add(name, {kind: _plain(what), **({"in": given} if given else {}), **_stated(fields)})

    def _add(self, name: str, node: dict[str, Any]) -> Value:
        self._root.note((*self._path, name), name in self._nodes)
        self._nodes[name] = node
        return Value(name)


class Body(_Nodes, Value):
    """The nodes of a loop or map. As a value: what the loop gives; an attribute is a node within."""

    def __init__(self, root: "Agent", name: str, nodes: dict[str, Any], path: tuple[str | int, ...]) -> None:
        _Nodes.__init__(self, root, nodes, path)
        Value.__init__(self, name)


class Branch(Value):
    """A branch, to add cases to. As a value: what the case gives that ran."""

    def __init__(self, root: "Agent", name: str, cases: dict[str, Any], path: tuple[str | int, ...]) -> None:
        super().__init__(name)
        self._root = root
        self._cases = cases
        self._path = path

    @contextmanager
    def case(self, label: str, probability: float, /, *, output: Ref | None = None) -> Generator[Body]:
        """One case and its nodes."""
        nodes: dict[str, Any] = {}
        self._root.note((*self._path, label), label in self._cases)
        self._cases[label] = {"probability": probability, "nodes": nodes, **_stated({"output": output})}
        yield Body(self._root, self._ref, nodes, (*self._path, label, "nodes"))


class Graph(_Nodes):
    """Inputs, nodes and outputs of an agent or sub-agent."""

    def __init__(self, root: "Agent", data: dict[str, Any], path: tuple[str | int, ...]) -> None:
        nodes: dict[str, Any] = data.setdefault("nodes", {})
        super().__init__(root, nodes, (*path, "nodes"))
        self._data = data
        self._at = path

    def input(self, name: str, /, *, type: str, **fields: Any) -> Value:
        """What a request brings: ``tokens``, ``seconds``, … say how large it is expected to be."""
        self._root.note((*self._at, "inputs", name), name in self._data.get("inputs", {}))
        self._data.setdefault("inputs", {})[name] = {"type": type, **_stated(fields)}
        return Value(name)

    def output(self, name: str, value: Ref, /) -> None:
        """What the agent answers."""
        self._root.note((*self._at, "outputs", name), name in self._data.get("outputs", {}))
        self._data.setdefault("outputs", {})[name] = str(value)


class Agent(Graph):
    """An agent. ``agentc compile file.py:name`` compiles the ``Agent`` that ``name`` holds."""

    def __init__(self, name: str, /, *, description: str | None = None) -> None:
        self.definition: dict[str, Any] = {"agentc": "v1", "name": name, **_stated({"description": description})}
        self.places: list[tuple[tuple[str | int, ...], str, int]] = []
        """Path in the definition, file and line of the call that stated it."""
        self.twice: list[tuple[tuple[str | int, ...], str, int]] = []
        """Names that were stated a second time."""
        super().__init__(self, self.definition, ())
        self.note((), False)

    def sla(self, **limits: Figure) -> None:
        """``ttft_ms``, ``tbt_ms``, ``end_to_end_ms``: a number (p95) or percentiles."""
        self._section("sla", limits)

    def load(self, **load: float) -> None:
        """``requests_per_second`` or ``concurrency``."""
        self._section("load", load)

    def model(self, name: str, /, **fields: Any) -> Name:
        """A model: ``catalog``, ``config``, ``shape`` or ``hosted``; ``precision``, ``weights``."""
        return self._entry("models", name, fields)

    def tool(self, name: str, /, **fields: Any) -> Name:
        """A tool (``python``, ``http``, ``mcp``); ``latency_ms``, ``cpu_ms``, ``timeout_ms``, ``pure``, ``returns``."""
        return self._entry("tools", name, fields)

    def memory(self, name: str, /, **fields: Any) -> Name:
        """A memory: ``kind``, and ``path``, ``embed``, ``dimension`` of a vector memory."""
        return self._entry("memories", name, fields)

    @contextmanager
    def agent(self, name: str, /, *, description: str | None = None) -> Generator[Graph]:
        """A sub-agent: ``with agent.agent("billing") as billing: …``, then ``call_agent("reply", "billing", …)``."""
        entry = self._entry("agents", name, {"description": description})
        yield Graph(self, self.definition["agents"][str(entry)], ("agents", name))

    def agent_file(self, name: str, file: str, /) -> Name:
        """A sub-agent that another definition holds."""
        return self._entry("agents", name, {"file": file})

    def note(self, path: tuple[str | int, ...], again: bool) -> None:
        """Remember the line outside of this file from which ``path`` is stated."""
        frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        while frame.f_back is not None and frame.f_code.co_filename in (__file__, _CONTEXTLIB):
            frame = frame.f_back
        (self.twice if again else self.places).append((path, frame.f_code.co_filename, frame.f_lineno))

    def to_json(self) -> str:
        """The definition and its places, for the compiler."""
        places = {"places": self.places, "twice": self.twice}
        return json.dumps({"definition": self.definition, **places}, ensure_ascii=False, allow_nan=False)

    def _section(self, name: str, fields: Mapping[str, Any]) -> None:
        self.note((name,), name in self.definition)
        self.definition[name] = _stated(fields)

    def _entry(self, section: str, name: str, fields: Mapping[str, Any]) -> Name:
        entries = self.definition.setdefault(section, {})
        self.note((section, name), name in entries)
        entries[name] = _stated(fields)
        return Name(name)


_CONTEXTLIB = contextmanager.__code__.co_filename
