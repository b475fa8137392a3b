"""An MCP server on the Python SDK, which speaks the revision 2026-07-28 (no sessions) and those before it.

usage: python server.py streamable-http|sse PORT
"""

import sys

from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("python-server")


@server.tool()
def echo(message: str) -> str:
    """Says what it was told."""
    return f"Echo: {message}"


@server.tool()
def add(a: int, b: int) -> str:
    """Adds two numbers."""
    return f"The sum of {a} and {b} is {a + b}."


@server.tool()
async def count(context: Context) -> str:
    """Says how far it is while it counts to three."""
    for number in range(1, 4):
        await context.report_progress(number, 3)
    return "Counted."


@server.resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """A text."""
    return "This is the content of the static text resource."


@server.prompt()
def test_simple_prompt() -> str:
    """A prompt."""
    return "This is a simple prompt for testing."


server.run(sys.argv[1], host="127.0.0.1", port=int(sys.argv[2]))
