"""Nodes that are one op each: model calls, tools, memories, computations, sub-agents."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, FloatAttr, StringAttr, f64
from xdsl.ir import Attribute, SSAValue

from agentc.dialects import agent, compute, llm, memory, model, tool
from agentc.dialects.agent_values import QuantityAttr
from agentc.dialects.data import to_attr
from agentc.dialects.llm import ANY_OF
from agentc.frontends import defaults
from agentc.frontends.yaml import kinds, templates
from agentc.frontends.yaml.figures import quantity
from agentc.frontends.yaml.python_files import function
from agentc.frontends.yaml.references import inputs_of
from agentc.frontends.yaml.resolve import callee_of
from agentc.frontends.yaml.scopes import Item
from agentc.frontends.yaml.specs import assumed_attr
from agentc.frontends.yaml.symbols import rebased
from agentc.plan.quantity import Quantity
from agentc.support.diagnostics import Diagnostics, Span

if TYPE_CHECKING:
    from agentc.frontends.yaml.emit import Emitter, Values
    from agentc.frontends.yaml.rules.nodes import ComputeNode, LlmNode, MemoryNode, ToolNode

_MODEL_OPS = {
    "stt": model.TranscribeOp,
    "tts": model.SynthesizeOp,
    "embed": model.EmbedOp,
    "rerank": model.RerankOp,
    "diffusion": model.DiffuseOp,
    "vision": model.DescribeOp,
}


def _inputs(emitter: "Emitter", item: Item) -> dict[str, SSAValue]:
    """What a node reads, by the names of ``in:``."""
    return {name: emitter.at(item.scope, path) for name, (_, path) in inputs_of(item.node, item.path).items()}


def _symbol(emitter: "Emitter", item: Item, section: str, name: str) -> str:
    return emitter.symbols.of(item.scope.agent.unit, section, name)


def _type(emitter: "Emitter", item: Item) -> Attribute:
    return kinds.attribute(emitter.kinds.item(item))


def _options(values: Mapping[str, object]) -> DictionaryAttr | None:
    stated = {key: to_attr(value) for key, value in values.items() if value is not None}
    return DictionaryAttr(stated) if stated else None


def _llm(emitter: "Emitter", item: Item) -> "Values":
    node: LlmNode = item.node  # pyright: ignore[reportAssignmentType]
    inputs = _inputs(emitter, item)
    system, prompt = _texts(node, inputs)
    temperature, top_p = (None if v is None else float(v) for v in (node.temperature, node.top_p))
    op = llm.CallOp(
        _symbol(emitter, item, "models", node.llm),
        list(inputs.values()),
        _type(emitter, item),
        emitter.sizes.figures(item),
        prompt=prompt,
        system=system,
        fields=DictionaryAttr({name: _field(stated) for name, stated in node.fields.items()}) if node.fields else None,
        options=_options({"temperature": temperature, "top_p": top_p, "max_tokens": node.max_tokens}),
        attributes=emitter.marks(item),
    )
    if node.any_of is not None:
        least = item.scope.agent.unit.source.spec.quality or 0.0
        fit = {_symbol(emitter, item, "models", name): q for name, q in node.any_of.items() if q >= least}
        op.attributes[ANY_OF] = DictionaryAttr({name: FloatAttr(float(quality), f64) for name, quality in fit.items()})
    emitter.insert(op)
    return {(): op.result}


def _texts(node: "LlmNode", inputs: Mapping[str, object]) -> tuple[str | None, str | None]:
    """System and prompt with numbered places. A system text that reads inputs is no constant prefix: it leads the
    prompt."""
    prompt = templates.positional(node.prompt, inputs) if node.prompt is not None else None
    if node.system is None or not templates.names(node.system):
        return (templates.positional(node.system, {}) if node.system is not None else None), prompt
    if prompt is None:
        prompt = "\n\n".join(f"{{{i}}}" for i in range(len(inputs)))
    return None, f"{templates.positional(node.system, inputs)}\n\n{prompt}"


def _field(stated: str | list[str]) -> Attribute:
    return StringAttr(stated) if isinstance(stated, str) else ArrayAttr([StringAttr(choice) for choice in stated])


def _model(emitter: "Emitter", item: Item) -> "Values":
    op = _MODEL_OPS[item.kind](
        _symbol(emitter, item, "models", str(getattr(item.node, item.kind))),
        list(_inputs(emitter, item).values()),
        _type(emitter, item),
        emitter.sizes.figures(item),
        attributes=emitter.marks(item),
    )
    emitter.insert(op)
    return {(): op.result}


def _tool(emitter: "Emitter", item: Item) -> "Values":
    node: ToolNode = item.node  # pyright: ignore[reportAssignmentType]
    inputs = _inputs(emitter, item)
    names: list[str] = list(inputs) if isinstance(node.in_, Mapping) else []
    signature = emitter.program.entities[item.scope.agent.unit].tools[node.tool].signature
    if not names and signature is not None and not signature.open:
        names = [name for name, _ in signature.parameters[: len(inputs)]]
    op = tool.InvokeOp(
        _symbol(emitter, item, "tools", node.tool),
        list(inputs.values()),
        _type(emitter, item),
        arguments=names,
        attributes=emitter.marks(item),
    )
    emitter.insert(op)
    return {(): op.result}


def _memory(emitter: "Emitter", item: Item) -> "Values":
    node: MemoryNode = item.node  # pyright: ignore[reportAssignmentType]
    inputs, marks = list(_inputs(emitter, item).values()), emitter.marks(item)
    if node.memory.lookup is not None:
        name = _symbol(emitter, item, "memories", node.memory.lookup)
        marks |= assumed_attr(() if node.k else ("k",))
        lookup = memory.LookupOp(name, inputs[0], node.k or defaults.LOOKUP_DOCUMENTS, _type(emitter, item), marks)
        emitter.insert(lookup)
        return {(): lookup.result}
    marks |= _bytes(node.bytes)
    if node.memory.load is not None:
        load = memory.LoadOp(_symbol(emitter, item, "memories", node.memory.load), inputs, _type(emitter, item), marks)
        emitter.insert(load)
        return {(): load.result}
    emitter.insert(memory.StoreOp(_symbol(emitter, item, "memories", str(node.memory.store)), inputs, marks))
    return {}


def _bytes(stated: object) -> dict[str, Attribute]:
    return {"shape": DictionaryAttr({"bytes": QuantityAttr(quantity(stated))})} if stated is not None else {}  # pyright: ignore[reportArgumentType]


def _observe(emitter: "Emitter", item: Item) -> "Values":
    name = _symbol(emitter, item, "memories", str(getattr(item.node, "observe", "")))
    marks = emitter.marks(item) | _bytes(getattr(item.node, "bytes", None))
    emitter.insert(memory.ObserveOp(name, list(_inputs(emitter, item).values()), marks))
    return {}


def _compute(emitter: "Emitter", item: Item) -> "Values":
    node: ComputeNode = item.node  # pyright: ignore[reportAssignmentType]
    if node.compute.kernel is not None:
        return _kernel(emitter, item)
    inputs, stated = _inputs(emitter, item), node.compute
    shape = {"cpu_seconds": quantity(stated.cpu_ms, 0.001)} if stated.cpu_ms is not None else None
    unknown = stated.builtin == "opaque" or emitter.assumed(item, ("compute", "builtin"))
    opaque = ("builtin",) if unknown else ()
    marks = {**emitter.marks(item), **assumed_attr(opaque)}
    if stated.builtin is not None:
        options = dict(stated.options or {})
        if stated.builtin == "template":
            options["template"] = templates.positional(str(options["template"]), inputs)
        op = compute.BuiltinOp(
            stated.builtin,
            list(inputs.values()),
            _type(emitter, item),
            options=_options(options),
            shape=shape,
            attributes=marks,
        )
    else:
        op = compute.PythonOp(
            rebased(item.scope.agent.unit, str(stated.python)),
            _ordered(item, inputs),
            _type(emitter, item),
            shape=shape or {"cpu_seconds": defaults.assumed(defaults.PYTHON_CPU_SECONDS)},
            attributes=marks,
        )
    emitter.insert(op)
    return {(): op.result}


def _ordered(item: Item, inputs: Mapping[str, SSAValue]) -> list[SSAValue]:
    """Inputs in the order of a function's parameters, where they are named."""
    node: ComputeNode = item.node  # pyright: ignore[reportAssignmentType]
    if not isinstance(node.in_, Mapping):
        return list(inputs.values())
    directory = item.scope.agent.unit.source.directory
    signature = function(str(node.compute.python), directory, Span(""), Diagnostics())
    assert signature is not None
    return [inputs[name] for name, _ in signature.parameters if name in inputs]


