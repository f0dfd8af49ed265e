"""Crews of CrewAI: the forms of their projects, and what each field becomes."""

from pathlib import Path
from textwrap import dedent

import pytest

from agentc import api
from agentc.frontends import importers, yaml
from agentc.frontends.importers import crewai
from agentc.frontends.importers.frame import Imported
from agentc.frontends.importers.json_text import open_source
from agentc.support.diagnostics import Refused
from agentc.support.yaml_source import parse_yaml

AGENTS = """
scout: {role: "Scout of {topic}", goal: find, backstory: You look., llm: llama-3.1-8b}
judge: {role: Judge, goal: weigh, backstory: You weigh.}
"""
TASKS = """
look: {description: 'Look for {topic}', expected_output: 'ten {things}', agent: scout}
weigh: {description: Weigh them, expected_output: one, agent: judge}
"""
CODE = """
import os
from crewai import Agent, Crew, LLM, Process, Task
from crewai.project import CrewBase, agent, crew, task
from crewai_tools import SerperDevTool, FileReadTool

search = SerperDevTool()
small = LLM(model="qwen3-8b", temperature=0.2)

@CrewBase
class Finders:
    agents_config = "config/agents.yaml"
    tasks_config = "config/tasks.yaml"

    @agent
    def scout(self) -> Agent:
        return Agent(config=self.agents_config["scout"], tools=[search, FileReadTool(path="x")], max_iter=4)

    @agent
    def judge(self) -> Agent:
        return Agent(config=self.agents_config["judge"], llm=self.model())

    def model(self):
        return small

    @task
    def look_around(self) -> Task:
        return Task(config=self.tasks_config["look"], agent=self.scout())

    @task
    def weigh(self) -> Task:
        made = Task(config=self.tasks_config["weigh"], context=[self.look_around()])
        return made

    @crew
    def crew(self) -> Crew:
        return Crew(agents=self.agents, tasks=self.tasks, process=Process.sequential)
"""


def crew(text: str) -> Imported:
    document = parse_yaml(dedent(text), "crew.yaml")
    found = importers.read(document, str(importers.detect(document)))
    yaml.lower(yaml.define(importers.overlay(document, found), Path(".")))
    return found


def refused(text: str) -> list[str]:
    document = parse_yaml(dedent(text), "crew.yaml")
    with pytest.raises(Refused) as caught:
        importers.read(document, str(importers.detect(document)))
    return [f"{d.span.line if d.span else 0} {d.slug}: {d.message}" for d in caught.value.diagnostics]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    home = tmp_path / "src" / "finders"
    (home / "config").mkdir(parents=True)
    (home / "config" / "agents.yaml").write_text(AGENTS)
    (home / "config" / "tasks.yaml").write_text(TASKS)
    return tmp_path


def with_code(project: Path, code: str = CODE) -> Path:
    path = project / "src" / "finders" / "crew.py"
    path.write_text(code)
    return path


def test_files_alone_are_a_crew(project: Path) -> None:
    document = open_source(project / "src/finders/config/tasks.yaml")
    found = importers.read(document, str(importers.detect(document)))
    nodes = found.definition["nodes"]
    assert found.definition["name"] == "finders"
    assert list(found.definition["inputs"]) == ["topic", "things"]
    assert nodes["look"]["in"] == {"topic": "topic", "things": "things"}
    assert nodes["look"]["system"] == "You are Scout of {topic}. You look. Your goal is: find"
    assert nodes["look"]["prompt"] == "Look for {topic}\n\nWhat is expected: ten {things}"
    assert nodes["weigh"]["in"] == {"look": "look"}
    assert [w.slug for w in found.warnings] == ["import-model", "import-model"]


def test_every_file_of_a_project_is_the_same_crew(project: Path) -> None:
    code = with_code(project)
    folder = code.parent
    sources = [project, code, folder / "config/agents.yaml", folder / "config/tasks.yaml"]
    texts = [api.import_(source, "auto")[0].partition("\n")[2] for source in sources]
    definitions = [parse_yaml(text).data for text in texts]
    assert all(each["nodes"] == definitions[0]["nodes"] for each in definitions)
    assert all(each["agents"] == definitions[0]["agents"] for each in definitions)
    assert {each["name"] for each in definitions} == {"Finders"}


def test_code_counts_more_than_files(project: Path) -> None:
    _, found = crewai.load(with_code(project))
    definition = found.definition
    assert definition["models"] == {"llama_3_1_8b": {"catalog": "llama-3.1-8b"}, "qwen3_8b": {"catalog": "qwen3-8b"}}
    assert list(definition["nodes"]) == ["look_around", "weigh"]
    assert definition["nodes"]["weigh"]["llm"] == "qwen3_8b"
    assert definition["nodes"]["weigh"]["temperature"] == 0.2
    loop = definition["agents"]["look_around"]["nodes"]["work"]["loop"]
    assert loop["max"] == 4
    assert loop["nodes"]["decide"]["fields"]["tool"] == ["SerperDevTool", "FileReadTool"]


