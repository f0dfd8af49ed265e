"""Which format a document is of, told by its fields: apart from the importers, so that asking imports none of them."""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

Fields = Mapping[str, Any]

CREW_AGENT: Final = frozenset(("role", "goal", "backstory"))
"""What an agent of CrewAI states."""
CREW_TASK: Final = frozenset(("description", "expected_output"))

PROMPT_KINDS: Final = ("Prompt", "GptComponentMetadata", "Agent")
"""What Microsoft calls an agent without a workflow."""


def _agentspec(data: Fields) -> bool:
    marks = ("agentspec_version", "$referenced_components", "$component_ref")
    return any(mark in data for mark in marks) or ("component_type" in data and "id" in data)


def _nat(data: Fields) -> bool:
    workflow = data.get("workflow")
    named = isinstance(workflow, dict) and "_type" in workflow
    return named and any(key in data for key in ("llms", "functions", "function_groups", "general"))


def _haystack(data: Fields) -> bool:
    components = data.get("components")
    if isinstance(components, list):
        return "pipelines" in data
    if not isinstance(components, dict) or not components:
        return False
    rows = [cast("dict[str, Any]", row) for row in rows_of(components) if isinstance(row, dict)]
    return any("." in str(row.get("type", "")) for row in rows)


def _dify(data: Fields) -> bool:
    return isinstance(data.get("app"), dict) and ("workflow" in data or "model_config" in data)


def _flowise(data: Fields) -> bool:
    if isinstance(data.get("flowData"), str | dict):
        return True
    rows = data.get("nodes")
    if not isinstance(rows, list) or not isinstance(data.get("edges"), list):
        return False
    return any(isinstance(row, dict) and "data" in row for row in cast("list[Any]", rows))


def _docker_agent(data: Fields) -> bool:
    rows = data.get("agents")
    if not isinstance(rows, dict) or "crew" in data or "nodes" in data:
        return False
    inner = cast("dict[str, Any]", rows).values()
    return any(isinstance(row, dict) and ("model" in row or "instruction" in row) for row in inner)


def _promptflow(data: Fields) -> bool:
    rows = data.get("nodes")
    if not isinstance(rows, list) or "edges" in data or "component_type" in data:
        return False
    named = [cast("dict[str, Any]", row) for row in cast("list[Any]", rows) if isinstance(row, dict) and "name" in row]
    stated = "promptflow" in str(data.get("$schema", "")) or "node_variants" in data
    return bool(named) and (stated or any("source" in row or "use_variants" in row for row in named))


def _ms_agent_framework(data: Fields) -> bool:
    kind = data.get("kind")
    if kind in ("Workflow", "Prompt", "AdaptiveDialog") or (kind in PROMPT_KINDS and "instructions" in data):
        return True
    rows: Any = data.get("actions")
    return isinstance(rows, list) and any(isinstance(row, dict) and "kind" in row for row in cast("list[Any]", rows))


def _adk(data: Fields) -> bool:
    if not isinstance(data.get("name"), str) or {"kind", "nodes", "component_type", "components"} & data.keys():
        return False
    return "agent_class" in data or "sub_agents" in data or ("instruction" in data and "agents" not in data)


def crew_part(data: Mapping[str, Any]) -> str:
    """What a document is: `crew`, `agents`, `tasks`, or nothing of the kind."""
    agents, tasks = data.get("agents"), data.get("tasks")
    if isinstance(agents, dict | list) and isinstance(tasks, dict | list):
        if holds(rows_of(agents), CREW_AGENT) or holds(rows_of(tasks), CREW_TASK):
            return "crew"
    rows = list(data.values())
    if holds(rows, frozenset(("role", "goal"))) and all(isinstance(row, dict) for row in rows):
        return "agents"
    return "tasks" if holds(rows, CREW_TASK) and all(isinstance(row, dict) for row in rows) else ""


def rows_of(value: Any) -> list[Any]:
    """The entries of a list, or of a mapping by name."""
    return list(cast("dict[Any, Any]", value).values()) if isinstance(value, dict) else cast("list[Any]", value)


def holds(rows: list[Any], fields: frozenset[str]) -> bool:
    """Whether a row, or the one value within it, has two of ``fields``."""
    for row in rows:
        if isinstance(row, dict):
            keys = cast("dict[Any, Any]", row)
            inner = next(iter(keys.values())) if len(keys) == 1 else None
            if len(fields & keys.keys()) > 1 or (isinstance(inner, dict) and len(fields & inner.keys()) > 1):
                return True
    return False


RECOGNIZERS: Final[Mapping[str, Callable[[Fields], bool]]] = {
    "agentspec": _agentspec,
    "nat": _nat,
    "haystack": _haystack,
    "dify": _dify,
    "flowise": _flowise,
    "docker-agent": _docker_agent,
    "promptflow": _promptflow,
    "ms-agent-framework": _ms_agent_framework,
    "adk": _adk,
    "crewai": lambda data: bool(crew_part(data)),
}
"""Format -> whether a document with this data is of it; each refuses what another is sure of."""
