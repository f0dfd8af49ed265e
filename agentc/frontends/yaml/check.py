"""The rules that need the whole definition: does what is named exist, and does it fit where it stands?"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentc.frontends.yaml import templates
from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.infer import Kinds
from agentc.frontends.yaml.kinds import Kind
from agentc.frontends.yaml.program import Program
from agentc.frontends.yaml.python_files import Signature, function
from agentc.frontends.yaml.references import Reference, condition_of, inputs_of, of_graph
from agentc.frontends.yaml.resolve import callee_of, gives_value
from agentc.frontends.yaml.scopes import AgentGraph, Item, Scope
from agentc.plan.builtins import BUILTINS
from agentc.support.diagnostics import Diagnostics, Span, did_you_mean

if TYPE_CHECKING:
    from agentc.frontends.yaml.rules.nodes import (
        AgentNode,
        BranchNode,
        ComputeNode,
        LlmNode,
        LoopNode,
        MapNode,
        MemoryNode,
        ToolNode,
    )

_MODEL_KINDS: dict[str, tuple[str, ...]] = {
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
_READS: dict[str, tuple[tuple[str, ...], ...]] = {
    "stt": (("audio", "any"),),
    "tts": (_TEXTUAL,),
    "embed": ((*_TEXTUAL, "documents", "list"),),
    "rerank": (_TEXTUAL, ("documents", "list", "any")),
    "diffusion": (_TEXTUAL,),
    "vision": (("image", "any"),),
}
"""Node type -> for each of its inputs, the kinds of value that it takes."""

_EPSILON = 1e-6


def check(program: Program, kinds: Kinds, found: Diagnostics) -> None:
    """Check all agents of ``program``."""
    devices = _device_names()
    for agent in program.graphs():
        checker = _Checker(program, kinds, found, agent, devices)
        if not agent.scope.items and ("agents", agent.name) not in agent.unit.source.holes and not found.has_errors:
            where = agent.unit.source.span(agent.scope.path, key=True)
            found.error("empty-nodes", f"agent `{agent.name}` has no nodes", where)
        for item in agent.scope.walk():
            if not item.hole:
                checker.item(item)
        for reference in of_graph(agent):
            checker.fields(reference)
        checker.unused()
    for unit in program.units:
        if unit is not program.units[-1] and unit.source.spec.sla.model_fields_set:
            where = unit.source.span(("sla",), key=True)
            found.warning("ignored-sla", "the `sla` of a sub-agent's file binds nothing", where)


def _device_names() -> frozenset[str]:
    from agentc import catalog

    return frozenset((*catalog.devices(), *catalog.devices("paper")))


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


@dataclass
class _Checker:
    program: Program
    kinds: Kinds
    found: Diagnostics
    agent: AgentGraph
    devices: frozenset[str]

    def span(self, path: Path, key: bool = False) -> Span:
        return self.agent.unit.source.span(path, key)

    def error(self, slug: str, message: str, path: Path, help: str | None = None) -> None:
        self.found.error(slug, message, self.span(path), help=help)

    def is_hole(self, path: Path) -> bool:
        return path in self.agent.unit.source.holes

    def item(self, item: Item) -> None:
        """All rules of one node."""
        self.placement(item)
        self.condition(item)
        rules: dict[str, Callable[[Item], None]] = {
            "llm": self.llm,
            "tool": self.tool,
            "memory": self.memory,
            "observe": self.observe,
            "compute": self.compute,
            "branch": self.branch,
            "loop": self.loop,
            "map": self.map,
            "agent": self.call,
        }
        if item.kind in _MODEL_KINDS:
            self.model(item)
        if item.kind in _READS:
            self.reads(item)
        if rule := rules.get(item.kind):
            rule(item)

    def placement(self, item: Item) -> None:
        """Devices must exist, and one that is pinned or allowed must not be forbidden."""
        rule, path = item.node.placement, (*item.path, "placement")
        if rule is None:
            return
        listed = [(name, (*path, key, i)) for key in ("allow", "forbid") for i, name in enumerate(getattr(rule, key))]
        listed += [(rule.pin, (*path, "pin"))] if rule.pin else []
        for name, where in listed:
            if not self._is_device(name):
                self.error("unknown-device", f"there is no device `{name}`", where, did_you_mean(name, self.devices))
        wanted = [rule.pin] if rule.pin else rule.allow
        if wanted and all(name in rule.forbid for name in wanted):
            self.error("bad-placement", f"`{item.dotted}` may go nowhere: what it needs is forbidden", path)
        if rule.pin and rule.allow and rule.pin not in rule.allow:
            self.error("bad-placement", f"`{rule.pin}` is pinned but not among `allow`", (*path, "pin"))

    def _is_device(self, name: str) -> bool:
        from agentc import catalog

        try:
            catalog.device(name)
        except catalog.UnknownName:
            return name in self.devices
        return True

    def condition(self, item: Item) -> None:
        """A condition is a flag."""
        stated = condition_of(item.node, item.path)
        if stated is not None:
            self.flag(item.scope, stated[1], "unless" if stated[3] else "when", stated[0])
        if item.node.when is not None and item.node.unless is not None:
            self.error("one-of", "a node has `when` or `unless`, not both", (*item.path, "unless"))

    def flag(self, scope: Scope, path: Path, key: str, text: str) -> None:
        """``path`` must refer to a flag."""
        if self.kinds.target(scope, path) is None or self.tainted(scope, path):
            return
        kind = self.kinds.at(scope, path)
        if kind.name != "bool":
            hint = "state `returns: bool` where it is computed" if kind.is_open else "name a `bool` field"
            self.error("not-a-flag", f"`{text}` is {_a(str(kind))}, but `{key}` needs a flag", path, hint)

    def tainted(self, scope: Scope, path: Path) -> bool:
        """Whether what ``path`` refers to broke the schema, so that nothing can be said of it."""
        target = self.kinds.target(scope, path)
        return target is None or target.kind == "hole"

    def model(self, item: Item) -> None:
        """The model exists and can do this."""
        name, path = str(getattr(item.node, item.kind)), (*item.path, item.kind)
        models = self.agent.unit.source.spec.models
        if name not in models:
            self.error("unknown-model", f"there is no model `{name}`", path, _missing(name, models, "models"))
            return
        facts = self.program.entities[self.agent.unit].models.get(name)
        if facts is not None and facts.shape.kind not in _MODEL_KINDS[item.kind]:
            message = f"`{name}` is {_a(facts.shape.kind)} model, which cannot serve a node of type `{item.kind}`"
            self.error("wrong-model-kind", message, path, self._models_for(item.kind))

    def _models_for(self, kind: str) -> str | None:
        known = self.program.entities[self.agent.unit].models
        fit = [f"`{name}`" for name, facts in known.items() if facts.shape.kind in _MODEL_KINDS[kind]]
        return f"of this file, {', '.join(fit)} can" if fit else None

    def reads(self, item: Item) -> None:
        """Number and kinds of inputs."""
        wanted = _READS[item.kind]
        given = list(inputs_of(item.node, item.path).values())
        if len(given) != len(wanted):
            needs = " and ".join(_a(kinds[0]) for kinds in wanted)
            self.error(
                "wrong-inputs", f"a node of type `{item.kind}` reads {needs}, found {len(given)} inputs", item.path
            )
            return
        for (text, path), kinds in zip(given, wanted, strict=True):
            self.kind(item, text, path, kinds)

    def kind(self, item: Item, text: str, path: Path, wanted: tuple[str, ...]) -> None:
        """``path`` must refer to a value of one of ``wanted``."""
        if self.tainted(item.scope, path):
            return
        kind = self.kinds.at(item.scope, path)
        if kind.name not in wanted:
            fields = ", ".join(f"`{text}.{name}`" for name in kind.fields or ())
            hint = f"name a field: {fields}" if fields else None
            message = f"`{text}` is {_a(str(kind))}, but `{item.kind}` reads {_a(wanted[0])}"
            self.error("wrong-input-type", message, path, hint)

    def template(self, item: Item, text: str | None, path: Path) -> set[str]:
        """Placeholders must name inputs. Gives the inputs that are used."""
        inputs = inputs_of(item.node, item.path)
        used: set[str] = set()
        for name in templates.names(text):
            hit = templates.find(name, inputs)
            if hit is None:
                hint = (
                    did_you_mean(name, inputs)
                    or f"add `{name}` to `in:`, or write `{{{{{name}}}}}` for the text itself"
                )
                self.error("bad-template", f"`{{{name}}}` is no input of `{item.dotted}`", path, hint)
            else:
                used.add(hit)
        for literal in templates.clashes(text):
            self.error("bad-template", f"`{literal}` would stand for a numbered input", path, "name the input")
        return used

    def unread(self, item: Item, used: Iterable[str], key: str) -> None:
        """Warn of inputs that a template does not use."""
        for name, (_, path) in inputs_of(item.node, item.path).items():
            if name.partition("#")[0] not in used:
                message = f"`{name}` is an input of `{item.dotted}`, but its {key} does not use it"
                hint = f"write `{{{name}}}` where it belongs, or drop it from `in:`"
                self.found.warning("unused-input", message, self.span(path), help=hint)

    def llm(self, item: Item) -> None:
        """Templates; a call reads something."""
        node: LlmNode = item.node  # pyright: ignore[reportAssignmentType]
        used = self.template(item, node.system, (*item.path, "system"))
        used |= self.template(item, node.prompt, (*item.path, "prompt"))
        if node.prompt is not None:
            self.unread(item, used, "prompt")
        if not node.prompt and not node.system and not inputs_of(node, item.path):
            self.error("wrong-inputs", f"`{item.dotted}` has neither a prompt nor inputs", item.path)
        for name, (_, path) in inputs_of(node, item.path).items():
            if self.kinds.at(item.scope, path).name in ("audio", "image", "embedding", "tensor"):
                self.kind(item, name, path, ("text",))

    def tool(self, item: Item) -> None:
        """The tool exists and takes these arguments."""
        node: ToolNode = item.node  # pyright: ignore[reportAssignmentType]
        tools = self.agent.unit.source.spec.tools
        if node.tool not in tools:
            hint = _missing(node.tool, tools, "tools")
            self.error("unknown-tool", f"there is no tool `{node.tool}`", (*item.path, "tool"), hint)
            return
        facts = self.program.entities[self.agent.unit].tools.get(node.tool)
        if facts is not None and facts.signature is not None:
            self.arguments(item, f"tool `{node.tool}`", facts.signature)

    def arguments(self, item: Item, what: str, signature: Signature) -> None:
        """Number and, where they are stated, names of the arguments."""
        given = inputs_of(item.node, item.path)
        known = [name for name, _ in signature.parameters]
        if isinstance(item.node.in_, Mapping):
            for name in given:
                if name not in known and not signature.open:
                    hint = did_you_mean(name, known)
                    self.error("wrong-inputs", f"{what} has no parameter `{name}`", (*item.path, "in", name), hint)
        most = f" to {len(known)}" if len(known) > signature.required else ""
        if len(given) < signature.required or (len(given) > len(known) and not signature.open):
            listed = ", ".join(f"`{name}`" for name in known) or "none"
            plural = "" if len(known) == 1 else "s"
            message = f"{what} takes {signature.required}{most} input{plural} ({listed}), found {len(given)}"
            self.error("wrong-inputs", message, (*item.path, "in") if given else item.path)

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
            self.error("unknown-memory", f"there is no memory `{name}`", path, _missing(name, memories, "memories"))
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

    def branch(self, item: Item) -> None:
        """Probabilities sum to one; cases cover the selector's choices."""
        node: BranchNode = item.node  # pyright: ignore[reportAssignmentType]
        path = (*item.path, "branch")
        shares = [case.probability for case in node.branch.cases.values()]
        broken = any(self.is_hole((*path, "cases", label)) for label in node.branch.cases)
        if not broken and abs(sum(shares) - 1) > _EPSILON:
            listed = " + ".join(f"{share:g}" for share in shares)
            message = f"the probabilities of `{item.dotted}` sum to {sum(shares):g}, not 1: {listed}"
            self.found.error("bad-probabilities", message, self.span((*path, "cases"), key=True))
        kind = self.kinds.at(item.scope, (*path, "on"))
        if self.tainted(item.scope, (*path, "on")):
            return
        if kind.name not in ("text", "bool", "any", "number"):
            message = f"`{node.branch.on}` is {_a(str(kind))}, by which a branch cannot choose"
            fields = ", ".join(f"`{node.branch.on}.{name}`" for name in kind.fields or ())
            self.error("wrong-input-type", message, (*path, "on"), f"name a field: {fields}" if fields else None)
        self.cases(item, node, kind)

    def cases(self, item: Item, node: "BranchNode", kind: Kind) -> None:
        """Each choice has a case and each case a choice."""
        path = (*item.path, "branch", "cases")
        choices = ("true", "false") if kind.name == "bool" else kind.choices
        for label in node.branch.cases:
            if choices and label not in (*choices, "*"):
                where, hint = self.span((*path, label), key=True), did_you_mean(label, choices)
                self.found.error("unknown-case", f"`{node.branch.on}` is never `{label}`", where, help=hint)
            body = item.bodies[label]
            if not body.items and not body.output and not self.is_hole((*path, label)):
                where = self.span((*path, label), key=True)
                self.found.error("empty-nodes", f"case `{label}` has neither `nodes` nor `output`", where)
        left = [choice for choice in choices if choice not in node.branch.cases]
        if left and "*" not in node.branch.cases:
            missing = " and ".join(f"`{choice}`" for choice in left)
            where = self.span(path, key=True)
            self.found.error(
                "missing-case", f"{missing} of `{node.branch.on}` has no case", where, help="add a case `*`"
            )

    def loop(self, item: Item) -> None:
        """Trips, condition, start values."""
        node: LoopNode = item.node  # pyright: ignore[reportAssignmentType]
        loop, path = node.loop, (*item.path, "loop")
        if not loop.nodes:
            self.found.error("empty-nodes", f"loop `{item.dotted}` has no nodes", self.span(path, key=True))
        if loop.expected is not None and loop.expected > loop.max:
            message = f"`{item.dotted}` expects {loop.expected:g} trips, more than its maximum of {loop.max}"
            self.error("bad-loop", message, (*path, "expected"))
        key = "while" if loop.while_ else "until"
        self.flag(item.bodies[""], (*path, key), key, str(loop.while_ or loop.until))
        carried = self.program.links[self.agent].carried.get(item.bodies[""], [])
        for name in loop.start:
            if (name,) not in carried:
                where = self.span((*path, "start", name), key=True)
                hint = did_you_mean(name, [key[0] for key in carried if len(key) == 1])
                self.found.error("bad-loop", f"no trip reads `{name}` of the trip before", where, help=hint)
        if loop.output and loop.output.partition(".")[0] not in loop.nodes:
            self.error("bad-loop", f"`{loop.output}` is no node of the loop", (*path, "output"))

    def map(self, item: Item) -> None:
        """A map runs over a list and gives something."""
        node: MapNode = item.node  # pyright: ignore[reportAssignmentType]
        path = (*item.path, "map")
        if not node.map.nodes:
            self.found.error("empty-nodes", f"map `{item.dotted}` has no nodes", self.span(path, key=True))
        elif not gives_value(item):
            self.error("no-value", f"the nodes of map `{item.dotted}` give no value", path)
        kind = self.kinds.at(item.scope, (*path, "over"))
        if not self.tainted(item.scope, (*path, "over")) and kind.name not in ("list", "documents", "any"):
            message = f"`{node.map.over}` is {_a(str(kind))}, but a map runs over a list or documents"
            self.error("wrong-input-type", message, (*path, "over"))

    def call(self, item: Item) -> None:
        """The agent exists and takes these inputs."""
        node: AgentNode = item.node  # pyright: ignore[reportAssignmentType]
        agents = self.agent.unit.source.spec.agents
        if node.agent not in agents:
            hint = _missing(node.agent, agents, "agents")
            self.error("unknown-agent", f"there is no agent `{node.agent}`", (*item.path, "agent"), hint)
            return
        callee = callee_of(item)
        if callee is not None and not callee.unit.source.holes:
            names = tuple((name, self.kinds.input(callee.scope, name)) for name in callee.scope.inputs)
            self.arguments(item, f"agent `{node.agent}`", Signature(names, len(names), False))

    def fields(self, reference: Reference) -> None:
        """Fields that a reference names must exist."""
        target = self.kinds.target(reference.scope, reference.path)
        if target is None or target.kind == "hole":
            return
        kind, seen = self.kinds.base(target), ".".join(target.names)
        for name in target.fields:
            inner = kind.get(name)
            if inner is None:
                what = f"`{seen}` is {_a(str(kind))} without a field `{name}`"
                hint = did_you_mean(name, kind.fields or ()) or _case_hint(target.item, name)
                self.error("unknown-reference", what, reference.path, hint)
                return
            kind, seen = inner, f"{seen}.{name}"

    def unused(self) -> None:
        """Warn of inputs that nobody reads."""
        used = self.program.links[self.agent].used
        for name in self.agent.scope.inputs:
            path = (*self.agent.path, "inputs", name)
            if (self.agent.scope, name) not in used and not self.is_hole(path):
                message = f"nothing reads the input `{name}` of agent `{self.agent.name}`"
                self.found.warning("unused-input", message, self.span(path, key=True))


def _case_hint(item: Item | None, name: str) -> str | None:
    if item is not None and item.kind == "branch" and name in item.bodies:
        return f"only one case runs; refer to `{item.name}`, which gives that case's `output`"
    return None


def _missing(name: str, known: Mapping[str, object], section: str) -> str:
    return did_you_mean(name, known) or f"define it under `{section}:`"
