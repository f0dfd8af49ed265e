"""Reads the package's own YAML tables."""

from functools import cache
from importlib import resources
from typing import Any


@cache
def table(name: str) -> dict[str, dict[str, Any]]:
    """The rows of ``data/<name>.yaml`` by name. Shared: do not change them."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = resources.files("agentc.catalog").joinpath("data", f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=loader)
