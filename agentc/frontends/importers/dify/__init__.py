"""Dify apps (`kind: app`): workflows and chat flows, and the simple chat, completion and agent apps.

The graph lies in `workflow.graph`. `docs/formats/dify.md` says what becomes of each node type.
"""

from agentc.frontends.importers import agents, models, prompts
from agentc.frontends.importers.frame import Draft, Imported, Tree, at
from agentc.frontends.importers.source import Part


def read(draft: Draft) -> Imported:
    """The definition of an app. Raises Refused."""
    from agentc.frontends.importers.dify.workflow import workflow_graph

    whole = Part.of(draft.document)
    app = whole["app"]
    described = {"description": at(app["description"], app["description"].text())} if app["description"].text() else {}
    chats = app["mode"].text() == "advanced-chat"
    graph = (
        workflow_graph(draft, whole["workflow"], chats) if whole["workflow"] else _simple(draft, whole["model_config"])
    )
    return draft.finish(app["name"].text() or "app", {**described, **graph})


def _simple(draft: Draft, config: Part) -> Tree:
    """An app that is one prompt, with tools or without."""
    model = config["model"]
    if not model["name"].text():
        raise draft.refuse("missing-field", "`model_config` names no model", config)
    inputs: Tree = {}
    for row in config["user_input_form"].items():
        for field in row.fields().values():
            name = prompts.input_name(field["variable"].text() or "value")
            inputs[name] = at(field, {"type": "text"})
    known = {name: name for name in inputs}
    system = prompts.translate(
        config["pre_prompt"].text(), prompts.JINJA, lambda name: known.get(prompts.input_name(name))
    )
    inputs.setdefault("query", {"type": "text"})
    uses = [tool_use(draft, tool) for tool in config["agent_mode"]["tools"].items() if tool["enabled"].flag(True)]
    for row in config["dataset_configs"]["datasets"]["datasets"].items():
        dataset = row["dataset"]["id"].text() or "dataset"
        memory = draft.entry("memories", "knowledge", at(row, {"kind": "vector"}), dataset)
        uses.append(agents.Use("lookup", memory, row, name="knowledge"))
    entry = models.use(draft, model["name"].text(), model["name"])
    llm = models.sampling(model["completion_params"])
    most = config["agent_mode"]["max_iteration"].count(100)
    return agents.Agent(config, entry, system, inputs, uses, {}, llm, most).graph()


def tool_use(draft: Draft, tool: Part) -> agents.Use:
    """A tool that an agent may call."""
    name = tool["tool_name"].text() or tool["tool_label"].text() or "tool"
    described = tool["extra"]["description"].text() or tool["tool_description"].text()
    entry = agents.tool(draft, name, tool, key=(tool["provider_name"].text(), name), description=described)
    return agents.Use("tool", entry, tool, name=name)
