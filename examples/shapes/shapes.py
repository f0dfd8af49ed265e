"""The agents of this folder in Python: `agentc compile examples/shapes/shapes.py:network`."""

from agentc import Agent

SEARCH = {"python": "tools.py:search", "latency_ms": 180, "cpu_ms": 1, "pure": True, "returns": "text"}
SUM = {"python": "tools.py:calculate", "latency_ms": 0, "cpu_ms": 0.1, "pure": True, "returns": "text"}

# One model that calls its tools until it can answer.
single = Agent("single")
mind = single.model("mind", catalog="qwen3-8b", precision="bf16")
search, calculate = single.tool("search", **SEARCH), single.tool("calculate", **SUM)
question = single.input("question", type="text", tokens=60)
with single.loop("work", expected=2.5, max=8, while_="decide.more") as work:
    decide = work.llm(
        "decide",
        mind,
        [question, "act"],
        prompt="Question: {question}\nLast result: {act}\nAnswer, or say which tool to call with what.",
        fields={"more": "bool", "tool": ["search", "calculate"], "argument": "text", "answer": "text"},
    )
    act = work.branch("act", decide.tool, when={"if": "decide.more", "probability": 0.6})
    with act.case("search", 0.7) as case:
        case.call_tool("found", search, decide.argument)
    with act.case("calculate", 0.3) as case:
        case.call_tool("sum", calculate, decide.argument)
single.output("answer", work.decide.answer)

# Agents of equal rank, each of which answers or hands over to any other.
network = Agent("network")
mind = network.model("mind", catalog="qwen3-8b", precision="bf16")
MEMBERS = {"planner": "You plan.", "coder": "You write code.", "tester": "You test."}
for name, role in MEMBERS.items():
    with network.agent(name) as member:
        about, notes = member.input("task", type="text", tokens=200), member.input("notes", type="text", tokens=300)
        speak = member.llm(
            "speak",
            mind,
            [about, notes],
            prompt=f"{role}\nTask: {{task}}\nNotes: {{notes}}",
            fields={"next": [*MEMBERS, "done"], "text": "text"},
        )
        member.output("said", speak)
task = network.input("task", type="text", tokens=200)
first = network.builtin("first", "template", options={"template": "planner"})
with network.loop("turns", expected=4, max=12, until="done", start={"who": first}) as turns:
    turn = turns.branch("turn", "who")
    for name, label, share in (("planner", "plan", 0.4), ("coder", "code", 0.35), ("tester", "test", 0.25)):
        with turn.case(name, share) as case:
            case.call_agent(label, name, {"task": task, "notes": "notes"})
    turns.builtin("notes", "select", turn, options={"field": "text"}, returns="text")
    who = turns.builtin("who", "select", turn, options={"field": "next"}, returns="text")
    turns.builtin("done", "equals", who, options={"value": "done"})
network.output("answer", turns.notes)

# A supervisor that says after each turn which worker goes on, or that the work is done.
supervisor = Agent("supervisor-of-workers")
lead = supervisor.model("lead", catalog="qwen3-32b", precision="fp8")
hand = supervisor.model("hand", catalog="qwen3-8b", precision="bf16")
search = supervisor.tool("search", **SEARCH)
with supervisor.agent("researcher") as researcher:
    order = researcher.input("order", type="text", tokens=60)
    found = researcher.call_tool("found", search, order)
    report = researcher.llm("report", hand, [order, found], prompt="Order: {order}\nFound: {found}\nReport.")
    researcher.output("report", report)
with supervisor.agent("writer") as writer:
    order = writer.input("order", type="text", tokens=60)
    writer.output("draft", writer.llm("draft", hand, order, prompt="Write: {order}", tokens={"output": 300}))
task = supervisor.input("task", type="text", tokens=120)
with supervisor.loop("work", expected=3, max=10, until="done") as work:
    leads = work.llm(
        "lead",
        lead,
        [task, "turn"],
        prompt="Task: {task}\nLast report: {turn}\nWho goes on, and with what order?",
        fields={"next": ["researcher", "writer", "done"], "order": "text"},
    )
    turn = work.branch("turn", leads.next)
    with turn.case("researcher", 0.4) as case:
        case.call_agent("research", "researcher", leads.order)
    with turn.case("writer", 0.3) as case:
        case.call_agent("write", "writer", leads.order)
    with turn.case("done", 0.3) as case:
        case.builtin("last", "identity", leads.order)
    work.builtin("done", "equals", leads.next, options={"value": "done"})
supervisor.output("answer", work.turn)

# A supervisor whose tools are agents.
supervisor_as_tools = Agent("supervisor-as-tools")
lead = supervisor_as_tools.model("lead", catalog="qwen3-32b", precision="fp8")
hand = supervisor_as_tools.model("hand", catalog="qwen3-8b", precision="bf16")
with supervisor_as_tools.agent("mathematician") as worker:
    argument = worker.input("argument", type="text", tokens=40)
    worker.output("result", worker.llm("solve", hand, argument, prompt="Work this out step by step: {argument}"))
