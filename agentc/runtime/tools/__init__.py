"""Tools: Python functions of the build in this process, HTTP endpoints, and servers that speak MCP."""
