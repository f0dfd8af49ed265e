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
