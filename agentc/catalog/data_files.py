"""Reads the catalog's own YAML tables."""

from agentc.support import yaml_text


def table(name: str) -> yaml_text.Rows:
    """The rows of ``data/<name>.yaml`` by name. Shared: do not change them."""
    return yaml_text.table("agentc.catalog", name)
