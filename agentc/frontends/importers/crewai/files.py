"""Which files make a crew: the one that the user names, and those that stand around it."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, cast

from agentc.frontends.importers.frame import Draft
from agentc.frontends.importers.recognize import CREW_AGENT, CREW_TASK, crew_part, holds, rows_of
from agentc.frontends.importers.source import Part
from agentc.support.diagnostics import Refused, shortened
from agentc.support.record import record

_SUFFIXES = (".yaml", ".yml")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}\Z")
_MOST_FILES = 50
"""Python files beside a crew that are looked through."""


@record
class Member:
    """An agent, a task or a crew: what the code says of it, and what a file does."""

    part: Part
    """Its place."""
    parts: tuple[Part, ...]

    def __getitem__(self, key: str) -> Part:
        """The field ``key``, also of `settings`; the code's word counts first."""
        for part in self.parts:
            for stated in (part[key], part["settings"][key]):
                if stated.value is not None:
                    return stated
        return self.parts[0][key] if self.parts else self.part[key]

    def __contains__(self, key: str) -> bool:
        return any(key in part or key in part["settings"] for part in self.parts)


@record
class Crew:
    """What a crew is made of."""

    name: str
    part: Part
    agents: Mapping[str, Member]
    tasks: Mapping[str, Member]
    settings: Member
    models: Mapping[str, Part]
    """What the code calls its models."""


def opened(draft: Draft) -> Crew:
    """The crew of a document. Raises Refused where a file of it is missing."""
    whole = Part.of(draft.document)
    found = crew_part(cast("dict[str, Any]", whole.value))
    if found == "crew":
        return _single(draft, whole)
    other = _open(draft, _beside(draft, whole, found), whole)
    agents, tasks = (whole, other) if found == "agents" else (other, whole)
    return _merged(draft, whole, _code(draft), agents, tasks)


def of_code(draft: Draft, code: Part) -> Crew:
    """The crew that Python code makes, with the files that it names. Raises Refused."""
    folder = os.path.dirname(code.document.file)
    opened: list[Part] = []
    for key in ("agents_config", "tasks_config"):
        path = os.path.join(folder, code[key].text())
        named = any(row["config"].text() for row in code[key.partition("_")[0]].fields().values())
        opened.append(_open(draft, path, code[key]) if named or os.path.isfile(path) else code["none"])
    return _merged(draft, code, code, *opened)


def _single(draft: Draft, whole: Part) -> Crew:
    """A crew in one document, or with a file an agent beside it."""
    agents = dict(_entries(whole["agents"], "agent"))
    for row in whole["agents"].items():
        if row.is_text:
            agents[row.text()] = _agent_file(draft, row)
    manager = whole["manager_agent"]
    if manager.text() and manager.text() not in agents and not holds(rows_of(whole["agents"].value), CREW_AGENT):
        agents[manager.text()] = _agent_file(draft, manager)
    tasks = dict(_entries(whole["tasks"], "task"))
    return Crew(
        whole["name"].text() or _name_of(draft.document.file),
        whole,
        {name: Member(part, (part,)) for name, part in agents.items()},
        {name: Member(part, (part,)) for name, part in tasks.items()},
        Member(whole, (whole,)),
        {},
    )


def _entries(part: Part, otherwise: str) -> Iterator[tuple[str, Part]]:
    """Members by name: of a mapping, of a list whose rows say `name`, or of a list of mappings with one key each."""
    for name, row in part.fields().items():
        yield name, row
    taken: set[str] = set()
    for number, row in enumerate(part.items(), 1):
        if not row.is_mapping:
            continue
        fields = row.fields()
        single = len(fields) == 1 and not (CREW_AGENT | CREW_TASK) & fields.keys()
        [name, inner] = next(iter(fields.items())) if single else (row["name"].text(), row)
        name = name or f"{otherwise}_{number}"
        yield name if name not in taken else f"{name}_{number}", inner
        taken.add(name)


def _agent_file(draft: Draft, row: Part) -> Part:
    """`agents/NAME.jsonc`."""
    name = row.text()
    folder = os.path.join(os.path.dirname(draft.document.file), "agents")
    paths = [os.path.join(folder, f"{name}{suffix}") for suffix in (".jsonc", ".json", *_SUFFIXES)]
    path = next((path for path in paths if os.path.isfile(path)), None) if _NAME.match(name) else None
    if path is None:
        message = f"there is no file `agents/{shortened(name, 80)}.jsonc`"
        raise draft.refuse("missing-file", message, row, "every agent of a crew has a file beside it")
    return _open(draft, path, row)