def test_places_are_those_of_the_files(project: Path) -> None:
    _, found = crewai.load(with_code(project))
    place = found.places["models", "qwen3_8b"]
    assert (Path(place.file).name, place.line) == ("crew.py", 8)
    assert Path(found.places["models", "llama_3_1_8b"].file).name == "agents.yaml"


def test_code_without_files(tmp_path: Path) -> None:
    path = tmp_path / "team.py"
    path.write_text(
        dedent("""
        from crewai import Agent, Crew, Task
        from langchain_openai import ChatOpenAI

        chat = ChatOpenAI(model_name="llama-3.1-8b", temperature=0)
        writer = Agent(role="Writer", goal="write", backstory="", llm=chat)
        draft = Task(description=f"Write of {topic}", expected_output="text", agent=writer)
        check = Task(description="Check " + "it", expected_output="text", agent=writer, context=[draft])
        team = Crew(agents=[writer], tasks=[draft, check])
        """)
    )
    [definition] = [parse_yaml(api.import_(path)[0]).data]
    assert definition["name"] == "team"
    assert definition["nodes"]["check"]["in"] == {"draft": "draft"}
    assert definition["nodes"]["check"]["prompt"].startswith("Check it")
    assert definition["nodes"]["draft"]["temperature"] == 0
    assert api.compile(f"{path}:team", stop_after="agent", assume=True).phase == "agent"


def test_fields_of_files_that_the_code_reads_itself(project: Path) -> None:
    code = """
        import yaml
        from crewai import Agent, Crew, Task
        with open("config/agents.yaml") as file:
            agents_config = yaml.safe_load(file)
        tasks_config = yaml.safe_load(open("config/tasks.yaml"))
        scout = Agent(config=agents_config["scout"], allow_delegation=False)
        look = Task(
            description=tasks_config["look"]["description"],
            expected_output=tasks_config["look"]["expected_output"],
            agent=scout,
        )
        crew = Crew(agents=[scout], tasks=[look], verbose=2)
        """
    _, found = crewai.load(with_code(project, dedent(code)))
    assert found.definition["nodes"]["look"]["prompt"] == "Look for {topic}\n\nWhat is expected: ten {things}"


def test_tasks_of_other_files(tmp_path: Path) -> None:
    path = tmp_path / "main.py"
    path.write_text(
        "from crewai import Crew\nfrom tasks import Tasks\nt = Tasks().look()\nc = Crew(agents=[], tasks=[t])\n"
    )
    with pytest.raises(Refused) as caught:
        crewai.load(path)
    [told] = caught.value.diagnostics
    assert (told.slug, told.span and told.span.line) == ("missing-field", 4)
    assert told.help == "the file that its tasks come from is not in the project"


def test_an_agent_of_ours_beside_a_crew_is_ours(tmp_path: Path) -> None:
    path = tmp_path / "agent.py"
    path.write_text("import agentc\nfrom crewai import Crew\nc = Crew(agents=[], tasks=[])\n")
    assert importers.python_format(path) is None
    path.write_text("from crewai import Crew\nc = Crew(agents=[], tasks=[])\n")
    assert importers.python_format(path) == "crewai"


def test_a_manager_that_is_no_member(project: Path) -> None:
    code = CODE.replace(
        "process=Process.sequential", "process=Process.hierarchical, manager_agent=self.boss()"
    ).replace("agents=self.agents", "agents=[self.scout(), self.judge()]")
    boss = "    def boss(self):\n        return Agent(role='Boss', goal='lead', backstory='', llm=small)\n\n    @task"
    _, found = crewai.load(with_code(project, code.replace("    @task", boss, 1)))
    decide = found.definition["agents"]["weigh"]["nodes"]["work"]["loop"]["nodes"]["decide"]
    assert decide["system"].startswith("You are Boss.")
    assert found.definition["agents"]["look_around"]["nodes"]["work"]["loop"]["nodes"]["act"]["agent"] == "scout"


def test_several_crews_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "teams.py"
    one = "{0} = Crew(agents=[a], tasks=[Task(description='{0}', expected_output='', agent=a)])\n"
    head = "from crewai import Agent, Crew, Task\na = Agent(role='A', goal='g', backstory='', llm='llama-3.1-8b')\n"
    path.write_text(head + one.format("left") + one.format("right"))
    with pytest.raises(Refused) as caught:
        crewai.load(path)
    assert "several crews: `left`, `right`" in str(caught.value)
    _, found = crewai.load(path, "right")
    assert [node["prompt"] for node in found.definition["nodes"].values()] == ["right"]
    with pytest.raises(Refused) as caught:
        crewai.load(path, "rihgt")
    assert caught.value.diagnostics[0].help == "did you mean `right`?"


