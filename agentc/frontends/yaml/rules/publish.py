"""The JSON Schema that editors use."""

from typing import Any, cast

from pydantic import BaseModel

from agentc.frontends.yaml.rules.nodes import KINDS, NAMED

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def published(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of ``model``; what pydantic leaves open in mappings with constrained keys is closed."""
    made = model.model_json_schema(by_alias=True)
    if NAMED in str(made):
        for kind in KINDS.values():
            inner = kind.model_json_schema(by_alias=True)
            made["$defs"] |= {**inner.pop("$defs", {}), kind.__name__: inner}
        made["$defs"] = dict(sorted(made["$defs"].items()))
    _close(made)
    return {
        "$schema": DIALECT,
        "title": "agentc agent definition v1",
        **{k: v for k, v in made.items() if k != "title"},
    }


def _close(schema: Any) -> None:
    if isinstance(schema, dict):
        node = cast("dict[str, Any]", schema)
        if NAMED in node:
            node["$ref"] = f"#/$defs/{node.pop(NAMED)}"
        if "patternProperties" in node:
            node["additionalProperties"] = False
        if isinstance(node.get("title"), str):
            del node["title"]
        for inner in node.values():
            _close(inner)
    elif isinstance(schema, list):
        for inner in cast("list[Any]", schema):
            _close(inner)