def _kernel(emitter: "Emitter", item: Item) -> "Values":
    from agentc.frontends.yaml.kernel_work import kernel_of, kernel_work, size_places  # tensor dialects: slow to load

    function_op = kernel_of(list(emitter.program.kernels[item].ops))
    shape: Mapping[str, Quantity] = emitter.sizes.kernel_sizes(item, size_places(function_op))
    op = compute.KernelOp(
        emitter.symbols[item],
        list(_inputs(emitter, item).values()),
        _type(emitter, item),
        work=kernel_work(function_op),
        shape=shape,
        attributes=emitter.marks(item),
    )
    emitter.insert(op)
    return {(): op.result}


def _agent(emitter: "Emitter", item: Item) -> "Values":
    callee = callee_of(item)
    assert callee is not None
    given = _inputs(emitter, item)
    by_name = isinstance(item.node.in_, Mapping)
    ordered = [given[name] for name in callee.scope.inputs] if by_name else list(given.values())
    wanted = [kinds.attribute(emitter.kinds.input(callee.scope, name)) for name in callee.scope.inputs]
    inputs = [emitter.fitted(value, type_, item) for value, type_ in zip(ordered, wanted, strict=True)]
    outputs = list(callee.spec.outputs)
    types = [kinds.attribute(emitter.kinds.at(callee.scope, (*callee.path, "outputs", name))) for name in outputs]
    op = agent.CallOp(emitter.symbols[callee], inputs, types)
    op.attributes.update(emitter.marks(item))
    emitter.insert(op)
    return {(name,): value for name, value in zip(outputs, op.outputs, strict=True)}


EMITTERS: "Mapping[str, Callable[[Emitter, Item], Values]]" = {
    "llm": _llm,
    "stt": _model,
    "tts": _model,
    "embed": _model,
    "rerank": _model,
    "diffusion": _model,
    "vision": _model,
    "tool": _tool,
    "memory": _memory,
    "observe": _observe,
    "compute": _compute,
    "agent": _agent,
}
"""Node type -> what emits it."""
