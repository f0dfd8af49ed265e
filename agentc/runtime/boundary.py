"""Where requests come in and answers go out: JSON on one side, values on the other."""

import base64
import binascii
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from xdsl.ir import Attribute

from agentc.dialects.agent import GraphOp
from agentc.dialects.agent_values import AudioType, ImageType, ListType
from agentc.runtime.models.audio import Audio, read_wav
from agentc.runtime.values import Mistyped, convert, plain
from agentc.support.diagnostics import Diagnostics, Refused, Span, did_you_mean


def receive(graph: GraphOp, inputs: Mapping[str, object]) -> list[Any]:
    """The values of a graph's inputs, in its order. Sound and pictures may be `"@file"` or base64.

    Raises:
        Refused: ``unknown-input``, ``input-missing``, ``input-mistyped``; all of a request at once.
    """
    problems = Diagnostics()
    wanted = {op.label.data: op for op in graph.inputs()}
    for name in inputs:
        if name not in wanted:
            problems.error("unknown-input", f"the agent has no input `{name}`", help=did_you_mean(name, wanted))
    values: list[Any] = []
    for name, op in wanted.items():
        place = op.attributes.get("agent.source")
        span = Span.parse(cast(Any, place).data) if place is not None else None
        if name not in inputs:
            problems.error("input-missing", f"no input `{name}`", span, help=f"the agent takes {_listed(wanted)}")
            continue
        try:
            values.append(_received(inputs[name], op.result.type))
            if values[-1] is None:
                raise Mistyped("expected a value, found nothing")
            if isinstance(values[-1], float) and not math.isfinite(values[-1]):
                raise Mistyped(f"expected a number, found `{inputs[name]}`")
        except Mistyped as error:
            problems.error("input-mistyped", f"input `{name}`: {error}", span, help=_hint(op.result.type))
    problems.raise_if_errors()
    return values


def _received(value: object, type: Attribute) -> Any:
    if isinstance(type, AudioType):
        return _audio(value)
    if isinstance(type, ImageType):
        return _image(value)
    if isinstance(type, ListType) and isinstance(value, list | tuple):
        return [_received(item, type.element) for item in cast(list[object], value)]
    return convert(value, type)


def _audio(value: object) -> Audio:
    if isinstance(value, Audio):
        return value
    try:
        return read_wav(_file_or_bytes(value, "audio"))
    except Refused as refused:
        raise Mistyped(refused.diagnostics[0].message) from None


def _image(value: object) -> bytes:
    return _file_or_bytes(value, "an image")


def _file_or_bytes(value: object, name: str) -> bytes:
    if not isinstance(value, str) or not value.startswith("@"):
        return _bytes(value, name)
    try:
        return Path(value[1:]).read_bytes()
    except (OSError, ValueError) as error:
        raise Mistyped(f"cannot read `{value[1:]}`: {getattr(error, 'strerror', None) or error}") from None


def _bytes(value: object, name: str) -> bytes:
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    try:
        return base64.b64decode(cast(str, value), validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise Mistyped(f"expected {name}, found neither `@file` nor base64") from None


def _hint(type: Attribute) -> str | None:
    if isinstance(type, AudioType):
        return 'name a WAV file: `"@speech.wav"`'
    return 'name a file: `"@picture.png"`' if isinstance(type, ImageType) else None


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "no inputs"


def present(outputs: Mapping[str, object], folder: Path | None = None) -> dict[str, Any]:
    """Outputs for JSON. Sound and pictures go to files in ``folder``, if given, else only their size is told.

    Raises:
        OSError: a file cannot be written.
    """
    return {name: _presented(name, value, folder) for name, value in outputs.items()}


def _presented(name: str, value: object, folder: Path | None) -> Any:
    if isinstance(value, Audio):
        facts = {"seconds": round(value.seconds, 3), "rate": value.rate}
        return {"audio": _written(f"{name}.wav", value.wav(), folder), **facts}
    if isinstance(value, bytes):
        return {"image": _written(f"{name}{_suffix(value)}", value, folder), "bytes": len(value)}
    if isinstance(value, list):
        items = cast(list[object], value)
        return [_presented(f"{name}-{place}", item, folder) for place, item in enumerate(items)]
    return plain(value)


def _written(name: str, data: bytes, folder: Path | None) -> str | None:
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name.replace("/", "_")
    path.write_bytes(data)
    return str(path)


def _suffix(data: bytes) -> str:
    heads = {b"\x89PNG": ".png", b"\xff\xd8": ".jpg", b"GIF8": ".gif", b"RIFF": ".webp"}
    return next((suffix for head, suffix in heads.items() if data.startswith(head)), ".bin")
