"""Flows of CrewAI, by the syntax tree; crews of other files of a project; checks of answers as loops."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from agentc import api
from agentc.frontends import importers, yaml
from agentc.frontends.importers import crewai
from agentc.frontends.importers.frame import Imported
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import parse_yaml

FLOW = """
    from typing import Literal
    from litellm import completion
    from crewai import LLM, Agent
    from crewai.flow.flow import Flow, listen, start, router, or_, and_
    from poems.crews.poet.poet import Poet
    from .crews.check import check_crew

    class Poems(Flow):
        model = "llama-3.1-8b"

        @start()
        def count(self):
            self.state["count"] = 3

        @listen(or_(count, "again"))
        def write(self):
            self.state["poem"] = Poet().crew().kickoff(inputs={"count": self.state["count"]}).raw

        @router(write)
        def judge(self):
            verdict = LLM(model="qwen3-8b", temperature=0.1).call("Is it good?")
            if verdict == "yes":
                return "good"
            return "again" if self.state["count"] < 3 else "bad"

        @listen("good")
        def save(self):
            open("poem.txt", "w").write(self.state["poem"])

        @listen("good")
        def check(self):
            check_crew().kickoff()

        @listen("bad")
        async def lament(self):
            critic = Agent(role="Critic", goal="lament", backstory="Sad", llm="qwen3-8b")
            return await critic.kickoff_async("why")

        @listen(and_(save, check))
        def done(self):
            return completion(model=self.model, messages=[{"role": "system", "content": "Be kind."}])
    """
POET = """
    from crewai import Agent, Crew, Task
    from crewai.project import CrewBase, agent, crew, task

    @CrewBase
    class Poet:
        @agent
        def poet(self) -> Agent:
            return Agent(config=self.agents_config["poet"])

        @task
        def write(self) -> Task:
            return Task(config=self.tasks_config["write"])

        @crew
        def crew(self) -> Crew:
            return Crew(agents=self.agents, tasks=self.tasks)
    """
CHECK = """
    from crewai import Agent, Crew, Task
    def check_crew():
        judge = Agent(role="Judge", goal="judge", backstory="Strict", llm="qwen3-8b")
        weigh = Task(description="Weigh {poem}", expected_output="text", agent=judge)
        return Crew(agents=[judge], tasks=[weigh])
    """


def project(tmp_path: Path, flow: str = FLOW) -> Path:
    home = tmp_path / "src" / "poems"
    config = home / "crews" / "poet" / "config"
    config.mkdir(parents=True)
    (home / "main.py").write_text(dedent(flow))
    (home / "crews" / "poet" / "poet.py").write_text(dedent(POET))
    (home / "crews" / "check.py").write_text(dedent(CHECK))
    (config / "agents.yaml").write_text(
        "poet: {role: Poet, goal: '{count} lines', backstory: Old, llm: llama-3.1-8b}\n"
    )

    (config / "tasks.yaml").write_text("write: {description: 'Write {count}', expected_output: lines, agent: poet}\n")
    return home / "main.py"


def lowered(document: Any, found: Imported) -> dict[str, Any]:
    yaml.lower(yaml.define(importers.overlay(document, found), Path("."))).verify()
    return found.definition


def of(text: str, tmp_path: Path, name: str = "") -> tuple[dict[str, Any], list[str]]:
    path = tmp_path / "flow.py"
    path.write_text("from crewai.flow.flow import Flow, listen, start, router, or_, and_\n" + dedent(text))
    document, found = crewai.load(path, name)
    return lowered(document, found), [f"{w.span.line if w.span else 0} {w.slug}" for w in found.warnings]


def test_a_flow_with_crews_of_other_files(tmp_path: Path) -> None:
    path = project(tmp_path)
    document, found = crewai.load(path)
    made = lowered(document, found)
    assert made["name"] == "Poems" and set(made["agents"]) == {"Poet", "check_crew"}
    assert made["agents"]["Poet"]["nodes"]["write"]["prompt"].startswith("Write {request}")
    loop = made["nodes"]["write_in_loop"]["loop"]
    assert loop["nodes"]["write"] == {"agent": "Poet", "in": {"request": "write_in"}}
    assert loop["nodes"]["judge"]["fields"]["next"] == ["again", "bad", "good"] or set(
        loop["nodes"]["judge"]["fields"]["next"]
    ) == {"again", "bad", "good"}
    assert loop["nodes"][loop["while"]]["compute"]["options"] == {"pattern": "^(?:again)$"}
    cases = made["nodes"]["judge_route_after"]["branch"]["cases"]
    assert set(cases["good"]["nodes"]) == {"save", "check", "done"}
    assert cases["good"]["nodes"]["done"]["llm"] == "llama_3_1_8b"
    assert cases["good"]["nodes"]["done"]["in"] == ["save", "check"]
    assert cases["bad"]["nodes"]["lament"]["system"] == "You are Critic. Sad Your goal is: lament"
    assert made["outputs"] == {"answer": "judge_route_after"}
    places = {Path(span.file).name for span in found.places.values()}
    assert places == {"main.py", "poet.py", "check.py", "agents.yaml"}
    assert api.compile(path, stop_after="placed", assume=True).phase == "placed"


def test_what_runs_after_what(tmp_path: Path) -> None:
    made, told = of(
        """
        class One(Flow):
            @start()
            def a(self): ...
            @start()
            def b(self): ...
            @listen(and_(a, or_("b")))
            def c(self): ...
            @listen(c)
            def d(self): ...
        """,
        tmp_path,
    )
    assert {name: node.get("in") for name, node in made["nodes"].items()} == {
        "a": "request",
        "b": "request",
        "c": ["a", "b"],
        "d": "c",
    }
    assert told == [] and made["outputs"] == {"answer": "d"}


def test_a_router_by_its_annotation_and_one_that_is_not_stated(tmp_path: Path) -> None:
    text = """
        from typing import Literal
        class One(Flow):
            @start()
            def a(self): ...
            @router(a)
            def way(self) ANNOTATION:
                return self.state["way"]
            @listen("left")
            def left(self): ...
            @listen("right")
            def right(self): ...
        """
    made, told = of(text.replace("ANNOTATION", "-> Literal['left', 'right']"), tmp_path)
    assert told == [] and set(made["nodes"]["way_route"]["branch"]["cases"]) == {"left", "right"}
    made, told = of(text.replace(" ANNOTATION", ""), tmp_path)
    assert told == ["8 import-router"] and set(made["nodes"]["way_route"]["branch"]["cases"]) == {"left", "right"}


def test_what_is_in_no_file_is_told(tmp_path: Path) -> None:
    text = """
        from elsewhere import Team
        class One(Flow):
            @start()
            def a(self):
                return Team().crew().kickoff()
            @listen("never")
            def b(self): ...
        """
    made, told = of(text, tmp_path)
    assert told == ["7 import-opaque", "9 import-unread"]
    assert made["nodes"]["a"]["compute"] == {"builtin": "opaque"}


def test_several_flows(tmp_path: Path) -> None:
    text = """
        class Inner(Flow):
            @start()
            def a(self): ...
        class Outer(Flow):
            @start()
            def b(self):
                return Inner().kickoff()
        """
    made, _ = of(text, tmp_path)
    assert made["name"] == "Outer" and made["nodes"]["b"]["agent"] == "Inner"
    assert of(text, tmp_path, "Inner")[0]["name"] == "Inner"
    with pytest.raises(Refused) as caught:
        of(text.replace("Inner().kickoff()", "1"), tmp_path)
    [told] = caught.value.diagnostics
    assert told.slug == "unknown-name" and "`Inner`, `Outer`" in told.message
    with pytest.raises(Refused) as caught:
        of(text, tmp_path, "Outr")
    assert caught.value.diagnostics[0].help == "did you mean `Outer`?"


def test_a_circle_of_imports_and_of_flows_ends(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("from two import Team\n")
    (tmp_path / "two.py").write_text("from one import Team\n")
    text = """
        from one import Team
        class A(Flow):
            @start()
            def a(self):
                return Team().crew().kickoff() or A().kickoff()
        """
    _, told = of(text, tmp_path)
    assert told == ["7 import-opaque", "7 import-unread"]


CREW = """
agents: {a: {role: r, goal: g, backstory: b, llm: llama-3.1-8b}}
tasks:
  t: {description: d, expected_output: e, agent: a, GUARD}
  u: {description: d, expected_output: e, agent: a}
