"""Symbol ops: models, tools, memories and kernels of the module."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, FloatAttr, StringAttr
from xdsl.ir import Attribute, Operation

from agentc.dialects import memory, model, tool
from agentc.dialects.data import to_attr
from agentc.frontends.yaml import kinds
from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.entities import ModelFacts
from agentc.frontends.yaml.program import Program
from agentc.frontends.yaml.scopes import Unit
from agentc.frontends.yaml.symbols import Symbols, rebased

if TYPE_CHECKING:
    from agentc.frontends.yaml.rules.parts import Memory, Tool


def source_attr(unit: Unit, path: Path) -> StringAttr:
    """``file:line:column`` of a key, the file relative to the main file's folder."""
    span = unit.source.span(path, key=True)
    name = span.file.replace("\\", "/").rpartition("/")[2]
    file = f"{unit.folder}/{name}" if unit.folder else name
    return StringAttr(f"{file}:{span.line}:{span.column}")


def assumed_attr(names: tuple[str, ...]) -> dict[str, Attribute]:
    """``agent.assumed``: what of an op the user did not state, beside its quantities."""
    return {"agent.assumed": ArrayAttr([StringAttr(name) for name in names])} if names else {}


def _dictionary(data: Mapping[str, object]) -> DictionaryAttr | None:
    return DictionaryAttr({key: to_attr(value) for key, value in data.items()}) if data else None


@dataclass
class Specs:
    """Makes the symbol ops of a program; gives each a name in ``symbols``."""

    program: Program
    symbols: Symbols

    def make(self) -> list[Operation]:
        """All of them: models, tools, memories, kernels; those of the main file first."""
        units = list(reversed(self.program.units))
        ops: list[Operation] = []
        for section in (self._models, self._tools, self._memories):
            for unit in units:
                ops += section(unit)
        return ops

    def agents(self) -> None:
        """Claim the symbols of the agents."""
        for agent in reversed(self.program.graphs()):
            self.symbols.agent(agent)

    def kernels(self) -> list[Operation]:
        """The kernels' functions; one that several nodes name is there once."""
        if not self.program.kernels:
            return []
        from agentc.frontends.yaml.kernel_work import kernel_of  # tensor dialects: slow to load

        ops: dict[str, Operation] = {}
        for item, module in self.program.kernels.items():
            function = kernel_of(list(module.ops)).clone()
            content = str(function)
            wanted = function.sym_name.data
            symbol = self.symbols.claim(item, [wanted, f"kernels.{wanted}"], same=content)
            function.properties["sym_name"] = StringAttr(symbol)
            ops[symbol] = function
        return list(ops.values())

    def _models(self, unit: Unit) -> list[Operation]:
        ops: list[Operation] = []
        for name, facts in self.program.entities[unit].models.items():
            symbol, new = self.symbols.entry(unit, "models", name, facts)
            if new:
                ops.append(_model(unit, name, symbol, facts))
        return ops

    def _tools(self, unit: Unit) -> list[Operation]:
        ops: list[Operation] = []
        for name, stated in unit.source.spec.tools.items():
            symbol, new = self.symbols.entry(unit, "tools", name, (unit.folder, stated))
            if new:
                ops.append(self._tool(unit, name, symbol, stated))
        return ops

    def _tool(self, unit: Unit, name: str, symbol: str, stated: "Tool") -> Operation:
        facts = self.program.entities[unit].tools[name]
        known = facts.signature
        parameters = {key: kinds.attribute(kind) for key, kind in known.parameters} if known else {}
        op = tool.SpecOp(
            symbol,
            facts.latency_seconds,
            facts.cpu_seconds,
            python=rebased(unit, stated.python) if stated.python else None,
            http=stated.http,
            mcp=stated.mcp,
            parameters=DictionaryAttr(parameters) if parameters else None,
            description=stated.description,
            pure=stated.pure,
        )
        where = ("server",) if any(_assumed(unit, "tools", name, key) for key in ("http", "mcp", "python")) else ()
        op.attributes.update({"agent.source": source_attr(unit, ("tools", name)), **assumed_attr(where)})
        if stated.timeout_ms is not None:
            op.attributes["timeout_seconds"] = FloatAttr(stated.timeout_ms / 1000, 64)
        for key, words in (("command", stated.command), ("env", stated.env)):
            if words:
                op.attributes[key] = ArrayAttr([StringAttr(word) for word in words])
        return op

    def _memories(self, unit: Unit) -> list[Operation]:
        ops: list[Operation] = []
        for name, stated in unit.source.spec.memories.items():
            symbol, new = self.symbols.entry(unit, "memories", name, (unit.folder, stated))
            if new:
                ops.append(self._memory(unit, name, symbol, stated))
        return ops

    def _memory(self, unit: Unit, name: str, symbol: str, stated: "Memory") -> Operation:
        facts = self.program.entities[unit].memories[name]
        op = memory.SpecOp(
            symbol,
            facts.kind,
            documents=facts.documents,
            dimension=facts.dimension,
            path=rebased(unit, stated.path) if stated.path else None,
            embed=self.symbols.of(unit, "models", stated.embed) if stated.embed else None,
            options=_dictionary(facts.index),
        )
        op.attributes.update({"agent.source": source_attr(unit, ("memories", name)), **assumed_attr(facts.assumed)})
        return op


def _model(unit: Unit, name: str, symbol: str, facts: ModelFacts) -> Operation:
    places = {key: rebased(unit, value) if key == "path" else value for key, value in facts.weights.items()}
    op = model.SpecOp(
        symbol,
        facts.shape,
        facts.precision,
        kv_precision=facts.kv_precision,
        draft=facts.draft,
        weights=_dictionary(places),
        hosted=_dictionary(facts.hosted),
    )
    stands_in = ("model",) if any(_assumed(unit, "models", name, key) for key in ("hosted", "catalog")) else ()
    marks = assumed_attr((*facts.assumed, *stands_in))
    op.attributes.update({"agent.source": source_attr(unit, ("models", name)), **marks})
    return op


def _assumed(unit: Unit, *path: str) -> bool:
    return unit.source.assumed(path)
