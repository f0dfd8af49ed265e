"""The agent of `agent.yaml`, built in Python: `agentc compile examples/figure7/agent.py:agent`."""

from agentc import Agent

agent = Agent("figure7")
agent.sla(ttft_ms={"p95": 400}, tbt_ms={"p95": 30}, end_to_end_ms={"p95": 10000})
agent.load(requests_per_second=10)

mind = agent.model("mind", catalog="mixtral-8x7b", precision="fp16")
search = agent.tool(
    "search", python="tools.py:search", latency_ms={"p50": 150, "p95": 500}, cpu_ms=2, pure=True, returns="documents"
)
calculator = agent.tool("calculator", python="tools.py:calculator", latency_ms=0, cpu_ms=0.2, pure=True, returns="text")
history = agent.memory("history", kind="keyvalue")

user = agent.input("user", type="text", tokens=4)
query = agent.input("query", type="text", tokens={"mean": 60, "p95": 200})

recall = agent.memory_load("recall", history, user)
plan = agent.llm(
    "plan",
    mind,
    [query, recall],
    prompt="Earlier: {recall}\nQuestion: {query}\nSay what to look up and what to compute.\n",
    fields={"lookup": "text", "expression": "text", "answer": "text"},
    tokens={"input": {"mean": 900, "p95": 2400}, "output": {"mean": 150, "p95": 320}},
)
find = agent.call_tool("find", search, plan.lookup)
compute = agent.call_tool("compute", calculator, plan.expression)
reply = agent.builtin(
    "reply",
    "template",
    [plan.answer, compute, find],
    options={"template": "{plan.answer}\n= {compute}\n\n{find}"},
)
agent.memory_store("keep", history, [user, reply])
agent.output("answer", reply)
