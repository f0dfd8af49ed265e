"""A crew as a definition: its tasks as nodes, its agents as the models and tools that do them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentc.frontends.importers import agents, defaults, models, prompts
from agentc.frontends.importers.crewai.files import Crew, Member
from agentc.frontends.importers.frame import Draft, Mark, Names, Tree, assume, at, clean
from agentc.frontends.importers.served import mcp_tool
from agentc.frontends.importers.settle import expected_trips
from agentc.frontends.importers.source import Part
from agentc.support.diagnostics import did_you_mean, shortened

MODEL = "gpt-4o-mini"
"""What an agent runs on whose crew names no model."""

MANAGER = "You manage a team. Delegate the work to those who do it best, check what they give, and answer."
RETRIES = 3
"""How often a task is done again whose check fails, where the crew does not say (`guardrail_max_retries`)."""

_FUNCTION = re.compile(r"[A-Za-z_][\w.]*\Z")
_TEXTS = ("role", "goal", "backstory", "description", "expected_output")
_LEFT_OUT = {
    "human_input": "the wait for a person is left out",
    "function_calling_llm": "the model's calls for tools are left out: the agent's own model asks for them",
}


@dataclass
class Team:
    """Writes a crew."""

    draft: Draft
    crew: Crew
    names: Names = field(default_factory=Names)
    inputs: dict[str, str] = field(default_factory=dict[str, str])
    """Placeholder of the crew -> input of ours."""
    nodes: Tree = field(default_factory=dict[str, Mark])
    done: dict[str, str] = field(default_factory=dict[str, str])
    """Task -> its node."""
    managed: bool = False
    single: str = ""
    """The one input that stands for all placeholders, where the crew is a part of something."""

    def graph(self) -> Tree:
        """The graph of the crew. Raises Refused."""
        if not self.crew.tasks:
            help = (
                "the file that its tasks come from is not in the project"
                if self.crew.part.document.file.endswith(".py")
                else None
            )
            raise self.draft.refuse("missing-field", "the crew has no tasks", self.crew.part, help)
        self.managed = self.crew.settings["process"].text().rpartition(".")[2] == "hierarchical"
        self._find_inputs()
        plan = self._plan()
        earlier: list[str] = []
        pending: list[str] = []
        for name, task in self.crew.tasks.items():
            alone = task["async_execution"].flag()
            if not alone:
                earlier, pending = [*earlier, *pending], []
            self._task(name, task, earlier, plan)
            pending.append(name)
        said = self.crew.settings["description"].text()
        kinds = {name: at(self.crew.part, {"type": "text"}) for name in self.inputs.values()}
        given = {"answer": next(reversed(self.done.values()))}
        return {**({"description": said} if said else {}), "inputs": kinds, "nodes": self.nodes, "outputs": given}

    def _find_inputs(self) -> None:
        """The placeholders of all texts; a crew without any reads a request."""
        members = [*self.crew.agents.values(), *self.crew.tasks.values()]
        found = [name for each in members for key in _TEXTS for name in prompts.names(each[key].text(), prompts.BRACE)]
        if self.single:
            self.inputs = dict.fromkeys(found or [self.single], self.names.new(self.single))
        else:
            self.inputs = {name: self.names.new(name, "value") for name in dict.fromkeys(found or ["request"])}

    def _plan(self) -> str:
        """The node of the crew's planner, where it has one."""
        settings = self.crew.settings
        if not settings["planning"].flag():
            return ""
        llm = self._llm(settings["planning_llm"], settings.part)
        node = self.names.new("plan")
        asked = "\n".join(self._text(task["description"], self.inputs) for task in self.crew.tasks.values())
        prompt = f"Plan how to do these tasks:\n{asked}"
        self.nodes[node] = at(settings.part, {**llm, "in": self._reads(), "prompt": prompt})
        return node

    def _reads(self) -> Tree:
        return {name: name for name in self.inputs.values()}

    def _task(self, name: str, task: Member, earlier: Sequence[str], plan: str) -> None:
        """The nodes of a task."""
        for key, why in _LEFT_OUT.items():
            if task[key] and task[key].value is not False:
                self.draft.warn("import-left-out", f"task `{shortened(name, 80)}`: {why}", task[key])
        agent = self._agent_of(name, task)
        node = self.names.new(name)
        reads = {read: read for read in self._placeholders(agent, task)}
        context = self._context(name, task, earlier)
        reads |= {each: each for each in context}
        if plan:
            reads[plan] = plan
        reads = reads or {each: each for each in list(self.inputs.values())[:1]}
        added = self._remembered(node, task, agent, reads)
        reads |= {each: each for each in added}
        prompt = self._prompt(task, [*context, *([plan] if plan else []), *added])
        made = self._guarded(node, task, agent, self._work(name, task, agent, reads, prompt))
        if (condition := self._condition(node, task, earlier)) is not None:
            made["when"] = condition
        self.nodes[node] = at(task.part, made)
        self.done[name] = node
        if self.crew.settings["memory"]:
            keep = self.names.new(f"{node}_keep")
            self.nodes[keep] = at(task.part, {"memory": {"store": self._memory()}, "in": node, "async": True})

    def _agent_of(self, name: str, task: Member) -> Member | None:
        """Who does a task; None where the manager decides. Raises Refused where nobody is named."""
        stated = task["agent"]
        called = stated.text() or stated["name"].text()
        if not called and self.managed:
            return None
        if not called:
            help = "state `agent:` with a name of the crew's agents"
            raise self.draft.refuse("missing-field", f"the task `{shortened(name, 80)}` has no agent", task.part, help)
        found = self.crew.agents.get(called)
        if found is None:
            help = did_you_mean(called, self.crew.agents)
            raise self.draft.refuse("unknown-agent", f"there is no agent `{shortened(called, 80)}`", stated, help)
        return found

    def _placeholders(self, agent: Member | None, task: Member) -> list[str]:
        members = [task] if agent is None else [agent, task]
        found = [name for each in members for key in _TEXTS for name in prompts.names(each[key].text(), prompts.BRACE)]
        return list(dict.fromkeys(self.inputs[name] for name in found))

    def _context(self, name: str, task: Member, earlier: Sequence[str]) -> list[str]:
        """The nodes whose answers a task reads: those that it names, else all that came before."""
        if "context" not in task:
            return [self.done[each] for each in earlier]
        found: list[str] = []
        for row in task["context"].items() or ([task["context"]] if task["context"].is_text else []):
            called = row.text()
            if called not in self.crew.tasks:
                help = did_you_mean(called, self.crew.tasks)
                self.draft.error("unknown-reference", f"there is no task `{shortened(called, 80)}`", row, help)
            elif called not in self.done:
                message = f"`{shortened(name, 80)}` reads `{shortened(called, 80)}`, which does not come before it"
                self.draft.error("unknown-reference", message, row, "a task's context is what came before")
            else:
                found.append(self.done[called])
        return list(dict.fromkeys(found))

    def _remembered(self, node: str, task: Member, agent: Member | None, reads: Tree) -> list[str]:
        """Lookups before a task: of the crew's memory and of what it knows; and the agent's own plan."""
        found: list[str] = []
        query = next(iter(reads))
        owners = [("knowledge", self.crew.settings)] + ([("own_knowledge", agent)] if agent is not None else [])
        for what, owner in owners:
            if owner["knowledge_sources"]:
                found.append(self._lookup(f"{node}_{what}", self._knowledge(owner), owner.part, query))
        if self.crew.settings["memory"]:
            found.append(self._lookup(f"{node}_recall", self._memory(), task.part, query))
        if agent is not None and (agent["reasoning"].flag() or agent["planning"].flag()):
            step = self.names.new(f"{node}_plan")
            llm, asked = self._llm(agent["llm"], agent.part), "\n".join(f"{{{name}}}" for name in reads)
            self.nodes[step] = at(
                agent.part, {**llm, "in": dict(reads), "prompt": f"Plan what to do with this:\n{asked}"}
            )
            found.append(step)
        return found

    def _lookup(self, wanted: str, memory: str, part: Part, query: str) -> str:
        node = self.names.new(wanted)
        self.nodes[node] = at(part, {"memory": {"lookup": memory}, "in": query})
        return node

    def _memory(self) -> str:
        return self._vectors("crew_memory", self.crew.settings)

    def _knowledge(self, owner: Member) -> str:
        return self._vectors(f"{clean(owner['role'].text()[:40], 'crew')}_knowledge", owner)

    def _vectors(self, name: str, owner: Member) -> str:
        known = self.draft.known("memories", name)
        if known is not None:
            return known
        stated = owner["embedder"]["config"]["model"] or owner["embedder"]["model"]
        embed: Tree = {"embed": models.use(self.draft, stated.text(), stated, "embedding")} if stated.text() else {}
        return self.draft.entry("memories", name, at(owner.part, {"kind": "vector", **embed}), name)

    def _condition(self, node: str, task: Member, earlier: Sequence[str]) -> Tree | None:
        """`when` of a task that runs only if a function says so."""
        if task["type"].text().rpartition(".")[2] != "ConditionalTask" or not earlier:
            return None
        flag = self.names.new(f"{node}_needed")
        why = "whether the task runs is up to a function of the crew"
        asked = {"compute": {"builtin": assume("opaque", why)}, "in": self.done[earlier[-1]], "returns": "bool"}
        self.nodes[flag] = at(task["condition"] if task["condition"] else task.part, asked)
        return {"if": flag, "probability": assume(defaults.CONDITION, why)}

    def _prompt(self, task: Member, context: Sequence[str]) -> str:
        asked = self._text(task["description"], self.inputs)
        wanted = self._text(task["expected_output"], self.inputs)
        parts = [asked, f"What is expected: {wanted}" if wanted else ""]
        parts += ["What is known so far:", *(f"{{{name}}}" for name in context)] if context else []
        return "\n\n".join(filter(None, parts))

    def _text(self, part: Part, places: dict[str, str] | None) -> str:
        """A text with its placeholders; without ``places`` their names in brackets."""
        if places is None:
            return prompts.literal(prompts.BRACE.sub(lambda match: f"[{match['name']}]", part.text()).strip())
        return prompts.translate(part.text(), prompts.BRACE, places.get)

    def _system(self, agent: Member, places: dict[str, str] | None) -> str:
        role, goal, story = (self._text(agent[key], places) for key in ("role", "goal", "backstory"))
        head = f"You are {role}." if role else ""
        return " ".join(filter(None, (head, story, f"Your goal is: {goal}" if goal else "")))

    def _work(self, name: str, task: Member, agent: Member | None, reads: Tree, prompt: str) -> Tree:
        """The node of a task: a model call, or an agent that has tools."""
        worker, llm, uses = self._worker(task, agent)
        system = self._system(worker, self.inputs) if worker is not None else MANAGER
        if not uses:
            said = {"system": system} if system else {}
            return {**llm, "in": reads, **said, **({"prompt": prompt} if prompt else {})}
        model = llm.pop("llm")
        inputs = {each: at(task.part, {"type": "text"}) for each in reads}
        most = worker["max_iter"].count(1000) if worker is not None else None
        made = agents.Agent(task.part, model, system, inputs, uses, {}, llm, most, prompt).graph()
        return {"agent": agents.sub_agent(self.draft, name, made, task.part), "in": reads}

    def _guarded(self, node: str, task: Member, agent: Member | None, work: Tree) -> Tree:
        """The node of a task, done again while a check of its answer fails."""
        rows = task["guardrails"].items() if task["guardrails"].is_list else [task["guardrails"]]
        checks = [row for row in rows if row] or [row for row in (task["guardrail"],) if row]
        if not checks:
            return work
        attempt = self.names.new(f"{node}_attempt")
        nodes: Tree = {attempt: at(task.part, work)}
        flags = [self._check(f"{node}_check", row, attempt, agent, nodes) for row in checks]
        flag = flags[0]
        if len(flags) > 1:
            flag = self.names.new(f"{node}_checked")
            nodes[flag] = at(task.part, {"compute": {"builtin": "and"}, "in": flags})
        stated = task["guardrail_max_retries"] if "guardrail_max_retries" in task else task["max_retries"]
        retries = stated.number()
        most = 1 + (int(retries) if retries is not None and 0 <= retries <= 1000 else RETRIES)
        expected = assume(expected_trips(most), "the source does not say how often the check fails")
        trips = {"max": most, "expected": expected, "until": flag, "nodes": nodes, "output": attempt}
        return {"loop": trips}

    def _check(self, wanted: str, row: Part, attempt: str, agent: Member | None, nodes: Tree) -> str:
        """The flag of one check: a rule that the agent's model checks, or a function of which nothing is known."""
        check = self.names.new(wanted)
        stated = row["rule"].text() or row["description"].text() or row.text()
        if row["function"].text() or not stated or _FUNCTION.match(stated):
            why = "whether the answer passes is up to a function of the crew"
            nodes[check] = at(row, {"compute": {"builtin": assume("opaque", why)}, "in": attempt, "returns": "bool"})
            return check
        model = agent["llm"] if agent is not None else self.crew.settings["manager_llm"]
        prompt = f"Does the answer keep this rule?\n{prompts.literal(stated)}\n\n{{{attempt}}}"
        asked = {"in": {attempt: attempt}, "prompt": prompt, "fields": {"holds": "bool", "why": "text"}}
        nodes[check] = at(row, {**self._llm(model, row, agent), **asked})
        return f"{check}.holds"

    def _worker(self, task: Member, agent: Member | None) -> tuple[Member | None, Tree, list[agents.Use]]:
        """Who does a task (None: a manager of the framework's own), its model, and what it may call."""
        if self.managed:
            return self._manager(agent)
        assert agent is not None
        uses = self._tools(task if task["tools"] else agent)
        if agent["allow_delegation"].flag():
            uses += [self._coworker(name, each) for name, each in self.crew.agents.items() if each is not agent]
        return agent, self._llm(agent["llm"], agent.part, agent), uses

    def _manager(self, agent: Member | None) -> tuple[Member | None, Tree, list[agents.Use]]:
        """The manager of a hierarchical crew, to whom all, or the one who is named, are workers."""
        settings = self.crew.settings
        called = settings["manager_agent"].text()
        manager = self.crew.agents.get(called)
        if manager is None and not settings["manager_llm"]:
            help = "state `manager_llm` or `manager_agent`"
            raise self.draft.refuse("missing-field", "a hierarchical crew has no manager", settings.part, help)
        llm = self._llm(settings["manager_llm"] if manager is None else manager["llm"], settings.part, manager)
        workers = {name: each for name, each in self.crew.agents.items() if name != called}
        if agent is not None and agent is not manager:
            workers = {name: each for name, each in workers.items() if each is agent}
        return manager, llm, [self._coworker(name, each) for name, each in workers.items()]

    def _coworker(self, name: str, agent: Member) -> agents.Use:
        """An agent that others hand work to."""
        entry = self.draft.known("agents", ("coworker", id(agent)))
        if entry is None:
            llm = self._llm(agent["llm"], agent.part, agent)
            request: Tree = {"request": at(agent.part, {"type": "text"})}
            model, most = llm.pop("llm"), agent["max_iter"].count(1000)
            system = self._system(agent, None)
            graph = agents.Agent(agent.part, model, system, request, self._tools(agent), {}, llm, most).graph()
            entry = agents.sub_agent(self.draft, name, graph, agent.part, ("coworker", id(agent)))
        return agents.Use("agent", entry, agent.part, ("request",), name)

    def _llm(self, stated: Part, part: Part, agent: Member | None = None) -> Tree:
        """A model call without inputs."""
        config = self.crew.models.get(stated.text(), stated)
        named = next((config[key] for key in ("model", "model_name", "deployment_name") if config[key].text()), config)
        if not named.text() and agent is not None and self.crew.settings["llm"]:
            return self._llm(self.crew.settings["llm"], part)
        if not named.text():
            where = stated if stated else part
            message = f"no model is stated: `{MODEL}` is CrewAI's own choice"
            self.draft.warn("import-model", message, where, "state `llm:`")
            return {"llm": models.use(self.draft, MODEL, where)}
        own = models.sampling(agent.parts[0]) if agent is not None and agent.parts else {}
        most = agent["max_tokens"].count(10**7) if agent is not None else None
        own |= {"max_tokens": most} if most else {}
        return {"llm": models.use(self.draft, named.text(), named), **own, **models.sampling(config)}

    def _tools(self, owner: Member) -> list[agents.Use]:
        rows = owner["tools"].items() or ([owner["tools"]] if owner["tools"].is_text else [])
        found = [self._tool(row) for row in rows if row]
        found += [self._server(row) for row in owner["mcps"].items() if row]
        for row in owner["apps"].items():
            found.append(self._use(row, row.text() or "app", {}))
        return found

    def _tool(self, row: Part) -> agents.Use:
        """A tool by the name of its class, of its file, or of itself."""
        stated = next((row[key].text() for key in ("name", "type", "class", "tool") if row[key].text()), "")
        name = (row.text() or stated or "tool").rpartition(":")[2].rpartition(".")[2]
        return self._use(row, name, {}, row["description"].text())

    def _server(self, row: Part) -> agents.Use:
        """A server of tools (MCP), or one of its tools: `https://…#tool`."""
        url = row.text() or row["url"].text() or row["command"].text() or "mcp"
        server, _, tool = url.partition("#")
        name = tool or row["name"].text() or server.rstrip("/").rpartition("/")[2].partition("?")[0]
        return self._use(row, name, mcp_tool(self.draft, server, name, row))

    def _use(self, row: Part, name: str, where: Tree, described: str = "") -> agents.Use:
        entry = agents.tool(self.draft, name, row, key=(name, str(where)), description=described, **where)
        return agents.Use("tool", entry, row, name=name)
