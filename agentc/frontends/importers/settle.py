"""What a node needs, gives and becomes where a part of it is missing: the small rules by which nodes are written."""

import re
from typing import Any, cast

from agentc.frontends.importers import defaults
from agentc.frontends.importers.flow import Step
from agentc.frontends.importers.frame import Tree, top


def expected_trips(most: float | None) -> float:
    """Trips of a cycle that goes round at most ``most`` times."""
    return min(defaults.EXPECTED_TRIPS, most or defaults.EXPECTED_TRIPS)


def inputs_of(refs: list[tuple[str, str]], step: Step) -> Tree:
    """`in` of a node that reads ``refs``: what it calls each, and the reference."""
    if not refs:
        return {}
    if step.named:
        return {"in": dict(refs)}
    values = list(dict.fromkeys(ref for _, ref in refs))
    return {"in": values[0] if len(values) == 1 else values}


def needed(node: Tree) -> int:
    """How many inputs a node must have."""
    memory, compute = node.get("memory", {}), node.get("compute", {})
    if "rerank" in node:
        return 2
    if {"embed", "observe", "stt", "tts"} & node.keys() or {"lookup", "store"} & memory.keys():
        return 1
    return 0 if compute.get("builtin", "list") in ("list", "opaque", "template") else 1


def without(node: Tree, lost: list[str]) -> Tree:
    """``node`` whose templates do not name inputs that are ``lost``."""
    made = dict(node)
    for name in filter(None, lost):
        for key in ("prompt", "system"):
            if isinstance(made.get(key), str):
                made[key] = made[key].replace(f"{{{name}}}", "")
        options = made.get("compute", {}).get("options", {})
        if "template" in options:
            template = options["template"].replace(f"{{{name}}}", "")
            made["compute"] = {**made["compute"], "options": {**options, "template": template}}
    return made


def unpacking(made: Step | None) -> Tree:
    """How a list is taken out of what a step gives."""
    if made is not None and made.gives == "text":
        return {"compute": {"builtin": "json_parse"}}
    return {"compute": {"builtin": "identity"}, "returns": "any"}


def field_name(name: str) -> str:
    """``name`` as a field of a reference of ours."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:60] or "_"


def has_value(node: Any) -> bool:
    """Whether a node of ours has a value."""
    plain = cast("Tree | None", top(node))
    if plain is None:
        return False
    return "observe" not in plain and not (isinstance(plain.get("memory"), dict) and "store" in plain["memory"])
