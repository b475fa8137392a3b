"""MCP servers by others behind the gate: both transports, the revisions with sessions and without, and whose a session is."""

import contextlib
import socket
import types

import pytest
import requests

from deployments import gate, standalone
from mcp_deployments import issuer, mcp_tenant, user_token
from mcp_parts import Caller, McpClient, python_server, server_everything
from parts import free_port


@contextlib.contextmanager
def behind(directory, server, path="/mcp", more="", tokens_live="1h", leeway="60s"):
    """A server, and the gate in front of it for everybody of the tenant."""
    port = free_port()
    with server as upstream, mcp_tenant(directory, tokens_live=tokens_live) as tenant, gate(directory, f"""
{standalone(port)}
{issuer(tenant.base, leeway)}
[[routes]]
path = "{path}"
upstream = "{upstream.url}"
accept = ["corp"]
allow.signed_in = true
[routes.mcp]
{more}
""", port) as process:
        yield types.SimpleNamespace(url=f"http://127.0.0.1:{port}", server=upstream, gate=process,
                                    token=lambda user: user_token(tenant.base, user))


def test_the_older_transport(tmp_path):
    with behind(tmp_path, python_server("sse"), "/", "legacy_sse = true") as d, McpClient("python", None) as client:
        assert client.done(connect=f"{d.url}/sse", bearer=d.token("alice"), transport="sse") == "python-server"
        assert client.done(tools=True) == ["echo", "add", "count"]
        assert client.call("add", a=40, b=2)["text"] == "The sum of 40 and 2 is 42."


@pytest.mark.parametrize("sdk", ["python", "npm-v2"])
def test_the_revision_without_sessions(tmp_path, sdk):
    with behind(tmp_path, python_server()) as d, McpClient(sdk, None) as client:
        assert client.done(connect=f"{d.url}/mcp", bearer=d.token("alice")) == "python-server"
        assert client.call("echo", message="ahoy")["text"] == "Echo: ahoy"
        assert "counted" in client.call("count")["text"].lower()


def test_a_session_is_of_the_caller_who_opened_it(tmp_path):
    with behind(tmp_path, server_everything()) as d:
        alice, carol = (Caller(f"{d.url}/mcp", d.token(user)) for user in ("alice", "carol"))
        session = alice.http.headers["Mcp-Session-Id"]
        assert session != carol.http.headers["Mcp-Session-Id"]
        carol.http.headers["Mcp-Session-Id"] = session
        assert carol.post("tools/list").status_code == 404
        assert carol.http.delete(carol.url, timeout=20).status_code == 404
        assert "echo" in alice.tools(), "nobody else has ended it"
        assert alice.http.delete(alice.url, timeout=20).status_code == 200


def test_a_stream_ends_with_the_token_that_opened_it(tmp_path):
    with behind(tmp_path, server_everything(), tokens_live="6s", leeway="0s") as d:
        alice = Caller(f"{d.url}/mcp", d.token("alice"))
        with alice.http.get(alice.url, stream=True, timeout=60) as stream:
            assert stream.status_code == 200 and stream.headers["Content-Type"].startswith("text/event-stream")
            with contextlib.suppress(requests.exceptions.ChunkedEncodingError):
                for _ in stream.iter_content(None):
                    pass
        assert alice.post("tools/list").status_code == 401, "the stream ended before the token did"


def test_a_connection_outlives_a_401_before_the_body(tmp_path):
    """Some clients send a head and its body apart: the answer to the first may be there before the second is sent."""
    with behind(tmp_path, server_everything()) as d:
        host, port = d.url.removeprefix("http://").split(":")
        head = (f"POST /mcp HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
                "Content-Length: 2\r\n\r\n").encode()
        with socket.create_connection((host, int(port)), 20) as connection, connection.makefile("rb") as answers:
            for _ in range(3):
                connection.sendall(head)
                assert answers.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
                length = 0
                while (line := answers.readline()) != b"\r\n":
                    name, _, value = line.decode().partition(": ")
                    length = int(value) if name == "content-length" else length
                answers.read(length)
                connection.sendall(b"{}")
