"""Values as JSON and back without loss: how memories keep them."""

import base64
import json
from typing import Any, cast

import numpy as np

from agentc.runtime.models.audio import Audio, read_wav

_TAG = "$agentc"


def encode(value: object) -> str:
    """``value`` as JSON text.

    Raises:
        TypeError: a value of a kind that no step gives.
    """
    return json.dumps(value, default=_tagged, ensure_ascii=False)


def decode(text: str) -> Any:
    """The value that ``encode`` was given."""
    return json.loads(text, object_hook=_untagged)


def _tagged(value: object) -> dict[str, object]:
    match value:
        case Audio():
            return {_TAG: "audio", "wav": base64.b64encode(value.wav()).decode()}
        case bytes():
            return {_TAG: "bytes", "data": base64.b64encode(value).decode()}
        case np.ndarray():
            return {_TAG: "array", "dtype": str(cast(Any, value).dtype), "data": cast(Any, value).tolist()}
        case np.generic():
            return cast(Any, value).item()
        case _:
            raise TypeError(f"a {type(value).__name__} cannot be kept")


def _untagged(data: dict[str, Any]) -> Any:
    match data.get(_TAG):
        case "audio":
            return read_wav(base64.b64decode(data["wav"]))
        case "bytes":
            return base64.b64decode(data["data"])
        case "array":
            return np.asarray(data["data"], data["dtype"])
        case _:
            return data
