"""The schema of a profile: figures of a definition's parts, by the names that reports show."""

from typing import Annotated, Any, Literal

from pydantic import Field

from agentc.frontends.yaml.rules.base import Figure, Matching, Name, Part, Positive, PositiveCount, Share
from agentc.frontends.yaml.rules.nodes import Tokens
from agentc.frontends.yaml.rules.parts import Load, Sla

NodeName = Annotated[
    str,
    Matching(
        r"^[^.\x00-\x1f\x7f]+(\.[^.\x00-\x1f\x7f]+)*$",
        "name of a node such as `think.decide`",
        2000,
    ),
]
"""Dotted: a node within a loop, map, case or sub-agent is named after those around it."""


class NodeFigures(Part):
    """What is expected of one node. Which figures it has depends on its type."""

    tokens: Tokens | None = Field(default=None, description="of a model call")
    seconds: Figure | None = Field(default=None, description="of audio: `stt`, `tts`")
    documents: Figure | None = Field(default=None, description="of `embed` and `rerank`")
    pixels: Figure | None = Field(default=None, description="of `diffusion` and `vision`")
    steps: Figure | None = Field(default=None, description="of `diffusion`")
    latency_ms: Figure | None = Field(default=None, description="of a `tool`, beside the CPU time")
    cpu_ms: Figure | None = Field(default=None, description="of a `tool` or `compute`: time of one core")
    bytes: Figure | None = Field(default=None, description="of `observe`, and of what a memory loads or stores")
    k: PositiveCount | None = Field(default=None, description="documents of a memory's lookup")
    sizes: dict[Name, Figure] | None = Field(default=None, description="of a kernel, by the names that it uses")
    trips: Figure | None = Field(default=None, description="of a `loop`; the mean counts")
    width: Figure | None = Field(default=None, description="entries of a `map`")
    cases: dict[str, Share] | None = Field(
        default=None, description="of a `branch`; cases that are not named share what is left, in their own proportion"
    )
    probability: Share | None = Field(default=None, description="how often a node with `when` or `unless` runs")


class InputFigures(Part):
    """What a request brings."""

    tokens: Figure | None = Field(default=None, description="of text, or of one document")
    seconds: Figure | None = Field(default=None, description="of audio")
    documents: Figure | None = None
    pixels: Figure | None = None
    width: Figure | None = Field(default=None, description="entries of a list")


class ToolFigures(Part):
    """What every call of a tool takes."""

    latency_ms: Figure | None = Field(default=None, description="until the answer is there, beside the CPU time")
    cpu_ms: Figure | None = Field(default=None, description="time of one core on our side")


class MemoryFigures(Part):
    """How much a memory holds."""

    documents: PositiveCount | None = None


class ModelFigures(Part):
    """What was measured of a model."""

    ttft_ms: Positive | None = Field(default=None, description="of a hosted model: time to its first token")
    tokens_per_second: Positive | None = Field(default=None, description="of a hosted model: how fast it streams")
    acceptance: Share | None = Field(default=None, description="of a model with a draft: how often a token is kept")


class ProfileFile(Part):
    """Figures of an agent beside its definition: they fill what it does not state, and replace what it does."""

    agentc: Literal["v1"] = Field(default="v1", description="version of this format")
    agent: str | None = Field(default=None, description="the agent that was measured, for people")
    source: str | None = Field(default=None, description="where the figures are from, for people")
    load: Load | None = None
    sla: Sla | None = None
    inputs: dict[Name, InputFigures] = {}
    nodes: dict[NodeName, NodeFigures] = Field(default={}, description="by the dotted names that reports show")
    tools: dict[Name, ToolFigures] = {}
    memories: dict[Name, MemoryFigures] = {}
    models: dict[Name, ModelFigures] = {}


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a profile, for editors. Names of nodes are beyond it."""
    from agentc.frontends.yaml.rules.publish import published

    return published(ProfileFile) | {"title": "agentc profile v1"}
