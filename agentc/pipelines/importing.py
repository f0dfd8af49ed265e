"""What others have as files of ours: definitions of other tools, tools of servers, traces of runs."""

from collections.abc import Sequence
from pathlib import Path

from agentc.pipelines.loading import Side, model_mapping
from agentc.support.diagnostics import Diagnostic, Refused, did_you_mean


def import_(
    source: str | Path, format: str = "auto", model_map: Side = None, metadata: bool = False
) -> tuple[str, tuple[Diagnostic, ...]]:
    """Another tool's file as a definition: its text, each assumption a comment, and what is worth knowing of it.

    ``format``: a name of ``import_formats``, or `auto`. ``model_map``: a file or mapping of its models to ours.
    ``metadata``: of Open Agent Spec, the same file that states in `metadata.agentc` what was assumed.

    Raises:
        Refused: the file is of no such format, or is refused.
    """
    from agentc.frontends import importers

    known = import_formats()
    if format != "auto" and format not in known:
        help = did_you_mean(format, known)
        raise Refused(Diagnostic("unknown-name", f"there is no format `{format}`", help=help))
    if metadata:
        return importers.with_metadata(source, model_mapping(model_map))
    return importers.to_yaml(source, format, model_mapping(model_map))


def import_mcp(command: Sequence[str], seconds: float = 30.0) -> tuple[str, tuple[Diagnostic, ...]]:
    """The tools of an MCP server as a definition: its text, and what is worth knowing of it.

    ``command``: a URL of Streamable HTTP, or a program and its arguments, which serves on stdio. ``seconds``: longest
    that it may take to list its tools.

    Raises:
        Refused: ``extra-missing``, ``mcp-failed``.
    """
    from agentc.frontends import mcp, mcp_definition

    return mcp_definition.to_yaml(mcp.server(command, seconds))


def learn_profile(
    traces: Sequence[str | Path], agent: str | Path | None = None, model_map: Side = None
) -> tuple[str, tuple[Diagnostic, ...]]:
    """The profile that files of OpenTelemetry spans (OTLP/JSON) make, as YAML, and what is worth knowing of it.

    ``agent``: the definition whose nodes the figures are of; without one, spans name them.

    Raises:
        Refused: a file cannot be read, or holds nothing of the agent.
    """
    from agentc.frontends.profile.traces import learn

    return learn(traces, agent, model_mapping(model_map))


def import_formats() -> dict[str, str]:
    """The formats that ``import_`` and ``compile`` read: name -> title."""
    from agentc.frontends import importers

    return {**{name: each.title for name, each in importers.FORMATS.items()}, "langgraph": importers.LANGGRAPH}
