"""Microsoft promptflow DAG flows (`flow.dag.yaml`): nodes whose inputs name what they read.

https://microsoft.github.io/promptflow/reference/flow-yaml-schema-reference.html. `docs/formats/promptflow.md` has the
mapping.
"""

import os
import re
from dataclasses import dataclass, field

from agentc.frontends.importers import agents, models, prompts
from agentc.frontends.importers.flow import INPUT, OTHERWISE, Flow, Read, Routes, Step
from agentc.frontends.importers.frame import Draft, Imported, Names, Tree, at, clean
from agentc.frontends.importers.nest import Nest
from agentc.frontends.importers.prompts import input_name
from agentc.frontends.importers.source import MAX_TEXT, Part
from agentc.support.diagnostics import did_you_mean, shortened

_TYPES = {"int": "number", "double": "number", "bool": "bool", "object": "record", "list": "list<any>"}
_ROLE = re.compile(r"^[ \t]*#?[ \t]*(system|user|assistant)[ \t]*:[ \t]*$", re.MULTILINE | re.IGNORECASE)
"""Where a message of a chat begins in a template."""
_REFERENCE = re.compile(r"\$\{([^{}]+)\}\Z")


def read(draft: Draft) -> Imported:
    """The definition of a flow. Raises Refused."""
    name = draft.document.file.replace("\\", "/").rpartition("/")[2].removesuffix(".yaml").removesuffix(".flow.dag")
    return draft.finish("flow" if name == "flow.dag" else name, _Dag(draft, Part.of(draft.document)).graph())


