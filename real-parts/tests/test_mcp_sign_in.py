"""The protocol's own SDKs sign in to a server behind the gate, at an authorization server by others, and use its tools."""

import contextlib
import types
import urllib.parse

import pytest

from deployments import gate, standalone
from machines import claims_of
from mcp_parts import McpClient, Person, server_everything
from parts import HERE, Browser, Process, free_port

# Whoever has the one scope may do the one thing, and whoever has the other the other.
TOOLS = """
[[routes.mcp.tools]]
names = ["get-sum"]
allow = {{ scopes = ["{admin}"] }}

[[routes.mcp.tools]]
names = ["echo"]
allow = {{ scopes = ["{use}"] }}
"""


@pytest.fixture(params=McpClient.SDKS)
def sdk(request):
    return request.param


@contextlib.contextmanager
def by_others(node, directory):
    """npm's oidc-provider is the authorization server."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(Process(node, HERE.parent / "provider" / "mcp.mjs", url, "300"))
        issuer_url = provider.wait_for(r"^http://127\.0\.0\.1:\d+$").group(0)
        server = stack.enter_context(server_everything())
        stack.enter_context(gate(directory, f"""
{standalone(port)}
[issuers.independent]
url = "{issuer_url}"
audiences = ["{url}"]

[[routes]]
path = "/mcp"
upstream = "{server.url}"
accept = ["independent"]
allow.signed_in = true

[routes.mcp]
scopes = ["mcp:use"]
{TOOLS.format(use="mcp:use", admin="mcp:admin")}
""", port))
        yield types.SimpleNamespace(url=url, issuer=issuer_url, seen=lambda: Browser().request(issuer_url + "/test/seen").json())


def parameters(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))


def scopes_of(url):
    return set(parameters(url)["scope"].split())


def story(client, deployment):
    """Sign-in by registration, the list of tools, a call, a refresh, and what needs another scope."""
    assert client.done(connect=deployment.url) == "mcp-servers/everything"
    first, = client.opened
    assert first.startswith(f"{deployment.issuer}/"), first
    assert parameters(first)["resource"] == deployment.url
    assert "mcp:use" in scopes_of(first) and "mcp:admin" not in scopes_of(first), first
    assert client.done(tools=True) == ["echo"]
    assert client.call("echo", message="ahoy")["text"] == "Echo: ahoy"

    before = client.done(tokens=True)
    client.done(spoil=True)
    assert client.call("echo", message="again")["text"] == "Echo: again"
    after = client.done(tokens=True)
    assert after["access_token"] not in (before["access_token"], "spoilt")
    assert len(client.opened) == 1, "a refresh asks nobody"
    return after


def step_up(client):
    """The tool that needs another scope: the 403 says which, and the SDK asks for it and for what it had."""
    if client.sdk == "npm-v1":
        # As long as it has a refresh token, this one refreshes because of a 403, and gives up when that was no use. It tries
        # again once something has gone well.
        assert "403" in client.ask(call="get-sum", arguments={"a": 19, "b": 23})["error"]
        client.done(forget=True)
        client.done(tools=True)
    assert client.call("get-sum", a=19, b=23)["text"].startswith("The sum of 19 and 23 is 42")
    assert len(client.opened) == 2
    assert {"mcp:use", "mcp:admin"} <= scopes_of(client.opened[1]), client.opened
    assert set(client.done(tools=True)) == {"echo", "get-sum"}


def test_at_an_authorization_server_by_others(sdk, node, tmp_path):
    with by_others(node, tmp_path) as deployment, McpClient(sdk, Person("jim")) as client:
        tokens = story(client, deployment)
        assert claims_of(tokens["access_token"])["aud"] == deployment.url
        assert all(resource == deployment.url for _, resource in deployment.seen()), deployment.seen()
        step_up(client)
