"""Reads the catalog's own YAML tables."""

from collections.abc import Mapping
from typing import Any

from agentc.support import yaml_text


def table(name: str) -> Mapping[str, Mapping[str, Any]]:
    """The rows of ``data/<name>.yaml`` by name. Shared: do not change them."""
    return yaml_text.table("agentc.catalog", name)
