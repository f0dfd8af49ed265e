"""LangGraph programs in the ways that people write them."""

from typing import Final

CORRECTIVE: Final = """
from typing import Literal, TypedDict

from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    question: str
    documents: list
    answer: str


llm = ChatOpenAI(model="gpt-4o-mini", temperature=0)
prompt = ChatPromptTemplate.from_messages([("system", "Answer from the documents."), ("human", "{question}")])
chain = prompt | llm
retriever = store.as_retriever(search_kwargs={"k": 6})


def retrieve(state: State):
    return {"documents": retriever.invoke(state["question"])}


def grade(state: State):
    scorer = llm.with_structured_output(Grade)
    return {"documents": [d for d in state["documents"] if scorer.invoke(d).good]}


def decide(state: State) -> Literal["rewrite", "generate"]:
    return "generate" if state["documents"] else "rewrite"


def rewrite(state: State):
    return {"question": llm.invoke(state["question"]).content}


def generate(state: State):
    return {"answer": chain.invoke(state)}


workflow = StateGraph(State)
workflow.add_node("retrieve", retrieve)
workflow.add_node("grade", grade)
workflow.add_node(rewrite)
workflow.add_node(generate)
workflow.add_edge(START, "retrieve")
workflow.add_edge("retrieve", "grade")
workflow.add_conditional_edges("grade", decide)
workflow.add_edge("rewrite", "retrieve")
workflow.add_edge("generate", END)
app = workflow.compile()
"""
"""Retrieval that rewrites its question until documents are good."""

TOOLS: Final = '''
from langchain.chat_models import init_chat_model
from langchain_core.tools import tool
from langgraph.graph import MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return "sunny"


@tool
def population(city: str) -> int:
    """How many people live in a city."""
    return 1


tools = [weather, population]
model = init_chat_model("openai:gpt-4o").bind_tools(tools)


def call_model(state: MessagesState):
    return {"messages": [model.invoke(state["messages"])]}


graph = (
    StateGraph(MessagesState)
    .add_node("agent", call_model)
    .add_node("tools", ToolNode(tools))
    .set_entry_point("agent")
    .add_conditional_edges("agent", tools_condition)
    .add_edge("tools", "agent")
    .compile()
)
'''
"""A model and its tools, in one chain of calls."""

SUPERVISOR: Final = '''
from typing import Literal

from langchain_anthropic import ChatAnthropic
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import create_react_agent
from langgraph.types import Command

llm = ChatAnthropic(model="claude-3-5-sonnet-latest", max_tokens=1024)


def search(query: str) -> str:
    """Search the web."""
    return query


researcher = create_react_agent(llm, tools=[search], prompt="You find facts.")


def supervisor(state: MessagesState) -> Command[Literal["research", "write", "__end__"]]:
    answer = llm.with_structured_output(Router).invoke(state["messages"])
    return Command(goto=answer.next)


def research(state: MessagesState) -> Command[Literal["supervisor"]]:
    return Command(goto="supervisor", update=researcher.invoke(state))


def write(state: MessagesState):
    return Command(goto="supervisor", update={"messages": llm.invoke(state["messages"])})


class Team:
    def __init__(self):
        self.builder = StateGraph(MessagesState)
        self.builder.add_node("supervisor", supervisor)
        self.builder.add_node("research", research)
        self.builder.add_node("write", write)
        self.builder.add_edge(START, "supervisor")
        self.graph = self.builder.compile()
'''
"""Workers that a supervisor sends work to, in a class."""

FAN_OUT: Final = """
from typing import TypedDict

from langgraph.constants import Send
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    topic: str
    subjects: list


def plan(state: State):
    return {"subjects": state["topic"].split()}


def joke(state):
    return {"jokes": [llm.invoke(state["subject"])]}


def spread(state: State):
    return [Send("joke", {"subject": s}) for s in state["subjects"]]


def best(state: State):
    return {}


inner = StateGraph(State)
inner.add_sequence([plan, best])
inner.set_entry_point("plan")
inner.set_finish_point("best")
small = inner.compile()

builder = StateGraph(State)
for name, runs in [("plan", plan), ("best", best)]:
    builder.add_node(name, runs)
builder.add_node("joke", joke)
builder.add_node("small", small)
builder.add_edge(START, "plan")
builder.add_conditional_edges("plan", spread, ["joke"])
builder.add_edge(["joke", "small"], "best")
builder.add_edge("plan", "small")
builder.add_edge("best", END)
app = builder.compile()
"""
"""Runs side by side for each part of a state, a graph within a graph, nodes added in a loop."""
