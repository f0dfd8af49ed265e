"""Tools of a server of the Model Context Protocol, listed by the protocol's own Python package (extra ``mcp``).

https://modelcontextprotocol.io/specification: over stdio the server is a process that is started here, over Streamable
HTTP it is asked where it runs. Nothing is called; a server only tells what it has.
"""

import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, Final, cast

from agentc.support.diagnostics import Diagnostic, Refused, shortened
from agentc.support.record import record

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from mcp import ClientSession

SECONDS: Final = 30.0
"""Longest that a server may take to start and to list its tools."""

MOST: Final = 2000
"""Tools of one server."""


@record(slots=True)
class Tool:
    """A tool as its server describes it."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of the arguments."""
    returns: Mapping[str, Any]
    """JSON Schema of the structured answer; empty where it is text."""
    pure: bool
    """The server says that a call changes nothing."""


@record(slots=True)
class Server:
    """What a server has."""

    name: str
    command: tuple[str, ...]
    """Its address, or the command that starts it."""
    is_http: bool
    tools: tuple[Tool, ...]


def server(command: Sequence[str], seconds: float = SECONDS) -> Server:
    """The server at ``command``: a URL of Streamable HTTP, or a program and its arguments.

    Raises:
        Refused: ``extra-missing``; ``mcp-failed`` where it cannot be started or reached, dies, or does not answer in
            time.
    """
    try:
        import mcp
    except ImportError as problem:
        message = "asking an MCP server needs the Python package `mcp`"
        raise Refused(Diagnostic("extra-missing", message, help="pip install 'agentc[mcp]'")) from problem
    del mcp
    place = " ".join(command)
    is_http = len(command) == 1 and command[0].startswith(("http://", "https://"))
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        opened = _http(command[0]) if is_http else _process(command, errors)

        async def ask() -> Server:
            async with opened as session:
                return await _listed(session, tuple(command), is_http)

        return _within(ask, place, seconds, errors)


def _within(ask: Callable[[], Awaitable[Server]], place: str, seconds: float, errors: IO[str]) -> Server:
    """What ``ask`` gives, in time; every failure in words."""

    async def timed() -> Server:
        async with asyncio.timeout(seconds):
            return await ask()

    try:
        with _quiet():
            return asyncio.run(timed())
    except Refused:
        raise
    except Exception as problem:  # servers are others' code, and the package's failures are of many types
        why = _why(problem, seconds)
        raise Refused(_failed(f"`{shortened(place)}` {why}", _last_words(errors))) from problem


@contextmanager
def _quiet() -> "Generator[None]":
    """The package logs tracebacks of what servers say wrong; it is told in words here."""
    logger, handler = logging.getLogger("mcp"), logging.NullHandler()
    before, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


def _why(problem: BaseException, seconds: float) -> str:
    causes = list(_leaves(problem))
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return f"did not answer within {seconds:g} s"
    for cause in causes:
        if isinstance(cause, FileNotFoundError | PermissionError):
            return f"cannot be started: {cause.strerror}"
    cause = causes[0]
    name = type(cause).__name__
    if name in ("ConnectError", "ConnectTimeout"):
        return "cannot be reached: nothing listens there"
    text = str(cause).strip().splitlines()
    return f"failed: {text[0][:300]}" if text else f"failed: {name}"


def _leaves(problem: BaseException) -> Iterator[BaseException]:
    """The failures within a group of them, the first ones first."""
    if isinstance(problem, BaseExceptionGroup):
        for inner in cast("BaseExceptionGroup[BaseException]", problem).exceptions:
            yield from _leaves(inner)
    else:
        yield problem


def _last_words(errors: IO[str]) -> tuple[str, ...]:
    """What the server said on stderr in the end."""
    errors.seek(0)
    said = [line.rstrip()[:200] for line in errors.read()[-10_000:].splitlines() if line.strip()]
    return tuple(f"it said: {line}" for line in said[-3:])


def _failed(message: str, notes: tuple[str, ...] = ()) -> Diagnostic:
    help = "name a command that serves MCP on stdio, or a URL of Streamable HTTP such as `http://localhost:8000/mcp`"
    return Diagnostic("mcp-failed", message, notes=notes, help=help)


@asynccontextmanager
async def _process(command: Sequence[str], errors: IO[str]) -> "AsyncGenerator[ClientSession]":
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    parameters = StdioServerParameters(command=command[0], args=list(command[1:]))
    async with stdio_client(parameters, errlog=errors) as (read, write), ClientSession(read, write) as session:  # pyright: ignore[reportArgumentType]
        yield session


@asynccontextmanager
async def _http(url: str) -> "AsyncGenerator[ClientSession]":
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async with (
        streamable_http_client(url) as (read, write, _),
        ClientSession(read, write, read_timeout_seconds=timedelta(minutes=5)) as session,
    ):
        yield session


async def _listed(session: "ClientSession", command: tuple[str, ...], is_http: bool) -> Server:
    from mcp.types import PaginatedRequestParams

    about = await session.initialize()
    found: list[Tool] = []
    cursor: str | None = None
    while len(found) < MOST:
        page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        for tool in page.tools:
            hints = tool.annotations
            pure = hints is not None and hints.readOnlyHint is True
            description = tool.description or tool.title or ""
            found.append(Tool(tool.name, description, tool.inputSchema, tool.outputSchema or {}, pure))
        following = page.nextCursor
        if not following or following == cursor:
            break
        cursor = following
    if not found:
        raise Refused(_failed(f"`{shortened(' '.join(command))}` has no tools"))
    return Server(about.serverInfo.name, command, is_http, tuple(found[:MOST]))