with supervisor_as_tools.agent("historian") as worker:
    argument = worker.input("argument", type="text", tokens=40)
    worker.output("result", worker.llm("tell", hand, argument, prompt="What is known of this: {argument}"))
question = supervisor_as_tools.input("question", type="text", tokens=60)
with supervisor_as_tools.loop("work", expected=2.5, max=8, while_="decide.more") as work:
    decide = work.llm(
        "decide",
        lead,
        [question, "act"],
        prompt="Question: {question}\nLast result: {act}\nAnswer, or say whom to ask what.",
        fields={"more": "bool", "tool": ["mathematician", "historian"], "argument": "text", "answer": "text"},
    )
    act = work.branch("act", decide.tool, when={"if": "decide.more", "probability": 0.6})
    with act.case("mathematician", 0.5) as case:
        case.call_agent("math", "mathematician", decide.argument)
    with act.case("historian", 0.5) as case:
        case.call_agent("history", "historian", decide.argument)
supervisor_as_tools.output("answer", work.decide.answer)

# A supervisor of teams, each with a supervisor of its own.
hierarchical = Agent("hierarchical")
head = hierarchical.model("head", catalog="qwen3-32b", precision="fp8")
lead = hierarchical.model("lead", catalog="qwen3-8b", precision="bf16")
hand = hierarchical.model("hand", catalog="qwen3-4b", precision="bf16")
with hierarchical.agent("reader") as worker:
    order = worker.input("order", type="text", tokens=60)
    worker.output("notes", worker.llm("read", hand, order, prompt="Read up on: {order}"))
with hierarchical.agent("checker") as worker:
    order = worker.input("order", type="text", tokens=60)
    worker.output("notes", worker.llm("check", hand, order, prompt="Check the facts: {order}"))
with hierarchical.agent("author") as worker:
    order = worker.input("order", type="text", tokens=60)
    worker.output("text", worker.llm("write", hand, order, prompt="Write: {order}", tokens={"output": 400}))
with hierarchical.agent("research") as team:
    order = team.input("order", type="text", tokens=60)
    leads = team.llm(
        "lead",
        lead,
        order,
        prompt="Who does this: {order}",
        fields={"who": ["reader", "checker"], "order": "text"},
    )
    turn = team.branch("turn", leads.who)
    with turn.case("reader", 0.6) as case:
        case.call_agent("read", "reader", leads.order)
    with turn.case("checker", 0.4) as case:
        case.call_agent("check", "checker", leads.order)
    team.output("report", turn)
with hierarchical.agent("writing") as team:
    order = team.input("order", type="text", tokens=60)
    outline = team.llm("lead", lead, order, prompt="Outline: {order}")
    team.output("report", team.call_agent("text", "author", outline))
task = hierarchical.input("task", type="text", tokens=120)
with hierarchical.loop("work", expected=2, max=6, until="done") as work:
    heads = work.llm(
        "head",
        head,
        [task, "team"],
        prompt="Task: {task}\nLast report: {team}\nWhich team goes on, with what order?",
        fields={"next": ["research", "writing", "done"], "order": "text"},
    )
    teams = work.branch("team", heads.next)
    with teams.case("research", 0.4) as case:
        case.call_agent("learn", "research", heads.order)
    with teams.case("writing", 0.4) as case:
        case.call_agent("compose", "writing", heads.order)
    with teams.case("done", 0.2) as case:
        case.builtin("last", "identity", heads.order)
    work.builtin("done", "equals", heads.next, options={"value": "done"})
hierarchical.output("answer", work.team)

# Fixed steps where the way is known, a model's choice where it is not.
custom = Agent("custom")
mind = custom.model("mind", catalog="qwen3-8b", precision="bf16")
judge = custom.model("judge", catalog="qwen3-4b", precision="bf16")
search = custom.tool("search", **SEARCH)
audit = custom.memory("audit", kind="log")
question = custom.input("question", type="text", tokens=60)
split = custom.llm(
    "split",
    mind,
    question,
    prompt="Which three things must be looked up for: {question} One a line.",
    tokens={"output": 40},
)
parts = custom.builtin("parts", "lines", split)
with custom.map("facts", parts, as_="part", width=3, concurrency=3) as facts:
    facts.call_tool("fact", search, "part")
answer = custom.llm("answer", mind, [question, facts], prompt="Question: {question}\nFacts: {facts}\nAnswer.")
verdict = custom.llm(
    "verdict", judge, [question, answer], prompt="Is this good? {question} {answer}", fields={"good": "bool"}
)
repair = custom.llm(
    "repair",
    mind,
    [question, answer],
    prompt="Question: {question}\nBetter than this: {answer}",
    when={"if": "again", "probability": 0.2},
)
custom.builtin("again", "not", verdict.good)
final = custom.builtin("final", "default", [repair, answer], returns="text")
custom.observe("log", audit, [question, final], async_=True)
custom.output("answer", final)
