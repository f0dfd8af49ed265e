"""What the README shows is what the compiler says."""

import os
import re
from pathlib import Path

import pytest
from harness.tree import ROOT

from agentc import api

README = ROOT / "README.md"
SHOWN = re.compile(r"(<!-- explain-placement build/voice -->\n```\n)(.*?)(```\n<!-- end -->)", re.DOTALL)
DEFINITION = re.compile(r"```yaml\n(agentc: v1\n.*?)```", re.DOTALL)


def test_plan_shown_is_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    build = api.compile("examples/voice-agent/agent.yaml", fleet="examples/fleets/mixed-2026.yaml")
    now = api.render(build.facts())
    text = README.read_text("utf-8")
    if os.environ.get("AGENTC_GOLDEN") == "write":
        README.write_text(SHOWN.sub(lambda found: found[1] + now + found[3], text), "utf-8")
        return
    shown = SHOWN.search(text)
    assert shown is not None and shown[2] == now, "not as shown (`make golden` rewrites)"


def test_definition_shown_is_accepted(tmp_path: Path) -> None:
    found = DEFINITION.search(README.read_text("utf-8"))
    assert found is not None
    (tmp_path / "agent.yaml").write_text(found[1], "utf-8")
    (tmp_path / "tools.py").write_text("def search(question: str) -> str:\n    return question\n", "utf-8")
    assert api.check(tmp_path / "agent.yaml") == []


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text("utf-8")):
        assert (ROOT / target).exists(), target
