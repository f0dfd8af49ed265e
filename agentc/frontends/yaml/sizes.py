"""Expected figures of each node: what the user stated, else what follows from its inputs, else a default.

Sizes flow with the data: a speech of six seconds becomes about twenty tokens of text, five passages about a thousand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from agentc.frontends import defaults
from agentc.frontends.defaults import assumed
from agentc.frontends.yaml.document import Path
from agentc.frontends.yaml.figures import quantity, scaled, total
from agentc.frontends.yaml.infer import Kinds
from agentc.frontends.yaml.kinds import Kind
from agentc.frontends.yaml.references import inputs_of
from agentc.frontends.yaml.resolve import Target, callee_of
from agentc.frontends.yaml.scopes import Item, Scope
from agentc.frontends.yaml.templates import literal_length
from agentc.plan.quantity import Quantity
from agentc.support.record import record

if TYPE_CHECKING:
    from agentc.frontends.yaml.rules.base import Distribution
    from agentc.frontends.yaml.rules.nodes import (
        BranchNode,
        ComputeNode,
        DiffusionNode,
        EmbedNode,
        LlmNode,
        MapNode,
        MemoryNode,
        RerankNode,
        SttNode,
        TtsNode,
        VisionNode,
    )
    from agentc.frontends.yaml.rules.parts import Input

Figures = dict[str, Quantity]


@record
class Size:
    """How much a value is. ``tokens`` are those of one document, where it is documents."""

    tokens: Quantity = field(default_factory=lambda: assumed(defaults.DOCUMENT_TOKENS))
    documents: Quantity = Quantity(1.0)
    seconds: Quantity = field(default_factory=lambda: assumed(defaults.AUDIO_SECONDS))
    pixels: Quantity = field(default_factory=lambda: assumed(defaults.PIXELS))
    width: Quantity = field(default_factory=lambda: assumed(defaults.MAP_WIDTH))
    """Entries of a list."""
    dimension: int = defaults.EMBEDDING_DIMENSION
    """Of an embedding."""

    @property
    def text(self) -> Quantity:
        """Tokens of all of it."""
        if self.documents == Quantity(1.0):
            return self.tokens
        return scaled(self.tokens, self.documents.mean)


_UNKNOWN = Size()


def _stated(value: "float | Distribution | None", otherwise: Quantity) -> Quantity:
    return otherwise if value is None else quantity(value)


@dataclass(eq=False)
class Sizes:
    """Answers how large values are and what figures nodes have; remembers what it found."""

    kinds: Kinds
    _known: dict[Item, Size] = field(default_factory=dict[Item, Size])
    _open: set[Item] = field(default_factory=set[Item])

    def at(self, scope: Scope, path: Path) -> Size:
        """The size of what the reference at ``path`` gives."""
        target = self.kinds.target(scope, path)
        return self.of(target) if target is not None else _UNKNOWN

    def of(self, target: Target) -> Size:
        """The size of ``target``; of a record's field, its share."""
        if target.kind == "input":
            return input_size(target.scope.inputs[target.names[0]], self.kinds.input(target.scope, target.names[0]))
        if target.kind == "entry":
            assert target.scope.owner is not None
            over = self.at(target.scope.owner.scope, (*target.scope.owner.path, "map", "over"))
            return replace(over, documents=Quantity(1.0))
        if target.item is None or target.kind == "hole":
            return _UNKNOWN
        callee = callee_of(target.item)
        if callee is not None:
            return self.at(callee.scope, (*callee.path, "outputs", target.names[-1]))
        whole = self.item(target.item)
        return self._field(target, whole) if target.fields else whole

    def _field(self, target: Target, whole: Size) -> Size:
        """A record's fixed fields take a few tokens; its texts share the rest."""
        kind = self.kinds.base(target)
        fields = kind.fields or {}
        chosen = fields.get(target.fields[0])
        if chosen is None or len(fields) < 2:
            return whole
        fixed = sum(field_tokens(other) for other in fields.values() if other.name != "text" or other.choices)
        texts = sum(other.name == "text" and not other.choices for other in fields.values())
        if chosen.name != "text" or chosen.choices:
            return replace(whole, tokens=assumed(field_tokens(chosen)))
        share = max(whole.tokens.mean - fixed, texts) / texts / max(whole.tokens.mean, 1.0)
        return replace(whole, tokens=scaled(whole.tokens, share))

    def item(self, item: Item) -> Size:
        """The size of what a node gives."""
        if item in self._known:
            return self._known[item]
        if item in self._open or item.hole:
            return _UNKNOWN
        self._open.add(item)
        found = self._item(item)
        self._open.discard(item)
        self._known[item] = found
        return found

    def inputs(self, item: Item) -> dict[str, Size]:
        """What a node reads, by the names that its templates use."""
        return {name: self.at(item.scope, path) for name, (_, path) in inputs_of(item.node, item.path).items()}

    def first(self, item: Item) -> Size:
        """The size of a node's first input."""
        return next(iter(self.inputs(item).values()), _UNKNOWN)

    def figures(self, item: Item) -> Figures:
        """The ``shape`` of a model call."""
        finders = {
            "llm": self._llm,
            "stt": self._stt,
            "tts": self._tts,
            "embed": self._embed,
            "rerank": self._rerank,
            "diffusion": self._diffusion,
            "vision": self._vision,
        }
        return finders[item.kind](item)

    def _item(self, item: Item) -> Size:
        if item.kind in ("llm", "stt"):
            return Size(tokens=self.figures(item)["output_tokens"])
        if item.kind == "tts":
            return Size(seconds=self.figures(item)["audio_seconds"])
        if item.kind == "embed":
            return self._vectors(item)
        if item.kind == "rerank":
            return self._second(item)
        if item.kind == "diffusion":
            return Size(pixels=self.figures(item)["pixels"])
        if item.kind == "memory":
            return self._memory(item)
        if item.kind == "branch":
            return self._branch(item)
        if item.kind == "map":
            return self._map(item)
        return self._others(item)

    def _llm(self, item: Item) -> Figures:
        node: LlmNode = item.node  # pyright: ignore[reportAssignmentType]
        tokens = node.tokens
        literal = literal_length(node.system) + literal_length(node.prompt)
        given = [size.text for size in self.inputs(item).values()]
        derived = total([*given, assumed(literal / defaults.CHARACTERS_PER_TOKEN)])
        if not given and not literal:
            derived = assumed(defaults.INPUT_TOKENS)
        answer = assumed(sum(map(field_tokens, self.kinds.item(item).fields.values()))) if node.fields else None  # pyright: ignore[reportOptionalMemberAccess]
        return {
            "input_tokens": _stated(tokens.input if tokens else None, _at_least_one(derived)),
            "output_tokens": _stated(
                tokens.output if tokens else None, answer or assumed(node.max_tokens or defaults.OUTPUT_TOKENS)
            ),
        }

    def _stt(self, item: Item) -> Figures:
        node: SttNode = item.node  # pyright: ignore[reportAssignmentType]
        seconds = _stated(node.seconds, self.first(item).seconds)
        words = _at_least_one(scaled(seconds, defaults.SPOKEN_TOKENS_PER_SECOND))
        return {"audio_seconds": seconds, "output_tokens": _stated(node.tokens.output if node.tokens else None, words)}

    def _tts(self, item: Item) -> Figures:
        node: TtsNode = item.node  # pyright: ignore[reportAssignmentType]
        tokens = _stated(node.tokens.input if node.tokens else None, self.first(item).text)
        spoken = scaled(tokens, 1 / defaults.SPOKEN_TOKENS_PER_SECOND)
        return {"input_tokens": tokens, "audio_seconds": _stated(node.seconds, spoken)}

    def _embed(self, item: Item) -> Figures:
        node: EmbedNode = item.node  # pyright: ignore[reportAssignmentType]
        first = self.first(item)
        many = self.kinds.item(item).name == "list"
        count = (first.width if _reads_list(self, item) else first.documents) if many else Quantity(1.0)
        figures = {"input_tokens": _stated(node.tokens.input if node.tokens else None, first.tokens)}
        count = _stated(node.documents, count)
        return figures if count == Quantity(1.0) else {**figures, "documents": count}

    def _rerank(self, item: Item) -> Figures:
        node: RerankNode = item.node  # pyright: ignore[reportAssignmentType]
        found = self._second(item)
        pair = total([self.first(item).tokens, found.tokens])
        return {
            "input_tokens": _stated(node.tokens.input if node.tokens else None, pair),
            "documents": _stated(node.documents, found.documents),
        }

    def _diffusion(self, item: Item) -> Figures:
        node: DiffusionNode = item.node  # pyright: ignore[reportAssignmentType]
        return {
            "input_tokens": _stated(node.tokens.input if node.tokens else None, self.first(item).text),
            "steps": _stated(node.steps, assumed(defaults.DIFFUSION_STEPS)),
            "pixels": _stated(node.pixels, assumed(defaults.PIXELS)),
        }

    def _vision(self, item: Item) -> Figures:
        node: VisionNode = item.node  # pyright: ignore[reportAssignmentType]
        return {"pixels": _stated(node.pixels, self.first(item).pixels)}

    def kernel_sizes(self, item: Item, dims: Mapping[str, tuple[int, int]]) -> Figures:
        """What a kernel's size names stand for; ``dims``: name -> (input, axis) that first has it."""
        node: ComputeNode = item.node  # pyright: ignore[reportAssignmentType]
        stated = node.shape or {}
        inputs = list(self.inputs(item).values())
        read = self.kinds.inputs(item)
        found: Figures = {}
        for name, (place, axis) in dims.items():
            known = place < len(inputs)
            size = _axis(inputs[place], read[place], axis) if known else assumed(defaults.LOOKUP_DOCUMENTS)
            found[name] = _stated(stated.get(name), size)
        return found

    def width(self, item: Item) -> Quantity:
        """Entries that a map runs over."""
        node: MapNode = item.node  # pyright: ignore[reportAssignmentType]
        over = self.at(item.scope, (*item.path, "map", "over"))
        kind = self.kinds.at(item.scope, (*item.path, "map", "over"))
        entries = over.documents if kind.name == "documents" else over.width
        width = _stated(node.map.width, entries if entries.mean > 0 else assumed(1.0))
        guessed = item.scope.agent.unit.source.assumed((*item.path, "map", "width"))
        return replace(width, assumed=True) if guessed else width

    def _second(self, item: Item) -> Size:
        """Of a rerank: its documents."""
        inputs = list(self.inputs(item).values())
        return inputs[1] if len(inputs) > 1 else _UNKNOWN

    def _vectors(self, item: Item) -> Size:
        facts = self.kinds.program.entities[item.scope.agent.unit].models.get(str(getattr(item.node, "embed", "")))
        dimension = facts.shape.embedding_dim if facts is not None else 0
        count = self.figures(item).get("documents", Quantity(1.0))
        return Size(width=count, dimension=dimension or defaults.EMBEDDING_DIMENSION)

    def _memory(self, item: Item) -> Size:
        node: MemoryNode = item.node  # pyright: ignore[reportAssignmentType]
        if node.memory.lookup is not None:
            return Size(documents=Quantity(float(node.k or defaults.LOOKUP_DOCUMENTS), assumed=node.k is None))
        if node.bytes is not None:
            return Size(tokens=scaled(quantity(node.bytes), 1 / defaults.CHARACTERS_PER_TOKEN))
        return _UNKNOWN

    def _branch(self, item: Item) -> Size:
        """The mean over the cases."""
        node: BranchNode = item.node  # pyright: ignore[reportAssignmentType]
        outputs = self.kinds.program.links[item.scope.agent].outputs
        sizes = [(node.branch.cases[label].probability, outputs.get(body)) for label, body in item.bodies.items()]
        rows = [scaled(self.of(target).text, share) for share, target in sizes if target is not None]
        return Size(tokens=total(rows)) if rows else _UNKNOWN

    def _map(self, item: Item) -> Size:
        target = self.kinds.program.links[item.scope.agent].outputs.get(item.bodies[""])
        each = self.of(target) if target is not None else _UNKNOWN
        return replace(each, width=self.width(item), documents=self.width(item))

    def _others(self, item: Item) -> Size:
        """Tools and computations: documents by default size; else as large as what went in."""
        kind = self.kinds.item(item)
        if kind.name == "documents":
            return Size(documents=assumed(defaults.LOOKUP_DOCUMENTS))
        read = self.inputs(item)
        if item.kind == "compute" and read:
            return replace(self.first(item), tokens=total(size.text for size in read.values()), documents=Quantity(1.0))
        return _UNKNOWN