"""


def guarded(guard: str) -> dict[str, Any]:
    document = parse_yaml(CREW.replace("GUARD", guard), "crew.yaml")
    return lowered(document, importers.read(document, "crewai"))


def test_a_rule_is_checked_by_a_model_and_the_task_done_again() -> None:
    made = guarded("guardrail: It must rhyme., guardrail_max_retries: 2")
    loop = made["nodes"]["t"]["loop"]
    assert (loop["max"], loop["until"], loop["output"]) == (3, "t_check.holds", "t_attempt")
    assert loop["nodes"]["t_check"]["prompt"] == "Does the answer keep this rule?\nIt must rhyme.\n\n{t_attempt}"
    assert made["nodes"]["u"]["in"] == {"t": "t"}


def test_functions_that_check(tmp_path: Path) -> None:
    loop = guarded("guardrails: [no_names, Be short and kind.]")["nodes"]["t"]["loop"]
    assert loop["max"] == 4 and loop["until"] == "t_checked"
    assert loop["nodes"]["t_check"]["compute"] == {"builtin": "opaque"} and loop["nodes"]["t_check_2"]["llm"]
    path = tmp_path / "crew.py"
    path.write_text(
        dedent("""
        from crewai import Agent, Crew, Task
        from crewai.tasks.llm_guardrail import LLMGuardrail
        def short(output):
            return len(output.raw) < 100, output.raw
        a = Agent(role="r", goal="g", backstory="b", llm="llama-3.1-8b")
        t = Task(description="d", expected_output="e", agent=a, guardrail=short)
        u = Task(description="d", expected_output="e", agent=a, guardrails=[LLMGuardrail(description="No names."), short])
        v = Task(description="d", expected_output="e", agent=a, guardrail=None)
        c = Crew(agents=[a], tasks=[t, u, v])
        """)
    )
    document, found = crewai.load(path)
    nodes = lowered(document, found)["nodes"]
    assert nodes["t"]["loop"]["nodes"]["t_check"]["compute"] == {"builtin": "opaque"}
    assert "No names." in nodes["u"]["loop"]["nodes"]["u_check"]["prompt"]
    assert "llm" in nodes["v"]


def test_members_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "__init__.py").write_text("from .scouts import scout\n")
    (tmp_path / "people" / "scouts.py").write_text(
        dedent("""
        from crewai import Agent
        from models import small
        scout = Agent(role="Scout", goal="look", backstory="", llm=small)
        other = Agent(role="Other", goal="rest", backstory="", llm=small)
        """)
    )
    (tmp_path / "models.py").write_text('from crewai import LLM\nsmall = LLM(model="llama-3.1-8b", temperature=0.5)\n')
    (tmp_path / "trip_tasks.py").write_text(
        dedent("""
        from crewai import Agent, Task
        class TripTasks:
            def look(self, agent, place):
                return Task(description=f"Look at {place}", expected_output="notes", agent=agent)
            def judge(self):
                return Agent(role="Judge", goal="weigh", backstory="", llm="qwen3-8b")
            def weigh(self, agent, context):
                return Task(description="Weigh", expected_output="one", agent=agent, context=context)
        """)
    )
    path = tmp_path / "main.py"
    path.write_text(
        dedent("""
        from crewai import Crew
        from people import scout
        from trip_tasks import TripTasks
        class Trip:
            def run(self):
                tasks = TripTasks()
                judge = tasks.judge()
                look = tasks.look(scout, place=self.place)
                weigh = tasks.weigh(judge, [look])
                return Crew(agents=[scout, judge], tasks=[look, weigh]).kickoff()
        """)
    )
    document, found = crewai.load(path)
    made = lowered(document, found)
    assert list(made["nodes"]) == ["look", "weigh"] and list(made["inputs"]) == ["place"]
    assert made["nodes"]["look"]["llm"] == "llama_3_1_8b" and made["nodes"]["look"]["temperature"] == 0.5
    assert made["nodes"]["look"]["system"].startswith("You are Scout.")
    assert made["nodes"]["weigh"]["llm"] == "qwen3_8b" and made["nodes"]["weigh"]["in"] == {"look": "look"}
    assert {Path(span.file).name for span in found.places.values()} == {"main.py", "trip_tasks.py", "models.py"}
