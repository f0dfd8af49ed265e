"""What docs/profiles.md shows is what the commands say."""

import re
from pathlib import Path

from agentc import api
from agentc.frontends import profile as profiles
from agentc.support.diagnostics import Diagnostics
from agentc.support.yaml_source import parse_yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "profiles.md").read_text("utf-8")
VOICE = ROOT / "examples" / "voice-agent"
STATED, LEARNED = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)


def test_the_profile_that_is_learned() -> None:
    text, told = api.learn_profile([VOICE / "traces.jsonl"], VOICE / "agent.yaml")
    assert (text, told) == (LEARNED, ())


def test_both_profiles_fit_the_voice_agent(tmp_path: Path) -> None:
    for text in (STATED, LEARNED):
        (tmp_path / "profile.yaml").write_text(text)
        assert [d.slug for d in api.check(VOICE / "agent.yaml", profile=tmp_path / "profile.yaml")] == []


def test_what_reports_say_of_it(tmp_path: Path) -> None:
    (tmp_path / "profile.yaml").write_text(LEARNED)
    from agentc import frontends

    module = frontends.load(VOICE / "agent.yaml", found=Diagnostics(), profile=profiles.load(tmp_path / "profile.yaml"))
    said = re.search(r"```text\nFrom profile.yaml\n(.*?)```", PAGE, re.S)
    assert said is not None
    for line in said[1].splitlines():
        assert f'"{line.strip()}"' in str(module)


def test_every_figure_is_listed() -> None:
    listed = set(re.findall(r"`(\w+)`", PAGE)) | {"tokens"}
    for part in profiles.schema()["$defs"].values():
        if part.get("type") == "object" and part.get("description", "").startswith(("What ", "How much a memory")):
            assert set(part["properties"]) <= listed, part["description"]
    assert parse_yaml(STATED).data["agentc"] == "v1"
