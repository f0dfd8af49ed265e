"""The rules of nodes that are one op each."""

from typing import TYPE_CHECKING

from agentc.frontends.yaml.check_base import Checker, a, missing
from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.python_files import function
from agentc.frontends.yaml.references import inputs_of
from agentc.frontends.yaml.scopes import Item
from agentc.plan.builtins import BUILTINS
from agentc.support.diagnostics import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agentc.frontends.yaml.rules.nodes import ComputeNode, LlmNode, MemoryNode, ToolNode

MODEL_KINDS: dict[str, tuple[str, ...]] = {
    "llm": ("decoder", "hosted"),
    "stt": ("stt",),
    "tts": ("tts",),
    "embed": ("embedding",),
    "rerank": ("rerank",),
    "diffusion": ("diffusion",),
    "vision": ("vision",),
}
"""Node type -> kinds of model that can do it."""

_TEXTUAL = ("text", "any", "number", "bool")
READS: dict[str, tuple[tuple[str, ...], ...]] = {
    "stt": (("audio", "any"),),
    "tts": (_TEXTUAL,),
    "embed": ((*_TEXTUAL, "documents", "list"),),
    "rerank": (_TEXTUAL, ("documents", "list", "any")),
    "diffusion": (_TEXTUAL,),
    "vision": (("image", "any"),),
}
"""Node type -> for each of its inputs, the kinds of value that it takes."""


