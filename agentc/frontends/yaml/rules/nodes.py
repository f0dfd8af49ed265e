"""The nodes of an agent, one class a type. A node's type is the key that names it: `llm:`, `tool:`, `loop:`, …"""

from typing import Annotated, Any, Final, Literal, LiteralString, cast

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, Tag, ValidationError
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema
from typing_extensions import TypeAliasType

from agentc.frontends.yaml.rules.base import (
    Distribution,
    Figure,
    Matching,
    Name,
    Part,
    PositiveCount,
    PythonPlace,
    Ref,
    Share,
    TypeName,
)
from agentc.frontends.yaml.rules.parts import OneOf
from agentc.support.diagnostics import did_you_mean, suggest
from agentc.support.ready import ready

Inputs = TypeAliasType(
    "Inputs",
    Annotated[
        Ref | Annotated[list[Ref], Field(max_length=1000)] | dict[Name, Ref],
        Field(description="what the node reads: one reference, a list, or names for templates and arguments"),
    ],
)


class Placement(Part):
    """The user's own word on where a node may go; names are device classes of the catalog."""

    allow: list[str] = Field(default=[], description="only these")
    forbid: list[str] = Field(default=[], description="none of these")
    pin: str | None = Field(default=None, description="exactly this one")
    sites: list[str] = Field(default=[], description="only at these sites of the fleet")
    zones: list[str] = Field(default=[], description="only at sites of these zones: where the data may be")
    apart_from: list[Name] = Field(default=[], description="share no place with these nodes")
    together_with: list[Name] = Field(default=[], description="be at one place with these nodes")
    domain: Literal["device", "site", "zone"] = Field(
        default="device", description="what a place is in these two: a device class, a site or a zone of the fleet"
    )


class When(Part):
    """Runs the node only if the flag holds."""

    if_: Ref = Field(alias="if", description="a flag (`bool`)")
    probability: Share | None = Field(default=None, description="how often it holds")


Flag = TypeAliasType("Flag", Ref | When)


class Common(Part):
    """What every node may have."""

    in_: Inputs = Field(default=[], alias="in")
    when: Flag | None = Field(default=None, description="run only if this flag holds")
    unless: Flag | None = Field(default=None, description="run only if this flag does not hold")
    async_: bool = Field(default=False, alias="async", description="nothing waits for the node")
    placement: Placement | None = None
    description: str | None = None


class Tokens(Part):
    """Expected tokens of a call."""

    input: Figure | None = None
    output: Figure | None = None


FieldType = Annotated[
    Literal["text", "bool", "number"] | Annotated[list[str], Field(min_length=1, max_length=1000)],
    Field(description="`text`, `bool`, `number`, or a list of choices"),
]


class LlmNode(Common):
    """One answer of a language model."""

    llm: Name = Field(description="a model")
    any_of: dict[Name, Share] | None = Field(
        default=None, description="models that could answer, `llm` among them, each with the quality of its answers"
    )
    prompt: str | None = Field(default=None, description="`{name}` stands for an input")
    system: str | None = Field(default=None, description="instructions before the prompt; `{name}` as there")
    fields: dict[Name, FieldType] | None = Field(default=None, description="asks for a record of these fields")
    tokens: Tokens | None = None
    temperature: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    max_tokens: PositiveCount | None = None


class SttNode(Common):
    """Speech to text."""

    stt: Name = Field(description="a model")
    seconds: Figure | None = Field(default=None, description="of audio")
    tokens: Tokens | None = None


class TtsNode(Common):
    """Text to speech."""

    tts: Name = Field(description="a model")
    seconds: Figure | None = Field(default=None, description="of audio")
    tokens: Tokens | None = None


class EmbedNode(Common):
    """Text to a vector; documents or a list to a list of vectors."""

    embed: Name = Field(description="a model")
    tokens: Tokens | None = Field(default=None, description="of one text")
    documents: Figure | None = Field(default=None, description="texts per request")


class RerankNode(Common):
    """Documents in the order of their relevance; reads a query and documents."""

    rerank: Name = Field(description="a model")
    tokens: Tokens | None = Field(default=None, description="of one pair of query and document")
    documents: Figure | None = None


class DiffusionNode(Common):
    """Text to a picture."""

    diffusion: Name = Field(description="a model")
    steps: Figure | None = None
    pixels: Figure | None = None
    tokens: Tokens | None = None


