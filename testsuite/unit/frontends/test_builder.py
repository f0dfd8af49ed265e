"""Agents in Python become the IR that their YAML becomes; their mistakes point at Python lines."""

import re
from pathlib import Path

import pytest

from agentc import Agent, frontends
from agentc.frontends import python
from agentc.support.diagnostics import Diagnostic, Refused

ROOT = Path(__file__).parents[3]


def without_places(module: object) -> str:
    return re.sub(r'agent\.source = "[^"]*"', "", str(module))


def refused(source: str, **options: float) -> Diagnostic:
    with pytest.raises(Refused) as caught:
        python.load(source, **options)  # pyright: ignore[reportArgumentType]
    return caught.value.diagnostics[0]


def test_figure_7() -> None:
    folder = ROOT / "examples" / "figure7"
    built = frontends.load(f"{folder}/agent.py:agent")
    assert without_places(built) == without_places(frontends.load(folder / "agent.yaml"))
    line = (folder / "agent.py").read_text().splitlines().index("plan = agent.llm(") + 1
    assert f'agent.node = "plan", agent.source = "agent.py:{line}:1"' in str(built)


VOICE = '''
from agentc import Agent

voice = Agent("voice-agent")
voice.sla(ttft_ms={"p95": 250}, tbt_ms={"p95": 20}, end_to_end_ms={"p95": 12000})
voice.load(requests_per_second=20)
ears = voice.model("ears", catalog="whisper-large-v3", precision="fp16")
mind = voice.model("mind", catalog="llama-3.1-70b", precision="fp8")
mouth = voice.model("voice", catalog="orpheus-3b", precision="fp16")
search = voice.tool(
    "search", python="tools.py:web_search", description="Passages of the web that answer a query",
    latency_ms={"p50": 180, "p95": 600}, cpu_ms=2, pure=True, returns="documents",
)
episodes = voice.memory("episodes", kind="log")
speech = voice.input("speech", type="audio", seconds={"mean": 6, "p95": 14})
hear = voice.stt("hear", ears, speech)
with voice.loop("think", expected=1.4, max=4, while_="decide.needs_search") as think:
    decide = think.llm(
        "decide", mind, [hear, "find"],
        system="""You answer spoken questions in one or two short sentences.
If you need facts that were not found yet, set needs_search and give a query; else answer.
""",
        prompt="Question: {hear}\\nFound so far: {find}\\n",
        fields={"needs_search": "bool", "query": "text", "answer": "text"},
        tokens={"input": {"mean": 512, "p95": 1400}, "output": {"mean": 80, "p95": 160}},
    )
    think.call_tool("find", search, decide.query, when=decide.needs_search)
tidy = voice.python("tidy", "text.py:speakable", think.decide.answer, cpu_ms=0.2, returns="text")
speak = voice.tts(
    "speak", mouth, tidy, tokens={"input": {"mean": 60, "p95": 110}}, seconds={"mean": 18, "p95": 33}
)
voice.observe("log", episodes, [hear, tidy], async_=True)
voice.output("answer", speak)
voice.output("transcript", hear)
voice.output("text", tidy)
'''


def test_voice_agent(tmp_path: Path) -> None:
    folder = ROOT / "examples" / "voice-agent"
    for name in ("tools.py", "text.py"):
        (tmp_path / name).write_text((folder / name).read_text())
    (tmp_path / "voice.py").write_text(VOICE)
    built = frontends.load(f"{tmp_path}/voice.py:voice")
    assert without_places(built) == without_places(frontends.load(folder / "agent.yaml"))


def test_branches_maps_and_sub_agents(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("""
from agentc import Agent
agent = Agent("boss")
mind = agent.model("mind", catalog="llama-3.1-8b")
with agent.agent("worker") as worker:
    task = worker.input("task", type="text")
    worker.output("done", worker.llm("do", mind, task))
question = agent.input("question", type="text")
plan = agent.llm("plan", mind, question, fields={"kind": ["one", "many"]})
parts = agent.builtin("parts", "split", question)
route = agent.branch("route", plan.kind)
with route.case("one", 0.6) as one:
    one.call_agent("x", "worker", question)
with route.case("many", 0.4, output="joined") as many:
    with many.map("each", parts, as_="part", width=3) as each:
        each.call_agent("y", "worker", "part")
    many.builtin("joined", "join", "each")
agent.output("answer", route)
""")
    text = str(frontends.load(f"{tmp_path}/a.py"))
    assert 'agent.branch %kind ["one", "many"] probabilities [6.000000e-01 : f64, 4.000000e-01 : f64]' in text
    assert "agent.map %parts width <3.0>" in text
    assert text.count("agent.call @worker") == 2
    assert 'agent.node = "route.many.each.y", agent.source = "a.py:16:1"' in text


def test_mistakes_point_at_python_lines(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        'from agentc import Agent\nagent = Agent("a")\n\nagent.llm("x", "mind", "nothing")\n'
    )
    first = refused(f"{tmp_path}/a.py:agent")
    assert str(first.span) == f"{tmp_path}/a.py:4:1"
    assert first.slug in ("unknown-model", "unknown-reference")


def test_a_name_given_twice(tmp_path: Path) -> None:
    lines = ["from agentc import Agent", 'agent = Agent("a")', *['agent.builtin("x", "list")'] * 2]
    (tmp_path / "a.py").write_text("\n".join(lines))
    problem = refused(f"{tmp_path}/a.py:agent")
    assert (problem.slug, problem.span and problem.span.line) == ("duplicate-name", 4)


@pytest.mark.parametrize(
    ("text", "name", "holds"),
    [
        ("1 / 0", "agent", "ZeroDivisionError"),
        ("def f(:", "agent", "SyntaxError"),
        ("import sys; sys.exit(7)", "agent", "7"),
        ("import os; os.kill(os.getpid(), 9)", "agent", "-9"),
        ("from agentc import Agent\nboss = Agent('a')", "agent", "nothing called `agent`"),
        ("agent = 3", "agent", "no `agentc.Agent`"),
    ],
)
def test_files_that_build_nothing(text: str, name: str, holds: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(text)
    problem = refused(f"{tmp_path}/a.py:{name}")
    assert problem.slug == "builder-failed" and holds in problem.message


def test_the_place_of_an_exception(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n\nraise ValueError('no luck')\n")
    problem = refused(f"{tmp_path}/a.py")
    assert problem.span is not None and problem.span.line == 3 and "no luck" in problem.message


def test_a_file_that_does_not_end(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("while True: pass")
    assert "took more than" in refused(f"{tmp_path}/a.py", seconds=0.5).message


def test_the_file_may_print_and_import_its_neighbors(tmp_path: Path) -> None:
    (tmp_path / "names.py").write_text('NAME = "helper"\nprint("imported")\n')
    (tmp_path / "a.py").write_text(
        "from names import NAME\nfrom agentc import Agent\nprint('hello')\nagent = Agent(NAME)\n"
        "agent.output('y', agent.builtin('x', 'list'))\n"
    )
    assert "agent.graph entry @helper" in str(frontends.load(f"{tmp_path}/a.py:agent"))


def test_the_builder_needs_nothing_heavy() -> None:
    assert Agent("x").definition == {"agentc": "v1", "name": "x", "nodes": {}}
