"""Service-level agreement, load, models, tools, memories, inputs."""

from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticCustomError

from agentc.frontends.yaml.rules.base import (
    PERCENTILES,
    Amount,
    Count,
    DraftTokens,
    Figure,
    LinkCount,
    Matching,
    Name,
    Part,
    PathText,
    Positive,
    PositiveCount,
    Precision,
    PythonPlace,
    Share,
    TypeName,
    stated_schema,
)


def exactly_one(stated: Any, names: tuple[str, ...], what: str) -> Any:
    """``stated``, if it has exactly one of the fields ``names``; raises the diagnostic otherwise."""
    if not isinstance(stated, dict):
        return stated  # pyright: ignore[reportUnknownVariableType]
    data = cast("dict[Any, Any]", stated)
    given = [name for name in names if data.get(name) is not None]
    if len(given) == 1:
        return data
    listed = ", ".join(f"`{name}`" for name in names)
    found = " and ".join(f"`{name}`" for name in given) or "none"
    context = {"what": what, "listed": listed, "found": found}
    raise PydanticCustomError("one-of", "{what} needs exactly one of {listed}, found {found}", context)


class OneOf(Part):
    """A mapping that has exactly one of some fields."""

    CHOICES: ClassVar[tuple[str, ...]]
    WHAT: ClassVar[str]
    """What it is, for the message."""

    @model_validator(mode="before")
    @classmethod
    def _one(cls, data: Any) -> Any:
        return exactly_one(data, cls.CHOICES, cls.WHAT)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        made = handler.resolve_ref_schema(handler(schema))
        return {**made, "oneOf": [stated_schema(name) for name in cls.CHOICES]}


class Bounds(Part):
    """A limit at one or several percentiles."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [stated_schema(name) for name in PERCENTILES]})

    p50: Positive | None = None
    p90: Positive | None = None
    p95: Positive | None = None
    p99: Positive | None = None
    usd_per_ms: Amount | None = Field(
        default=None, description="makes the limit soft: what a missed millisecond costs per request"
    )

    @model_validator(mode="before")
    @classmethod
    def _something(cls, data: Any) -> Any:
        stated = cast("dict[Any, Any]", data) if isinstance(data, dict) else None
        if stated is not None and not any(stated.get(name) is not None for name in PERCENTILES):
            raise PydanticCustomError("missing-field", "a limit needs a percentile such as `p95`")
        return cast(Any, data)


Limit = Annotated[Positive | Bounds, Field(description="milliseconds, at p95 unless a percentile is stated")]


class Sla(Part):
    """The service-level agreement. What is not stated is not bound."""

    ttft_ms: Limit | None = Field(default=None, description="time to the first token of every language model call")
    tbt_ms: Limit | None = Field(default=None, description="time between two tokens of every language model call")
    end_to_end_ms: Limit | None = Field(default=None, description="from the request to the last output")


class Load(OneOf):
    """How many requests arrive: a rate, or users in flight."""

    CHOICES = ("requests_per_second", "concurrency")
    WHAT = "load"

    requests_per_second: Positive | None = None
    concurrency: Positive | None = Field(default=None, description="requests in flight at any time")


class Shape(Part):
    """A model's architecture, for one that the catalog does not know."""

    kind: Literal["decoder", "stt", "tts", "embedding", "rerank", "diffusion", "vision"]
    layers: PositiveCount
    hidden: PositiveCount
    heads: PositiveCount
    kv_heads: PositiveCount | None = Field(default=None, description="`heads` where it is not stated")
    head_dim: PositiveCount | None = Field(default=None, description="`hidden / heads` where it is not stated")
    intermediate: PositiveCount
    vocab: Count = 0
    gated_mlp: bool = True
    tied_embeddings: bool = False
    experts: Count = Field(default=0, description="routed experts per layer; 0 for a dense model")
    experts_per_token: Count = 0
    expert_intermediate: Count = 0
    shared_experts: Count = 0
    dense_layers: Count = 0
    sliding_window: Count = 0
    full_attention_every: PositiveCount = 1
    kv_lora_rank: Count = 0
    qk_rope_head_dim: Count = 0
    q_lora_rank: Count = 0
    encoder_layers: Count = 0
    frames_per_second: Amount = 0.0
    max_tokens: Count = 0
    embedding_dim: Count = 0
    latent_tokens: Count = 0
    parameters: Amount = Field(default=0.0, description="total; derived from the shape where it is not stated")


class Weights(OneOf):
    """Where real weights are; without them the build holds a seeded stand-in."""

    CHOICES = ("package", "path")
    WHAT = "weights"

    package: str | None = Field(default=None, min_length=1, description="a Python package that carries them")
    path: PathText | None = Field(default=None, description="a Hugging Face checkpoint folder")


class Hosted(Part):
    """A model behind somebody else's API."""

    usd_per_million_input_tokens: Amount = 0.0
    usd_per_million_output_tokens: Amount = 0.0
    ttft_ms: Positive | None = Field(default=None, description="time to its first token")
    tokens_per_second: Positive | None = Field(default=None, description="how fast it streams")
    requests_per_minute: Positive | None = Field(default=None, description="calls that it takes from us")
    tokens_per_minute: Positive | None = Field(default=None, description="tokens that it takes and gives, likewise")


