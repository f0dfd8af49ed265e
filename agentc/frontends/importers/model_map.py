"""The user's side file of models: ``name in the source: name in the catalog``, or a model's fields."""

from pathlib import Path
from typing import Any, cast

from agentc.support.diagnostics import Diagnostics, Refused
from agentc.support.yaml_source import load_yaml


def read_model_map(path: str | Path) -> dict[str, Any]:
    """The models of a file. Raises Refused where it cannot be read, or is no such mapping."""
    document, found = load_yaml(path), Diagnostics()
    data: Any = document.data
    if not isinstance(data, dict):
        found.error("wrong-type", "a model map is a mapping: `name in the source: model`", document.span())
        raise Refused(*found)
    rows = cast("dict[str, Any]", data)
    for name, value in rows.items():
        if not isinstance(value, str | dict):
            help = "write a name of `agentc models`, or `{catalog: …, precision: …}`"
            found.error("wrong-type", f"`{name}` is mapped to no model", document.span((name,)), help=help)
    found.raise_if_errors()
    return rows
