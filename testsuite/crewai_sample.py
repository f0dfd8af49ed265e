"""A crew of CrewAI in Python, without files beside it."""

CREW = '''
import os
from crewai import LLM, Agent, Crew, Process, Task
from crewai.project import CrewBase, agent, crew, llm, task
from crewai_tools import FileReadTool, SerperDevTool

search = SerperDevTool()
small = LLM(model="qwen3-8b", temperature=0.2)
GOAL = "find " + "things"

def twice(text):
    return text

@CrewBase
class Finders:
    """Finds things."""
    agents_config = "config/none.yaml"

    @llm
    def large(self):
        return LLM(model=os.getenv("MODEL", "llama-3.1-8b"))

    @agent
    def scout(self) -> Agent:
        return Agent(role="Scout of {topic}", goal=GOAL, backstory=twice("You look."), llm=self.large(),
                     tools=[search, FileReadTool(path="x")], max_iter=4, allow_delegation=True)

    @agent
    def judge(self) -> Agent:
        return Agent(role="Judge", goal=f"weigh {GOAL}", backstory="", llm=small, reasoning=True)

    @task
    def look(self) -> Task:
        return Task(description="Look for {topic}", expected_output="ten", agent=self.scout(), async_execution=True)

    @task
    def weigh(self) -> Task:
        made = Task(description="Weigh", expected_output="one", agent=self.judge(), context=[self.look()])
        return made

    @crew
    def crew(self) -> Crew:
        return Crew(agents=self.agents, tasks=self.tasks, process=Process.sequential, memory=True, planning=True,
                    planning_llm=small)
'''

FLOW = """
from typing import Literal
from litellm import completion
from crewai import Agent, Crew, LLM, Task
from crewai.flow.flow import Flow, and_, human_feedback, listen, or_, router, start
from elsewhere import Missing

writer = Agent(role="Writer", goal="write", backstory="", llm="llama-3.1-8b")
def rhymes(output):
    return True, output

def team():
    poem = Task(description="Write of {topic}", expected_output="lines", agent=writer, guardrail=rhymes)
    more = Task(description="Mend it", expected_output="lines", agent=writer, guardrails=["It rhymes.", rhymes])
    return Crew(agents=[writer], tasks=[poem, more])

class Inner(Flow):
    @start()
    def one(self):
        return completion(model="gpt-4o", messages=[])

class Poems(Flow):
    model = "qwen3-8b"

    @start()
    def choose(self):
        return Inner().kickoff()

    @start()
    def other(self):
        return Missing().crew().kickoff()

    @listen(or_(choose, "again"))
    def write(self, topic):
        return team().kickoff(inputs={"topic": topic})

    @router(write)
    def judge(self):
        verdict = LLM(model=self.model, temperature=0.1).call("Is it good?")
        return "good" if verdict == "yes" else "again"

    @listen("good")
    @human_feedback(emit=["print", "bin"])
    def ask(self): ...

    @router(ask)
    def way(self) -> Literal["left", "right"]:
        return self.state["way"]

    @listen("left")
    async def left(self):
        return await Agent(role="Critic", goal="x", backstory="", llm="qwen3-8b", tools=[rhymes]).kickoff_async("y")

    @listen("right")
    def right(self): ...

    @listen(and_(left, or_(right, other), "print"))
    def done(self): ...
"""
