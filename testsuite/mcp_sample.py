"""A server of the Model Context Protocol for tests: ``python mcp_sample.py stdio`` or ``… http PORT``."""

import os
import sys
import time
from typing import Any

TOOLS = ("search", "book", "now", "count", "fail", "die", "sleep")
calls: list[int] = []


def build(port: int = 0) -> Any:
    from mcp.server.fastmcp import FastMCP
    from mcp.types import ToolAnnotations

    server = FastMCP("travel desk", host="127.0.0.1", port=port, log_level="ERROR")

    @server.tool(annotations=ToolAnnotations(readOnlyHint=True))
    def search(query: str, limit: int = 5) -> list[str]:
        """Flights that answer a query."""
        return [query] * limit

    @server.tool()
    def book(flight: str, seats: int, names: list[str], window: bool = False) -> str:
        """Books seats.

        Asks nobody.
        """
        return f"{flight}{seats}{names}{window}"

    @server.tool()
    def now() -> dict[str, Any]:
        return {}

    @server.tool()
    def count(by: int) -> str:
        """How often it was called, and what it knows of the environment."""
        calls.append(by)
        return f"{len(calls)} {sum(calls)} {os.environ.get('DESK_KEY')} {os.environ.get('OTHER_KEY')}"

    @server.tool()
    def fail(why: str) -> str:
        raise ValueError(why)

    @server.tool()
    def die(how: int) -> str:
        print("the desk is closed", file=sys.stderr, flush=True)
        os._exit(how)

    @server.tool()
    def sleep(seconds: float) -> str:
        time.sleep(seconds)
        return "awake"

    return server


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["stdio", *_]:
            build().run("stdio")
        case ["http", port]:
            build(int(port)).run("streamable-http")
        case ["dies"]:
            print("no key for the desk", file=sys.stderr)
            sys.exit(3)
        case ["silent"]:
            sys.stdin.read()
        case ["noise"]:
            print("hello, I am no server", flush=True)
            sys.stdin.read()
        case _:
            sys.exit("stdio, http PORT, dies, silent or noise")