class Draft(Part):
    """A smaller model that proposes tokens, which the model checks in one step (speculative decoding)."""

    model: Name = Field(description="one of `models`")
    tokens: DraftTokens = Field(default=4, description="proposed before each check")
    acceptance: Share = Field(description="probability that a proposed token is kept, measured on your traffic")


class Model(OneOf):
    """A model: from the catalog, a Hugging Face `config.json`, a stated shape, or hosted."""

    CHOICES = ("catalog", "config", "shape", "hosted")
    WHAT = "a model"

    catalog: str | None = Field(default=None, description="a name of `agentc models`")
    config: PathText | None = Field(default=None, description="path of a Hugging Face `config.json`")
    shape: Shape | None = None
    hosted: Hosted | None = None
    precision: Precision | None = Field(default=None, description="of the weights as served")
    kv_precision: Precision | None = Field(default=None, description="of the KV cache; by default as engines keep it")
    draft: Draft | None = None
    weights: Weights | None = None


Url = Annotated[str, Matching(r"^https?://[^\s]+$", "URL of `http` or `https`", 2000)]


Word = Annotated[str, Matching(r"^[^\x00]+$", "word of a command", 4000)]
Variable = Annotated[str, Matching(r"^[A-Za-z_][A-Za-z0-9_]*$", "name of an environment variable", 200)]


_TOOL_NEEDS = {"command": "mcp", "env": "command"}


class Tool(OneOf):
    """A function or service that the agent calls."""

    CHOICES = ("python", "http", "mcp")
    WHAT = "a tool"

    python: PythonPlace | None = Field(default=None, description="`file.py:function`")
    http: Url | None = Field(default=None, description="a URL that takes POST with JSON")
    mcp: str | None = Field(default=None, min_length=1, description="`server/tool` of the Model Context Protocol")
    command: Annotated[list[Word], Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="program and arguments that serve `mcp` on stdio: `agentc run` starts it for a call"
    )
    env: Annotated[list[Variable], Field(max_length=100)] | None = Field(
        default=None, description="environment variables that it is handed, beside `PATH`, `HOME` and the like"
    )
    description: str | None = None
    latency_ms: Figure | None = Field(default=None, description="until the answer is there, beside the CPU time")
    cpu_ms: Figure | None = Field(default=None, description="time of one core on our side")
    timeout_ms: Positive | None = Field(default=None, description="when a call has failed; a minute if not stated")
    pure: bool = Field(default=False, description="a call changes nothing, so that an unused one may go")
    parameters: dict[Name, TypeName] | None = Field(
        default=None, description="name -> type; a Python function's are read from its signature"
    )
    returns: TypeName = Field(default="any", description="type of the answer")

    @model_validator(mode="before")
    @classmethod
    def _served(cls, data: Any) -> Any:
        stated = cast("dict[Any, Any]", data) if isinstance(data, dict) else {}
        for name, needed in _TOOL_NEEDS.items():
            if stated.get(name) is not None and stated.get(needed) is None:
                context = {"name": name, "needed": needed}
                raise PydanticCustomError("missing-field", "a tool with `{name}` needs `{needed}`", context)
        return cast(Any, data)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        needs = {
            name: {"anyOf": [{"properties": {name: {"type": "null"}}}, stated_schema(needed)]}
            for name, needed in _TOOL_NEEDS.items()
        }
        return {**super().__get_pydantic_json_schema__(schema, handler), "dependentSchemas": needs}


class InvertedLists(Part):
    """An index of lists, each of the vectors nearest to its center."""

    nlist: PositiveCount = Field(description="lists")
    nprobe: PositiveCount = Field(default=1, description="lists that a query reads")


class Graph(Part):
    """A navigable graph of the vectors."""

    m: LinkCount = Field(default=16, description="links of a vector on a level")
    ef: PositiveCount = Field(default=64, description="vectors that a query keeps in sight")


class Index(OneOf):
    """How the store that serves a memory finds vectors; without it, by reading all. `agentc run` reads all."""

    CHOICES = ("ivf", "hnsw")
    WHAT = "an index"

    ivf: InvertedLists | None = None
    hnsw: Graph | None = None


MemoryKind = Literal["vector", "keyvalue", "log"]


class Memory(Part):
    """What the agent knows beyond a request."""

    kind: MemoryKind = Field(description="`vector`: documents by similarity; `keyvalue`; `log`: events in order")
    path: PathText | None = Field(default=None, description="folder or file of documents to fill it with")
    embed: Name | None = Field(default=None, description="the embedding model of documents and queries")
    dimension: PositiveCount | None = Field(default=None, description="of the vectors; the model's if not stated")
    documents: PositiveCount | None = Field(default=None, description="how many there are; counted under `path`")
    index: Index | None = Field(default=None, description="of a `vector` memory; an exact search where none is stated")


class Input(Part):
    """What a request brings, with its expected size."""

    type: TypeName
    description: str | None = None
    tokens: Figure | None = Field(default=None, description="of text, or of one document")
    seconds: Figure | None = Field(default=None, description="of audio")
    documents: Figure | None = None
    pixels: Figure | None = None
    width: Figure | None = Field(default=None, description="entries of a list")
    fields: dict[Name, TypeName] | None = Field(default=None, description="of a record")
