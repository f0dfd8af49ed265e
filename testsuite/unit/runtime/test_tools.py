"""Tools: found, checked and run; what goes wrong names the tool, the file and the line."""

import time
from pathlib import Path

import pytest
from runtime_sample import write_build

from agentc.runtime import load
from agentc.runtime.program import Program
from agentc.support.diagnostics import Diagnostic, Refused

SOURCE = '''"""Tools."""
import helper


def greet(name, greeting="Hello"):
    return f"{greeting} {name}{helper.END}"


def count(text: str, times: float) -> dict:
    return {"text": text * int(times), "times": times}


async def later(text):
    return text + " later"


def breaks(text):
    value = 1
    return value / 0


def leaves(text):
    raise SystemExit(3)


def hangs(text):
    import time
    time.sleep(5)
'''


def agent(tmp_path: Path, function: str, call: str, spec: str = "", *, split: bool = False) -> Program:
    text = f"""
    tool.spec @t latency <0.0> cpu <0.0> {{python = "lib/tools.py:{function}"{spec}}}
    agent.graph entry @sample {{
      %q = agent.input "q" : !agent.text
      {call}
      agent.output ["a"](%a) : !agent.any
    }}"""
    files: dict[str, str | bytes] = {"tools/lib/tools.py": SOURCE, "tools/lib/helper.py": 'END = "!"\n'}
    return load(write_build(tmp_path / "build", text, files), state=tmp_path / "state")


CALL = "%a = tool.invoke @t(%q) : (!agent.text) -> !agent.any"
SPLIT = """%h = tool.lookup @t(%q) {arguments = ["name"]} : (!agent.text) -> !tool.handle
      %a = tool.compute @t(%h) : !tool.handle -> !agent.any"""


def refusal(program: Program) -> Diagnostic:
    with pytest.raises(Refused) as refused:
        program.run({"q": "x"})
    return refused.value.diagnostics[0]


def test_by_position_by_name_and_split(tmp_path: Path) -> None:
    assert agent(tmp_path / "1", "greet", CALL).run({"q": "x"}).outputs == {"a": "Hello x!"}
    assert agent(tmp_path / "2", "greet", SPLIT).run({"q": "x"}).outputs == {"a": "Hello x!"}
    named = 'tool.invoke @t(%q) {arguments = ["greeting"]} : (!agent.text) -> !agent.any'
    assert refusal(agent(tmp_path / "3", "greet", f"%a = {named}")).slug == "tool-arguments"


def test_schema_is_checked_before_the_call(tmp_path: Path) -> None:
    spec = ', parameters = {text = "text", times = "number"}'
    call = "%a = tool.invoke @t(%q, %q) : (!agent.text, !agent.text) -> !agent.any"
    program = agent(tmp_path, "count", call, spec)
    assert program.run({"q": "2"}).outputs == {"a": {"text": "22", "times": 2.0}}
    with pytest.raises(Refused, match="argument `times`: expected a number"):
        program.run({"q": "two"})


def test_coroutine_is_awaited(tmp_path: Path) -> None:
    assert agent(tmp_path, "later", CALL).run({"q": "x"}).outputs == {"a": "x later"}


def test_exception_names_tool_file_and_line(tmp_path: Path) -> None:
    found = refusal(agent(tmp_path, "breaks", CALL))
    assert found.slug == "tool-failed"
    assert found.message == "`lib/tools.py:breaks` failed: ZeroDivisionError: division by zero"
    assert str(found.span) == "lib/tools.py:19:1"


def test_exit_does_not_end_the_process(tmp_path: Path) -> None:
    assert "SystemExit: 3" in refusal(agent(tmp_path, "leaves", CALL)).message


def test_timeout_of_a_tool_names_it(tmp_path: Path) -> None:
    began = time.monotonic()
    call = 'tool.invoke @t(%q) {agent.node = "find"} : (!agent.text) -> !agent.any'
    found = refusal(agent(tmp_path, "hangs", f"%a = {call}", ", timeout_seconds = 0.1 : f64"))
    assert (found.slug, found.message) == ("run-timeout", "`find` took longer than 0.1 s")
    assert time.monotonic() - began < 4, "the run waited for the thread"


def test_missing_function_and_file(tmp_path: Path) -> None:
    found = refusal(agent(tmp_path / "1", "gret", CALL))
    assert (found.slug, found.help) == ("tool-missing", "did you mean `greet`?")
    program = agent(tmp_path / "2", "greet", CALL)
    (tmp_path / "2/build/tools/lib/tools.py").unlink()
    assert refusal(program).slug == "tool-missing"


@pytest.mark.parametrize(("source", "line"), [("x = 1\ndef f(:\n", 2), ("\n\nimport no_such_module\n", 3)])
def test_file_that_does_not_load(tmp_path: Path, source: str, line: int) -> None:
    text = """
    agent.graph entry @sample {
      %q = agent.input "q" : !agent.text
      %a = compute.python "f.py:f"(%q) : (!agent.text) -> !agent.text
      agent.output ["a"](%a) : !agent.text
    }"""
    found = refusal(load(write_build(tmp_path / "b", text, {"tools/f.py": source}), state=tmp_path / "s"))
    assert found.slug == "tool-failed" and found.span is not None and found.span.line == line


def test_running_leaves_the_build_as_it_is(tmp_path: Path) -> None:
    program = agent(tmp_path, "greet", CALL)
    before = sorted(path.name for path in (tmp_path / "build").rglob("*"))
    program.run({"q": "x"})
    assert sorted(path.name for path in (tmp_path / "build").rglob("*")) == before


def test_tool_without_a_place(tmp_path: Path) -> None:
    text = """
    tool.spec @t latency <0.0> cpu <0.0>
    agent.graph entry @sample {
      %q = agent.input "q" : !agent.text
      %a = tool.invoke @t(%q) : (!agent.text) -> !agent.any
      agent.output ["a"](%a) : !agent.any
    }"""
    assert refusal(load(write_build(tmp_path / "b", text), state=tmp_path / "s")).slug == "tool-missing"


def test_the_line_is_told_however_the_build_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent(tmp_path, "breaks", CALL).close()
    monkeypatch.chdir(tmp_path)
    with load("build", state=tmp_path / "state") as program:
        found = refusal(program)
    line = SOURCE.splitlines().index("    return value / 0") + 1
    assert str(found.span) == f"lib/tools.py:{line}:1"
    assert any(note.startswith("in `") for note in found.notes)


def test_a_tool_whose_address_was_assumed_says_so(tmp_path: Path) -> None:
    text = """
    tool.spec @t latency <0.0> cpu <0.0> {http = "http://127.0.0.1:9/tools/t"MARK}
    agent.graph entry @sample {
      %q = agent.input "q" : !agent.text
      %a = tool.invoke @t(%q) : (!agent.text) -> !agent.any
      agent.output ["a"](%a) : !agent.any
    }"""
    helps = [
        refusal(load(write_build(tmp_path / name, text.replace("MARK", mark)), state=tmp_path / "s")).help
        for name, mark in (("a", ', agent.assumed = ["server"]'), ("b", ""))
    ]
    assert ["was assumed" in str(help) for help in helps] == [True, False]
