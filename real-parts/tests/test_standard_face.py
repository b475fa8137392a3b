"""The dev tenant's standard face, held against clients by others: an HTTP client with a certificate, and the MCP SDKs."""

import pytest
import requests

from deployments import gate, standalone, tenant
from machines import BATCH, WORKER, Certificate, Machines, claims_of, header_of
from mcp_parts import McpClient, Person, python_server
from parts import free_port


@pytest.fixture
def machines(tmp_path, monkeypatch):
    with Machines.running(tmp_path, monkeypatch) as machines:
        yield machines


def test_a_certificate_on_the_connection_is_a_proof(machines, tmp_path):
    def ask(client, certificate):
        form = {"grant_type": "client_credentials", "client_id": client, "resource": "https://api.example/", "scope": "read"}
        return requests.post(f"{machines.host}/standard/token", data=form, cert=certificate and str(certificate.both_file))

    answer = ask(WORKER, machines.certificate)
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    assert header_of(token)["typ"] == "at+jwt"
    assert (claims_of(token)["client_id"], claims_of(token)["aud"]) == (WORKER, "https://api.example/")
    for client, certificate in [(WORKER, None), (WORKER, Certificate(tmp_path, "other")), (BATCH, machines.certificate)]:
        refused = ask(client, certificate)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client"), client


@pytest.mark.parametrize("sdk", McpClient.SDKS)
def test_mcp_clients_register_and_sign_in_by_themselves(tmp_path, sdk):
    """No part of the gate is between client and provider: metadata, registration, `resource` and `iss` are the provider's."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    with python_server() as server, tenant(tmp_path, more='[standard]\nscopes = ["mcp:tools"]\n') as running, gate(tmp_path, f"""
{standalone(port)}
[issuers.standard]
url = "{running.base}/standard"
audiences = ["{url}"]

[[routes]]
path = "/mcp"
upstream = "{server.url}"
accept = ["standard"]
allow.signed_in = true
[routes.mcp]
scopes = ["mcp:tools"]
""", port), McpClient(sdk, Person("alice")) as client:
        assert client.done(connect=url) == "python-server"
        assert client.call("add", a=40, b=2)["text"] == "The sum of 40 and 2 is 42."
        claims = claims_of(client.done(tokens=True)["access_token"])
        assert (claims["aud"], claims["scope"].split()[0]) == (url, "mcp:tools"), claims
        counts = running.counts()
        assert (counts["register"], counts["code_grants"]) == (1, 1), counts
