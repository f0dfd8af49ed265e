"""A model's folder in a build: ``model.json`` says what the graphs beside it are."""

import json
from pathlib import Path
from typing import Any, cast

from agentc.support.diagnostics import Diagnostic, Refused
from agentc.support.record import record


@record(slots=True)
class Bundle:
    """What ``model.json`` holds."""

    folder: Path
    name: str
    role: str
    """``decoder``, ``embedding`` or ``rerank``."""
    is_stand_in: bool
    """The weights are seeded noise of the right architecture: the answers mean nothing."""
    max_tokens: int
    """Tokens of context, or of one text."""
    tokenizer: str
    """``bytes``, or the name of a file for the ``tokenizers`` library."""
    end: frozenset[int]
    """Tokens that end an answer."""
    turns_at: int = 0
    """Tokens up to which positions have one set of angles, and another beyond (LongRoPE); 0: there is one."""
    grows_from: int = 0
    """Tokens from which on angles shrink as a sequence grows (dynamic NTK); 0: they do not."""


def open_bundle(folder: Path, role: str) -> Bundle:
    """Read a folder that must hold a model of ``role``.

    Raises:
        Refused: ``model-unreadable``.
    """
    path = folder / "model.json"
    try:
        data: object = json.loads(path.read_text(encoding="utf-8"))
        bundle = _parse(folder, cast(dict[str, Any], data))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise unreadable(folder, f"model.json: {error or type(error).__name__}") from error
    if bundle.role != role:
        raise unreadable(folder, f"it holds a model for `{bundle.role}`, not for `{role}`")
    return bundle


def unreadable(folder: Path, why: str) -> Refused:
    """The refusal of a folder that holds no model that runs."""
    message = f"the model in `{folder.name}` cannot be opened: {why}"
    return Refused(Diagnostic("model-unreadable", message, help="compile the agent again"))


def _parse(folder: Path, data: dict[str, Any]) -> Bundle:
    if data["schema"] != 1:
        raise ValueError(f"schema {data['schema']!r} is not known")
    if Path(tokenizer := str(data["tokenizer"])).name != tokenizer:
        raise ValueError(f"`{tokenizer}` is no file of this folder")
    return Bundle(
        folder=folder,
        name=str(data["name"]),
        role=str(data["role"]),
        is_stand_in=bool(data["stand_in"]),
        max_tokens=int(data["max_tokens"]),
        tokenizer=tokenizer,
        end=frozenset(int(token) for token in data["end"]),
        turns_at=int(data.get("turns_at", 0)),
        grows_from=int(data.get("grows_from", 0)),
    )