def _merged(draft: Draft, whole: Part, code: Part, agents: Part, tasks: Part) -> Crew:
    """Members of the code with what the files say of them; without code, those of the files."""

    def members(stated: Mapping[str, Part], rows: Mapping[str, Part]) -> dict[str, Member]:
        if not stated:
            return {name: Member(row, (row,)) for name, row in rows.items()}
        found: dict[str, Member] = {}
        for name, part in stated.items():
            row = rows.get(part["config"].text() or name)
            if row is None and part["config"].text():
                message = f"`{shortened(part['config'].text(), 80)}` is not in the file of the configuration"
                draft.error("unknown-name", message, part["config"])
            found[name] = Member(part, (part, row) if row is not None else (part,))
        return found

    settings = code["crew"]
    name = settings["name"].text() or code["name"].text() or _name_of(draft.document.file)
    made = members(code["agents"].fields(), agents.fields()), members(code["tasks"].fields(), tasks.fields())
    return Crew(name, whole, *made, Member(settings, (settings,)), code["models"].fields())


def _code(draft: Draft) -> Part:
    """What the Python code around configuration files makes of them; nothing where there is none."""
    from agentc.frontends.importers.crewai.code import crews
    from agentc.frontends.importers.langgraph.module import Module

    config = os.path.basename(draft.document.file)
    for path, text in _python(os.path.dirname(os.path.abspath(draft.document.file))):
        if "Crew(" in text and (config in text or os.path.basename(path) == "crew.py"):
            shown = os.path.relpath(path) if not os.path.isabs(draft.document.file) else path
            return crews(Module(text, shown), draft, "")
    return Part(draft.document, (), None)


def _python(folder: str) -> Iterator[tuple[str, str]]:
    """Python files beside and above ``folder`` that import CrewAI, `crew.py` first."""
    from agentc.frontends.importers.crewai import IMPORTS

    for place in (os.path.dirname(folder), folder):
        try:
            names = sorted(name for name in os.listdir(place) if name.endswith(".py"))
        except OSError:
            continue
        for name in sorted(names, key=lambda name: name != "crew.py")[:_MOST_FILES]:
            path = os.path.join(place, name)
            try:
                with open(path, encoding="utf-8") as file:
                    text = file.read(1_000_000)
            except (OSError, UnicodeDecodeError):
                continue
            if IMPORTS.search(text):
                yield path, text


def _beside(draft: Draft, whole: Part, found: str) -> str:
    """The file of the tasks beside that of the agents, or the other way round."""
    folder, name = os.path.split(draft.document.file)
    wanted = name.replace("agent", "task") if found == "agents" else name.replace("task", "agent")
    stem = os.path.splitext(wanted)[0]
    paths = [os.path.join(folder, stem + suffix) for suffix in _SUFFIXES]
    for path in paths:
        if wanted != name and os.path.isfile(path):
            return path
    missing = "tasks" if found == "agents" else "agents"
    what = f"`{shortened(name, 80)}` has the {found} of a crew, but no file beside it has its {missing}"
    raise draft.refuse("missing-file", what, whole, f"put `{missing}.yaml` beside it")


def _open(draft: Draft, path: str, part: Part) -> Part:
    from agentc.frontends.importers.json_text import open_source

    if not os.path.isfile(path):
        raise draft.refuse("missing-file", f"there is no file `{shortened(part.text() or path, 80)}`", part)
    try:
        return Part.of(open_source(path))
    except Refused as refused:
        draft.found.extend(refused.diagnostics)
        raise Refused(*draft.found.sorted()) from refused


def _name_of(file: str) -> str:
    """A crew is called as the folder of its package, or as its file where that says more."""
    folder, name = os.path.split(file)
    stem = name.partition(".")[0]
    if re.fullmatch(r"crew|tasks?|agents?", stem, re.I):
        above, folder_name = os.path.split(folder)
        return (os.path.basename(above) if folder_name == "config" else folder_name) or stem
    return stem


def located(folder: str) -> str | None:
    """The file to begin with in a project's folder: a flow that runs crews, else a crew."""
    places = [folder, os.path.join(folder, "config")]
    source = os.path.join(folder, "src")
    if os.path.isdir(source):
        inner = [os.path.join(source, name) for name in sorted(os.listdir(source))]
        places += [*(os.path.join(each, "config") for each in inner), *inner]
    flows = [path for place in places for name in ("main.py", "flow.py") if _is_flow(path := os.path.join(place, name))]
    if flows:
        return flows[0]
    names = ("crew.jsonc", "crew.json", "tasks.yaml", "tasks.yml")
    found = [path for place in places for name in names if os.path.isfile(path := os.path.join(place, name))]
    return found[0] if found else None


def _is_flow(path: str) -> bool:
    """Whether a file is a flow's."""
    from agentc.frontends.importers.crewai import FLOW, recognized

    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(1_000_000)
    except (OSError, UnicodeDecodeError):
        return False
    return FLOW.search(text) is not None and recognized(FilePath(path))
