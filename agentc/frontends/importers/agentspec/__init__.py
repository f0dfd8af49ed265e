"""Open Agent Spec, 25.4.1 to 26.x, as YAML or JSON: agents, flows, groups of agents.

https://oracle.github.io/agent-spec/agentspec/language_spec_nightly.html. `docs/formats/agentspec.md` says what becomes
of each component.
"""

from agentc.frontends.importers.agentspec.agents import agent_graph
from agentc.frontends.importers.agentspec.components import Components
from agentc.frontends.importers.frame import Draft, Imported

AGENTS = ("Agent", "SpecializedAgent", "ManagerWorkers", "Swarm", "A2AAgent", "OciAgent", "RemoteAgent")


def read(draft: Draft) -> Imported:
    """The definition of an agent or a flow. Raises Refused."""
    from agentc.frontends.importers.agentspec.flows import flow_graph

    components = Components(draft)
    root = components.root()
    components.check()
    draft.found.raise_if_errors()
    kind = root["component_type"].text()
    if kind == "Flow":
        graph = flow_graph(components, root)
    elif kind in AGENTS:
        graph = agent_graph(components, root)
    else:
        what = f"a `{kind}`" if kind else "components for other files"
        message = f"the file holds {what}, and no agent or flow to compile"
        raise draft.refuse("import-no-agent", message, root, "name the file of the agent that uses it")
    values = root["metadata"]["agentc"]["values"]
    return draft.finish(root["name"].text() or "agent", {**components.stated(root, "sla", "load"), **graph}, values)