class NodeRules(Checker):
    """Models, tools, memories, computations."""

    def model(self, item: Item) -> None:
        """The model exists and can do this."""
        name, path = str(getattr(item.node, item.kind)), (*item.path, item.kind)
        models = self.agent.unit.source.spec.models
        if name not in models:
            self.error("unknown-model", f"there is no model `{name}`", path, missing(name, models, "models"))
            return
        facts = self.program.entities[self.agent.unit].models.get(name)
        if facts is not None and facts.shape.kind not in MODEL_KINDS[item.kind]:
            message = f"`{name}` is {a(facts.shape.kind)} model, which cannot serve a node of type `{item.kind}`"
            self.error("wrong-model-kind", message, path, self._models_for(item.kind))

    def _models_for(self, kind: str) -> str | None:
        known = self.program.entities[self.agent.unit].models
        fit = [f"`{name}`" for name, facts in known.items() if facts.shape.kind in MODEL_KINDS[kind]]
        return f"of this file, {', '.join(fit)} can" if fit else None

    def reads(self, item: Item) -> None:
        """Number and kinds of inputs."""
        wanted = READS[item.kind]
        given = list(inputs_of(item.node, item.path).values())
        if len(given) != len(wanted):
            needs = " and ".join(a(kinds[0]) for kinds in wanted)
            self.error(
                "wrong-inputs", f"a node of type `{item.kind}` reads {needs}, found {len(given)} inputs", item.path
            )
            return
        for (text, path), kinds in zip(given, wanted, strict=True):
            self.kind(item, text, path, kinds)

    def llm(self, item: Item) -> None:
        """Templates; a call reads something."""
        node: LlmNode = item.node  # pyright: ignore[reportAssignmentType]
        if node.any_of is not None:
            self.any_of(item, node.any_of)
        used = self.template(item, node.system, (*item.path, "system"))
        used |= self.template(item, node.prompt, (*item.path, "prompt"))
        if node.prompt is not None:
            self.unread(item, used, "prompt")
        if not node.prompt and not node.system and not inputs_of(node, item.path):
            self.error("wrong-inputs", f"`{item.dotted}` has neither a prompt nor inputs", item.path)
        for name, (_, path) in inputs_of(node, item.path).items():
            if self.kinds.at(item.scope, path).name in ("audio", "image", "embedding", "tensor"):
                self.kind(item, name, path, ("text",))

    def any_of(self, item: Item, stated: "Mapping[str, float]") -> None:
        """The alternatives are models that can do this, `llm` is one of them, and one is good enough."""
        spec, path = self.agent.unit.source.spec, (*item.path, "any_of")
        for name in stated:
            if name not in spec.models:
                hint = missing(name, spec.models, "models")
                self.error("unknown-model", f"there is no model `{name}`", (*path, name), hint)
                continue
            facts = self.program.entities[self.agent.unit].models.get(name)
            if facts is not None and facts.shape.kind not in MODEL_KINDS["llm"]:
                message = f"`{name}` is {a(facts.shape.kind)} model, which cannot serve a node of type `llm`"
                self.error("wrong-model-kind", message, (*path, name), self._models_for("llm"))
        model = str(getattr(item.node, item.kind))
        if model not in stated:
            self.error("bad-any-of", f"`{model}` is not among the alternatives", path, f"list it too: `{model}: 0.9`")
        least = spec.quality or 0.0
        if stated and max(stated.values()) < least:
            self.error("bad-any-of", f"no alternative has the quality of {least:g} that the agent demands", path)

    def tool(self, item: Item) -> None:
        """The tool exists and takes these arguments."""
        node: ToolNode = item.node  # pyright: ignore[reportAssignmentType]
        tools = self.agent.unit.source.spec.tools
        if node.tool not in tools:
            hint = missing(node.tool, tools, "tools")
            self.error("unknown-tool", f"there is no tool `{node.tool}`", (*item.path, "tool"), hint)
            return
        facts = self.program.entities[self.agent.unit].tools.get(node.tool)
        if facts is not None and facts.signature is not None:
            self.arguments(item, f"tool `{node.tool}`", facts.signature)

    def memory(self, item: Item) -> None:
        """The memory exists and can do this."""
        node: MemoryNode = item.node  # pyright: ignore[reportAssignmentType]
        [(verb, name)] = [(k, v) for k, v in node.memory.model_dump().items() if v is not None]
        kinds = {"lookup": ("vector",), "load": ("keyvalue", "log"), "store": ("keyvalue", "vector")}[verb]
        self._memory(item, str(name), verb, kinds, (*item.path, "memory", verb))
        given = inputs_of(node, item.path)
        if verb == "lookup" and len(given) != 1:
            self.error("wrong-inputs", f"a lookup reads one query, found {len(given)} inputs", item.path)
        elif verb == "lookup":
            [(text, path)] = given.values()
            self.kind(item, text, path, ("text", "embedding", "any"))
        if verb == "store" and not given:
            self.error("wrong-inputs", "a store reads what it keeps, found no inputs", item.path)
        if node.k is not None and verb != "lookup":
            self.error("wrong-inputs", "`k` is for lookups", (*item.path, "k"))

    def _memory(self, item: Item, name: str, verb: str, kinds: tuple[str, ...], path: Path) -> None:
        memories = self.agent.unit.source.spec.memories
        if name not in memories:
            self.error("unknown-memory", f"there is no memory `{name}`", path, missing(name, memories, "memories"))
            return
        if not self.is_hole(("memories", name)) and memories[name].kind not in kinds:
            message = f"`{verb}` needs a memory of kind {' or '.join(f'`{k}`' for k in kinds)}"
            self.error("wrong-memory-kind", f"{message}, and `{name}` is a `{memories[name].kind}`", path)

    def observe(self, item: Item) -> None:
        """The log exists; there is something to append."""
        self._memory(item, str(getattr(item.node, "observe", "")), "observe", ("log",), (*item.path, "observe"))
        if not inputs_of(item.node, item.path):
            self.error("wrong-inputs", "an observation reads what it appends, found no inputs", item.path)

    def compute(self, item: Item) -> None:
        """The function exists and takes these inputs."""
        node: ComputeNode = item.node  # pyright: ignore[reportAssignmentType]
        path = (*item.path, "compute")
        if node.compute.builtin is not None:
            self.builtin(item, node, path)
        elif node.compute.python is not None:
            where = self.span((*path, "python"))
            signature = function(node.compute.python, self.agent.unit.source.directory, where, self.found)
            if signature is not None:
                self.arguments(item, f"`{node.compute.python}`", signature)
        elif item in self.program.kernels:
            self.kernel(item, node, path)
        if node.compute.options and node.compute.builtin is None:
            self.error("wrong-inputs", "`options` are for built-ins", (*path, "options"))

    def builtin(self, item: Item, node: "ComputeNode", path: Path) -> None:
        """A built-in of the table, with its options."""
        name, options = str(node.compute.builtin), node.compute.options or {}
        known = BUILTINS.get(name)
        if known is None:
            hint = did_you_mean(name, BUILTINS) or f"there are {', '.join(f'`{one}`' for one in BUILTINS)}"
            self.error("unknown-builtin", f"there is no built-in function `{name}`", (*path, "builtin"), hint)
            return
        for key in options:
            if key not in known.options:
                hint = did_you_mean(key, known.options)
                self.error("wrong-inputs", f"built-in `{name}` has no option `{key}`", (*path, "options", key), hint)
        missing = [key for key, doc in known.options.items() if doc.endswith("(needed)") and key not in options]
        for key in missing:
            self.error("wrong-inputs", f"built-in `{name}` needs `options: {{{key}: …}}`", (*path, "builtin"))
        count = len(inputs_of(node, item.path))
        if count < known.least or (known.most is not None and count > known.most):
            most = "any number" if known.most is None else known.most
            message = f"built-in `{name}` takes {known.least} to {most} inputs, found {count}"
            self.error("wrong-inputs", message, item.path)
        if name == "template":
            used = self.template(item, str(options.get("template", "")), (*path, "options", "template"))
            self.unread(item, used, "template")

    def kernel(self, item: Item, node: "ComputeNode", path: Path) -> None:
        """A kernel gets as many inputs as it has parameters."""
        from xdsl.dialects import func

        from agentc.analyses.kernel_dims import argument_names, function_dims, symbols

        [function_op] = [op for op in self.program.kernels[item].ops if isinstance(op, func.FuncOp)]
        count = len(function_op.function_type.inputs.data)
        given = len(inputs_of(node, item.path))
        if given != count:
            names = ", ".join(f"`{name}`" for name in argument_names(function_op)[:count])
            message = f"kernel `{node.compute.kernel}` takes {count} inputs ({names}), found {given}"
            self.error("wrong-inputs", message, item.path)
        if len(function_op.function_type.outputs.data) != 1:
            message = f"kernel `{node.compute.kernel}` gives several results; a node gives one"
            self.error("wrong-inputs", message, (*path, "kernel"))
        known = symbols(function_dims(function_op))
        for name in node.shape or {}:
            if name not in known:
                hint = did_you_mean(name, known)
                message = f"kernel `{node.compute.kernel}` has no size `{name}`"
                self.error("wrong-inputs", message, (*item.path, "shape", name), hint)
