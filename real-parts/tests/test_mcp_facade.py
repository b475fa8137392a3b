"""The protocol's own SDKs sign in at the tenant, which knows no registration and refuses `resource`: by the authorization server
that the gate is for them."""

import contextlib
import json
import types

import pytest
import requests

from authority import Authority
from deployments import gate, standalone
from issuer import Issuer
from machines import claims_of
from mcp_deployments import FACADE, SERVER, issuer, mcp_tenant
from mcp_parts import CALLBACK, McpClient, Person, modern_node, package, server_everything
from parts import Browser, Process, free_port
from test_mcp_sign_in import TOOLS, parameters, step_up, story


@pytest.fixture(params=McpClient.SDKS)
def sdk(request):
    return request.param


@contextlib.contextmanager
def deployed(directory, facade=""):
    """The tenant, server-everything, and the gate between them with its authorization server."""
    port = free_port()
    with mcp_tenant(directory) as tenant, server_everything() as server, gate(directory, f"""
{standalone(port)}
{issuer(tenant.base)}
{FACADE}{facade}
[[routes]]
path = "/mcp"
upstream = "{server.url}"
accept = ["corp"]
allow.signed_in = true

[routes.mcp]
scopes = ["mcp:use"]
{TOOLS.format(use="access_as_user", admin="admin")}
""", port) as process:
        url = f"http://127.0.0.1:{port}"
        yield types.SimpleNamespace(url=f"{url}/mcp", issuer=f"{url}/oauth2/as/entra", tenant=tenant, gate=process)


def test_sign_in_calls_refresh_and_step_up(sdk, tmp_path):
    with deployed(tmp_path) as d, McpClient(sdk, Person("alice")) as client:
        claims = claims_of(story(client, d)["access_token"])
        assert (claims["aud"], claims["preferred_username"]) == (SERVER, "alice@dev.test")
        step_up(client)


def test_a_person_who_does_not_agree(sdk, tmp_path):
    with deployed(tmp_path) as d, McpClient(sdk, Person("alice", agrees=False)) as client:
        assert "access_denied" in client.ask(connect=d.url)["error"]
        assert d.tenant.counts()["authorize"] == 0, "the tenant was asked for somebody who had not agreed"


def test_a_client_that_is_named_by_its_own_document(sdk, tmp_path, monkeypatch):
    documents_of = Authority(tmp_path, "documents")
    monkeypatch.setenv("SSL_CERT_FILE", str(documents_of.certificate))
    facade = 'client_id_metadata = { hosts = ["localhost"], private = true }\n'
    with Issuer(*documents_of.server("documents")) as documents, deployed(tmp_path, facade) as d:
        name = f"{documents.url}/client.json"
        documents.pages["/client.json"] = json.dumps({
            "client_id": name, "client_name": "A documented client", "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"], "token_endpoint_auth_method": "none"}).encode()
        person = Person("alice")
        with McpClient(sdk, person) as client:
            assert client.done(connect=d.url, metadata_url=name) == "mcp-servers/everything"
            assert parameters(client.opened[0])["client_id"] == name
            assert any("A documented client" in page.text for page in person.pages), "nobody was told who asks"
            assert client.call("echo", message="ahoy")["text"] == "Echo: ahoy"


def test_the_conformance_suite_takes_the_facade_for_an_authorization_server(tmp_path):
    """The package's scenarios for authorization servers: the metadata, and a code for a token."""
    index = package("conformance-next", "dist", "index.js")
    callback = free_port()
    redirect_uri = f"http://127.0.0.1:{callback}/callback"
    with deployed(tmp_path, "client_id_metadata = true\n") as deployment:
        registered = requests.post(f"{deployment.issuer}/register", timeout=20, json={
            "client_name": "Conformance", "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code"], "response_types": ["code"]})
        assert registered.status_code == 201, registered.text
        with Process(modern_node(), index, "authorization", "--url", deployment.issuer, "--client-id",
                     registered.json()["client_id"], "--resource", deployment.url, "--port", str(callback),
                     "--output-dir", tmp_path / "results") as suite:
            asked = suite.wait_for(r"^http://\S+/authorize\?\S+$").group(0)
            suite.wait_for("Callback server started")
            back = Person("alice", redirect_uri)(asked)
            assert Browser().request(back).status == 200
            suite.child.wait(30)
    checks = {check["id"]: (check["status"], check.get("errorMessage"))
              for path in (tmp_path / "results").glob("*/checks.json") for check in json.loads(path.read_text())}
    assert {"authorization-server-metadata", "authorization-server-metadata-cimd", "authorization-code-grant"} <= checks.keys()
    assert {status for status, _ in checks.values()} == {"SUCCESS"}, checks
