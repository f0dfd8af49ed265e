"""Plain YAML text, read and written with libyaml where PyYAML has it, which is faster and gives the same.

For the package's own tables and for what agentc writes; what a user wrote goes through ``yaml_source``,
which knows places.
"""

from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

import yaml

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def load(text: str) -> Any:
    """The one document of ``text``.

    Raises:
        yaml.YAMLError: ``text`` is no YAML.
    """
    return yaml.load(text, Loader=LOADER)


def dump(documents: Iterable[Any]) -> str:
    """Documents as text, keys in their order."""
    return yaml.dump_all(documents, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=120)


@cache
def table(package: str, name: str) -> dict[str, Any]:
    """``data/<name>.yaml`` of a package of agentc. Shared: do not change it."""
    return load(resources.files(package).joinpath("data", f"{name}.yaml").read_text(encoding="utf-8"))