def test_a_project_of_json(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "scout.jsonc").write_text(
        '{\n\t// the agent\'s "role"\n\t"role": "Scout", "goal": "find", /* and */ "backstory": "http://x",\n'
        '\t"llm": "ollama/llama3.1:8b", "settings": {"max_iter": 3,}\n}\n'
    )
    path = tmp_path / "crew.jsonc"
    path.write_text(
        '{"name": "hunt", "agents": ["scout"], // one\n"tasks": [{"name": "look", "description": "Look",'
        ' "expected_output": "x", "agent": "scout", "tools": ["SerperDevTool"]}],}'
    )
    definition = parse_yaml(api.import_(tmp_path)[0]).data
    assert definition["name"] == "hunt"
    loop = definition["agents"]["look"]["nodes"]["work"]["loop"]
    assert loop["max"] == 3
    assert loop["nodes"]["decide"]["system"] == "You are Scout. http://x Your goal is: find"
    path.write_text(path.read_text().replace('"scout"]', '"scuot"]'))
    with pytest.raises(Refused) as caught:
        api.import_(path)
    assert [d.slug for d in caught.value.diagnostics] == ["missing-file"]


MANAGED = """
agents:
  boss: {role: Boss, goal: lead, backstory: You lead., llm: qwen3-8b}
  left: {role: Left, goal: l, backstory: b, llm: llama-3.1-8b}
  right: {role: Right, goal: r, backstory: b, llm: llama-3.1-8b, tools: [Saw]}
tasks:
  all: {description: Do it, expected_output: x}
  one: {description: Do more, expected_output: x, agent: left}
process: hierarchical
"""


def test_a_manager_has_agents_as_tools() -> None:
    found = crew(MANAGED + "manager_llm: qwen3-8b\n").definition
    decide = found["agents"]["all"]["nodes"]["work"]["loop"]["nodes"]["decide"]
    assert decide["llm"] == "qwen3_8b"
    assert decide["fields"]["tool"] == ["boss", "left", "right"]
    assert "tool" not in found["agents"]["one"]["nodes"]["work"]["loop"]["nodes"]["decide"]["fields"]
    assert found["agents"]["one"]["nodes"]["work"]["loop"]["nodes"]["act"]["agent"] == "left"


def test_a_manager_of_the_crew() -> None:
    found = crew(MANAGED + "manager_agent: boss\n").definition
    decide = found["agents"]["all"]["nodes"]["work"]["loop"]["nodes"]["decide"]
    assert decide["system"].startswith("You are Boss.")
    assert decide["fields"]["tool"] == ["left", "right"]


def test_what_runs_beside() -> None:
    found = crew("""
        agents: {a: {role: A, goal: g, backstory: b, llm: llama-3.1-8b}}
        tasks:
          - {name: x, description: d, expected_output: o, agent: a, async_execution: true}
          - {name: y, description: d, expected_output: o, agent: a, async_execution: true}
          - {name: z, description: d, expected_output: o, agent: a}
        """).definition
    assert found["nodes"]["x"]["in"] == found["nodes"]["y"]["in"] == {"request": "request"}
    assert found["nodes"]["z"]["in"] == {"x": "x", "y": "y"}


def test_what_is_wrong_is_told_at_its_place() -> None:
    head = "agents: {a: {role: A, goal: g, backstory: b, llm: llama-3.1-8b}}\ntasks:\n"
    one = "  one: {description: d, expected_output: o, agent: a}\n"
    assert refused(head + "  one: {description: d, expected_output: o}\n") == [
        "3 missing-field: the task `one` has no agent"
    ]
    assert refused(head + "  one: {description: d, expected_output: o, agent: b}\n") == [
        "3 unknown-agent: there is no agent `b`"
    ]
    late = "  two: {description: d, expected_output: o, agent: a, context: [three, on]}\n"
    assert refused(head + one + late + one.replace("one", "three")) == [
        "4 unknown-reference: `two` reads `three`, which does not come before it",
        "4 unknown-reference: there is no task `on`",
    ]
    assert refused(head + one + "process: hierarchical\n") == ["1 missing-field: a hierarchical crew has no manager"]
    assert refused(AGENTS)[0].endswith("has the agents of a crew, but no file beside it has its tasks")


def test_code_that_goes_in_circles_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "crew.py"
    path.write_text(
        "from crewai import Agent, Crew, Task\n"
        "def f(): return g()\ndef g(): return f()\nx = y\ny = x\n"
        "a = Agent(role='A', goal='g', backstory=f(), llm=x)\n"
        "t = Task(description='d', expected_output=g(), agent=a)\n"
        "c = Crew(agents=[a], tasks=[t], memory=f())\n"
    )
    _, found = crewai.load(path)
    assert list(found.definition["nodes"]) == ["t"]


@pytest.mark.filterwarnings("error")
def test_what_python_warns_of_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "crew.py"
    path.write_text(
        "from crewai import Agent, Crew, Task\n"
        "a = Agent(role='A\\d', goal='g', backstory='', llm='llama-3.1-8b')\n"
        "c = Crew(agents=[a], tasks=[Task(description='d', expected_output='', agent=a)])\n"
    )
    assert list(crewai.load(path)[1].definition["nodes"]) == ["member"]
