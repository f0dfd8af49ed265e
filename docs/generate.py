"""Writes docs/reference/ from the code itself, so that it cannot say something else.

``python docs/generate.py`` writes; with ``--check`` it names the pages that are out of date and exits with 1.
"""

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).parent / "reference"
_MADE = "<!-- Made by `make docs`; change the code instead. -->"


def command_line() -> str:
    """The help of every command."""
    import click

    from agentc.cli.root import COMMANDS, agentc

    root = click.Context(agentc, info_name="agentc", terminal_width=100)
    sections = [f"```text\n{agentc.get_help(root)}\n```"]
    for name in COMMANDS:
        command = agentc.get_command(root, name)
        assert command is not None
        context = click.Context(command, root, name, terminal_width=100)
        inner = command.commands.items() if isinstance(command, click.Group) else ()
        pages = [context, *(click.Context(each, context, part, terminal_width=100) for part, each in inner)]
        sections += [f"## {page.command_path}\n\n```text\n{page.command.get_help(page)}\n```" for page in pages]
    return _page("Command line", sections)


def phases() -> str:
    """The phases of the IR."""
    from agentc.pipelines.phases import PHASES

    rows = ["| phase | what the IR holds |", "|---|---|", *(f"| `{p.name}` | {p.sentence} |" for p in PHASES)]
    return _page("Phases", ["\n".join(rows)])


def dialects() -> str:
    """Every op and type of our dialects."""
    from agentc.dialects import DIALECTS
    from agentc.support.registry import load

    sections: list[str] = []
    for name, target in DIALECTS.items():
        dialect = load(target)
        text = inspect.getdoc(sys.modules[target.partition(":")[0]]) or ""
        sections.append(f"## {name}\n\n{text}")
        sections += [_entry(op.name, op) for op in dialect.operations]
        sections += [_entry(attribute.name, attribute) for attribute in dialect.attributes]
    return _page("Dialects", sections)


def passes() -> str:
    """Every pass, with its effect."""
    from agentc.passes import PASSES
    from agentc.support.registry import load

    sections: list[str] = []
    for name, target in PASSES.items():
        found = load(target)
        module = inspect.getdoc(sys.modules[found.__module__]) or ""
        own = inspect.getdoc(found) or ""
        sections.append("\n\n".join(dict.fromkeys(part for part in (f"## {name}", module, own) if part)))
    return _page("Passes", sections)


def diagnostics() -> str:
    """The manual pages."""
    from agentc.support import manual

    pages = [re.sub(r"^#", "##", manual.page(slug) or "", flags=re.M).strip() for slug in manual.slugs()]
    return _page("Diagnostics", pages)


PAGES: dict[str, Callable[[], str]] = {
    "command-line.md": command_line,
    "phases.md": phases,
    "dialects.md": dialects,
    "passes.md": passes,
    "diagnostics.md": diagnostics,
}


def _entry(name: str, thing: Any) -> str:
    return f"### `{name}`\n\n{inspect.getdoc(thing) or ''}"


def _page(title: str, sections: list[str]) -> str:
    return "\n\n".join([f"# {title}", _MADE, *sections]) + "\n"


def outdated() -> list[str]:
    """Names of the pages that are not as the code would write them."""
    current = {name: path.read_text("utf-8") for name in PAGES if (path := REFERENCE / name).is_file()}
    return [name for name, make in PAGES.items() if current.get(name) != make()]


def main(args: list[str]) -> int:
    """Write or check the pages and give the exit status."""
    if args == ["--check"]:
        stale = outdated()
        print("\n".join(f"docs/reference/{name} is out of date: run `make docs`" for name in stale))
        return int(bool(stale))
    made = {name: make() for name, make in PAGES.items()}
    REFERENCE.mkdir(exist_ok=True)
    for name, text in made.items():
        (REFERENCE / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
