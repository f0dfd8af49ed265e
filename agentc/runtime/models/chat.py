"""Prompts by a checkpoint's own chat template (Jinja), in a sandbox and without a clock.

Jinja comes with the optional extra ``chat``. A template is somebody else's program: it sees the messages and the names
of special tokens, may not change what it is given, and may not reach beyond it.
"""

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NoReturn

from agentc.runtime.models import sandbox
from agentc.runtime.models.bundle import unreadable
from agentc.support.diagnostics import Refused

Message = Mapping[str, str]

CHAT: Final = "chat.json"
_MAX_CHARACTERS: Final = 4_000_000


class ChatTemplate:
    """A compiled template.

    Raises:
        Refused: ``model-unreadable``, if it is no template.
    """

    def __init__(self, folder: Path, facts: Mapping[str, str]) -> None:
        self._jinja = import_module("jinja2")
        self._folder = folder
        self._special = {key: text for key, text in facts.items() if key != "template"}
        environment: Any = sandbox.environment()
        environment.globals["raise_exception"] = self._raise
        environment.filters["tojson"] = _to_json
        try:
            self._template: Any = environment.from_string(facts["template"])
        except (self._jinja.TemplateError, RecursionError, MemoryError, SyntaxError, ValueError) as error:
            raise unreadable(folder, f"its chat template: {error}") from error

    def _raise(self, message: object) -> NoReturn:
        """What templates call for a conversation that the model was not trained on."""
        raise self._jinja.TemplateError(str(message))

    def prompt(self, user: str, system: str | None = None) -> str:
        """One turn, up to where the answer begins. A template without a role for the system has it said by the user.

        Raises:
            Refused: ``model-unreadable``, if the template fails.
        """
        turn = {"role": "user", "content": user}
        if system:
            try:
                return self._render([{"role": "system", "content": system}, turn])
            except Refused as refused:
                if isinstance(refused.__cause__, sandbox.TooMuch | MemoryError):
                    raise
                turn = {"role": "user", "content": f"{system}\n\n{user}"}
        return self._render([turn])

    def _render(self, messages: Sequence[Message]) -> str:
        try:
            with sandbox.within(sandbox.SECONDS):
                return self._rendered(messages)
        except (sandbox.TooMuch, MemoryError) as error:
            raise unreadable(
                self._folder, f"its chat template never ends: {str(error) or 'it takes too much'}"
            ) from error
        except (
            self._jinja.TemplateError,
            ArithmeticError,
            TypeError,
            ValueError,
            LookupError,
            RecursionError,
        ) as error:
            raise unreadable(self._folder, f"its chat template: {error}") from error

    def _rendered(self, messages: Sequence[Message]) -> str:
        parts: list[str] = []
        room = _MAX_CHARACTERS + sum(len(message["content"]) for message in messages)
        for part in self._template.generate(messages=messages, add_generation_prompt=True, **self._special):
            parts.append(part)
            room -= len(part)
            if room < 0:
                raise unreadable(self._folder, "its chat template never ends")
        return "".join(parts)


def open_chat(folder: Path) -> tuple[ChatTemplate | None, str]:
    """The template of a model's folder, and what to tell where there is one that cannot be used here.

    Raises:
        Refused: ``model-unreadable``.
    """
    path = folder / CHAT
    if not path.is_file():
        return None, ""
    if find_spec("jinja2") is None:
        return None, "its chat template is not applied: `pip install 'agentc[chat]'` for that"
    try:
        facts: Any = json.loads(path.read_text(encoding="utf-8"))
        return ChatTemplate(folder, {str(key): str(value) for key, value in facts.items()}), ""
    except (OSError, ValueError, AttributeError, KeyError) as error:
        raise unreadable(folder, f"{CHAT}: {error}") from error


def _to_json(value: object, indent: int | None = None) -> str:
    """Without HTML's escapes, which Jinja's own filter makes."""
    return json.dumps(value, ensure_ascii=False, indent=indent)
