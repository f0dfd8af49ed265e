"""``manifest.yaml``: what a build decided and every file of it, by checksum. Schema 1."""

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any

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
    """Task -> device, mode, pool, tp, pp, batch, replicas."""
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
        try:
            stated: dict[str, Any] = {**data, "files": tuple(ManifestFile(**row) for row in data.get("files", ()))}
            return Manifest(**stated)
        except TypeError as problem:
            raise ValueError(f"the manifest is malformed: {problem}") from problem

    def __post_init__(self) -> None:
        """Raises ValueError: a file's path, kind, checksum, … is no text."""
        for row in self.files:
            wrong = [name for name in ("path", "kind", "target", "of", "sha256", "note") if not _is_text(row, name)]
            if wrong:
                raise ValueError(f"the manifest is malformed: `{wrong[0]}` of a file is `{getattr(row, wrong[0])}`")


def _is_text(row: ManifestFile, name: str) -> bool:
    return isinstance(getattr(row, name), str)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "note" or value}