class VisionNode(Common):
    """A picture to text."""

    vision: Name = Field(description="a model")
    pixels: Figure | None = None
    returns: Literal["text", "embedding", "record"] = "text"


class ToolNode(Common):
    """One call of a tool."""

    tool: Name = Field(description="a tool")
    returns: TypeName | None = Field(default=None, description="type of the answer; the tool's if not stated")


class MemoryAccess(OneOf):
    """What to do with which memory."""

    CHOICES = ("lookup", "load", "store")
    WHAT = "a memory node"

    lookup: Name | None = Field(default=None, description="documents near to a query")
    load: Name | None = Field(default=None, description="the value under a key; without one what was kept last")
    store: Name | None = Field(default=None, description="keeps the last input under the key of the ones before")


class MemoryNode(Common):
    """Lookup, load or store of a memory."""

    memory: MemoryAccess
    k: PositiveCount | None = Field(default=None, description="documents of a lookup")
    bytes: Figure | None = Field(default=None, description="size of a loaded or stored value")
    returns: TypeName | None = Field(default=None, description="type of a loaded value; `text` if not stated")


class ObserveNode(Common):
    """Appends an event to a log."""

    observe: Name = Field(description="a memory of kind `log`")
    bytes: Figure | None = Field(default=None, description="size of an event")


KernelPlace = Annotated[
    str,
    Matching(
        r"^([^:\x00-\x1f\x7f]+\.py:)?[A-Za-z_][A-Za-z0-9_]*$", "built-in name or place such as `file.py:function`"
    ),
]


class Compute(OneOf):
    """General-purpose work: a built-in, a Python function, or a tensor kernel."""

    CHOICES = ("builtin", "python", "kernel")
    WHAT = "a compute node"

    builtin: str | None = Field(default=None, description="a function that every runtime has")
    python: PythonPlace | None = Field(default=None, description="`file.py:function`")
    kernel: KernelPlace | None = Field(
        default=None, description="a built-in tensor kernel, or `file.py:function` in NumPy style"
    )
    options: dict[Name, str | bool | int | float] | None = Field(default=None, description="of a built-in")
    cpu_ms: Figure | None = Field(default=None, description="time of one core")


class ComputeNode(Common):
    """General-purpose work."""

    compute: Compute
    returns: TypeName | None = Field(default=None, description="type of the result, where it is not known")
    shape: dict[Name, Figure] | None = Field(default=None, description="sizes that a kernel names")


class Case(Part):
    """One way of a branch."""

    probability: Share
    nodes: "dict[Name, Node]" = {}
    output: Ref | None = Field(default=None, description="what the branch gives; the last node if not stated")


class Branch(Part):
    """Chooses by the value of a text, a choice or a flag; the case `*` takes the rest."""

    on: Ref
    cases: dict[str, Case] = Field(min_length=1)


class BranchNode(Common):
    """Runs one of several cases."""

    branch: Branch


class Loop(OneOf):
    """Runs its nodes at least once. A reference to a node further down is its value in the trip before."""

    CHOICES = ("while", "until")
    WHAT = "a loop"

    expected: Annotated[float, Field(ge=1, le=1e6, allow_inf_nan=False)] | None = Field(
        default=None, description="trips on average"
    )
    max: Annotated[PositiveCount, Field(le=1_000_000)] = Field(description="trips at most")
    while_: Ref | None = Field(default=None, alias="while", description="go on if this flag holds")
    until: Ref | None = Field(default=None, description="stop if this flag holds")
    start: dict[Name, Ref] = Field(default={}, description="values that nodes have before the first trip")
    nodes: "dict[Name, Node]"
    output: Ref | None = Field(default=None, description="what the loop gives; its last node if not stated")


class LoopNode(Common):
    """Repeats nodes."""

    loop: Loop


class Map(Part):
    """Runs its nodes for each entry of a list."""

    over: Ref = Field(description="a list or documents")
    as_: Name = Field(default="item", alias="as", description="what the nodes call the entry")
    width: Figure | None = Field(default=None, description="entries")
    concurrency: PositiveCount | None = Field(default=None, description="entries at a time")
    nodes: "dict[Name, Node]"
    output: Ref | None = Field(default=None, description="what each entry gives; the last node if not stated")


class MapNode(Common):
    """Fans out over a list."""

    map: Map


class AgentNode(Common):
    """Another agent as one step."""

    agent: Name = Field(description="an agent of `agents`")


