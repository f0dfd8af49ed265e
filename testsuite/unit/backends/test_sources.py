"""A build holds copies of what it runs, with what that needs, and nothing from outside the definition's folder."""

from pathlib import Path

import pytest
from placed_sample import context
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from agentc.backends.request import Request
from agentc.backends.sources import emit_build
from agentc.support.diagnostics import Refused

TOOL = 'tool.spec @search latency <0.1> cpu <0.01> {{python = "{}:search"}}\n'
MEMORY = 'memory.spec @notes kind "vector" documents 2 dimension 4 {{path = "{}"}}\n'


def module(text: str) -> ModuleOp:
    return Parser(context(), f"builtin.module {{\n{text}}}").parse_module()


def copied(text: str, base: Path) -> set[str]:
    out = base.parent / "out"
    artifacts = emit_build(Request(module(text), out, base))
    assert all((out / artifact.path).is_file() for artifact in artifacts)
    return {artifact.path for artifact in artifacts}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    base = tmp_path / "agent"
    (base / "docs" / "more").mkdir(parents=True)
    (base / "tools.py").write_text('import json\nimport shared.words\nfrom near import x\nPAGES = "pages.json"\n')
    (base / "near.py").write_text("import tools\nx = 1\n")
    (base / "shared").mkdir()
    (base / "shared" / "words.py").write_text('STOP = "stop.txt"\n')
    (base / "shared" / "stop.txt").write_text("the")
    (base / "pages.json").write_text("[]")
    (base / "unused.py").write_text("")
    (base / "docs" / "a.md").write_text("a")
    (base / "docs" / "more" / "b.md").write_text("b")
    (tmp_path / "secret.py").write_text("")
    return base


def test_a_tool_brings_what_it_imports_and_names(base: Path) -> None:
    names = {"tools.py", "near.py", "pages.json", "shared/words.py", "shared/stop.txt"}
    assert copied(TOOL.format("tools.py"), base) == {f"tools/{name}" for name in names}


def test_a_memory_brings_its_documents(base: Path) -> None:
    assert copied(MEMORY.format("docs"), base) == {"data/docs/a.md", "data/docs/more/b.md"}


def test_what_is_missing_or_outside_is_refused_at_once(base: Path) -> None:
    text = TOOL.format("gone.py") + TOOL.replace("@search", "@other").format("../secret.py") + MEMORY.format("nowhere")
    with pytest.raises(Refused) as refused:
        emit_build(Request(module(text), base.parent / "out", base))
    assert [problem.slug for problem in refused.value.diagnostics] == [
        "missing-file",
        "outside-definition",
        "missing-file",
    ]
    assert not (base.parent / "out").exists()


def test_a_file_that_is_no_python_is_copied_alone(base: Path) -> None:
    (base / "tools.py").write_text("def broken(:\n")
    assert copied(TOOL.format("tools.py"), base) == {"tools/tools.py"}


def test_a_link_to_the_outside_is_not_followed(base: Path) -> None:
    (base / "tools.py").write_text('LEAK = "leak.txt"\n')
    (base / "leak.txt").symlink_to(base.parent / "secret.py")
    assert copied(TOOL.format("tools.py"), base) == {"tools/tools.py"}
