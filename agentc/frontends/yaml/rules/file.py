"""The whole definition."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from agentc.frontends.yaml.rules.base import Name, Part, PathText, Ref, Share
from agentc.frontends.yaml.rules.nodes import Node
from agentc.frontends.yaml.rules.parts import Input, Load, Memory, MemoryKind, Model, Sla, Tool


class AgentFromFile(Part):
    """A sub-agent that another definition holds."""

    file: PathText = Field(description="path of the definition")


class Graph(Part):
    """What an agent does: inputs, nodes, outputs."""

    description: str | None = None
    inputs: dict[Name, Input] = {}
    nodes: dict[Name, Node] = Field(description="in any order: references say what comes first")
    outputs: dict[Name, Ref] = {}


def _agent_form(data: Any) -> str:
    return "file" if isinstance(data, AgentFromFile) or (isinstance(data, dict) and "file" in data) else "graph"


SubAgent = Annotated[Annotated[AgentFromFile, Tag("file")] | Annotated[Graph, Tag("graph")], Discriminator(_agent_form)]


def _named(data: Any) -> Any:
    """A model by its catalog name alone."""
    return {"catalog": data} if isinstance(data, str) else data


def _kind_only(data: Any) -> Any:
    return {"kind": data} if isinstance(data, str) else data


class Definition(Graph):
    """An agent definition, version 1."""

    agentc: Literal["v1"] = Field(description="version of this format")
    name: Name
    sla: Sla = Sla.model_construct()  # as `Sla()`, which would build its rules for this alone
    load: Load | None = None
    quality: Share | None = Field(default=None, description="the least quality of a model that `any_of` may choose")
    models: dict[Name, Annotated[Model, BeforeValidator(_named, json_schema_input_type=str | Model)]] = {}
    tools: dict[Name, Tool] = {}
    memories: dict[
        Name, Annotated[Memory, BeforeValidator(_kind_only, json_schema_input_type=MemoryKind | Memory)]
    ] = {}
    agents: dict[Name, SubAgent] = Field(default={}, description="sub-agents, called by `agent:` nodes")
