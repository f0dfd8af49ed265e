"""Agents of Agent Spec, alone and in groups, as graphs of ours."""

from agentc.frontends.importers import agents, prompts
from agentc.frontends.importers.agentspec.components import Components, asked, inputs_of, properties, server, title
from agentc.frontends.importers.frame import Tree, at, clean
from agentc.frontends.importers.source import Part

REQUEST = "request"


def agent_graph(components: Components, part: Part) -> Tree:
    """`inputs`, `nodes` and `outputs` of an agent or a group of agents."""
    kind = part["component_type"].text()
    components.enter(part)
    try:
        if kind == "ManagerWorkers":
            return _managed(components, part)
        if kind == "Swarm":
            return _swarm(components, part)
        if kind in ("A2AAgent", "RemoteAgent", "OciAgent"):
            return _remote(components, part)
        if kind == "SpecializedAgent":
            return agent_graph(components, components.resolve(part["agent"]))
        return _agent(components, part, [])
    finally:
        components.leave()


def sub_agent(components: Components, part: Part) -> str:
    """The entry of `agents` for an agent, a group or a flow."""
    from agentc.frontends.importers.agentspec.flows import flow_graph

    known = components.draft.known("agents", id(part.value))
    if known is not None:
        return known
    graph = flow_graph(components, part) if part["component_type"].text() == "Flow" else agent_graph(components, part)
    return agents.sub_agent(components.draft, title(part), graph, part, id(part.value))


def inputs_of_entry(components: Components, entry: str) -> tuple[str, ...]:
    """The inputs that an entry of `agents` has."""
    return tuple(components.draft.sections["agents"][entry].value["inputs"])


def outputs_of_entry(components: Components, entry: str) -> tuple[str, ...]:
    """The outputs that an entry of `agents` has."""
    return tuple(components.draft.sections["agents"][entry].value["outputs"])


def _uses(components: Components, part: Part) -> list[agents.Use]:
    found: list[agents.Use] = []
    for tool in components.each(part["tools"]):
        if tool.is_mapping:
            found.append(agents.Use("tool", components.tool(tool), tool))
    for box in part["toolboxes"].items():
        found += components.toolbox(box)
    return found


def _agent(components: Components, part: Part, more: list[agents.Use]) -> Tree:
    inputs = inputs_of(part["inputs"])
    talks = len(components.inside) == 1 or not inputs
    conversation = {REQUEST: at(part, {"type": "text"})} if talks and REQUEST not in inputs else {}
    known = {prompts.input_name(name): name for name in inputs}
    system = prompts.translate(
        part["system_prompt"].text(), prompts.JINJA, lambda name: known.get(prompts.input_name(name))
    )
    if not part["llm_config"]:
        raise components.draft.refuse("missing-field", f"the agent `{title(part)}` has no `llm_config`", part)
    _transforms(components, part)
    return agents.Agent(
        part,
        components.model(part["llm_config"]),
        system,
        {**inputs, **conversation},
        [*_uses(components, part), *more],
        asked(properties(part["outputs"])),
        {**components.sampling(part["llm_config"]), **components.stated(part, "tokens", "placement")},
        part["metadata"]["agentc"]["max"].count(1000),
    ).graph()


def _transforms(components: Components, part: Part) -> None:
    for transform in components.each(part["transforms"]):
        kind = transform["component_type"].text() or "transform"
        message = f"`{kind}` of `{title(part)}` runs only on long conversations and is left out"
        components.draft.warn("import-left-out", message, transform)


def _managed(components: Components, part: Part) -> Tree:
    manager = components.resolve(part["group_manager"])
    if not manager.is_mapping:
        raise components.draft.refuse("missing-field", "`group_manager` is missing", part)
    return _agent(components, manager, [_member(components, worker) for worker in components.each(part["workers"])])


def _member(components: Components, part: Part) -> agents.Use:
    if not part.is_mapping:
        raise components.draft.refuse("wrong-type", "an agent is a mapping", part)
    entry = sub_agent(components, part)
    outputs = outputs_of_entry(components, entry)
    answer = outputs[0] if len(outputs) > 1 else ""
    return agents.Use("agent", entry, part, inputs_of_entry(components, entry), answer=answer)


def _swarm(components: Components, part: Part) -> Tree:
    first = components.resolve(part["first_agent"])
    pairs = [components.resolve(row) for pair in part["relationships"].items() for row in pair.items()]
    members: dict[int, Part] = {id(each.value): each for each in (first, *pairs) if each.is_mapping}
    if not members:
        raise components.draft.refuse("missing-field", "the swarm has no `first_agent`", part)
    uses = [_member(components, each) for each in members.values()]
    return agents.turns(part, uses, uses[0].label, {REQUEST: at(part, {"type": "text"})})


def _remote(components: Components, part: Part) -> Tree:
    url = part["agent_url"].text() or server(part)
    where = {"http": url} if url.startswith(("http://", "https://")) and " " not in url else {}
    entry = agents.tool(components.draft, title(part), part, description=part["description"].text(), **where)
    inputs = inputs_of(part["inputs"]) or {REQUEST: at(part, {"type": "text"})}
    call = clean(title(part), "call")
    name = call if call not in inputs else f"{call}_call"
    return {
        "inputs": inputs,
        "nodes": {name: at(part, {"tool": entry, "in": list(inputs)})},
        "outputs": {"answer": name},
    }