@dataclass
class _Dag:
    draft: Draft
    whole: Part
    flow: Flow = field(default_factory=Flow)
    kinds: dict[str, str] = field(default_factory=dict[str, str])

    def graph(self) -> Tree:
        inputs: Tree = {}
        for name, row in self.whole["inputs"].fields().items():
            self.kinds[name] = _TYPES.get(row["type"].text(), "text")
            inputs[input_name(name)] = at(row, {"type": self.kinds[name]})
        nodes = {row["name"].text(): self._variant(row) for row in self.whole["nodes"].items() if row["name"].text()}
        for name, node in nodes.items():
            if self.whole["nodes"] and node["aggregation"].flag():
                self.draft.warn("import-left-out", f"`{name}` runs over a whole batch, not in a request", node)
                continue
            self.flow.add(self._step(name, node))
        for name, step in self.flow.steps.items():
            step.reads += self._reads(name, step, nodes[name])
        for name in list(self.flow.steps):
            self._order(name, nodes[name])
        nest = Nest(self.draft, Names(inputs), {name: input_name(name) for name in self.kinds}, self.kinds)
        return {"inputs": inputs, **nest.write(self.flow, self._outputs())}

    def _variant(self, row: Part) -> Part:
        """A node, or the default one of its variants."""
        if not row["use_variants"].flag():
            return row
        variants = self.whole["node_variants"][row["name"].text()]
        chosen = variants["variants"][variants["default_variant_id"].text()]
        if not chosen:
            message = f"`{shortened(row['name'].text(), 80)}` has no default variant"
            raise self.draft.refuse("missing-field", message, variants if variants else row)
        return chosen["node"]

    def _step(self, name: str, node: Part) -> Step:
        kind, source = node["type"].text(), node["source"]["tool"].text()
        if kind == "llm" or kind == "custom_llm" or re.search("openai|gpt|llm", source, re.I):
            return self._llm(name, node)
        if "embedding" in source:
            named = node["inputs"]["deployment_name"] or node["inputs"]["model"]
            entry = models.use(self.draft, named.text() or "embedding", named, "embedding")
            return Step(name, name, {"embed": entry}, node, gives="embedding", takes=(("text", "documents"),))
        if re.search("lookup|index", source):
            memory = self.draft.entry("memories", name, at(node, {"kind": "vector"}))
            top = node["inputs"]["top_k"].count(10**4)
            made: Tree = {"memory": {"lookup": memory}, **({"k": top} if top else {})}
            return Step(name, name, made, node, gives="documents", takes=(("text", "embedding"),))
        if source:
            return Step(
                name, name, {"tool": agents.tool(self.draft, source.rpartition(".")[2], node, key=source)}, node
            )
        if kind not in ("python", "prompt"):
            self.draft.opaque(kind or name, node)
        return Step(name, name, {"compute": {"builtin": "opaque"}, "returns": "any"}, node)

    def _llm(self, name: str, node: Part) -> Step:
        given = node["inputs"]
        named = next((given[key] for key in ("model", "deployment_name") if given[key].text()), node)
        called = named.text() if named.is_text and not _REFERENCE.match(named.text()) else name
        said = self._said(node)
        made = {"llm": models.use(self.draft, called, named), **models.sampling(given), **said}
        return Step(name, name, made, node, gives="text", named=bool(said))

    def _said(self, node: Part) -> Tree:
        """`system` and `prompt`: the chat that a template's file states, with `{name}` for what the node reads."""
        text = self._file(node["source"]["path"])
        if text is None:
            return {}
        stated = {key: value.text() for key, value in node["inputs"].fields().items() if not self._refers(value)}
        for key, value in stated.items():
            text = re.sub(r"\{\{-?\s*" + re.escape(key) + r"\s*-?\}\}", lambda _, value=value: value, text)
        reads = {key: clean(key, "input") for key, value in node["inputs"].fields().items() if self._refers(value)}
        first, *rest = _ROLE.split(prompts.plain(text))
        said = {"system": [], "prompt": [first]}
        for role, words in zip(rest[::2], rest[1::2], strict=True):
            said["system" if role.lower() == "system" else "prompt"].append(words)
        texts = {key: "\n\n".join(filter(None, (words.strip() for words in rows))) for key, rows in said.items()}
        return {key: prompts.translate(words, prompts.JINJA, reads.get) for key, words in texts.items() if words}

    def _refers(self, value: Part) -> bool:
        return _REFERENCE.match(value.text().strip()) is not None

    def _file(self, path: Part) -> str | None:
        """The text of a file in the flow's folder; told where it cannot be read."""
        if not path.text():
            return None
        inside = os.path.normpath(path.text())
        if os.path.isabs(inside) or inside.startswith(".."):
            self.draft.warn("import-unread", f"`{shortened(path.text(), 80)}` is not in the flow's folder", path)
            return None
        try:
            with open(os.path.join(os.path.dirname(path.document.file), inside), encoding="utf-8") as file:
                return file.read(MAX_TEXT)
        except (OSError, ValueError):
            message = f"`{shortened(path.text(), 80)}` cannot be read: the length of the prompt is assumed"
            self.draft.warn("import-unread", message, path)
            return None

    def _reads(self, name: str, step: Step, node: Part) -> list[Read]:
        found: list[Read] = []
        for key, value in node["inputs"].fields().items():
            read = self._read(value)
            if read is not None and read.step != name:
                found.append(Read(read.step, read.field, clean(key, "input")))
        said = f"{step.node.get('system', '')} {step.node.get('prompt', '')}"
        if step.named and any(f"{{{each.name}}}" in said for each in found):
            return [each for each in found if f"{{{each.name}}}" in said]
        if "embed" in step.node or "memory" in step.node:
            return found[:1] or [Read(INPUT)]
        return found

    def _read(self, value: Part) -> Read | None:
        """What ``${node.output.field}`` or ``${inputs.name}`` means."""
        match = _REFERENCE.match(value.text().strip())
        if match is None:
            return None
        first, *rest = match[1].strip().split(".")
        if first == "inputs" and rest:
            if rest[0] not in self.kinds:
                help = did_you_mean(rest[0], self.kinds)
                self.draft.error("unknown-reference", f"the flow has no input `{shortened(rest[0], 80)}`", value, help)
                return None
            return Read(INPUT, tuple(rest))
        if first not in self.flow.steps:
            help = did_you_mean(first, self.flow.steps)
            self.draft.error("unknown-reference", f"there is no node `{shortened(first, 80)}`", value, help)
            return None
        gives = self.flow.steps[first].gives
        return Read(first, tuple(rest[1:]) if gives == "any" else ())

    def _order(self, name: str, node: Part) -> None:
        """Data edges order the nodes; a node with a condition stands in a case of it."""
        step, condition = self.flow.steps[name], node["activate"]
        target = name
        if condition["when"]:
            read = self._read(condition["when"])
            if read is not None:
                target = f"{name}?"
                made: Tree = {"compute": {"builtin": "identity"}, "returns": "text"}
                gate = Step(target, f"{name}_if", made, condition, [read], gives="text")
                value = condition["is"].text() or str(condition["is"].value).lower()
                gate.routes = Routes(Read(target), {"yes": (value,), "no": (OTHERWISE,)})
                self.flow.add(gate)
                self.flow.connect(read.step, target)
                self.flow.connect(target, name, "yes")
        for read in step.reads:
            self.flow.connect(read.step, target)

    def _outputs(self) -> dict[str, list[Read]]:
        found: dict[str, list[Read]] = {}
        for name, row in self.whole["outputs"].fields().items():
            read = self._read(row["reference"])
            if read is not None:
                found[clean(name, "answer")] = [read]
        return found
