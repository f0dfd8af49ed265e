"""Models by name, however hubs, engines and benchmarks write it."""

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from agentc.catalog.data_files import table
from agentc.catalog.names import UnknownName
from agentc.plan.models import ModelShape

_HINT = re.compile(r"\(.*?\)|^.*/")
"""What stands in parentheses, and the owner of a repository."""
_VARIANT = re.compile(
    r"[-_ ](hf|chat|base|instruct|it|fp8|nvfp4|fp4|mxfp4|int8|int4|bf16|fp16|awq|gptq|kv|bnb|4bit|0528|0324|v0[0-9.]*"
    r"|99(?:\.9)?)(?![a-z0-9])"
)
"""Tuning and storage, which no shape depends on, revisions, and the accuracy that MLPerf asks for."""
_BETWEEN = re.compile(r"[^a-z0-9]|(?<![a-z])v(?=\d)|^meta(?=.?llama)")


@cache
def model(name: str) -> ModelShape:
    """The shape of model ``name``: the catalog's, ``meta-llama/Llama-3.1-8B-Instruct``, ``LLaMA v3.1 405B``, ….

    Raises UnknownName.
    """
    rows = table("models")
    bare = _HINT.sub("", name.strip().lower())
    key = bare if bare in rows else _names().get(plain(name))
    if key is None:
        raise UnknownName(name, "model", rows)
    return _shape(key)


@cache
def models() -> Mapping[str, ModelShape]:
    """All models by name, in the order of the table."""
    return MappingProxyType({name: _shape(name) for name in table("models")})


def plain(name: str) -> str:
    """``name`` without its owner, what it was tuned for, its storage format, case and punctuation."""
    bare = _HINT.sub("", name.strip().lower()) or name.strip().lower()
    previous = ""
    while previous != bare:
        previous, bare = bare, _VARIANT.sub("", bare)
    return _BETWEEN.sub("", bare)


@cache
def _names() -> Mapping[str, str]:
    """Plain name -> name in the table; a name before another's alias."""
    rows = table("models")
    found = {plain(alias): name for name in rows.holding("aliases:") for alias in rows[name].get("aliases", ())}
    return MappingProxyType(found | {plain(name): name for name in reversed(list(rows))})


@cache
def _shape(name: str) -> ModelShape:
    row = table("models")[name]
    fields: dict[str, Any] = {"kind": "decoder"}
    for key in row.keys() - {"billions", "aliases", "estimated"}:
        fields[key] = tuple(row[key]) if isinstance(row[key], list) else row[key]
    return ModelShape(name=name, parameters=row["billions"] * 1e9, **fields)
