"""npm's oidc-provider as others' authorization server: its metadata, its registration, and tokens for one resource."""

import contextlib
import types

import pytest
import requests

from deployments import gate, openid_provider, standalone
from machines import claims_of, header_of
from parts import EchoApp, free_port


@pytest.fixture
def protected(node, tmp_path):
    """A gate that takes tokens of the provider for one resource: its own URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(openid_provider(node, url))
        app = stack.enter_context(EchoApp())
        stack.enter_context(gate(tmp_path, f"""
{standalone(port)}
[issuers.independent]
url = "{provider.issuer}"
audiences = ["{url}/api"]

[[routes]]
path = "/"
accept = ["independent"]
allow.signed_in = true
upstream = "http://127.0.0.1:{app.port}"
""", port))
        yield types.SimpleNamespace(url=url, issuer=provider.issuer)


def metadata(issuer):
    return requests.get(f"{issuer}/.well-known/oauth-authorization-server").json()


def test_its_metadata_has_what_clients_look_for(protected):
    document = metadata(protected.issuer)
    assert document == requests.get(f"{protected.issuer}/.well-known/openid-configuration").json()
    assert document["issuer"] == protected.issuer and "S256" in document["code_challenge_methods_supported"]
    assert document["registration_endpoint"] and document["authorization_response_iss_parameter_supported"]


def test_a_client_that_registers_gets_a_token_for_one_resource_only(protected):
    document = metadata(protected.issuer)
    client = requests.post(document["registration_endpoint"], json={
        "client_name": "A machine", "redirect_uris": [], "response_types": [], "grant_types": ["client_credentials"],
        "scope": "mcp:tools"}).json()
    assert client.get("client_secret"), client

    def token(resource):
        answer = requests.post(document["token_endpoint"], auth=(client["client_id"], client["client_secret"]), data={
            "grant_type": "client_credentials", "resource": resource, "scope": "mcp:tools"}).json()
        return answer["access_token"]

    def status(token):
        return requests.get(protected.url + "/", headers={"Authorization": f"Bearer {token}"}).status_code

    own = token(f"{protected.url}/api")
    assert header_of(own)["typ"] == "at+jwt" and claims_of(own)["aud"] == f"{protected.url}/api"
    assert status(own) == 200
    assert status(token("https://elsewhere.example/api")) == 401
