"""Tools that are services: `POST` of JSON to an address, or a tool of an MCP server over HTTP."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, cast
from urllib.parse import urlsplit

from agentc.runtime.models.http import Answering, Endpoint, clean
from agentc.runtime.models.sse import events
from agentc.runtime.tools.stdio import Server
from agentc.runtime.values import plain
from agentc.support.diagnostics import Diagnostic, Refused

PROTOCOL: Final = "2025-03-26"
"""Version of the Model Context Protocol (https://modelcontextprotocol.io/specification/2025-03-26)."""

OPENING: Final[Mapping[str, Any]] = {
    "protocolVersion": PROTOCOL,
    "capabilities": {},
    "clientInfo": {"name": "agentc", "version": "1"},
}
"""How a client introduces itself."""


def post(tool: str, url: str, arguments: Mapping[str, Any], seconds: float) -> Any:
    """The JSON that the service answers.

    Raises:
        Refused: an ``endpoint-…`` slug; ``tool-arguments``, if the arguments have no JSON.
    """
    endpoint, path = _split(url, seconds)
    with endpoint.open(path, _jsonable(tool, arguments)) as answer:
        return answer.json()


def call_mcp(tool: str, target: str, arguments: Mapping[str, Any], seconds: float) -> Any:
    """The answer of tool `URL#name` of a server over Streamable HTTP.

    Raises:
        Refused: an ``endpoint-…`` slug; ``tool-failed``, if the server says that the tool failed;
            ``tool-missing``, if the target is not of that form.
    """
    url, _, name = target.partition("#")
    if not url.startswith(("http://", "https://")):
        message = f"tool `{tool}`: `{clean(target)}` is not `http://HOST/mcp#tool`"
        help = "name the server's address, or the `command` that starts it"
        raise Refused(Diagnostic("tool-missing", message, help=help))
    endpoint, path = _split(url, seconds)
    endpoint = _opened(endpoint, path, OPENING)
    call = {"name": name or tool, "arguments": _jsonable(tool, arguments)}
    answer = _rpc(endpoint, path, 2, "tools/call", call)
    return _mcp_value(tool, answer)


def call_process(
    tool: str, target: str, server: Callable[[float], Server], arguments: Mapping[str, Any], seconds: float
) -> Any:
    """The answer of tool `SERVER/name` of a process that ``server`` starts or gives.

    Raises:
        Refused: ``mcp-failed``; ``tool-failed``, if the server says that the tool failed.
    """
    name = target.rpartition("#" if "#" in target else "/")[2]
    call = {"name": name or tool, "arguments": _jsonable(tool, arguments)}
    return _mcp_value(tool, server(seconds).request("tools/call", call, seconds))


def _opened(endpoint: Endpoint, path: str, opening: Mapping[str, Any]) -> Endpoint:
    """The endpoint with what the server wants to see in further requests: the session's name, where it has sessions,
    and the version of the protocol that it chose."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": opening}
    with endpoint.open(path, body) as answer:
        session = answer.response.headers.get("Mcp-Session-Id", "")
        result = _result_of(endpoint, answer, 1, "initialize")
    chosen = cast(dict[str, Any], result).get("protocolVersion") if isinstance(result, dict) else None
    headers = {"MCP-Protocol-Version": chosen if isinstance(chosen, str) and _is_plain(chosen) else PROTOCOL}
    if session and _is_plain(session):
        headers["Mcp-Session-Id"] = session
    ready = replace(endpoint, headers=headers)
    # Servers without sessions may know nothing of the notice; whether one takes the call, the call says.
    with suppress(Refused), ready.open(path, {"jsonrpc": "2.0", "method": "notifications/initialized"}):
        pass
    return ready


def _is_plain(text: str) -> bool:
    """Whether a header can carry ``text``."""
    return text.isascii() and text.isprintable()


def _rpc(endpoint: Endpoint, path: str, number: int, method: str, params: Mapping[str, Any]) -> Any:
    body = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    with endpoint.open(path, body) as answer:
        return _result_of(endpoint, answer, number, method)


def _result_of(endpoint: Endpoint, answer: Answering, number: int, method: str) -> Any:
    for message in _messages(answer):
        if isinstance(message, dict) and cast(dict[str, Any], message).get("id") == number:
            return _result(endpoint, cast(dict[str, Any], message))
    raise endpoint.refused("endpoint-answer", f"no answer to `{method}`")


def _messages(answer: Answering) -> list[Any]:
    return [json.loads(data) for data in events(answer.read)] if answer.is_stream else [answer.json()]


def _result(endpoint: Endpoint, message: dict[str, Any]) -> Any:
    if error := message.get("error"):
        raise endpoint.refused("endpoint-error", clean(str(error)))
    return message.get("result")


def _mcp_value(tool: str, answer: Any) -> Any:
    answer = cast(dict[str, Any], answer) if isinstance(answer, dict) else {}
    content = cast(list[dict[str, Any]], answer.get("content") or [])
    text = "\n".join(str(part.get("text", "")) for part in content if part.get("type") == "text")
    if answer.get("isError"):
        raise Refused(Diagnostic("tool-failed", f"tool `{tool}` failed: {clean(text)}"))
    return answer.get("structuredContent") or text


def _split(url: str, seconds: float) -> tuple[Endpoint, str]:
    """An address as endpoint and path. A call may have effects, so that it is not sent twice."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(f"{parts.scheme}://{parts.netloc}", None, seconds, seconds, 0), path


def _jsonable(tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    data = plain(arguments)
    try:
        json.dumps(data)
    except (TypeError, ValueError) as error:
        raise Refused(Diagnostic("tool-arguments", f"tool `{tool}` takes JSON: {error}")) from None
    return data