KINDS: Final[dict[str, type[Common]]] = {
    "llm": LlmNode,
    "stt": SttNode,
    "tts": TtsNode,
    "embed": EmbedNode,
    "rerank": RerankNode,
    "diffusion": DiffusionNode,
    "vision": VisionNode,
    "tool": ToolNode,
    "memory": MemoryNode,
    "observe": ObserveNode,
    "compute": ComputeNode,
    "branch": BranchNode,
    "loop": LoopNode,
    "map": MapNode,
    "agent": AgentNode,
}
"""Key -> class."""


def kind_of(node: Any) -> str:
    """The key that says what a node is."""
    if isinstance(node, dict):
        return next((key for key in KINDS if key in node), "")
    return next(key for key, cls in KINDS.items() if type(node) is cls)


def _has_kind(stated: Any) -> Any:
    if not isinstance(stated, dict):
        raise PydanticCustomError("wrong-type", "a node is a mapping, such as `llm: mind` with `in: question`")
    data = cast("dict[Any, Any]", stated)
    given = [key for key in KINDS if key in data]
    if len(given) > 1:
        listed = " and ".join(f"`{key}`" for key in given)
        raise PydanticCustomError("unknown-node-type", "a node is of one type, found {listed}", {"listed": listed})
    if not given:
        raise PydanticCustomError("unknown-node-type", "the node has no type", {"help": _meant(data)})
    return data


def _meant(data: dict[Any, Any]) -> str:
    common = {field.alias or name for name, field in Common.model_fields.items()}
    unknown = [str(key) for key in data if key not in common]
    near = [(key, hit) for key in unknown if (hit := suggest(key, KINDS))]
    if near:
        return f"`{near[0][0]}` is no type; {did_you_mean(near[0][0], KINDS)}"
    return f"add one of {', '.join(f'`{key}`' for key in KINDS)}"


NAMED: Final = "agentc-node"
"""Stands for `$ref` to a class of nodes in the JSON Schema of what holds nodes: the class is published beside it."""


_MESSAGE: Final = "message"


class _ByKind:
    """Each node by the class of its kind alone, whose rules are built when the first node of that kind comes: most
    definitions have few kinds, and the rules of all take 6 ms to build."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_node)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"oneOf": [{NAMED: cls.__name__} for cls in KINDS.values()]}


def _node(stated: Any) -> Common:
    data = _has_kind(stated)
    kind = kind_of(data)
    for shared in (Distribution, Placement, Tokens, When):  # built once, and not within the rules of each kind
        ready(shared)
    try:
        return ready(KINDS[kind]).model_validate(data)
    except ValidationError as problem:
        rows = [_row(kind, error) for error in problem.errors(include_url=False)]
        raise ValidationError.from_exception_data(problem.title, rows) from None


def _row(kind: str, error: ErrorDetails) -> InitErrorDetails:
    """The error with the node's kind before its place, as unions have it."""
    name, context = error["type"], error.get("ctx", {})
    if "-" not in name:
        return InitErrorDetails(type=name, loc=(kind, *error["loc"]), input=error["input"], ctx=context)
    # Its message is filled in: it comes last in the context, so that braces in it stay as they are.
    filled = {**{key: value for key, value in context.items() if key != _MESSAGE}, _MESSAGE: error["msg"]}
    made = PydanticCustomError(cast(LiteralString, name), f"{{{_MESSAGE}}}", filled)
    return InitErrorDetails(type=made, loc=(kind, *error["loc"]), input=error["input"])


Node = Annotated[
    Annotated[LlmNode, Tag("llm")]
    | Annotated[SttNode, Tag("stt")]
    | Annotated[TtsNode, Tag("tts")]
    | Annotated[EmbedNode, Tag("embed")]
    | Annotated[RerankNode, Tag("rerank")]
    | Annotated[DiffusionNode, Tag("diffusion")]
    | Annotated[VisionNode, Tag("vision")]
    | Annotated[ToolNode, Tag("tool")]
    | Annotated[MemoryNode, Tag("memory")]
    | Annotated[ObserveNode, Tag("observe")]
    | Annotated[ComputeNode, Tag("compute")]
    | Annotated[BranchNode, Tag("branch")]
    | Annotated[LoopNode, Tag("loop")]
    | Annotated[MapNode, Tag("map")]
    | Annotated[AgentNode, Tag("agent")],
    _ByKind(),
]