def _reads_list(sizes: Sizes, item: Item) -> bool:
    read = sizes.kinds.inputs(item)
    return bool(read) and read[0].name == "list"


def _at_least_one(figure: Quantity) -> Quantity:
    return figure if figure.mean >= 1 else replace(figure, mean=1.0)


def _axis(size: Size, kind: Kind, axis: int) -> Quantity:
    """The extent of a value along an axis, as a kernel sees it."""
    if kind.name == "embedding" or (kind.name == "list" and axis == 1):
        return Quantity(float(size.dimension))
    return size.documents if kind.name == "documents" else size.width


def field_tokens(kind: Kind) -> float:
    """Tokens that a field of a structured answer takes."""
    return defaults.FIELD_TOKENS["choice" if kind.choices else kind.name]


def input_size(stated: "Input", kind: Kind) -> Size:
    """The size of an agent's input."""
    default_tokens = defaults.DOCUMENT_TOKENS if kind.name in ("documents", "list") else defaults.INPUT_TOKENS
    many = kind.name == "documents"
    return Size(
        tokens=_stated(stated.tokens, assumed(default_tokens)),
        documents=_stated(stated.documents, assumed(defaults.LOOKUP_DOCUMENTS)) if many else Quantity(1.0),
        seconds=_stated(stated.seconds, assumed(defaults.AUDIO_SECONDS)),
        pixels=_stated(stated.pixels, assumed(defaults.PIXELS)),
        width=_stated(stated.width, assumed(defaults.MAP_WIDTH)),
    )
