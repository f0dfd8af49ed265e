"""A server of the Model Context Protocol for tests: ``python mcp_sample.py stdio`` or ``… http PORT``."""

import sys
from typing import Any

TOOLS = ("search", "book", "now")


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

    return server


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["stdio"]:
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
