"""``manifest.yaml``: what a build decided and every file of it, by checksum. Schema 1."""

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any, Final

from agentc.support.plain_schema import violations
from agentc.support.record import record

SCHEMA = 1


@record(slots=True)
class ManifestFile:
    """One file of the build, ``path`` relative to its root with ``/``."""

    path: str
    kind: str
    target: str
    of: str
    sha256: str
    bytes: int
    note: str = ""


@record
class Manifest:
    """The build as data. Money in dollars, times in milliseconds, as in ``explain-placement``'s JSON."""

    agent: str
    fleet: str
    objective: str
    status: str
    gap: float
    usd_per_hour: float
    usd_per_request: float
    placement: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Task -> device, mode, pool (not of what is hosted elsewhere), tp, pp, dp, batch, replicas; routes with shares."""
    models: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Model -> catalog name, kind, precision, pools that serve it."""
    files: tuple[ManifestFile, ...] = ()
    schema: int = SCHEMA

    def payload(self) -> dict[str, Any]:
        """The manifest as plain data in the order of the file."""
        data: dict[str, Any] = asdict(self)
        data["files"] = [_row(asdict(row)) for row in self.files]
        return {"schema": data.pop("schema"), **data}

    @staticmethod
    def read(data: Mapping[str, Any]) -> "Manifest":
        """The manifest of loaded YAML.

        Raises:
            ValueError: another schema, or a field that is missing, unknown or of another type.
        """
        if data.get("schema") != SCHEMA:
            raise ValueError(f"the manifest has schema {data.get('schema')!r}; this agentc reads {SCHEMA}")
        if problem := next(violations(data, schema()), None):
            raise ValueError(f"the manifest is malformed: {problem}")
        stated: dict[str, Any] = {**data, "files": tuple(ManifestFile(**row) for row in data.get("files", ()))}
        return Manifest(**stated)


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a manifest: what ``Manifest.read`` takes."""
    fields = {
        "schema": {"const": SCHEMA},
        **dict.fromkeys(("agent", "fleet", "objective", "status"), _TEXT),
        "gap": _FIGURE | {"description": "how far the plan may be from the best, as a share"},
        "usd_per_hour": _FIGURE,
        "usd_per_request": _FIGURE,
        "placement": _rows(_PLACEMENT) | {"description": "task -> where it runs"},
        "models": _rows(_MODEL) | {"description": "symbol -> what it is"},
        "files": {"type": "array", "items": _FILE, "description": "every file of the build, sorted by path"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"agentc manifest {SCHEMA}",
        "type": "object",
        "properties": fields,
        "required": [name for name in fields if name not in ("placement", "models", "files")],
        "additionalProperties": False,
    }


def _rows(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Names -> rows that may say more than ``properties``."""
    return {"type": "object", "additionalProperties": {"type": "object", "properties": dict(properties)}}


_TEXT: Final[dict[str, Any]] = {"type": "string"}
_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_FIGURE: Final[dict[str, Any]] = {"type": "number", "minimum": 0}
_ON: Final[dict[str, Any]] = {
    **dict.fromkeys(("op", "device", "mode", "pool"), _TEXT),
    **dict.fromkeys(("tp", "pp", "dp", "batch", "replicas"), _COUNT),
    "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": "of the requests"},
}
_PLACEMENT: Final[dict[str, Any]] = _ON | {
    "routes": {
        "type": "array",
        "items": {"type": "object", "properties": _ON},
        "description": "where the requests go that are served elsewhere",
    }
}
_MODEL: Final[dict[str, Any]] = {"name": _TEXT, "kind": _TEXT, "precision": _TEXT}
_FILE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "path": _TEXT | {"description": "relative to the build, with `/`"},
        **dict.fromkeys(("kind", "target", "of"), _TEXT),
        "sha256": _TEXT | {"pattern": "^[0-9a-f]{64}$"},
        "bytes": _COUNT,
        "note": _TEXT,
    },
    "required": ["path", "kind", "target", "of", "sha256", "bytes"],
    "additionalProperties": False,
}


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "note" or value}
